"""Snapshots that nothing measures any more: those of deleted packages, shards and lanes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.findings import Finding
from emel_tools.running.lane import Lane
from emel_tools.running.registry import UNLISTED
from emel_tools.running.results import writable
from emel_tools.snapshots.comparison import accept
from emel_tools.snapshots.lines import FOLDER, path_of

_TOLD: Final = "README.md"
"""What may lie beside the lanes' folders, and what is hidden."""
_TIMED: Final = "timing"
"""The lane whose shards are the other lanes: one that can't be listed is no shard of it."""


class Leftover(NamedTuple):
    """One file that nothing measures."""

    path: Path
    lane: str
    """The folder that it lies in, whether or not there is such a lane; empty if it lies in none."""
    shard: str
    """What it would be the snapshot of."""
    why: str


def stale(root: Path, lanes: Sequence[Lane]) -> list[Finding]:
    """Find the snapshots that nothing measures; lists folders, and reads no file.

    Parameters
    ----------
    root
        The repository.
    lanes
        All lanes: a folder of snapshots belongs to one of them, and a file to one of its shards.
    """
    return [
        Finding(
            writable(each.path.relative_to(root).as_posix()),
            0,
            0,
            "stale",
            writable(each.why),
            writable(accept(each.lane, each.shard) if each.lane else "remove it"),
            gate=writable(each.lane),
        )
        for each in leftovers(root, lanes)
    ]


def leftovers(root: Path, lanes: Sequence[Lane]) -> list[Leftover]:
    """List the snapshots that nothing measures, sorted; what an editor hides there is none."""
    names = {lane.name: [shard.name for shard in lane.shards(root)] for lane in lanes}
    recorded = {lane.name for lane in lanes if lane.kind is not None}
    unlisted = {name for name, shards in names.items() if shards == [UNLISTED]}
    found: list[Leftover] = []
    for path in (root / FOLDER).glob("[!.]*"):
        if not path.is_dir():
            if path.name != _TOLD:
                found.append(Leftover(path, "", path.stem, "it lies in the folder of no lane"))
        elif path.name not in unlisted:  # else nobody knows which snapshots it has
            found += _in(root, path, names.get(path.name, []) if path.name in recorded else None)
    return sorted(each for each in found if each.lane != _TIMED or each.shard not in unlisted)


def _in(root: Path, folder: Path, shards: Sequence[str] | None) -> Iterator[Leftover]:
    lane = folder.name
    kept = {path_of(root, lane, shard) for shard in shards or ()}
    for path in (each for each in folder.rglob("[!.]*") if not each.is_dir()):
        shard = path.relative_to(folder).with_suffix("").as_posix()
        if shards is None:
            yield Leftover(path, lane, shard, f"no lane {lane} records anything")
        elif path not in kept:
            why = f"lane {lane} has no shard that is recorded in {path.relative_to(folder)}"
            yield Leftover(path, lane, shard, why)
        elif not path.stat().st_size:
            yield Leftover(path, lane, shard, "is empty: a shard without facts has no snapshot")
