"""The shards on a time axis, one row for each process that ran beside another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from emel_tools.reports.markup import Markup, tag
from emel_tools.running.results import WORDS, Result
from emel_tools.running.run import Run

_WIDTH: Final = 1000
_ROW: Final = 34
_BAR: Final = 26
_CHARACTER: Final = 7.2
"""Width of a letter in a bar."""
_LEAST: Final = 1.5
"""Width of the shortest bar, which would be too narrow to be seen or met."""


def axis(run: Run) -> Markup:
    """Draw every shard that ran, from when it began, as long as it took."""
    ran = sorted((r for r in run.results if r.ran and r.seconds), key=lambda r: (r.started, r.key))
    if not ran:
        return tag("p", "Nothing ran.", class_="quiet")
    rows = list(_rows(ran))
    until = max(result.started + result.seconds for result in ran)
    height = _ROW * (max(rows) + 1)
    bars = [_bar(result, row, _WIDTH / until) for result, row in zip(ran, rows, strict=True)]
    told = f"{len(ran)} shards in {max(rows) + 1} rows over {until:.0f} s; the table has them all"
    svg = tag(
        "svg",
        *_ticks(until, height),
        *bars,
        class_="axis",
        viewBox=f"0 0 {_WIDTH} {height + 24}",
        role="img",
        aria_label=told,
    )
    return tag("div", svg, class_="wide", tabindex="0", role="region", aria_label="Time axis")


def _rows(ran: Sequence[Result]) -> Iterator[int]:
    """Give each shard, by when it began, the first row that is free."""
    free: list[float] = []
    for result in ran:
        row = next((i for i, at in enumerate(free) if at <= result.started + 1e-6), len(free))
        free[row : row + 1] = [result.started + result.seconds]
        yield row


def _bar(result: Result, row: int, scale: float) -> Markup:
    x, y = result.started * scale, row * _ROW
    width = max(result.seconds * scale, _LEAST)
    told = f"{WORDS[result.verdict]} {result.key}, {result.seconds:.1f} s ({result.checked})"
    mark = "✗ " if result.verdict == "failed" else ""
    letters = int((width - 8) / _CHARACTER) - len(mark)
    label = result.key if letters >= len(result.key) else result.key[: max(0, letters - 1)] + "…"
    shown = tag("text", mark + label, x=f"{x + 4:.1f}", y=y + 18) if letters > 3 else None
    shape = tag("rect", x=f"{x:.1f}", y=y, width=f"{width:.1f}", height=_BAR, rx=3)
    return tag("g", tag("title", told), shape, shown, class_=result.verdict)


def _ticks(until: float, height: int) -> Iterator[Markup]:
    """Draw a line every so many seconds."""
    steps = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
    step = next((step for step in steps if until / step <= 10), 3600)
    for second in range(0, int(until) + 1, step):
        x = f"{second * _WIDTH / until:.1f}"
        yield tag("line", x1=x, y1=0, x2=x, y2=height, class_="tick")
        yield tag("text", f"{second} s", x=x, y=height + 16, class_="tick")
