"""What named workloads cost, counted: calls to the system, memory, steps for each tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from emel_tools.running import Job, Lane, Outcome, Reads, Shard
from emel_tools.snapshots import Kind
from emel_tools.workspace import packages

_BUDGET: Final = 120.0
"""Seconds; a shard takes two at the most, and a quadratic step that it has to report some more."""
_UNDIRECTED: Final = frozenset(("closes", "unmaps", "advices", "advised-bytes", "read-ahead-hints"))
"""Figures of which neither more nor fewer are better: one may be lost, or be too many."""
_HANDED_IN: Final[Mapping[str, tuple[str, ...]]] = {
    "io_loader": ("io_mmap",),
    "model_tensor": ("io_mmap",),
    "model_loader": ("io_mmap", "io_read", "io_staged"),
}
"""Packages that a workload hands to one that doesn't depend on them."""


def _shards(root: Path) -> Sequence[Shard]:
    names = [package.name for package in packages(root)]
    # Lines of a package that is gone are found as such, until they are accepted as gone.
    recorded = {path.stem for path in (root / "snapshots" / "costs").glob("*.txt")}
    names += sorted(recorded - set(names))
    return [Shard("costs", name, _reads(name), _BUDGET) for name in names]


def _reads(name: str) -> Reads:
    return Reads(calls=(name, *_HANDED_IN.get(name, ())), paths=(f"snapshots/costs/{name}.txt",))


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.costs.run import run

    (package,) = job.shards
    if (job.root / "packages" / package).is_dir():
        yield run(job.root, package)
    else:
        yield Outcome(package, "a package that is gone", measured={})


LANE = Lane(
    "costs",
    "named workloads make the calls, take the memory and the steps that are recorded",
    _shards,
    _run,
    Kind(counts=True, undirected=_UNDIRECTED),
)
