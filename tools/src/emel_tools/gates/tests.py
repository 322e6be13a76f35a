"""All tests pass, in any order, each suite by itself; none is lost, skipped or unable to fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emel_tools.running import Job, Lane, Outcome, Reads, Shard
from emel_tools.snapshots import Kind
from emel_tools.suites.parts import CALLS, parts, tests_of
from emel_tools.workspace import shards

if TYPE_CHECKING:
    from emel_tools.suites.parts import Part

WRITTEN: Final = "written"
"""The shard that reads the tests without running them."""
COLLECTION: Final = "collection"
"""The shard that compares what all parts ran with what one run of everything would."""
_WRITTEN: Final = (
    "**/tests/**/*.py",
    "**/testing.py",
    "**/testing/**/*.py",
    "**/test_*.py",
    "**/*_test.py",
)
"""What that looks at: tests, what they are helped by, and whatever else is called a test."""
_SECONDS: Final = {"emel": 400.0, "tools": 400.0}
_GRACE: Final = 60.0
"""Seconds to say what a run has found, which takes longer beside other work."""


def _shards(root: Path) -> Sequence[Shard]:
    everything = Reads(paths=("**/*.py",))
    found = [
        Shard(
            "tests", part.name, _reads(root, part), _SECONDS.get(part.package.name, 200.0) + _GRACE
        )
        for part in parts(root)
    ]
    after = tuple(shard.key for shard in found)
    found.append(Shard("tests", WRITTEN, Reads(paths=_WRITTEN), 60))
    found.append(Shard("tests", COLLECTION, everything, 120, after, only_full=True))
    return found


def _reads(root: Path, part: Part) -> Reads:
    """Say what a part depends on; of the tools' tests, what packages they read is observed."""
    paths = (tests_of(root, part.package),)
    if part.package.name != "tools":
        return Reads(runs=(part.package.name,), paths=paths)
    packages = (each.name for each in shards(root) if each.name != "tools")
    return Reads(calls=tuple(packages) if part.number == CALLS else (), paths=paths)


def _run(job: Job) -> Iterator[Outcome]:
    known = {part.name: part for part in parts(job.root)}
    for name in job.shards:
        if name == WRITTEN:
            yield _written(job)
        elif name == COLLECTION:
            yield _collection(job)
        else:
            yield _suite(job, known[name])


def _suite(job: Job, part: Part) -> Outcome:
    from emel_tools.scope import observed
    from emel_tools.suites import arcs, command, narrowing, verdict, written

    seconds = _SECONDS.get(part.package.name, 200.0)
    plan = narrowing.plan(job, part)
    if plan.last is not None:
        checked = f"none of {len(plan.last.cases)} tests calls what has changed"
        counted = verdict.measured(job.root, part, plan.last)
        return Outcome(part.name, checked, measured=counted, details={"not_timed": checked})
    ran = command.run(job.root, part, job.seed, job.folder, seconds, plan.how)
    found = list(verdict.findings(job.root, part, ran, job.seed))
    if ran.record is None:
        return Outcome(part.name, f"nothing to its end, seed {job.seed}", found)
    narrowing.keep(job, part, plan)
    if plan.went:
        arcs.add(job.root, part, job.folder, plan.went)
    found += narrowing.missed(job, part, plan, ran.record)
    found += written.uncollected(job.root, part, ran.record)
    seen = observed.so_far(observed.notes_of(job.root, "tests", (part.name,)))
    found += verdict.strays(job.root, part, seen)
    odd = plan.odd(ran.record)
    checked = f"{ran.record.summary}{odd and f', {odd}'}, seed {job.seed}"
    counted = verdict.measured(job.root, part, ran.record)
    return Outcome(part.name, checked, found, counted, details={"not_timed": odd} if odd else {})


def _written(job: Job) -> Outcome:
    from emel_tools.suites import written

    read = written.check(job.root)
    numbers, places = read.checks
    return Outcome(WRITTEN, read.checked, read.findings, numbers, places=places)


def _collection(job: Job) -> Outcome:
    from emel_tools.suites import collection

    found, checked = collection.check(job.root, job.folder)
    return Outcome(COLLECTION, checked, found)


LANE = Lane(
    "tests",
    "all tests pass in random order, none is lost or skipped, each can fail, and keeps its checks",
    _shards,
    _run,
    Kind(counts=False),
)
