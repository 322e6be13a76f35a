"""Small plots: how the values of a snapshot's lines went."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from emel_tools.reports.history import History, Series
from emel_tools.reports.markup import Markup, joined, tag
from emel_tools.running.run import Run

_WIDTH: Final = 160
_HEIGHT: Final = 28
_MARGIN: Final = 4
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")


def plots(history: History, run: Run) -> Markup:
    """Draw the lines of every file, with what this run measured as their last point."""
    if not history:
        return tag("p", "Git knows of no costs or ratios here.", class_="quiet")
    measured = {f"snapshots/{r.lane}/{r.shard}.txt": r.measured or {} for r in run.results}
    return joined(_file(path, series, measured.get(path, {})) for path, series in history.items())


def _file(path: str, lines: Sequence[Series], measured: Mapping[str, str]) -> Markup:
    rows = [_row(line, measured.get(line.key)) for line in lines]
    moved = sum(len({*line.values, measured.get(line.key, line.values[-1])}) > 1 for line in lines)
    name = "/".join(PurePosixPath(path).with_suffix("").parts[1:])
    told = f"{name}: {len(lines)} lines, {moved} of which ever changed"
    head = tag("tr", *(tag("th", word, scope="col") for word in ("line", "course", "now")))
    table = tag("table", tag("caption", path), tag("thead", head), tag("tbody", *rows))
    return tag("details", tag("summary", told), tag("div", table, class_="wide"))


def _row(line: Series, now: str | None) -> Markup:
    values, commits = [*line.values], [*line.commits]
    if now is not None and now != values[-1]:
        values.append(now)
        commits.append("this run")
    course = _plot(line.key, commits, values) if len(set(values)) > 1 else None
    key = tag("th", tag("code", line.key), scope="row")
    return tag("tr", key, tag("td", course), tag("td", values[-1], class_="number"))


def _plot(key: str, commits: Sequence[str], values: Sequence[str]) -> Markup | None:
    """Draw one line, if its values are numbers."""
    found = [_NUMBER.search(value) for value in values]
    numbers = [float(match[0]) for match in found if match]
    if len(numbers) < len(values):
        return tag("span", f"{len(values)} values", class_="quiet")
    least, most = min(numbers), max(numbers)
    span = (most - least) or 1.0
    step = (_WIDTH - 2 * _MARGIN) / (len(numbers) - 1)
    room = _HEIGHT - 2 * _MARGIN
    points = [
        (_MARGIN + i * step, _MARGIN + room * (1 - (number - least) / span))
        for i, number in enumerate(numbers)
    ]
    told = ", ".join(f"{commit}: {value}" for commit, value in zip(commits, values, strict=True))
    return tag(
        "svg",
        tag("title", told),
        tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points)),
        tag("circle", cx=f"{points[-1][0]:.1f}", cy=f"{points[-1][1]:.1f}", r="3"),
        class_="plot",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        width=_WIDTH,
        height=_HEIGHT,
        role="img",
        aria_label=f"{key}, from {values[0]} to {values[-1]}",
    )
