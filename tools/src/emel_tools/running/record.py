"""Runs as they are kept: one form for `gate.json`, for the last run, and for the one under way.

`.nox/gate/last.json` is the last run that came to its end; `accept` finds in it what was measured.
`.nox/gate/current.json` holds what is known so far of the run under way. It is written anew before
a shard with prerequisites (`Shard.after`) begins, so their results, times included, are in it.
Both are written in one stroke: whoever reads finds the one before or the one after, never a part.

The form is `emel_tools.running.run.Run` as JSON, with one object a finding, a result's `key`, and
`version`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from emel_tools import strokes
from emel_tools.findings import Finding
from emel_tools.running.run import Run

VERSION: Final = 1
"""Grows when a reader of an older version would misunderstand."""
LAST: Final = Path(".nox", "gate", "last.json")
CURRENT: Final = Path(".nox", "gate", "current.json")


def text_of(run: Run) -> str:
    """Spell a run as JSON."""
    document: dict[str, Any] = {"version": VERSION, **msgspec.to_builtins(run)}
    for result, of in zip(document["results"], run.results, strict=True):
        result["key"] = of.key
        result["findings"] = [Finding(*found)._asdict() for found in result["findings"]]
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def run_of(text: str | bytes) -> Run:
    """Read a run from JSON.

    Raises
    ------
    ValueError
        It is none, or one of another version.
    """
    document = msgspec.json.decode(text, type=dict[str, Any])
    if document.pop("version", None) != VERSION:
        raise ValueError(f"this is no run of version {VERSION}")
    try:
        for result in document.get("results", ()):
            result["findings"] = [_row(finding) for finding in result["findings"]]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("this is no run: its results are none") from error
    return msgspec.convert(document, Run)


def write(path: Path, run: Run) -> None:
    """Keep a run, in one stroke."""
    strokes.write(path, text_of(run).encode())


def read(path: Path) -> Run | None:
    """Read a run that was kept; None if there is none, or one of another version."""
    try:
        return run_of(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _row(finding: Mapping[str, Any]) -> list[Any]:
    """Put a finding in the form of a tuple, which is what it is here."""
    return [finding.get(name, Finding._field_defaults.get(name)) for name in Finding._fields]
