"""Its own tests run each line and branch of a package; what they leave out only shrinks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.running import Job, Lane, Outcome, Reads, Shard
from emel_tools.snapshots import Kind
from emel_tools.suites.parts import parts_of, tests_of
from emel_tools.workspace import Package, shards

_REACH: Final = "remove it, or let it be reached: by a case that has what it loops over"
_FIX: Final = "write the test that runs it, in the tests of this package"


def _shards(root: Path) -> Sequence[Shard]:
    return [
        Shard(
            "coverage",
            package.name,
            # Not what it runs of others: see docs/design/suites.md.
            Reads(covers=(package.name,), paths=(tests_of(root, package),)),
            60,
            tuple(f"tests/{part.name}" for part in parts_of(package)),
        )
        for package in shards(root)
    ]


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.scope.observed import unnoted

    known = {package.name: package for package in shards(job.root)}
    for name in job.shards:
        with unnoted():  # what is read is what it covers, and no comment makes a difference
            judged = _judged(job, known[name])
        yield judged


def _judged(job: Job, package: Package) -> Outcome:
    from emel_tools.suites import changed, missing, record, unreached

    parts = parts_of(package)
    if not all(record.is_green(part.record(job.folder)) for part in parts):
        # Not a finding: that shard has its own, and they can make lines look left out.
        return Outcome(package.name, "nothing: its tests are red")
    source = package.source.relative_to(job.root).as_posix()
    files = missing.left_out([part.coverage(job.folder) for part in parts])
    found, modules = missing.missing(job.root, package.source, files)
    here = changed.changed(job.root, job.base, source)
    findings = [
        Finding(path, line, 0, "untested change", what, _FIX)
        for path, line, what in missing.untested(job.root, files, here)
    ]
    findings += [
        Finding(path, line, 0, "never runs", what, _REACH)
        for path, line, what in unreached.unreached(job.root, package.folder / "tests", files)
    ]
    counted = list(missing.counts(source, found))
    lines, branches = (sum(len(each[n]) for each in found) for n in (2, 3))
    checked = f"{modules} modules; {lines} lines and {branches} branches are left out"
    measured = {count.key: count.value for count in counted}
    places = {
        count.key: [
            Finding(count.path, line, 0, "untested", what, _FIX) for line, what in count.places
        ]
        for count in counted
    }
    return Outcome(package.name, checked, findings, measured, places=places)


LANE = Lane(
    "coverage",
    "a package's own tests run each of its lines, branches and assertions, changed ones at once",
    _shards,
    _run,
    Kind(only_shrinks=True),
)
