"""A run as one page that needs nothing but itself: no script, no request, from any folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from emel_tools.findings import Finding
from emel_tools.reports import tables
from emel_tools.reports.axis import axis
from emel_tools.reports.history import History
from emel_tools.reports.markup import Markup, joined, tag
from emel_tools.reports.picture import House, picture
from emel_tools.reports.plots import plots
from emel_tools.reports.style import STYLE
from emel_tools.running.results import Result
from emel_tools.running.run import Run
from emel_tools.running.summary import verdict

_FINDINGS: Final = 500
"""Findings shown of one shard."""
_FILES: Final = 500
"""Changed files that are listed."""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""A browser refuses whatever the page would ask for."""


class Surroundings(NamedTuple):
    """What the page shows beside the run."""

    history: History
    house: House | None


def page_of(run: Run, around: Surroundings) -> str:
    """Write the page."""
    sections = {
        "red": ("What is red", _red(run)),
        "time": ("Time", axis(run)),
        "lanes": ("Lanes and shards", tables.lanes(run)),
        "promises": ("Promises", tables.behaviours(run)),
        "coverage": ("What tests leave out", tables.coverage(run)),
        "costs": ("Costs and ratios over time", plots(around.history, run)),
        "house": ("The house", picture(around.house, run)),
    }
    links = [tag("li", tag("a", title, href=f"#{name}")) for name, (title, _) in sections.items()]
    body = tag(
        "body",
        tag("a", "Skip to what is red", href="#red", class_="skip"),
        tag("header", tag("h1", verdict(run)), _facts(run)),
        tag("nav", tag("ul", *links), aria_label="Parts of this page"),
        tag(
            "main",
            *(
                tag("section", tag("h2", title, id=name), inside, aria_labelledby=name)
                for name, (title, inside) in sections.items()
            ),
        ),
    )
    return f"<!DOCTYPE html>\n{tag('html', _head(run), body, lang='en')}\n"


def _head(run: Run) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{'green' if run.is_green else 'red'}: quality_gates"),
        tag("style", Markup(STYLE)),
    )


def _facts(run: Run) -> Markup:
    again = " --full" if run.full else f" --base {run.base}" if run.base else ""
    facts = {
        "compared with": run.base or "nothing",
        "scope": "everything" if run.full else "what a change can affect",
        "Python": run.python,
        "again": tag("code", f"nox -s quality_gates --{again} --seed {run.seed}"),
    }
    shown = [tag("li", tag("code", file)) for file in run.changed[:_FILES]]
    left = len(run.changed) - len(shown)
    shown += [tag("li", f"and {left} more: see gate.json")] * bool(left)
    changed = tag("details", tag("summary", f"{len(run.changed)} files changed"), tag("ul", *shown))
    return joined((tag("dl", _pairs(facts)), changed))


def _red(run: Run) -> Markup:
    failed = [_article(result) for result in run.results if result.verdict == "failed"]
    unjudged = [
        tag("li", f"{result.key}: {result.checked}")
        for result in run.results
        if result.verdict == "unjudged"
    ]
    warned = [_article(r) for r in run.results if r.verdict == "ok" and r.findings]
    if not failed and not unjudged:
        failed = [tag("p", "Nothing is red.")]
    return joined((*failed, tag("ul", *unjudged) if unjudged else None, *warned))


def _article(result: Result) -> Markup:
    shown = [_finding(finding) for finding in result.findings[:_FINDINGS]]
    left = len(result.findings) - len(shown)
    told = f" {result.key}, {result.seconds:.1f} s ({result.checked})"
    return tag(
        "article",
        tag("h3", tables.verdict_mark(result.verdict), told),
        tag("p", "again: ", tag("code", result.command)),
        *shown,
        tag("p", f"and {left} more: see gate.json") if left else None,
        tag("p", f"its log: {result.log}", class_="quiet") if result.log else None,
        class_="warned" if result.verdict == "ok" else None,
    )


def _finding(finding: Finding) -> Markup:
    rows = {
        "where": tag("code", finding.where),
        "rule": finding.rule,
        "what": tag("pre", finding.what),
        "owner": finding.owner,
        "fix": tag("pre", finding.fix),
    }
    return tag("dl", _pairs(rows), class_="finding")


def _pairs(rows: Mapping[str, str]) -> Markup:
    """Put what is known under its name."""
    return joined(joined((tag("dt", name), tag("dd", what))) for name, what in rows.items() if what)
