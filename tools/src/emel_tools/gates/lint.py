"""ruff finds nothing that isn't recorded, and nothing is suppressed that isn't recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from emel_tools.ratchets import sources
from emel_tools.running import Job, Lane, Outcome, Reads, Shard
from emel_tools.snapshots import Kind


def _shards(root: Path) -> Sequence[Shard]:
    return [
        Shard("lint", name, Reads(own=(name,)) if name != sources.ROOT else _ROOT, 30)
        for name in sources.shards(root)
    ]


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.ratchets import lint

    yield from lint.outcomes(job)


_ROOT = Reads(paths=sources.LOOSE)
LANE = Lane(
    "lint",
    "ruff finds and suppresses only what is recorded, by file, scope and rule, and formats nothing",
    _shards,
    _run,
    Kind(only_shrinks=True),
    together=True,
)
