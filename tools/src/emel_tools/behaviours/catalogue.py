"""The promises: one `behaviours.toml` a package, `[ID]` with the `promise` in words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from emel_tools.findings import Finding
from emel_tools.workspace import shards

ID = re.compile(r"[A-Z]{2,}-\d{2,}")


class Promise(NamedTuple):
    """One promise, and the catalogue that makes it."""

    id: str
    catalogue: str
    """Path of the file, and the line of the id."""
    text: str
    """What is promised, in words."""
    package: str


def read_catalogues(root: Path) -> tuple[list[Promise], list[Finding]]:
    """Read every catalogue.

    Returns
    -------
    tuple
        The promises in the order of the files, and what is wrong with the files themselves.
    """
    promises: list[Promise] = []
    findings: list[Finding] = []
    for shard in shards(root):
        path = shard.folder / "behaviours.toml"
        where = path.relative_to(root).as_posix()
        if not path.exists():
            findings.append(
                Finding.at(where, "the package promises nothing", "write a [ID] with its promise")
            )
            continue
        try:
            text = path.read_text(encoding="utf-8")
            entries = tomllib.loads(text)
        except ValueError as error:  # no UTF-8, or no TOML: as what an id given twice shows
            findings.append(Finding.at(where, f"it is no TOML: {error}", "correct it there"))
            continue
        findings += _misformed(where, entries)
        promises += (
            Promise(name, f"{where}:{line}", _text_of(entries[name]), shard.name)
            for name, line in _lines(text, entries).items()
        )
    return promises, findings


def _misformed(where: str, entries: dict[str, Any]) -> Iterator[Finding]:
    for name, entry in entries.items():
        if not ID.fullmatch(name):
            yield Finding.at(where, f"[{name}] is no id", "spell it like [MAP-01]")
        if not _text_of(entry):
            yield Finding.at(where, f"[{name}] promises nothing", 'write promise = "..." below it')


def _text_of(entry: object) -> str:
    promise = cast("dict[str, Any]", entry).get("promise") if isinstance(entry, dict) else None
    return promise.strip() if isinstance(promise, str) else ""


def _lines(text: str, names: Iterable[str]) -> dict[str, int]:
    """Find the line of each entry; the first where it isn't spelled as one expects."""
    lines = text.splitlines()
    return {name: lines.index(f"[{name}]") + 1 if f"[{name}]" in lines else 1 for name in names}
