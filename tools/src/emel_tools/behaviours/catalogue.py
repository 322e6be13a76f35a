"""The promises: one `behaviours.toml` a package, `[ID]` with the `promise` in words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from emel_tools.findings import Finding
from emel_tools.workspace import shards

ID = re.compile(r"[A-Z]{2,}-\d{2,}")


class Promise(NamedTuple):
    """One promise, and the catalogue that makes it."""

    id: str
    catalogue: str


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
            entries = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:  # which is also how an id given twice shows
            findings.append(Finding.at(where, f"it is no TOML: {error}", "correct it there"))
            continue
        findings += _misformed(where, entries)
        promises += (Promise(name, where) for name in entries)
    return promises, findings


def _misformed(where: str, entries: dict[str, Any]) -> Iterator[Finding]:
    for name, entry in entries.items():
        if not ID.fullmatch(name):
            yield Finding.at(where, f"[{name}] is no id", "spell it like [MAP-01]")
        promise = cast("dict[str, Any]", entry).get("promise") if isinstance(entry, dict) else None
        if not isinstance(promise, str) or not promise.strip():
            yield Finding.at(where, f"[{name}] promises nothing", 'write promise = "..." below it')
