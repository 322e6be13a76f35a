"""Snapshots are held in both directions, merge by git alone, and are written by accept alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from emel_tools.findings import Finding
from emel_tools.running import Lane, Outcome, Reads, Shard
from emel_tools.running.registry import UNLISTED
from emel_tools.running.results import Result
from emel_tools.running.worker import judged
from emel_tools.scope import BrokenGitError
from emel_tools.snapshots import Kind, accepting, lines
from emel_tools.snapshots.__main__ import main
from emel_tools.snapshots.accepting import Person, take
from emel_tools.snapshots.comparison import compare
from emel_tools.snapshots.stale import stale
from emel_tools.snapshots.targets import Targets, UnknownTargetError, targets
from emel_tools.snapshots.view import show

ROOT = Path(__file__).resolve().parents[2]
SHRINKS = Kind(only_shrinks=True)


def lane(name, *shards, kind=SHRINKS):
    listed = [Shard(name, shard, Reads(), 9) for shard in shards]
    return Lane(name, "", lambda _root: listed, lambda _job: (), kind)


COSTS = lane("costs", "disk", "tape", kind=Kind())
LINT = lane("lint", "disk", "tape")
BARE = lane("docs", "pages", kind=None)
LANES = (COSTS, LINT, BARE)


def record(root, key, text):
    path = root / "snapshots" / f"{key}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def told(root, measured, of=COSTS, **more):
    """What the gate says of the shard `disk`: rule, place and words."""
    outcome = Outcome("disk", "all", measured=measured, **more)
    return {(f.rule, f.where, f.what, f.fix) for f in judged(root, of, outcome).findings}


FILE = "snapshots/costs/disk.txt"
ACCEPT = "nox -s accept -- costs disk"


@pytest.mark.behaviour("GATE-10")
@pytest.mark.parametrize(
    ("recorded", "measured", "news", "fix"),
    [
        ("3", "4", "3 recorded, 4 now: worse", f"mend it, or accept it: {ACCEPT}"),
        ("3", "2", "3 recorded, 2 now: better than recorded: record it, so that it stays", ACCEPT),
        ("9", "10", "9 recorded, 10 now: worse", f"mend it, or accept it: {ACCEPT}"),
        ("a", "b", "a recorded, b now: changed", ACCEPT),
        ("3", "many", "3 recorded, many now: changed", ACCEPT),
        (None, "4", "nothing recorded, 4 now: not recorded yet", ACCEPT),
        ("3", None, "3 recorded, nothing now: recorded, and no longer there", ACCEPT),
    ],
)
def test_whatever_differs_is_told_with_before_after_and_the_command(
    tmp_path, recorded, measured, news, fix
):
    record(tmp_path, "costs/disk", "a  1\n" + (f"big reads  {recorded}\n" if recorded else ""))
    now = {"a": "1"} | ({"big reads": measured} if measured else {})
    rule = {"wo": "worse", "be": "better", "ch": "changed", "no": "new", "re": "gone"}
    ((kind, where, what, how),) = told(tmp_path, now)
    assert (what, how) == (f"big reads: {news}", fix)
    assert kind == rule[news.split("now: ")[1][:2]]
    assert where == (f"{FILE}:2" if recorded else FILE)
    assert told(tmp_path, {"a": "1"} | ({"big reads": recorded} if recorded else {})) == set()


@pytest.mark.behaviour("GATE-10")
def test_a_cause_and_the_places_are_told_where_they_are_known(tmp_path):
    record(tmp_path, "costs/disk", "opens  1\nunused  1\n")
    places = [Finding("a.py", line, 5, "F401", "`os` is unused", "") for line in (3, 7)]
    found = told(
        tmp_path,
        {"opens": "2", "unused": "2"},
        causes={"opens": "disk.open is called twice"},
        places={"unused": places, "opens": []},
    )
    fix = f"mend it, or accept it: {ACCEPT}"
    word = "`os` is unused - unused: 1 recorded, 2 now: worse"
    assert found == {
        (
            "worse",
            f"{FILE}:1",
            "opens: 1 recorded, 2 now: worse (disk.open is called twice)",
            fix,
        ),
        ("F401", "a.py:3:5", word, fix),
        ("F401", "a.py:7:5", word, fix),
    }


@pytest.mark.behaviour("GATE-10")
def test_what_isn_t_a_count_is_never_worse_and_a_lane_without_snapshots_says_nothing(tmp_path):
    record(tmp_path, "costs/disk", "version  3\n")
    facts = lane("costs", "disk", kind=Kind(counts=False))
    assert {rule for rule, *_ in told(tmp_path, {"version": "4"}, facts)} == {"changed"}
    assert told(tmp_path, {"version": "4"}, lane("costs", "disk", kind=None)) == set()
    assert told(tmp_path, None) == set()


@pytest.mark.behaviour("GATE-10")
@pytest.mark.parametrize("now", ["2", "4"])
def test_what_may_be_lost_or_be_too_many_is_neither_better_nor_worse(tmp_path, now):
    record(tmp_path, "costs/disk", "read closes  3\n")
    disk = lane("costs", "disk", kind=Kind(undirected=frozenset(("closes",))))
    ((rule, _, what, _),) = told(tmp_path, {"read closes": now}, disk)
    assert (rule, what) == ("changed", f"read closes: 3 recorded, {now} now: changed")


@pytest.mark.behaviour("GATE-11")
@pytest.mark.parametrize(
    "values",
    [{}, {"a": "1"}, {"b c (d) é": "x y", "a": "0"}, {"10": "1", "9": "2"}],
)
def test_what_is_written_is_read_back_sorted(values):
    text = lines.text_of(values)
    assert lines.values_of(text) == values
    assert text.splitlines() == sorted(text.splitlines())


@pytest.mark.behaviour("GATE-11")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("", "1"), ("a", ""), (" a", "1"), ("a ", "1"), ("a", "1 "), ("a  b", "1")),
        *(("a", "1\n"), ("a\x0c", "1"), ("a\tb", "1"), ("a\u2028b", "1"), ("a", "1\n2")),
    ],
)
def test_what_could_not_be_read_back_is_not_written(key, value):
    with pytest.raises(ValueError, match="can't be a line"):
        lines.text_of({key: value})


@pytest.mark.behaviour("GATE-11")
def test_equal_lines_and_any_order_are_read_and_two_values_or_no_line_are_found(tmp_path):
    record(tmp_path, "costs/disk", "b  2\r\na  1\nb  2\n\na  1\n")
    assert told(tmp_path, {"a": "1", "b": "2"}) == set()
    record(tmp_path, "costs/disk", "a  1\n<<<<<<< ours\na  3\nb   2\nc 4\n")
    found = {(rule, where, what) for rule, where, what, _ in told(tmp_path, {"a": "1"})}
    form = "is not `key  value`, with two spaces between"
    assert found == {
        (
            "twice",
            f"{FILE}:3",
            "a: 1 and 3 recorded, 1 now: recorded twice, with different values",
        ),
        ("unreadable", f"{FILE}:2", f"'<<<<<<< ours' {form}"),
        ("unreadable", f"{FILE}:4", f"'b   2' {form}"),
        ("unreadable", f"{FILE}:5", f"'c 4' {form}"),
    }


@pytest.mark.behaviour("GATE-11")
def test_bytes_that_are_no_text_are_a_finding_and_no_crash(tmp_path):
    record(tmp_path, "costs/disk", "").write_bytes(b"a  1\n\xff\xfe\x00\n")
    assert {rule for rule, *_ in told(tmp_path, {"a": "1"})} == {"unreadable"}


class Merging:
    """Two branches over one snapshot, merged by git with the attributes of this repository."""

    def __init__(self, root, monkeypatch):
        self.root = root
        for name in [*os.environ]:
            if name.startswith("GIT_"):
                monkeypatch.delenv(name)
        (root / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())

    def git(self, *words):
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ("git", *who, *words), cwd=self.root, capture_output=True, text=True, check=False
        )

    def commit(self, values):
        record(self.root, "costs/disk", lines.text_of(values))
        self.git("add", "-A")
        assert not self.git("commit", "-q", "--allow-empty", "-m", "a step").returncode

    def merge(self, base, ours, theirs):
        self.git("init", "-q", "-b", "ours")
        self.commit(base)
        self.git("checkout", "-q", "-b", "theirs")
        self.commit(theirs)
        self.git("checkout", "-q", "ours")
        self.commit(ours)
        done = self.git("merge", "-q", "--no-edit", "theirs")
        assert not done.returncode, done.stdout + done.stderr
        assert not self.git("status", "--porcelain").stdout
        return [f"{line.key}={line.value}" for line in lines.read(self.path)]

    @property
    def path(self):
        return self.root / "snapshots" / "costs" / "disk.txt"


@pytest.fixture
def merging(tmp_path, monkeypatch):
    return Merging(tmp_path, monkeypatch)


BASE = {"a": "1", "m": "1", "z": "1"}


@pytest.mark.behaviour("GATE-12")
@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        (BASE, BASE | {"n": "2"}, BASE | {"o": "3"}),
        (BASE, BASE | {"n": "2"}, BASE | {"b": "3"}),
        (BASE, BASE | {"n": "2"}, BASE | {"n": "2", "o": "1"}),
        ({}, {"n": "2"}, {"o": "3"}),
        (BASE, BASE | {"m": "7"}, BASE),
        (BASE, BASE, BASE | {"m": "7"}),
        (BASE, BASE | {"m": "7"}, BASE | {"zz": "3"}),
    ],
)
def test_branches_that_add_or_change_other_lines_merge_into_what_both_have(
    merging, base, ours, theirs
):
    merging.merge(base, ours, theirs)
    measured = base | {k: v for side in (ours, theirs) for k, v in side.items() if base.get(k) != v}
    assert told(merging.root, measured) == set()


@pytest.mark.behaviour("GATE-12")
def test_a_line_that_both_change_stands_there_twice_until_it_is_accepted(merging):
    merged = merging.merge(BASE, BASE | {"m": "7"}, BASE | {"m": "8"})
    assert merged == ["a=1", "m=7", "m=8", "z=1"]
    ((rule, _, what, fix),) = told(merging.root, BASE | {"m": "8"})
    assert (rule, fix) == ("twice", ACCEPT)
    assert what == "m: 7 and 8 recorded, 8 now: recorded twice, with different values"
    assert accepted(merging.root, {"m": "8", **BASE} | {"m": "8"}) == 0
    assert told(merging.root, BASE | {"m": "8"}) == set()


@pytest.mark.behaviour("GATE-12")
def test_a_line_that_one_changes_and_the_other_removes_is_found_if_it_is_left(merging):
    gone = {"a": "1", "z": "1"}
    merging.merge(BASE, BASE | {"m": "7"}, gone)
    assert {rule for rule, *_ in told(merging.root, gone)} <= {"gone"}
    assert accepted(merging.root, gone) == 0
    assert merging.path.read_text() == lines.text_of(gone)


@pytest.mark.behaviour("GATE-13")
def test_what_nothing_measures_any_more_is_found_in_each_folder(tmp_path):
    record(tmp_path, "costs/disk", "a  1\n")
    record(tmp_path, "costs/reel", "a  1\n")
    record(tmp_path, "costs/tape", "")
    record(tmp_path, "costs/disk.old", "a  1\n")
    record(tmp_path, "speed/disk", "a  1\n")
    record(tmp_path, "docs/pages", "a  1\n")
    record(tmp_path, "house", "no lane's: it lies in no folder\n")
    record(tmp_path, "costs", "a  1\n")
    for name in ("README.md", ".gitattributes", "costs.md"):
        (tmp_path / "snapshots" / name).write_text("")
    found = {(f.file, f.what, f.fix) for f in stale(tmp_path, LANES)}
    accept = "nox -s accept --"
    none = "lane costs has no shard that is recorded in"
    assert found == {
        ("snapshots/costs/reel.txt", f"{none} reel.txt", f"{accept} costs reel"),
        ("snapshots/costs/disk.old.txt", f"{none} disk.old.txt", f"{accept} costs disk.old"),
        (
            "snapshots/costs/tape.txt",
            "is empty: a shard without facts has no snapshot",
            f"{accept} costs tape",
        ),
        ("snapshots/speed/disk.txt", "no lane speed records anything", f"{accept} speed disk"),
        ("snapshots/docs/pages.txt", "no lane docs records anything", f"{accept} docs pages"),
        *(
            (f"snapshots/{name}", "it lies in the folder of no lane", "remove it")
            for name in ("house.txt", "costs.txt", "costs.md")
        ),
    }
    assert stale(tmp_path / "nowhere", LANES) == []


@pytest.mark.behaviour("GATE-13")
def test_a_snapshot_whose_name_is_no_unicode_is_found_in_words_that_can_be_kept(tmp_path):
    record(tmp_path, "costs/\udcff", "a  1\n")
    record(tmp_path, "s\udcff/disk", "a  1\n")
    assert {(f.file, f.what, f.fix, f.gate) for f in stale(tmp_path, LANES)} == {
        (
            "snapshots/costs/\\udcff.txt",
            "lane costs has no shard that is recorded in \\udcff.txt",
            "nox -s accept -- costs \\udcff",
            "costs",
        ),
        (
            "snapshots/s\\udcff/disk.txt",
            "no lane s\\udcff records anything",
            "nox -s accept -- s\\udcff disk",
            "s\\udcff",
        ),
    }


@pytest.mark.behaviour("GATE-13")
def test_a_lane_that_can_not_be_listed_loses_no_snapshot(tmp_path):
    record(tmp_path, "costs/disk", "a  1\n")
    assert stale(tmp_path, [lane("costs", UNLISTED, kind=None)]) == []
    assert [f.file for f in stale(tmp_path, [])] == ["snapshots/costs/disk.txt"]


@pytest.mark.behaviour("GATE-13")
def test_a_lane_that_can_not_be_listed_keeps_the_snapshot_of_its_times(tmp_path):
    for key in ("timing/costs", "timing/reels", "lint/costs"):
        record(tmp_path, key, "a  1\n")
    broken, timing = lane("costs", UNLISTED, kind=None), lane("timing", "lint")
    found = [f.file for f in stale(tmp_path, [broken, LINT, timing])]
    assert found == ["snapshots/lint/costs.txt", "snapshots/timing/reels.txt"]


@pytest.mark.behaviour("GATE-13")
def test_what_an_editor_leaves_beside_a_snapshot_is_none(tmp_path):
    folder = record(tmp_path, "costs/disk", "a  1\n").parent
    (folder / ".#disk.txt").symlink_to("somebody@host.1234:567")
    for name in ("costs/.disk.txt.swp", ".README.md.swp"):
        (tmp_path / "snapshots" / name).write_text("b")
    assert stale(tmp_path, LANES) == []


@pytest.mark.behaviour("GATE-13")
def test_this_repository_has_no_snapshot_that_nothing_measures():
    from emel_tools.running.registry import lanes

    assert stale(ROOT, lanes(ROOT)) == []


@pytest.mark.behaviour("GATE-13")
def test_accept_removes_them_and_the_folder_that_is_empty_then(tmp_path):
    record(tmp_path, "speed/disk", "a  1\n")
    kept = record(tmp_path, "costs/disk", "a  1\n")
    record(tmp_path, "costs/reel", "a  1\n")
    record(tmp_path, "costs", "a  1\n")
    said = []
    assert take(tmp_path, LANES, targets(tmp_path, LANES, (), bool), [], person(said=said)) == 0
    assert "removed snapshots/costs.txt" in said
    assert list((tmp_path / "snapshots").rglob("*.txt")) == [kept]
    assert not (tmp_path / "snapshots" / "speed").exists()


def person(*, agrees=True, worse=False, said=None, shown=None):
    said, shown = [] if said is None else said, [] if shown is None else shown
    return Person(shown.extend, lambda: agrees, said.append, worse)


def measured(values, of=COSTS, shard="disk", **more):
    verdict = more.pop("verdict", "failed")
    return Result(of.name, shard, verdict, "it was asked for", measured=values, **more)


def accepted(root, values, of=COSTS, **how):
    return take(root, LANES, Targets((), ()), [measured(values, of)], person(**how))


@pytest.mark.behaviour("GATE-14")
def test_nothing_is_written_if_it_is_declined_or_wasn_t_measured(tmp_path):
    path = record(tmp_path, "costs/disk", "a  1\n")
    said = []
    assert accepted(tmp_path, {"a": "2"}, agrees=False, said=said) == 1
    assert said == ["nothing was recorded"]
    said.clear()
    broken = Finding("a.py", 3, 0, "crash", "it broke", "mend it")
    results = [measured(None, findings=(broken,)), measured({"b": "1"}, shard="tape")]
    assert take(tmp_path, LANES, Targets((), ()), results, person(said=said)) == 1
    assert path.read_text() == "a  1\n"
    assert (tmp_path / "snapshots/costs/tape.txt").read_text() == "b  1\n"
    assert said[0].startswith(
        "costs/disk measured nothing, and stays as it is recorded\n  FAIL a.py"
    )


@pytest.mark.behaviour("GATE-14")
@pytest.mark.parametrize("values", [{"a": "2"}, {"a": "1"}])
def test_what_accepting_does_not_mend_is_said_before_it_is_asked_and_stays_red(tmp_path, values):
    record(tmp_path, "costs/disk", "a  1\n")
    failed = Finding("a.py", 3, 0, "failed", "test_it: assert 2 == 3", "nox -s tests -- a.py")
    news = Finding(FILE, 1, 0, "changed", "a: 1 recorded, 2 now", ACCEPT)
    noise = failed._replace(rule="noise", severity="warning")
    said = []
    result = measured(values, findings=(failed, news, noise))
    assert take(tmp_path, LANES, Targets((), ()), [result], person(said=said)) == 1
    assert said[0] == f"costs/disk is red besides, and stays so\n  {failed}"
    assert said[1:] == ["recorded snapshots/costs/disk.txt"] * (values["a"] == "2")
    assert told(tmp_path, values) == set()


@pytest.mark.behaviour("GATE-14")
def test_what_accepting_mends_is_no_failure_of_it(tmp_path):
    worse = Finding("a.py", 3, 0, "F401", "unused", f"mend it, or accept it: {ACCEPT} --worse")
    noise = Finding("a.py", 3, 0, "noise", "it is noisy", "try again", severity="warning")
    result = measured({"a": "2"}, findings=(worse, noise))
    assert take(tmp_path, LANES, Targets((), ()), [result], person()) == 0


@pytest.mark.behaviour("GATE-14")
def test_what_can_not_be_a_line_is_said_and_not_written(tmp_path):
    said = []
    assert accepted(tmp_path, {"a  b": "2"}, said=said) == 1
    assert "can't be a line of a snapshot" in said[0]
    assert not (tmp_path / "snapshots").exists()


@pytest.mark.behaviour("GATE-14")
def test_a_folder_in_the_place_of_a_snapshot_is_said_and_stays(tmp_path):
    (tmp_path / FILE).mkdir(parents=True)
    said = []
    assert accepted(tmp_path, {"a": "2"}, said=said) == accepted(tmp_path, {}) == 1
    assert said == [
        f"costs/disk: {FILE} is a folder, and no snapshot can be written there: remove it"
    ]
    assert (tmp_path / FILE).is_dir()


@pytest.mark.behaviour("GATE-14")
def test_a_lane_is_measured_anew_as_the_gate_does_it_and_recorded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n")
    source = tmp_path / "packages" / "disk" / "code.py"
    source.parent.mkdir(parents=True)
    source.write_text("import os\n")
    assert main(["lint", "disk", "--yes"]) == 1
    assert "lint/disk is worse" in capsys.readouterr().out
    path = tmp_path / "snapshots" / "lint" / "disk.txt"
    assert not path.exists()
    assert main(["lint", "disk", "--yes", "--worse"]) == 0
    assert path.read_text() == "code.py <module> F401  1\n"
    source.write_text("")
    assert main(["--yes"]) == 0  # it was red when it last ran
    assert "removed snapshots/lint/disk.txt" in capsys.readouterr().out
    assert [*tmp_path.glob("snapshots/*")] == []


@pytest.mark.behaviour("GATE-14")
@pytest.mark.parametrize("ci", ["true", "1", "yes"])
@pytest.mark.parametrize("options", [["--yes"], ["--yes", "--worse"], []])
def test_under_ci_nothing_is_run_or_written(tmp_path, monkeypatch, capsys, ci, options):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(accepting, "run", pytest.fail)
    assert main(["costs", *options]) == 2
    assert "CI is set" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.behaviour("GATE-14")
def test_where_git_cannot_say_what_has_changed_nothing_is_recorded(tmp_path, monkeypatch, capsys):
    def broken(*_):
        raise BrokenGitError("git diff ended with exit code 128: fatal: bad index")

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    (tmp_path / "packages").mkdir()
    monkeypatch.setattr(accepting, "run", broken)
    assert main(["lint", "--yes"]) == 2
    assert "accept: git diff ended with exit code 128" in capsys.readouterr().err


@pytest.mark.behaviour("GATE-14")
def test_without_a_terminal_and_without_yes_nothing_is_run_or_written(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(accepting, "run", pytest.fail)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert main(["costs"]) == 2
    assert "--yes records without asking" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.behaviour("GATE-14")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cost",), "no lane with snapshots 'cost', did you mean 'costs'; there is: costs lint"),
        (("docs",), "no lane with snapshots 'docs'; there is: costs lint"),
        (("costs", "dsk"), "no shard of costs 'dsk', did you mean 'disk'; there is: disk tape"),
    ],
)
def test_a_name_that_nothing_has_is_named_with_what_there_is(tmp_path, words, said):
    with pytest.raises(UnknownTargetError, match=said):
        targets(tmp_path, LANES, words, bool)


@pytest.mark.behaviour("GATE-14")
def test_what_is_measured_is_a_lane_some_shards_or_all_that_was_red(tmp_path):
    record(tmp_path, "costs/reel", "a  1\n")
    record(tmp_path, "speed/disk", "a  1\n")

    def named(*words):
        found = targets(
            tmp_path, LANES, words, {"costs/tape", "lint/disk", "docs/pages"}.__contains__
        )
        return found.keys, [f"{each.lane}/{each.shard}" for each in found.leftovers]

    assert named() == (("costs/tape", "lint/disk"), ["costs/reel", "speed/disk"])
    assert named("costs") == (("costs",), ["costs/reel"])
    assert named("costs", "disk") == named("costs/disk") == (("costs/disk",), [])
    assert named("costs", "disk", "reel") == (("costs/disk",), ["costs/reel"])
    assert named("speed") == ((), ["speed/disk"])


@pytest.mark.behaviour("GATE-14")
def test_only_what_differs_is_shown_worse_in_red_and_better_in_green(tmp_path):
    record(tmp_path, "costs/disk", "a  1\nb  2\nc  x\nd  4\n")
    shown = []
    accepted(tmp_path, {"a": "2", "b": "1", "c": "y", "d": "4"}, agrees=False, shown=shown)
    console = Console(force_terminal=True, color_system="standard", width=200, highlight=False)
    with console.capture() as capture:
        show(tmp_path, shown, console)
    red, green, yellow = (f"\x1b[{code}m" for code in (31, 32, 33))
    assert capture.get().splitlines() == [
        "\x1b[1mcosts/disk  snapshots/costs/disk.txt\x1b[0m",
        f"{red}  worse       a  1 -> 2\x1b[0m",
        f"{green}  better      b  2 -> 1\x1b[0m",
        f"{yellow}  changed     c  x -> y\x1b[0m",
    ]


@pytest.mark.behaviour("GATE-15")
@pytest.mark.parametrize(
    ("recorded", "now", "insists"),
    [
        ("a  3\n", {"a": "2"}, False),
        ("a  3\n", {}, False),
        ("a  3\n", {"a": "4"}, True),
        ("", {"a": "1"}, True),
        ("", {"a": "0"}, False),
        ("", {"a": "strict"}, True),
        ("a  strict\n", {"a": "basic"}, True),
        ("a  strict\n", {}, True),
        ("a  3\n", {"a": "off"}, True),
        ("a  1\na  3\n", {"a": "3"}, True),
        ("a  1\na  3\n", {"a": "1"}, False),
    ],
)
def test_what_may_only_shrink_is_made_worse_only_by_somebody_who_insists(
    tmp_path, recorded, now, insists
):
    path = record(tmp_path, "lint/disk", recorded)
    changes = compare(lines.read(path), now, SHRINKS)
    assert [change.takes_worse for change in changes] == [insists]
    (*_, fix) = told(tmp_path, now, LINT).pop()
    assert fix.endswith("--worse") is insists
    said = []
    assert accepted(tmp_path, now, LINT, said=said) == int(insists)
    if insists:
        assert path.read_text() == recorded
        command = "nox -s accept -- lint disk --worse"
        assert said[0] == f"lint/disk is worse and may only shrink: mend it, or {command}"
        assert accepted(tmp_path, now, LINT, worse=True) == 0
    assert told(tmp_path, now, LINT) == set()


@pytest.mark.behaviour("GATE-16")
def test_what_accept_writes_is_what_the_gate_asks_for_and_is_written_once(tmp_path):
    path = record(tmp_path, "costs/disk", "b  1\na  1\n")
    values = {"c d": "2", "a": "1", "b": "1"}
    said = []
    assert accepted(tmp_path, values, said=said) == 0
    assert path.read_bytes() == b"a  1\nb  1\nc d  2\n"
    assert said == ["recorded snapshots/costs/disk.txt"]
    assert [each.name for each in path.parent.iterdir()] == ["disk.txt"]
    assert told(tmp_path, values) == set()
    said.clear()
    assert accepted(tmp_path, values, said=said, agrees=False) == 0
    assert said == ["nothing differs from what is recorded"]


@pytest.mark.behaviour("GATE-16")
def test_the_same_facts_in_another_form_are_put_in_order(tmp_path):
    path = record(tmp_path, "costs/disk", "b  1\r\na  1\na  1\n")
    shown = []
    assert told(tmp_path, {"a": "1", "b": "1"}) == set()
    assert accepted(tmp_path, {"a": "1", "b": "1"}, shown=shown) == 0
    assert [each.why for each in shown] == ["the same facts, put in order"]
    assert path.read_bytes() == b"a  1\nb  1\n"


@pytest.mark.behaviour("GATE-16")
def test_a_shard_without_facts_leaves_no_file(tmp_path):
    path = record(tmp_path, "costs/disk", "a  1\n")
    assert accepted(tmp_path, {}) == 0
    assert not path.parent.exists()
    assert told(tmp_path, {}) == set()
    assert accepted(tmp_path, {}, agrees=False) == 0


@pytest.mark.behaviour("GATE-16")
def test_a_file_that_can_not_be_replaced_stays_as_it_was(tmp_path, monkeypatch):
    path = record(tmp_path, "costs/disk", "a  1\n")

    def full(self, *_words, **_options):
        self.touch()
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="no space"):
        accepted(tmp_path, {"a": "2"})
    assert path.read_bytes() == b"a  1\n"
    assert [*path.parent.iterdir()] == [path]
