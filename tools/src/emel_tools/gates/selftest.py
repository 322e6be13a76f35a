"""Each lane catches the regressions that are planted for it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from emel_tools.ratchets import sources
from emel_tools.running import Job, Lane, Outcome, Reads, Shard

_FOLDER = Path("tools") / "regressions"


def _shards(root: Path) -> Sequence[Shard]:
    """One a lane, because lanes are what is put to the test; it takes long, so only in full.

    Lint comes first: what it finds in the tree it finds in the copy, too, beside what is planted.
    """
    lanes = sorted(path.name for path in (root / _FOLDER).glob("*") if path.is_dir())
    reads = Reads(paths=(f"{_FOLDER.as_posix()}/**",))
    lint = tuple(f"lint/{name}" for name in sources.shards(root))
    return [
        Shard("selftest", lane, reads, 240, () if lane == "lint" else lint, only_full=True)
        for lane in lanes
    ]


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.selftest import green, read_plants, try_out
    from emel_tools.selftest.trial import copy

    for lane in job.shards:
        plants = [plant for plant in read_plants(job.root) if plant.lane == lane]
        with tempfile.TemporaryDirectory(prefix="emel-selftest-") as folder:
            copied = copy(job.root, Path(folder))
            # What this run tries on the tree itself needn't be tried on the copy, too.
            found = green(copied, sorted({plant.shard for plant in plants} - {*job.beside}))
            for plant in plants:
                print(plant.name, flush=True)
                found += try_out(copied, plant)
        yield Outcome(lane, f"{len(plants)} planted regressions", found)


LANE = Lane(
    "selftest",
    "each lane goes red for the regressions that are planted for it, and says why",
    _shards,
    _run,
)
