"""The result model that all gates share: order, and what each form of report says."""

import json

import pytest

from emel_tools.findings import Finding, in_order
from emel_tools.reports import report

OPEN = Finding(
    "packages/a/src/a.py",
    3,
    5,
    "capability-files",
    "a opens files: open",
    "ask a strategy",
    "nobody",
)
STALE = Finding.at("docs/a.mmd", "the drawing is stale", "nox -s docs")
NEWS = Finding("docs/a.md", 1, 0, "checks", "the checks in a: 1 recorded, 2 now", "accept it")
MAYBE = OPEN._replace(severity="warning", line=1)


@pytest.mark.behaviour("GATE-07")
@pytest.mark.parametrize(
    ("where", "file", "line", "rule"),
    [
        ("a/b.py:12", "a/b.py", 12, ""),
        ("a/b.py", "a/b.py", 0, ""),
        (".importlinter [layers]", ".importlinter", 0, "layers"),
    ],
)
def test_a_place_is_read_as_people_write_it(where, file, line, rule):
    finding = Finding.at(where, "what", "fix")
    assert (finding.file, finding.line, finding.rule) == (file, line, rule)


@pytest.mark.behaviour("GATE-07")
def test_findings_are_in_the_same_order_however_they_come_each_once_and_errors_first():
    expected = [STALE, OPEN, NEWS, MAYBE]
    for given in ([NEWS, OPEN, STALE, MAYBE], [MAYBE, OPEN, STALE, OPEN, NEWS], expected):
        assert in_order("gate", given) == [f._replace(gate="gate") for f in expected]


@pytest.mark.behaviour("GATE-07")
def test_the_console_has_failures_first_each_with_its_fix_and_then_the_verdict(capsys):
    assert report("boundaries", [MAYBE, OPEN], "2 files") == 1
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "FAIL packages/a/src/a.py:3:5: [capability-files] a opens files: open",
        "     owner: nobody",
        "     fix: ask a strategy",
        "WARN packages/a/src/a.py:1:5: [capability-files] a opens files: open",
        "     owner: nobody",
        "     fix: ask a strategy",
    ]
    assert printed.out == "boundaries: 2 to fix (2 files)\n"


@pytest.mark.behaviour("GATE-07")
@pytest.mark.parametrize("form", ["console", "json", "sarif", "github"])
def test_a_warning_alone_is_green(capsys, form):
    assert report("boundaries", [MAYBE], "1 file", form) == 0
    assert report("boundaries", [], "1 file", form) == 0


@pytest.mark.behaviour("GATE-07")
def test_json_holds_every_field(capsys):
    report("boundaries", [OPEN], "2 files", "json")
    document = json.loads(capsys.readouterr().out)
    assert document["findings"] == [OPEN._replace(gate="boundaries")._asdict()]
    assert (document["gate"], document["ok"], document["checked"]) == (
        "boundaries",
        False,
        "2 files",
    )


@pytest.mark.behaviour("GATE-07")
def test_sarif_is_a_log_of_one_run_with_rules_levels_and_regions(capsys):
    report("boundaries", [OPEN, STALE, MAYBE], "2 files", "sarif")
    log = json.loads(capsys.readouterr().out)
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["boundaries", "capability-files"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert "Fix: " in result["message"]["text"]
    assert [result["level"] for result in run["results"]] == ["error", "error", "warning"]
    places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
    assert [place["artifactLocation"]["uri"] for place in places] == [
        "docs/a.mmd",
        "packages/a/src/a.py",
        "packages/a/src/a.py",
    ]
    assert "region" not in places[0]  # a region needs a line, which counts from 1
    assert places[1]["region"] == {"startLine": 3, "startColumn": 5}


_SLY = (
    "::error file=a%2Cb%3Ac.py,line=3,col=5,title=boundaries capability-files"
    "::100 %25%0Aof it%0Aowner: nobody%0Afix: ask a strategy"
)


@pytest.mark.behaviour("GATE-07")
def test_github_gets_one_escaped_command_a_finding(capsys):
    sly = OPEN._replace(file="a,b:c.py", what="100 %\nof it")
    report("boundaries", [sly, STALE], "2 files", "github")
    assert capsys.readouterr().out.splitlines() == [
        _SLY,
        "::error file=docs/a.mmd,title=boundaries::the drawing is stale%0Afix: nox -s docs",
        "boundaries: 2 to fix (2 files)",
    ]
