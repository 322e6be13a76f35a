"""Count what was found by file, scope and rule, and keep where each of it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from emel_tools.findings import Finding
from emel_tools.ratchets.scopes import MODULE, Source
from emel_tools.snapshots.lines import plain


class Place(NamedTuple):
    """One thing that counts."""

    path: Path
    line: int
    """From 1; 0 for the whole file."""
    column: int
    rule: str
    """What it counts as."""
    message: str


class Tally(NamedTuple):
    """What one shard came to."""

    measured: dict[str, str]
    """`file scope rule`, and how many."""
    places: dict[str, list[Finding]]


def tally(
    root: Path, home: Path, places: Iterable[Place], read: Callable[[Path], Source] = Source
) -> Tally:
    """Count places by file, scope and rule.

    Parameters
    ----------
    root
        The repository, from which findings name their files.
    home
        The folder from which keys name them.
    places
        What was found.
    read
        Reads a source, or hands out one that was read before.
    """
    found: dict[str, list[Finding]] = {}
    for place in sorted(places):
        scope = read(place.path).scope(place.line) if place.line else MODULE
        key = plain(f"{place.path.relative_to(home).as_posix()} {scope} {place.rule}")
        file = place.path.relative_to(root).as_posix()
        made = Finding(file, place.line, place.column, place.rule, plain(place.message), "")
        found.setdefault(key, []).append(made)
    return Tally({key: str(len(each)) for key, each in found.items()}, found)


def divided(places: Iterable[Place], owner: Callable[[Path], str]) -> dict[str, list[Place]]:
    """Divide places by whose they are."""
    found: dict[str, list[Place]] = {}
    for place in places:
        found.setdefault(owner(place.path), []).append(place)
    return found
