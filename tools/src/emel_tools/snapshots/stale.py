"""Snapshots that nothing measures any more: those of deleted packages, shards and lanes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from emel_tools.findings import Finding
from emel_tools.snapshots.comparison import accept
from emel_tools.snapshots.lines import FOLDER, path_of

if TYPE_CHECKING:
    from emel_tools.running.lane import Lane


class Leftover(NamedTuple):
    """One file that nothing measures."""

    path: Path
    lane: str
    """The folder that it lies in, whether or not there is such a lane."""
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
            each.path.relative_to(root).as_posix(),
            0,
            0,
            "stale",
            each.why,
            accept(each.lane, each.shard),
            gate=each.lane,
        )
        for each in leftovers(root, lanes)
    ]


def leftovers(root: Path, lanes: Sequence[Lane]) -> list[Leftover]:
    """List the snapshots that nothing measures, sorted."""
    measured = {lane.name: lane for lane in lanes if lane.kind is not None}
    folders = (path for path in (root / FOLDER).glob("*") if path.is_dir())
    return sorted(found for path in folders for found in _in(root, path, measured.get(path.name)))


def _in(root: Path, folder: Path, lane: Lane | None) -> Iterator[Leftover]:
    shards = [] if lane is None else [shard.name for shard in lane.shards(root)]
    kept = {path_of(root, folder.name, shard) for shard in shards}
    for path in sorted(each for each in folder.rglob("*") if not each.is_dir()):
        shard = path.relative_to(folder).with_suffix("").as_posix()
        if lane is None:
            yield Leftover(path, folder.name, shard, f"no lane {folder.name} records anything")
        elif path not in kept:
            why = f"lane {lane.name} has no shard that is recorded in {path.name}"
            yield Leftover(path, folder.name, shard, why)
        elif not path.stat().st_size:
            yield Leftover(path, folder.name, shard, "it is empty: what records nothing has no file")
