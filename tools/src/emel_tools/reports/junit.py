"""A run as JUnit XML: one suite a lane, one case a shard."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from emel_tools.running.results import Result
from emel_tools.running.run import Run
from emel_tools.running.summary import clean, verdict


def junit_of(run: Run) -> str:
    """Write the document.

    A red shard is a `failure`, one without a verdict an `error`, one that needn't have run is
    `skipped`. Warnings stand in the case's `system-out`.
    """
    lanes = dict.fromkeys(result.lane for result in run.results)
    suites = [(lane, [r for r in run.results if r.lane == lane]) for lane in lanes]
    head = f"<testsuites name={_quoted(verdict(run))} {_counts(run.results)}>"
    body = [line for lane, results in suites for line in _suite(lane, results, run.seed)]
    return "\n".join(('<?xml version="1.0" encoding="UTF-8"?>', head, *body, "</testsuites>", ""))


def _suite(lane: str, results: Sequence[Result], seed: int) -> list[str]:
    skipped = sum(result.verdict == "unaffected" for result in results)
    head = f'  <testsuite name={_quoted(lane)} {_counts(results)} skipped="{skipped}">'
    seeded = f'    <properties><property name="seed" value="{seed}"/></properties>'
    cases = [line for result in results for line in _case(result)]
    return [head, seeded, *cases, "  </testsuite>"]


def _counts(results: Sequence[Result]) -> str:
    failures = sum(result.verdict == "failed" for result in results)
    errors = sum(result.verdict == "unjudged" for result in results)
    seconds = sum(result.seconds for result in results)
    counts = f'tests="{len(results)}" failures="{failures}" errors="{errors}"'
    return f'{counts} time="{seconds:.3f}"'


def _case(result: Result) -> list[str]:
    lane, name, text = _quoted(result.lane), _quoted(result.shard), _text(result)
    head = f'    <testcase classname={lane} name={name} time="{result.seconds:.3f}">'
    if result.verdict == "failed":
        what = f"{len(result.findings)} to fix ({result.checked})"
        inside = f'<failure message={_quoted(what)} type="findings">{text}</failure>'
    elif result.verdict == "unjudged":
        inside = f'<error message={_quoted(result.checked)} type="unjudged"/>'
    elif result.verdict == "unaffected":
        inside = f"<skipped message={_quoted(result.why)}/>"
    else:
        told = escape(clean(result.checked)) + (f"\n{text}" if text else "")
        inside = f"<system-out>{told}</system-out>"
    return [head, f"      {inside}", "    </testcase>"]


def _text(result: Result) -> str:
    return escape(clean("\n".join(str(finding) for finding in result.findings)))


def _quoted(text: str) -> str:
    return quoteattr(clean(text))
