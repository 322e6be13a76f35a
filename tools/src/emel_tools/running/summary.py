"""The summary: what is wrong, then a line a lane, then the verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from emel_tools.findings import Finding
from emel_tools.running.results import NO_LANES, SAID_ONCE, WORDS, Result, Verdict
from emel_tools.running.run import Run

_FINDINGS: Final = 10
"""Findings shown of one shard."""
_CONTROL: Final = re.compile("[^\t\n\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINES: Final = 60
"""Lines shown of one finding: the end of a log is long."""


def summary(run: Run, rest: str) -> str:
    """Sum up in text, failures first.

    Parameters
    ----------
    run
        The run.
    rest
        Where all is that is left out here.
    """
    lines = [line for result in run.results for line in _trouble(result, rest)]
    lines += (_lane(name, results) for name, results in by_lane(run))
    return clean("\n".join((*lines, verdict(run))))


def clean(text: str) -> str:
    """Show control characters as what they are, so that none reaches a terminal or a document."""
    return _CONTROL.sub("\ufffd", text)


def by_lane(run: Run) -> list[tuple[str, list[Result]]]:
    """Group results by lane, those with a failure first."""
    grouped = [(name, list(them)) for name, them in groupby(run.results, lambda r: r.lane)]
    return sorted(grouped, key=lambda lane: not any(r.verdict == "failed" for r in lane[1]))


def worst_of(results: Sequence[Result]) -> Verdict:
    """Say what shards came to together."""
    return min((result.verdict for result in results), key=list(WORDS).index)


def verdict(run: Run) -> str:
    """Say in one line whether a change may be released."""
    ran = sum(result.ran for result in run.results)
    red = sum(result.verdict == "failed" for result in run.results)
    unjudged = sum(result.verdict == "unjudged" for result in run.results)
    unaffected = len(run.results) - ran - unjudged
    green = f"{'all ' * (ran != 1)}{_shards(ran)} green" if ran else "no shard run"
    words = [f"{red} of {_shards(ran)} red" if red else green]
    words += [f"{unjudged} not judged"] * bool(unjudged)
    words += [f"{unaffected} not run"] * bool(unaffected)
    words += [f"stopped by {run.stopped}"] * bool(run.stopped)
    return f"quality_gates: {', '.join(words)}, {run.seconds:.0f} s, seed {run.seed}"


def counted(results: Sequence[Result]) -> str:
    """Count shards, and what is wrong with them."""
    ran = [result for result in results if result.ran]
    red = sum(result.verdict == "failed" for result in ran)
    unjudged = sum(result.verdict == "unjudged" for result in results)
    shards = _shards(len(ran))
    words = [f"{red} of {shards} red" if red else shards if ran or unjudged else "not run"]
    return ", ".join((*words, *[f"{unjudged} not judged"] * bool(unjudged)))


def _shards(n: int) -> str:
    return f"{n} shard{'s' * (n != 1)}"


def _lane(name: str, results: Sequence[Result]) -> str:
    worst = worst_of(results)
    ran = any(result.ran for result in results)
    seconds = f"{sum(result.seconds for result in results):.1f} s" if ran else ""
    red = worst in ("failed", "unjudged")
    again = f"nox -s quality_gates -- --only {name}" if red and name not in NO_LANES else ""
    return f"{WORDS[worst]:<4}  {name:<12}  {seconds:>8}  {counted(results):<24}  {again}".rstrip()


def _trouble(result: Result, rest: str) -> Iterator[str]:
    """Say what is wrong with a shard; warnings too, which make nothing red."""
    if result.verdict == "failed":
        yield f"FAIL  {result.key}  {result.seconds:.1f} s  ({result.checked})"
    elif result.findings:
        yield f"warn  {result.key}  ({result.checked})"
    elif result.verdict == "unjudged" and result.checked not in SAID_ONCE:
        yield f"----  {result.key}  {result.checked}"
        return
    for finding in result.findings[:_FINDINGS]:
        yield from _lines(finding, rest)
    left = len(result.findings) - _FINDINGS
    if left > 0:
        yield f"      ... and {left} more: {rest}"
    if result.verdict == "failed":
        yield f"      again: {result.command}"
        yield ""


def _lines(finding: Finding, rest: str) -> Iterator[str]:
    lines = str(finding).removeprefix("FAIL ").splitlines()
    yield from (f"      {line}" for line in lines[:_LINES])
    if len(lines) > _LINES:
        yield f"      ... and {len(lines) - _LINES} lines more: {rest}"
