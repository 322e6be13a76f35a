"""The form of a snapshot: sorted lines `key  value`, two spaces between, nothing else.

Within a key and a value stand single spaces only. No totals, no dates, no hosts: two branches that
each add a line merge by git's own union driver (`.gitattributes`), and a diff is the news. What a
union leaves unsorted, or twice with one value, is read all the same; a key with two values is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = "snapshots"
SUFFIX: Final = ".txt"
_LINE: Final = re.compile(r"(\S+(?: \S+)*)  (\S+(?: \S+)*)")


class Line(NamedTuple):
    """One recorded fact."""

    number: int
    """From 1."""
    key: str
    """Empty if the line can't be read."""
    value: str
    """The whole line if it can't be read."""


def path_of(root: Path, lane: str, shard: str) -> Path:
    """Say where the snapshot of a shard lies."""
    return root / FOLDER / lane / f"{shard}{SUFFIX}"


def read(path: Path) -> list[Line]:
    """Read a snapshot in the order of its lines; empty if there is none."""
    if not path.is_file():
        return []
    return list(_lines(path.read_text(encoding="utf-8", errors="replace")))


def values_of(text: str) -> dict[str, str]:
    """Read the facts of a snapshot's text by key; of a key that stands there twice, the first."""
    facts: dict[str, str] = {}
    for line in _lines(text):
        if line.key:
            facts.setdefault(line.key, line.value)
    return facts


def _lines(text: str) -> Iterator[Line]:
    for number, line in enumerate(text.splitlines(), 1):
        if found := _LINE.fullmatch(line):
            yield Line(number, found[1], found[2])
        elif line.strip():
            yield Line(number, "", line)


def text_of(values: Mapping[str, str]) -> str:
    """Spell a snapshot.

    Raises
    ------
    ValueError
        A key or a value couldn't be read back: it is empty, or holds white space other than
        single spaces between words.
    """
    for key, value in values.items():
        if not (_LINE.fullmatch(f"{key}  {value}") and _is_plain(key) and _is_plain(value)):
            raise ValueError(f"{key!r}: {value!r} can't be a line of a snapshot")
    return "".join(f"{key}  {value}\n" for key, value in sorted(values.items()))


def plain(text: str) -> str:
    """Put a text into the form of a key or a value."""
    return " ".join(text.split())


def _is_plain(text: str) -> bool:
    return bool(text) and text == plain(text) and len(text.splitlines()) == 1
