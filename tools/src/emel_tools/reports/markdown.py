"""A run as GitHub shows it: a summary of the step, and annotations beside the lines."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from emel_tools.reports.forms import annotation
from emel_tools.running.results import Result
from emel_tools.running.run import Run
from emel_tools.running.summary import by_lane, clean, counted, verdict, worst_of

LIMIT: Final = (1 << 20) - (8 << 10)
"""Bytes of a summary; GitHub refuses one of 1 MiB, and other steps' parts count too."""
ANNOTATIONS: Final = 10
"""Of one step, of which GitHub shows no more."""
_LONGEST: Final = 4000
"""Characters shown of one finding."""
_FINDINGS: Final = 100
"""Findings shown of one shard."""
_MARKS: Final = {"failed": "❌", "unjudged": "❔", "ok": "✅", "unaffected": "⚪"}


def markdown_of(run: Run, limit: int = LIMIT) -> str:
    """Write the summary: the verdict, the lanes, what is red, and, folded, every shard.

    Parameters
    ----------
    run
        The run.
    limit
        Bytes that it may have. Whole parts are left out from the end, and it says how many.
    """
    parts = [f"## {_plain(verdict(run))}\n", _lanes(run)]
    parts += (_red(result) for result in run.results if result.verdict == "failed")
    parts += (_shards(lane, results) for lane, results in by_lane(run))
    kept: list[str] = []
    left, note = limit - 200, ""
    for i, part in enumerate(parts):
        left -= len(part.encode()) + 1
        if left < 0:
            note = f"\n{len(parts) - i} parts are left out: see `index.html` among the reports.\n"
            break
        kept.append(part)
    return "\n".join(kept) + note


def annotations_of(run: Run) -> list[str]:
    """Write the first findings as workflow commands."""
    red = [result for result in run.results if result.verdict == "failed"]
    errors = [(r.lane, f) for r in red for f in r.findings if f.severity == "error"]
    return [annotation(lane, finding) for lane, finding in errors[:ANNOTATIONS]]


def guarded(text: str) -> str:
    """Print text so that no line of it is taken for a workflow command."""
    token = f"quoted-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return f"::stop-commands::{token}\n{text}\n::{token}::"


def _lanes(run: Run) -> str:
    rows = ["| | lane | | seconds | demands |", "|---|---|---|---:|---|"]
    for lane, results in by_lane(run):
        seconds = sum(result.seconds for result in results)
        what = _plain(run.demands.get(lane, ""))
        mark = _MARKS[worst_of(results)]
        rows.append(f"| {mark} | {_plain(lane)} | {counted(results)} | {seconds:.1f} | {what} |")
    return "\n".join((*rows, ""))


def _red(result: Result) -> str:
    shown = result.findings[:_FINDINGS]
    blocks = [escape(clean(_cut(str(finding)))) for finding in shown]
    left = len(result.findings) - len(shown)
    blocks += [f"... and {left} more: see index.html among the reports"] * bool(left)
    findings = "\n\n".join(blocks)
    head = f"### ❌ {_plain(result.key)}\n\n`{result.command}`\n"
    return f"{head}\n<pre>{findings}</pre>\n"


def _shards(lane: str, results: Sequence[Result]) -> str:
    head = f"<details><summary>{_plain(lane)}: {counted(results)}</summary>"
    table = ("| | shard | seconds | checked | why |", "|---|---|---:|---|---|", *_rows(results))
    return "\n".join((head, "", *table, "", "</details>", ""))


def _rows(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        shard, checked, why = (_plain(t) for t in (result.shard, result.checked, result.why))
        mark = _MARKS[result.verdict]
        yield f"| {mark} | {shard} | {result.seconds:.1f} | {checked} | {why} |"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} [...]"


def _plain(text: str) -> str:
    """Write text so that Markdown sees nothing in it but text."""
    shown = clean(" ".join(_cut(text).split()))
    return re.sub(r"[^\w\s.,:;/()%-]", lambda mark: f"&#{ord(mark[0])};", shown)
