"""Whether the tests that name the promises of a package passed when they last ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from emel_tools.behaviours.catalogue import Promise
from emel_tools.behaviours.marks import Mark, is_below
from emel_tools.findings import Finding
from emel_tools.workspace import Package, python_files

_WORST: Final = ("failed", "error", "swallowed", "xfailed", "skipped", "not run", "passed")
"""What a test with many parameters comes to is the first of these that one of them came to."""
_BROKEN: Final = ("failed", "error", "swallowed")


class _Case(msgspec.Struct, frozen=True):
    node_id: str


class _Trouble(msgspec.Struct, frozen=True):
    kind: str
    node_id: str


class _Record(msgspec.Struct, frozen=True):
    """What the lane `tests` writes down of a run; more of it isn't looked at."""

    cases: tuple[_Case, ...]
    ended: tuple[str, ...]
    troubles: tuple[_Trouble, ...]
    kept: tuple[str, ...] = ()


class Ran(NamedTuple):
    """What is known of the tests of one package."""

    outcomes: Mapping[str, str]
    """What each test came to, by its node id without parameters."""
    unknown: tuple[str, ...]
    """Shards whose tests didn't come to their end, or didn't run since something changed."""


def ran(folder: Path, shards: Sequence[str], since: float, ended: Collection[str] = ()) -> Ran:
    """Read what the tests of a package came to.

    Parameters
    ----------
    folder
        Where the lane `tests` writes its records.
    shards
        The shards that run the tests of the package.
    since
        When the package last changed, in seconds since the epoch; what is older says nothing.
    ended
        Those that came to their end just now, whatever the dates of files are: one may lie ahead.
    """
    outcomes: dict[str, str] = {}
    unknown: list[str] = []
    for shard in shards:
        path = folder / f"{shard}.json"
        is_old = shard not in ended and path.exists() and path.stat().st_mtime < since
        if is_old or not path.exists():
            unknown.append(shard)
            continue
        record = msgspec.json.decode(path.read_bytes(), type=_Record)
        for node_id, outcome in _outcomes(record).items():
            function = node_id.partition("[")[0]
            both = (outcome, outcomes.get(function, "passed"))
            outcomes[function] = min(both, key=_WORST.index)
    return Ran(outcomes, tuple(unknown))


def changed(package: Package) -> float:
    """Say when a file of a package was last written, in seconds since the epoch."""
    files = (path for part in ("src", "tests") for path in python_files(package.folder / part))
    return max((path.stat().st_mtime for path in files), default=0.0)


def _outcomes(record: _Record) -> dict[str, str]:
    found = {case.node_id: "not run" for case in record.cases}
    found |= dict.fromkeys((*record.ended, *record.kept), "passed")
    for trouble in record.troubles:
        if trouble.node_id in found:
            kind = trouble.kind if trouble.kind in _WORST else "failed"
            found[trouble.node_id] = min((found[trouble.node_id], kind), key=_WORST.index)
    return found


def tests_of(promise: Promise, marks: Sequence[Mark], known: Ran) -> dict[str, str]:
    """List the tests of its own package that name a promise, each with what it came to."""
    scopes = [m.scope for m in marks if m.id == promise.id and m.package == promise.package]
    return {
        test: outcome
        for test, outcome in sorted(known.outcomes.items())
        if any(is_below(test, scope) for scope in scopes)
    }


def judge(promises: Sequence[Promise], marks: Sequence[Mark], known: Ran) -> Iterator[Finding]:
    """Find promises that a test shows to be broken, and those that no test has proved."""
    for promise in promises:
        tests = tests_of(promise, marks, known)
        broken = [test for test, outcome in tests.items() if outcome in _BROKEN]
        for test in broken:
            name = test.rpartition("::")[2]
            yield Finding.at(
                test.partition("::")[0],
                f"{promise.id} is broken: {test} {tests[test]} ({promise.text})",
                f"mend it: nox -s tests -- {promise.package} -k {name}",
                "broken",
            )
        if not broken and not known.unknown and "passed" not in tests.values():
            counts = Counter(tests.values())
            told = ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items()))
            yield Finding.at(
                promise.catalogue,
                f"no test of {promise.id} passed: {told or 'none ran'} ({promise.text})",
                "let a test that names it run and pass",
                "unproved",
            )


def matrix(promises: Sequence[Promise], marks: Sequence[Mark], known: Ran) -> dict[str, Any]:
    """Spell who promises what, and which tests prove it, for the reports."""
    return {
        "promises": [
            {
                "id": promise.id,
                "promise": promise.text,
                "package": promise.package,
                "tests": [
                    {"nodeid": test, "outcome": outcome}
                    for test, outcome in tests_of(promise, marks, known).items()
                ],
            }
            for promise in promises
        ]
    }
