"""The form of a snapshot: sorted lines `key  value`, two spaces between, nothing else.

A key may hold single spaces. No totals, no dates, no hosts: two branches that each add a line
merge by git's own union driver (`.gitattributes`), and a diff is the news. What a union leaves
unsorted is read all the same; a key with two values is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_GAP = "  "


class Line(NamedTuple):
    """One recorded fact."""

    number: int
    """From 1."""
    key: str
    value: str


def path_of(root: Path, lane: str, shard: str) -> Path:
    """Say where the snapshot of a shard lies."""
    return root / "snapshots" / lane / f"{shard}.txt"


def read(path: Path) -> list[Line]:
    """Read a snapshot in the order of its lines; empty if there is none."""
    if not path.exists():
        return []
    return list(_lines(path.read_text(encoding="utf-8")))


def values_of(text: str) -> dict[str, str]:
    """Read the facts of a snapshot's text by key; of a key that stands there twice, the first."""
    facts: dict[str, str] = {}
    for line in _lines(text):
        facts.setdefault(line.key, line.value)
    return facts


def _lines(text: str) -> Iterator[Line]:
    for number, line in enumerate(text.splitlines(), 1):
        key, _, value = line.rpartition(_GAP)
        yield Line(number, key.rstrip(), value)


def text_of(values: Mapping[str, str]) -> str:
    """Spell a snapshot.

    Raises
    ------
    ValueError
        A key or a value can't be read back: it holds the gap, a line break, or is empty.
    """
    for key, value in values.items():
        if _GAP in f"{key}|{value}" or not key.strip() or f"{key}{value}".splitlines()[1:]:
            raise ValueError(f"{key!r}: {value!r} can't be a line of a snapshot")
    return "".join(f"{key}{_GAP}{value}\n" for key, value in sorted(values.items()))
