"""What a person asks to be accepted."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from emel_tools.running.lane import Lane
from emel_tools.snapshots.stale import Leftover, leftovers


class Targets(NamedTuple):
    """The shards to measure, and the files to remove."""

    keys: tuple[str, ...]
    leftovers: tuple[Leftover, ...]


class UnknownTargetError(Exception):
    """No lane with snapshots, or no shard of it, has this name."""


def targets(
    root: Path, lanes: Sequence[Lane], words: Sequence[str], is_red: Callable[[str], bool]
) -> Targets:
    """Say what a lane and its shards name; without a word, all that was red when it last ran.

    Parameters
    ----------
    root, lanes
        The repository and all its lanes.
    words
        A lane, and any number of its shards; or a shard as the gate calls it, `costs/io_mmap`.
        Those that are gone and left a file count too.
    is_red
        Whether a shard was red when it last ran here, by its key.

    Raises
    ------
    UnknownTargetError
        Something has no such name; the message says what there is.
    """
    kept = {lane.name: lane for lane in lanes if lane.kind is not None}
    stale = leftovers(root, lanes)
    if not words:
        shards = (shard for lane in kept.values() for shard in lane.shards(root))
        return Targets(tuple(s.key for s in shards if is_red(s.key)), tuple(stale))
    name, *wanted = [*words[0].split("/", 1), *words[1:]]
    if name not in kept and name not in {each.lane for each in stale}:
        raise UnknownTargetError(_unknown("lane with snapshots", name, kept))
    known = [shard.name for shard in kept[name].shards(root)] if name in kept else []
    left = [each for each in stale if each.lane == name]
    there = {*known, *(each.shard for each in left)}
    for each in wanted:
        if each not in there:
            raise UnknownTargetError(_unknown(f"shard of {name}", each, there))
    chosen = (
        [f"{name}/{each}" for each in known if each in wanted] if wanted else [name] * bool(known)
    )
    return Targets(
        tuple(chosen), tuple(each for each in left if not wanted or each.shard in wanted)
    )


def _unknown(what: str, name: str, there: Iterable[str]) -> str:
    known = sorted(there)
    near = difflib.get_close_matches(name, known, 1, 0.5)
    meant = f", did you mean {near[0]!r}" if near else ""
    return f"there is no {what} {name!r}{meant}; there is: {' '.join(known)}"
