"""Each promise has a test that names it and passes, as many as recorded; each named id is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emel_tools.running import Job, Lane, Outcome, Reads, Shard
from emel_tools.snapshots import Kind
from emel_tools.workspace import Package, shards

if TYPE_CHECKING:
    from emel_tools.behaviours import Mark, Promise

NAMED: Final = "named"
"""The shard that holds promises and tests to each other, and to what is recorded, unrun."""


def _shards(root: Path) -> Sequence[Shard]:
    reads = Reads(paths=("**/behaviours.toml", "**/tests/**"))
    found = [Shard("behaviours", NAMED, reads, 30)]
    for package in shards(root):
        suites = _suites(root, package)
        behind = tuple(shard.key for shard in suites)
        # Just as a suite of its tests, so that it is chosen when that is.
        found.append(Shard("behaviours", package.name, suites[0].reads, 30, behind=behind))
    return found


def _suites(root: Path, package: Package) -> list[Shard]:
    """List the shards that run the tests of a package."""
    from emel_tools.running.registry import lane
    from emel_tools.suites.parts import parts_of

    names = {part.name for part in parts_of(package)}
    return [shard for shard in lane("tests").shards(root) if shard.name in names]


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.behaviours import check, numbers, read_catalogues, read_marks

    promises, wrong = read_catalogues(job.root)
    marks = read_marks(job.root)
    if NAMED in job.shards:
        findings, checked = check(job.root)
        # Of a catalogue that can't be read each promise would be told to be gone.
        yield Outcome(NAMED, checked, findings, None if wrong else numbers(promises, marks))
    for package in shards(job.root):
        if package.name in job.shards:
            own = [promise for promise in promises if promise.package == package.name]
            yield _proved(job, package, own, marks)


def _proved(
    job: Job, package: Package, promises: Sequence[Promise], marks: Sequence[Mark]
) -> Outcome:
    from emel_tools.behaviours.proofs import changed, judge, matrix, ran

    suites = [shard.name for shard in _suites(job.root, package)]
    known = ran(job.folder / "tests", suites, changed(package), _ended(job))
    told = f" ({', '.join(known.unknown)} didn't run)" if known.unknown else ""
    checked = f"{len(promises)} promises, {len(known.outcomes)} tests{told}"
    return Outcome(
        package.name,
        checked,
        list(judge(promises, marks, known)),
        details=matrix(promises, marks, known) if known.outcomes else {},
    )


def _ended(job: Job) -> frozenset[str]:
    """Name the shards that came to the end of their tests in the run under way."""
    from emel_tools.running import record

    run = record.read(job.root / record.CURRENT)
    tests = [each for each in run.results if each.lane == "tests"] if run else []
    # Without `beside` it may be an earlier run that is kept there.
    return frozenset(r.shard for r in tests if r.measured is not None and r.key in job.beside)


LANE = Lane(
    "behaviours",
    "each promise has passing tests, as many as recorded, and each id in a test is promised",
    _shards,
    _run,
    Kind(counts=False),
    together=True,
    judges=True,
)
