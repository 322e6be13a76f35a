"""Files, requests and events that lie, held to oracles and models that share no code with emel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from emel_tools.running import Job, Lane, Outcome, Reads, Shard

_RUNS: Final[Mapping[str, tuple[str, ...]]] = {
    "model_format": ("model_format",),
    "io_loader": ("io_loader",),
    # The tables of all packages are run by the interpreter.
    "machine": ("io_mmap", "io_read", "io_staged", "machine", "model_loader", "model_tensor"),
    "model_tensor": ("model_tensor",),
    "io_mmap": ("io_mmap",),
    "io_read": ("io_read",),
    "io_staged": ("io_staged",),
    "model_loader": ("emel",),
    "emel": ("emel",),
}
"""By shard, named like the package that it judges: whose code it runs."""
_BUDGET: Final = 120.0
"""Seconds; a shard takes 4 of processor time at the most, 10 in full scope, and what is found is
made small before it is told of."""


def _shards(_root: Path) -> Sequence[Shard]:
    return [
        Shard("fuzz", name, Reads(calls=runs, paths=(f"tools/corpus/{name}/**",)), _BUDGET)
        for name, runs in _RUNS.items()
    ]


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.fuzzing.run import check

    # A function of the tree alone: the gate finds what a change has broken, and nothing by chance.
    seed = 0
    for name in job.shards:
        findings, checked = check(job.root, job.folder / "fuzz" / name, name, seed, full=job.full)
        yield Outcome(name, f"{checked}; seed {seed}", findings)


LANE = Lane(
    "fuzz",
    "parsers, planner, router and machines agree with independent readings of their rules",
    _shards,
    _run,
    together=True,
    varies=True,  # it mutates a twelfth of what it does in full scope
)
