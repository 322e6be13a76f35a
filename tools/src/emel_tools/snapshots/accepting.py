"""Measure anew, show what differs from what is recorded, and record it once somebody says so."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.findings import Finding
from emel_tools.running import Job, Lane
from emel_tools.running.console import Plain, progress
from emel_tools.running.results import Result
from emel_tools.running.schedule import run_all
from emel_tools.running.stopping import stoppable
from emel_tools.running.tasks import tasks
from emel_tools.scope import Asked, choose
from emel_tools.scope.noting import noting
from emel_tools.snapshots.comparison import accept
from emel_tools.snapshots.kind import Kind
from emel_tools.snapshots.proposal import Proposal, propose, removal, write
from emel_tools.snapshots.targets import Targets

OK: Final = 0
RED: Final = 1
REFUSED: Final = 2


class Person(NamedTuple):
    """Whoever accepts."""

    show: Callable[[Sequence[Proposal]], None]
    """Show what would be written."""
    agrees: Callable[[], bool]
    """Whether it is to be written; asked once, and only if there is something."""
    say: Callable[[str], None]
    worse: bool = False
    """Whether what is worse is accepted."""


def run(root: Path, lanes: Sequence[Lane], keys: Sequence[str]) -> list[Result] | None:
    """Measure shards (and run what they need), as the gate does; None if it was stopped.

    The tree may have changed since the last run, so nothing that was measured then is used.
    """
    if not keys:
        return []
    scope = choose(root, lanes, Asked(tuple(keys)))
    chosen = [each for each in scope.choices if each.runs]
    job = Job(root, (), full=False, base=scope.base, seed=secrets.randbelow(2**32))
    with stoppable() as stop:
        done = run_all(tasks(chosen, job), noting(root, progress(Plain())), stop=lambda: bool(stop))
    asked = {*keys}
    return None if stop else [r for r in done if asked & {r.lane, r.key}]


def take(
    root: Path, lanes: Sequence[Lane], chosen: Targets, results: Sequence[Result], person: Person
) -> int:
    """Show what differs, and write it if it is agreed to.

    Returns
    -------
    int
        0 if all is recorded now, 1 if something wasn't measured or accepted, or is wrong besides.
    """
    code = OK
    proposals = [removal(each) for each in chosen.leftovers]
    kinds = {lane.name: lane.kind for lane in lanes}
    for result in results:
        kind = kinds[result.lane]
        if kind is None or (result.measured is None and result.verdict == "ok"):
            continue  # it has nothing to record
        if wrong := _wrong_besides(result):
            person.say(f"{result.key} is red besides, and stays so{wrong}")
            code = RED
        try:
            proposals += _proposed(root, result, kind)
        except _UnmeasuredError as error:
            person.say(str(error))
            code = RED
    kept = [each for each in proposals if person.worse or not each.takes_worse]
    person.show(proposals)
    for each in proposals:
        if each not in kept:
            person.say(_left_out(each))
            code = RED
    if not proposals and code == OK:
        person.say("nothing differs from what is recorded")
    if kept and not person.agrees():
        person.say("nothing was recorded")
        return RED
    for each in kept:
        write(each)
        person.say(f"{'recorded' if each.text else 'removed'} {each.path.relative_to(root)}")
    return code


def _left_out(proposal: Proposal) -> str:
    lane, _, shard = proposal.key.partition("/")
    command = accept(lane, shard, worse=True)
    return f"{proposal.key} is worse and may only shrink: mend it, or {command}"


def _wrong_besides(result: Result) -> str:
    """Spell the errors that accepting doesn't mend; what is told of the unmeasured has all."""
    mended = accept(result.lane, result.shard)
    errors = (each for each in result.findings if each.severity == "error")
    left = [each for each in errors if mended not in each.fix]
    return "" if result.measured is None else _listed(left)


def _listed(findings: Sequence[Finding]) -> str:
    return "".join(f"\n  {finding}" for finding in findings)


class _UnmeasuredError(Exception):
    """A shard came to nothing that could be recorded."""


def _proposed(root: Path, result: Result, kind: Kind) -> list[Proposal]:
    if result.measured is None:
        what = f"{result.key} measured nothing, and stays as it is recorded"
        raise _UnmeasuredError(f"{what}{_listed(result.findings)}")
    try:
        found = propose(root, result.lane, result.shard, result.measured, kind)
    except ValueError as error:
        raise _UnmeasuredError(f"{result.key}: {error}") from error
    return [found] if found else []
