"""basedpyright finds nothing that isn't recorded, and no hole in the types is new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from emel_tools.ratchets import settings, sources
from emel_tools.running import Job, Lane, Outcome, Reads, Shard
from emel_tools.snapshots import Kind

_BUDGET: Final = 150.0
"""Seconds; a shard that is asked for alone waits for the checker to read everything."""


def _shards(root: Path) -> Sequence[Shard]:
    return [
        Shard("types", name, _reads(root, name) if name != sources.ROOT else _ROOT, _BUDGET)
        for name in sources.shards(root)
    ]


def _reads(root: Path, name: str) -> Reads:
    """Say what is checked: all but tests, with its comments, and what it imports."""
    folder = sources.home(root, name).relative_to(root).as_posix()
    paths = (*_files(folder), f"{folder}/src/**")
    return Reads(runs=(name,), paths=paths, but=sources.tests_in(folder))


def _files(folder: str) -> tuple[str, ...]:
    second = (f"{folder}/**/{each}" for each in settings.TYPES.files)
    return (*sources.python_in(folder), *second)


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.ratchets import types

    yield from types.outcomes(job)


_ROOT = Reads(paths=("*.py", "*.pyi", *_files("docs")))
LANE = Lane(
    "types",
    "strict checking finds only what is recorded, and so do Any, casts and suppressions",
    _shards,
    _run,
    Kind(only_shrinks=True),
    together=True,
    varies=True,  # it checks only what means something else than it did
)
