"""What the shards of one process came to, from what it answered and how it ended."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from emel_tools.findings import Finding
from emel_tools.running.lane import Shard
from emel_tools.running.results import STOPPED, Report, Result, Verdict
from emel_tools.running.tasks import Task

TAIL: Final = 40
"""Lines of a log that a failure without a verdict shows."""
_FRAME: Final = re.compile(r'\s*File "(.+)", line (\d+), in ')
"""A frame of an exception; those of a signal's have no comma behind the line, and run upwards."""


class Ending(NamedTuple):
    """How a process ended."""

    began: float
    """`time.monotonic()` when it was started."""
    offset: float
    """The same, in seconds from the beginning of the run."""
    seconds: float
    cpu_seconds: float
    exit_code: int
    """Negative for the number of the signal that killed it."""
    cause: str = ""
    """Why it was ended; empty if it ended by itself."""
    stopped: bool = False
    """Whether that was because the whole run was stopped."""
    log: str = ""
    """Path of its log from the root."""
    tail: Sequence[str] = ()
    """The last lines of it."""

    @property
    def words(self) -> str:
        """Say how it ended."""
        if self.cause:
            return self.cause
        if self.exit_code < 0:
            return f"was killed by {_signal(-self.exit_code)}"
        return f"ended with exit code {self.exit_code}"


def results(task: Task, answers: bytes, ending: Ending) -> list[Result]:
    """Judge each shard of a task.

    One that didn't answer has failed; so has the first one of a process that gave an answer that
    nobody asked for, and the last one of a process that went wrong after its last answer.
    """
    said, wrong = _read(task, answers)
    silent = [shard for shard in task.shards if shard.name not in said]
    if not silent and not ending.stopped and (ending.exit_code or ending.cause):
        what = f"{ending.words} after its last answer{_quoted(ending.tail)}"
        wrong.append((list(said)[-1], "crash", what))
    shares = dict(_shares(list(said), silent, said, ending))
    found: list[Result] = []
    for shard, why in zip(task.shards, task.why, strict=True):
        report = said.get(shard.name)
        findings = [*report.findings] if report else []
        if not report and not ending.stopped:
            wrong.append((shard.name, *_silence(shard, silent[0], ending)))
        findings += (
            _finding(task, shard, rule, what, ending) for n, rule, what in wrong if n == shard.name
        )
        started, seconds, cpu_seconds = shares[shard.name]
        found.append(
            Result(
                shard.lane,
                shard.name,
                _verdict(report, findings),
                why,
                report.checked if report else _not_judged(ending),
                tuple(findings),
                report.measured if report else None,
                report.details if report else {},
                round(started, 3),
                round(seconds, 3),
                round(cpu_seconds, 3),
                ending.log,
            )
        )
    return found


def not_judged(shard: Shard, why: str, because: str) -> Result:
    """Say of a shard that wasn't run why it has no verdict."""
    return Result(shard.lane, shard.name, "unjudged", why, f"not judged because {because}")


def _read(task: Task, answers: bytes) -> tuple[dict[str, Report], list[tuple[str, str, str]]]:
    """Read the answers by shard, in their order, and what is wrong with them."""
    said: dict[str, Report] = {}
    wrong: list[tuple[str, str, str]] = []
    first = task.shards[0].name
    for line in answers.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break  # it was killed while it wrote this
        try:
            report = msgspec.json.decode(line, type=Report)
        except msgspec.DecodeError as error:
            wrong.append((first, "protocol", f"gave an answer that is none: {error}"))
            continue
        if report.shard not in task.job.shards:
            what = f"answered for {report.shard!r}, which wasn't asked for"
            wrong.append((first, "protocol", what))
            wrong += ((first, "protocol", str(finding)) for finding in report.findings)
        elif report.shard in said:
            wrong.append((report.shard, "protocol", "was answered twice: which one holds?"))
            both = [*said[report.shard].findings, *report.findings]
            said[report.shard] = msgspec.structs.replace(report, findings=both)
        else:
            said[report.shard] = report
    return said, wrong


def _shares(
    order: Sequence[str], silent: Sequence[Shard], said: dict[str, Report], ending: Ending
) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Part a process's time: each shard has what lies between the answer before it and its own."""
    at = cpu = 0.0
    names = [*order, *(shard.name for shard in silent)]
    for name in names:
        until, cpu_until = ending.seconds, ending.cpu_seconds
        if name in said and name != names[-1]:
            until = min(max(at, said[name].ended - ending.began), until)
            cpu_until = min(max(cpu, said[name].cpu_seconds), cpu_until)
        yield name, (ending.offset + at, until - at, cpu_until - cpu)
        at, cpu = until, cpu_until


def _verdict(report: Report | None, findings: Sequence[Finding]) -> Verdict:
    if any(finding.severity == "error" for finding in findings):
        return "failed"
    return "ok" if report else "unjudged"


def _not_judged(ending: Ending) -> str:
    return STOPPED if ending.stopped else "nothing"


def _silence(shard: Shard, first: Shard, ending: Ending) -> tuple[str, str]:
    rule = "budget" if ending.cause else "crash"
    if shard is first:
        return rule, f"{ending.words}, without a verdict{_quoted(ending.tail)}"
    return rule, f"has no verdict: the process that it shared with {first.name} {ending.words}"


def _finding(task: Task, shard: Shard, rule: str, what: str, ending: Ending) -> Finding:
    folder = "tools" if shard.name == "tools" else f"packages/{shard.name}"
    reads = shard.reads
    of = {*reads.own, *reads.runs, *reads.calls, *reads.imports, *reads.covers}
    file = folder if shard.name in of else f"tools/src/emel_tools/gates/{shard.lane}.py"
    raised = [*_frames(task.job.root, ending.tail)] if rule == "crash" else []
    # A package that is called with what it can't do is to blame more often than who called it.
    ours = [frame for frame in raised if frame[0].startswith("packages/")]
    at, line = (ours or raised or [(file, 0)])[-1]
    fix = f"nox -s quality_gates -- --only {shard.key} (its log: {ending.log})"
    return Finding(at, line, 0, rule, f"{shard.key} {what}", fix, gate=shard.lane)


def _frames(root: Path, tail: Sequence[str]) -> Iterator[tuple[str, int]]:
    """List the frames of an exception at the end of a log that are of the packages or the tools."""
    for found in filter(None, map(_FRAME.match, tail)):
        path = Path(found[1])
        if path.is_relative_to(root):
            where = path.relative_to(root).as_posix()
            if where.startswith(("packages/", "tools/")):
                yield where, int(found[2])


def _quoted(tail: Sequence[str]) -> str:
    return "".join(f"\n     | {line}" for line in tail) if tail else " and without a word"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
