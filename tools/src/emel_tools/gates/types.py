"""basedpyright finds nothing that isn't recorded, and no hole in the types is new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from emel_tools.ratchets import sources
from emel_tools.running import Job, Lane, Outcome, Reads, Shard
from emel_tools.snapshots import Kind

_BUDGET: Final = 150.0
"""Seconds; a shard that is asked for alone waits for the checker to read everything."""


def _shards(root: Path) -> Sequence[Shard]:
    return [
        Shard("types", name, _reads(name) if name != sources.ROOT else _ROOT, _BUDGET)
        for name in sources.shards(root)
    ]


def _reads(name: str) -> Reads:
    """Say what is checked: sources, with their comments, and what they import; tests aren't."""
    return Reads(runs=(name,), paths=(f"packages/{name}/src/**",))


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.ratchets import types

    yield from types.outcomes(job)


_ROOT = Reads(paths=("*.py", "*.pyi", "typings/**"))
LANE = Lane(
    "types",
    "strict checking finds only what is recorded, and so do Any, casts and suppressions",
    _shards,
    _run,
    Kind(only_shrinks=True),
    together=True,
    varies=True,  # it checks only what means something else than it did
)
