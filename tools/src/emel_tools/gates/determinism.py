"""The same load says the same, whatever hash seed, folder, locale, thread or listing there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from emel_tools.running import Job, Lane, Outcome, Reads, Shard

_BUDGET: Final = 120.0
"""Seconds; a shard takes 4 of processor time."""
_MODULES: Final = {
    "emel": "emel_tools.determinism.saying",
    "tools": "emel_tools.determinism.reporting",
}


def _shards(_root: Path) -> Sequence[Shard]:
    return [
        Shard("determinism", "emel", Reads(calls=("emel",)), _BUDGET),
        Shard("determinism", "tools", Reads(own=("tools",), paths=("docs/**",)), _BUDGET),
    ]


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.determinism.variants import MORE, VARIANTS, compare

    more = MORE if job.full else ()
    for name in job.shards:
        folder = job.folder / "determinism" / name
        variants = VARIANTS if name == "emel" else VARIANTS[1:2]
        findings, checked = compare(job.root, folder, _MODULES[name], (*variants, *more))
        yield Outcome(name, checked, findings)


LANE = Lane(
    "determinism",
    "digests, plans, outcomes, residency, errors and reports are the same in every process",
    _shards,
    _run,
    varies=True,  # it starts two processes more in full scope
)
