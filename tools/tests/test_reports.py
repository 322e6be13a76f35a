"""What is written of a run: the same in every form, and nothing that a file says is markup."""

import json
import subprocess
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from emel_tools.findings import Finding
from emel_tools.reports.axis import axis
from emel_tools.reports.details import Coverage, Promises, count, shown
from emel_tools.reports.history import Series, history
from emel_tools.reports.junit import junit_of
from emel_tools.reports.markdown import annotations_of, guarded, markdown_of
from emel_tools.reports.page import Surroundings, page_of
from emel_tools.reports.picture import House, house_of, picture
from emel_tools.reports.plots import plots
from emel_tools.reports.publish import publish
from emel_tools.reports.sarif import sarif_of
from emel_tools.running.results import Result
from emel_tools.running.run import Run

ROOT = Path(__file__).resolve().parents[2]
SLY = "</pre><script>alert(1)</script> & \"'`|*_[x](y) \x1b[31m\x00 ]]> @all #1 ünï"
FINDING = Finding("a b/<x>.py", 3, 5, "worse<", SLY, SLY, SLY)
PROMISES = {
    "promises": [
        {
            "id": "A-01",
            "promise": SLY,
            "package": "a",
            "tests": [{"nodeid": "t::a", "outcome": "passed"}],
        },
        {
            "id": "A-02",
            "promise": "two",
            "package": "a",
            "tests": [{"nodeid": "t::b", "outcome": "failed"}],
        },
        {"id": "A-03", "promise": "three", "package": "a", "tests": []},
    ]
}
MODULES = [
    {"module": "emel_a.x", "missing_lines": [3, 4], "missing_branches": ["3->5"]},
    {"module": SLY, "missing_lines": 5, "missing_branches": 0},
]
RUN = Run(
    (
        Result(
            "tests",
            "a",
            "failed",
            SLY,
            SLY,
            (FINDING, FINDING._replace(line=0, severity="warning")),
            started=0.0,
            seconds=2.0,
            log="l",
        ),
        Result("tests", "b", "ok", "why", "312 passed", started=0.0, seconds=3.0),
        Result("costs", "a", "ok", "why", "2 workloads", (), {"reads": "9"}, {}, 2.0, 2.5),
        Result("coverage", "a", "unjudged", "why", "not judged because tests/a failed"),
        Result("coverage", "b", "ok", "why", "2 modules", (), None, {"modules": MODULES}),
        Result("behaviours", "a", "ok", "why", "3 promises", (), None, PROMISES),
        Result("api", "a", "unaffected", SLY),
    ),
    seed=7,
    seconds=4.5,
    base="14d9797",
    changed=(SLY, "b.py"),
    python="3.11.7",
    demands={"tests": SLY},
)
HISTORY = {
    "snapshots/costs/a.txt": (
        Series("reads", ("c1", "c2", "c3"), ("3", "4", "2.5 times")),
        Series(SLY, ("c1",), ("3",)),
        Series("words", ("c1", "c2"), ("few", "many")),
    )
}
HOUSE = House(
    {"face": ("emel",), "files": ("emel_a", "emel_b"), "machine": ("emel_c<",)},
    (("emel", "emel_a"), ("emel", "emel_c<"), ("emel_a", "emel_c<")),
)
AROUND = Surroundings(HISTORY, HOUSE)


class Page(HTMLParser):
    """Reads a page, and holds its tags to each other."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attributes]
        names = [name for name, _ in attributes]
        assert len({*names}) == len(names)
        if tag not in ("meta", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def values(self, name):
        return [value for _, key, value in self.attributes if key == name]


@pytest.fixture(scope="module")
def page():
    return Page(page_of(RUN, AROUND))


@pytest.mark.behaviour("GATE-90")
def test_the_page_is_whole_and_asks_for_nothing(page):
    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(page.tags)
    assert all(value.startswith("#") for value in page.values("href"))
    assert page.values("src") == []
    assert "default-src 'none'; style-src 'unsafe-inline'" in page.values("content")
    assert "@import" not in page_of(RUN, AROUND)
    assert page.values("marker-end") == ["url(#arrowhead)"] * 3


@pytest.mark.behaviour("GATE-90")
def test_every_id_is_there_once_and_everything_that_is_referred_to_has_one(page):
    ids = page.values("id")
    assert len({*ids}) == len(ids)
    referred = [value[1:] for value in page.values("href")] + page.values("aria-labelledby")
    assert {*referred} <= {*ids}


@pytest.mark.behaviour("GATE-90")
def test_nothing_that_a_file_says_is_markup(page):
    shown = SLY.replace("\x1b", "\ufffd").replace("\x00", "\ufffd")
    text = "".join(page.texts)
    assert text.count(shown) >= 10  # in findings, promises, modules, keys, demands and reasons
    assert page_of(RUN, AROUND).encode()  # and all of it can be written


@pytest.mark.behaviour("GATE-90")
def test_what_is_red_comes_first_with_place_fix_and_command(page):
    text = "".join(page.texts).partition("The house")[2]  # after the links
    order = (
        "What is red",
        "nox -s quality_gates -- --only tests/a",
        "a b/<x>.py:3:5",
        "Time",
        "Lanes and shards",
        "312 passed",
    )
    places = [text.rindex(words) if words == "312 passed" else text.index(words) for words in order]
    assert places == sorted(places)
    assert "coverage/a: not judged because tests/a failed" in text


@pytest.mark.behaviour("GATE-90")
def test_the_page_can_be_read_without_seeing_it_and_on_a_phone(page):
    assert ("html", "lang", "en") in page.attributes
    assert "width=device-width, initial-scale=1" in page.values("content")
    svgs = page.tags.count("svg")
    assert page.values("role").count("img") == svgs >= 3
    labelled = [tag for tag, name, value in page.attributes if name == "aria-label" and value]
    assert labelled.count("svg") == svgs
    assert page.tags.count("caption") == page.tags.count("table")
    assert page.tags.count("h1") == 1
    assert {"main", "nav", "header"} <= {*page.tags}
    scopes = [name for tag, name, _ in page.attributes if tag == "th"]
    assert scopes.count("scope") == page.tags.count("th")


@pytest.mark.behaviour("GATE-91")
def test_shards_stand_on_the_axis_where_and_as_long_as_they_ran(page):
    drawn = Page(axis(RUN))
    assert drawn.tags.count("rect") == 3
    assert [v for t, n, v in drawn.attributes if t == "rect" and n == "y"] == ["0", "34", "0"]
    assert [v for t, n, v in drawn.attributes if t == "rect" and n == "x"] == [
        "0.0",
        "0.0",
        "444.4",
    ]
    assert [v for t, n, v in drawn.attributes if (t, n) == ("rect", "width")] == [
        "444.4",
        "666.7",
        "555.6",
    ]
    text = "".join(drawn.texts)
    assert "FAIL tests/a, 2.0 s" in text
    assert "✗ tests/a" in text  # not by its colour alone
    assert "Nothing ran" in axis(Run((RUN.results[-1],), 1, 0.0))


@pytest.mark.behaviour("GATE-91")
def test_what_a_line_was_over_the_commits_is_plotted_up_to_this_run():
    drawn = Page(plots(HISTORY, RUN))
    text = "".join(drawn.texts)
    assert "c1: 3, c2: 4, c3: 2.5 times, this run: 9" in text
    assert "costs/a: 3 lines, 2 of which ever changed" in text
    assert drawn.tags.count("polyline") == 1  # words can't be plotted, one value needn't be
    assert "2 values" in text
    (points,) = drawn.values("points")
    assert points == "4.0,22.5 54.7,19.4 105.3,24.0 156.0,4.0"


@pytest.mark.behaviour("GATE-91")
def test_promises_and_missing_coverage_are_tables(page):
    text = "".join(page.texts)
    assert "a: 1 of 3 promises proved" in text
    assert "✗ unproved" in text
    assert "b: 7 lines and 1 branches missing" in text
    odd = Run((Result("coverage", "b", "ok", "", "", (), None, {"modules": 3}),), 1, 1.0)
    assert [found for _, found in shown(odd, "coverage", Coverage)] == [None]
    assert "something of another shape" in page_of(odd, AROUND)
    assert count(((3, 5), (7, 9))) == 2
    ((_, found),) = shown(RUN, "behaviours", Promises)
    assert [promise.outcome for promise in found.promises] == ["passed", "failed", "unproved"]


@pytest.mark.behaviour("GATE-91")
def test_the_house_has_a_room_a_package_an_arrow_an_import_and_marks_what_is_red():
    drawn = Page(picture(HOUSE, RUN))
    text = "".join(drawn.texts)
    assert drawn.tags.count("rect") == 4
    assert drawn.values("marker-end") == ["url(#arrowhead)"] * 3
    assert "✗ emel_a" in text
    assert "emel imports emel_a, emel_c<" in text
    here = house_of(ROOT)
    assert next(iter(here.layers)) == "tools"
    assert ("emel", "emel_io_mmap") in here.arrows
    assert "no table of layers" in picture(None, RUN)


@pytest.fixture
def torn(tmp_path, monkeypatch):
    """A repository of one package, in which something may be wrong."""
    source = tmp_path / "packages" / "torn" / "src"
    (source / "emel_torn").mkdir(parents=True)
    (source / "emel_torn" / "__init__.py").write_text("")
    table = "[importlinter]\nrooms = emel_torn\n"
    table += "[importlinter:contract:house]\ntype = layers\nlayers = rooms\n"
    (tmp_path / ".importlinter").write_text(table)
    monkeypatch.syspath_prepend(str(source))
    return source / "emel_torn"


@pytest.mark.behaviour("GATE-91")
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("torn.py", b"def torn(:\n", "Syntax error in"),
        ("torn.py", b"\xff", "Failed to decode"),
        ("o\udcffd.py", b"", ""),  # at which grimp panics, which is no Exception
        ("loop.py", None, "Too many levels of symbolic links"),
    ],
)
def test_a_package_that_is_no_python_costs_the_house_its_arrows_and_nothing_else(
    torn, name, content, says
):
    if content is None:
        (torn / name).symlink_to(name)
    else:
        (torn / name).write_bytes(content)
    house = house_of(torn.parents[3])
    assert house.arrows == ()
    text = "".join(Page(picture(house, RUN)).texts)
    assert "emel_torn" in text
    assert "The imports can't be read: " in text
    assert says in text
    assert str(torn.parents[3]) not in text


@pytest.mark.behaviour("GATE-91")
def test_what_breaks_the_house_without_a_word_is_named(torn, monkeypatch):
    def broken(_):
        raise RuntimeError

    monkeypatch.setattr("emel_tools.boundaries.page.house", broken)
    assert house_of(torn.parents[3]).trouble == "RuntimeError"


@pytest.mark.behaviour("GATE-91")
def test_a_package_that_is_not_installed_costs_the_house_its_arrows_and_nothing_else(torn):
    source = torn.parents[2] / "gone" / "src" / "emel_gone"
    source.mkdir(parents=True)
    (source / "__init__.py").write_text("")
    house = house_of(torn.parents[3])
    assert house.layers == {"rooms": ("emel_torn",)}
    assert "emel_gone" in house.trouble


@pytest.mark.behaviour("GATE-91")
def test_a_table_of_layers_that_cannot_be_read_is_told_where_the_house_would_be(torn):
    (torn.parents[3] / ".importlinter").write_text("no section\n")
    text = "".join(Page(picture(house_of(torn.parents[3]), RUN)).texts)
    assert "The house can't be drawn: File contains no section headers" in text


@pytest.mark.behaviour("GATE-87")
def test_an_interrupt_while_the_house_is_made_is_no_trouble_of_the_house(torn, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("emel_tools.boundaries.page.house", interrupted)
    with pytest.raises(KeyboardInterrupt):
        house_of(torn.parents[3])


def git(root, *words):
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


@pytest.mark.behaviour("GATE-91")
def test_history_follows_lines_over_commits_and_renames(tmp_path):
    assert history(tmp_path) == {}
    git(tmp_path, "init", "-q")
    folder = tmp_path / "snapshots" / "costs"
    folder.mkdir(parents=True)
    filler = "".join(f"line {i}  1\n" for i in range(20))
    for text in ("reads  3\n", "reads  4\n", "reads  5\nopens  1\n"):
        (folder / "old.txt").write_text(filler + text)
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", "x")
    git(tmp_path, "mv", "snapshots/costs/old.txt", "snapshots/costs/new ü.txt")
    git(tmp_path, "commit", "-qm", "x")
    (folder / "new ü.txt").write_text(filler + "reads  6\n")
    git(tmp_path, "commit", "-qam", "x")
    (folder / "gone.txt").write_text("reads  6\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "x")
    (folder / "gone.txt").unlink()
    found = history(tmp_path)
    assert [*found] == ["snapshots/costs/new ü.txt"]
    series = {each.key: each.values for each in found["snapshots/costs/new ü.txt"]}
    assert series["reads"] == ("3", "4", "5", "5", "6")
    assert "opens" not in series


@pytest.mark.behaviour("GATE-92")
def test_junit_has_a_suite_a_lane_and_a_case_a_shard():
    """What it may hold is what the schema that CI servers share allows."""
    suites = ET.fromstring(junit_of(RUN))  # noqa: S314  it is our own
    assert [suite.get("name") for suite in suites] == [
        "tests",
        "costs",
        "coverage",
        "behaviours",
        "api",
    ]
    allowed = {
        "testsuites": {"name", "tests", "failures", "errors", "time"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
        "properties": set(),
        "property": {"name", "value"},
        "testcase": {"classname", "name", "time"},
        "failure": {"message", "type"},
        "error": {"message", "type"},
        "skipped": {"message"},
        "system-out": set(),
    }
    for element in suites.iter():
        assert {*element.keys()} <= allowed[element.tag]
    for suite in suites:
        assert suite[0].tag == "properties"
        assert int(suite.get("tests")) == len(suite.findall("testcase"))
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("7", "1", "1")
    (failure,) = suites.iter("failure")
    assert failure.text.count("<script>") == 6  # as text: what, owner and fix of two findings
    assert [case.get("name") for case in suites.iter("testcase")] == [
        "a",
        "b",
        "a",
        "a",
        "b",
        "a",
        "a",
    ]


@pytest.mark.behaviour("GATE-92")
def test_sarif_is_one_run_whose_rules_are_named_by_lane():
    log = json.loads(sarif_of(RUN))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["tests/worse<"]
    first, second = run["results"]
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == ("tests/worse<", 0, "error")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "a%20b/%3Cx%3E.py", "uriBaseId": "ROOT"}
    assert place["region"] == {"startLine": 3, "startColumn": 5}
    assert "region" not in second["locations"][0]["physicalLocation"]
    assert first["partialFingerprints"] == second["partialFingerprints"]  # whatever the line


@pytest.mark.behaviour("GATE-93")
def test_the_markdown_has_failures_first_and_what_files_say_is_text():
    text = markdown_of(RUN)
    assert text.index("### ❌ tests/a") < text.index("<details><summary>tests")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert text.count("<pre>") == text.count("</pre>") == 1
    assert "[x](y)" not in text.replace(text[text.index("<pre>") : text.index("</pre>")], "")


@pytest.mark.behaviour("GATE-93")
def test_the_markdown_stays_below_a_mebibyte_and_says_that_it_was_cut():
    many = tuple(
        RUN.results[0].__class__(
            "tests", f"s{i}", "failed", "ü" * 9999, "c", (FINDING._replace(what="ü" * 99999),) * 200
        )
        for i in range(40)
    )
    run = Run(many, 1, 1.0)
    text = markdown_of(run)
    assert len(text.encode()) < 1 << 20
    assert "parts are left out: see `index.html`" in text
    assert "and 100 more: see index.html" in text
    assert text.count("<pre>") == text.count("</pre>")
    assert len(markdown_of(run, 3000).encode()) <= 3000
    assert len(markdown_of(run, 0).encode()) <= 200


@pytest.mark.behaviour("GATE-93")
def test_at_most_ten_annotations_and_no_line_of_a_text_is_a_command():
    many = Run((Result("tests", "a", "failed", "", "", (FINDING,) * 30),), 1, 1.0)
    assert len(annotations_of(many)) == 10
    assert all(line.startswith("::error file=a b/<x>.py,line=3") for line in annotations_of(many))
    first, *_, last = guarded("::error::no").splitlines()
    assert last == f"::{first.removeprefix('::stop-commands::')}::"


@pytest.mark.behaviour("GATE-94")
def test_the_same_run_gives_the_same_reports_without_a_path_of_this_machine(tmp_path):
    one, two, step = tmp_path / "one", tmp_path / "two", tmp_path / "step.md"
    assert (
        publish(ROOT, RUN, one, {})
        == publish(ROOT, RUN, two, {"GITHUB_STEP_SUMMARY": str(step)})
        == []
    )
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes()
        assert str(ROOT) not in path.read_text(encoding="utf-8")
    assert (
        step.read_text(encoding="utf-8").rstrip()
        == (one / "summary.md").read_text(encoding="utf-8").rstrip()
    )
    before = step.stat().st_size
    step.write_bytes(b"x" * ((1 << 20) - 100))
    assert publish(ROOT, RUN, two, {"GITHUB_STEP_SUMMARY": str(step)}) == []
    assert before < step.stat().st_size < 1 << 20


@pytest.mark.behaviour("GATE-94")
def test_every_field_of_gate_json_is_described(tmp_path):
    publish(ROOT, RUN, tmp_path, {})
    document = json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))
    told = (ROOT / "docs" / "design" / "gates.md").read_text(encoding="utf-8")
    names = {*document, *document["results"][0], *document["results"][0]["findings"][0]}
    assert {name for name in names if f"`{name}`" not in told} == set()
