"""No case takes longer than recorded: by the recorded code itself, side by side, and a control."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from emel_tools.running import Job, Lane, Outcome, Reads, Shard
from emel_tools.snapshots import Kind
from emel_tools.workspace import packages

_BESIDE: Final = {"model_loader": ("io_file", "io_mmap", "io_read")}
"""Packages that the cases of one run beside what it depends on."""
_BUDGET: Final = 150


def _runs(name: str) -> tuple[str, ...]:
    return (name, *_BESIDE.get(name, ()))


def _shards(root: Path) -> Sequence[Shard]:
    names = (package.name for package in packages(root))
    return [Shard("bench", name, Reads(calls=_runs(name)), _BUDGET) for name in names]


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.ratios import reference
    from emel_tools.ratios.cases import cases_of
    from emel_tools.ratios.judged import Judged
    from emel_tools.ratios.judging import Judge
    from emel_tools.ratios.sampling import Order
    from emel_tools.scope import code
    from emel_tools.scope.observed import unnoted
    from emel_tools.snapshots import lines

    folder = job.folder / "bench"
    code.keep(job.folder / "code")
    for shard in job.shards:
        cases = cases_of(shard)
        path = lines.path_of(job.root, "bench", shard)
        recorded = {line.key: line.value for line in lines.read(path)}
        order = Order(str(job.root), "", shard, (), job.seed)
        judged = Judged(job.folder / "judged" / f"{shard}.json", anew=job.full)
        with unnoted():  # sources are compared as code: comments make no difference
            found = reference.find(job.root, folder, shard, _runs(shard), job.base)
            outcome = Judge(shard, cases, recorded, found, order, judged=judged).outcome()
        yield outcome


LANE = Lane(
    "bench",
    "no case takes 15 % longer than recorded",
    _shards,
    _run,
    kind=Kind(),
    alone=True,
    varies=True,  # it times only what runs other code than was recorded
    varies_in_full=True,
)
