"""Each promise has a test that names it, and each id that a test names is a promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from emel_tools.running import Job, Lane, Outcome, Reads, Shard


def _shards(_root: Path) -> Sequence[Shard]:
    reads = Reads(paths=("**/behaviours.toml", "**/tests/**"))
    return [Shard("behaviours", "promises", reads, 30)]


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.behaviours import check

    found, checked = check(job.root)
    yield Outcome("promises", checked, found)


LANE = Lane(
    "behaviours",
    "each promise of a behaviours.toml has a passing test, and each id in a test is promised",
    _shards,
    _run,
)
