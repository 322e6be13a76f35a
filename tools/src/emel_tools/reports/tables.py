"""What the page shows as tables: lanes and shards, what isn't covered, what is promised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from emel_tools.reports.details import Coverage, Module, Promise, Promises, count, shown
from emel_tools.reports.markup import Markup, joined, tag
from emel_tools.running.results import Result, Verdict
from emel_tools.running.run import Run
from emel_tools.running.summary import by_lane, counted, worst_of

_SYMBOLS: Final = {"failed": "✗", "unjudged": "?", "ok": "✓", "unaffected": "○"}


def verdict_mark(verdict: Verdict) -> Markup:
    """Show a verdict by a symbol, a word and a colour."""
    told = f"{_SYMBOLS[verdict]} {'not run' if verdict == 'unaffected' else verdict}"
    return tag("span", told, class_=f"mark {verdict}")


def table(caption: str, columns: Sequence[str], rows: Sequence[Markup]) -> Markup:
    """Make a table that a narrow screen can scroll."""
    head = tag("tr", *(tag("th", column, scope="col") for column in columns))
    made = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *rows))
    return tag("div", made, class_="wide", tabindex="0", role="region", aria_label=caption)


def lanes(run: Run) -> Markup:
    """Show each lane with its shards, the red ones open."""
    return joined(_lane(run, lane, results) for lane, results in by_lane(run))


def _lane(run: Run, lane: str, results: Sequence[Result]) -> Markup:
    worst = worst_of(results)
    seconds = sum(result.seconds for result in results)
    told = f" {lane}: {counted(results)}, {seconds:.1f} s "
    demand = tag("span", run.demands.get(lane), class_="quiet")
    columns = ("shard", "verdict", "seconds", "CPU seconds", "checked", "why it ran, or not")
    rows = [_shard(result) for result in results]
    is_open = "open" if worst == "failed" else None
    summary = tag("summary", verdict_mark(worst), told, demand)
    return tag("details", summary, table(f"Shards of {lane}", columns, rows), open=is_open)


def _shard(result: Result) -> Markup:
    return tag(
        "tr",
        tag("th", result.shard, scope="row"),
        tag("td", verdict_mark(result.verdict)),
        tag("td", f"{result.seconds:.2f}" if result.ran else None, class_="number"),
        tag("td", f"{result.cpu_seconds:.2f}" if result.ran else None, class_="number"),
        tag("td", result.checked),
        tag("td", result.why),
    )


def coverage(run: Run) -> Markup:
    """Show what each package's own tests leave out, by module."""
    parts: list[Markup] = []
    for result, found in shown(run, "coverage", Coverage):
        if found is None:
            parts.append(_strange(result))
            continue
        lines = sum(count(module.missing_lines) for module in found.modules)
        branches = sum(count(module.missing_branches) for module in found.modules)
        told = f"{result.shard}: {lines} lines and {branches} branches missing"
        rows = [_module(module) for module in found.modules]
        columns = ("module", "missing lines", "missing branches")
        inside = table(f"Coverage of {result.shard}", columns, rows)
        parts.append(tag("details", tag("summary", told), inside))
    return joined(parts) if parts else _absent("coverage")


def _module(module: Module) -> Markup:
    return tag(
        "tr",
        tag("th", tag("code", module.module), scope="row"),
        tag("td", str(count(module.missing_lines)), class_="number"),
        tag("td", str(count(module.missing_branches)), class_="number"),
    )


def behaviours(run: Run) -> Markup:
    """Show what is promised, by package, and what proves it."""
    promises: list[Promise] = []
    parts: list[Markup] = []
    for result, found in shown(run, "behaviours", Promises):
        promises += found.promises if found else ()
        parts += [_strange(result)] * (found is None)
    for package in dict.fromkeys(promise.package for promise in promises):
        them = [promise for promise in promises if promise.package == package]
        proved = sum(promise.outcome == "passed" for promise in them)
        told = f"{package}: {proved} of {len(them)} promises proved"
        columns = ("id", "outcome", "promise", "tests")
        inside = table(f"Promises of {package}", columns, [_promise(each) for each in them])
        is_open = "open" if proved < len(them) else None
        parts.append(tag("details", tag("summary", told), inside, open=is_open))
    return joined(parts) if parts else _absent("behaviours")


def _promise(promise: Promise) -> Markup:
    verdict: Verdict = "ok" if promise.outcome == "passed" else "failed"
    mark = tag("span", f"{_SYMBOLS[verdict]} {promise.outcome}", class_=f"mark {verdict}")
    return tag(
        "tr",
        tag("th", promise.id, scope="row"),
        tag("td", mark),
        tag("td", promise.promise),
        tag("td", joined(_tests(promise))),
    )


def _tests(promise: Promise) -> Iterator[Markup]:
    """List the tests, folded if there are many; those that didn't pass with what they came to."""
    told = [
        tag(
            "li", tag("code", test.nodeid), None if test.outcome == "passed" else f" {test.outcome}"
        )
        for test in promise.tests
    ]
    if len(told) > 2:
        yield tag("details", tag("summary", f"{len(told)} tests"), tag("ul", *told))
    elif told:
        yield tag("ul", *told)


def _absent(lane: str) -> Markup:
    return tag("p", f"The lane {lane} handed out nothing in this run.", class_="quiet")


def _strange(result: Result) -> Markup:
    return tag("p", f"{result.key} handed out something of another shape.", class_="quiet")
