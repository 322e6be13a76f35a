"""The gate as a person or a log meets it: what is asked for, what is shown, and the exit code."""

import errno
import io
import json
import os
import re
import signal
import sys
import tomllib
from contextlib import contextmanager
from pathlib import Path

import pytest

from emel_tools.findings import Finding
from emel_tools.gates import __main__ as gate
from emel_tools.reports.publish import publish
from emel_tools.running import Outcome, record, registry, testing
from emel_tools.running.console import Live, Plain, forgive, say
from emel_tools.running.environment import MARK, environment
from emel_tools.running.results import SCOPE, SNAPSHOTS, SYNTAX, Result
from emel_tools.running.run import Run
from emel_tools.running.stopping import Stop
from emel_tools.running.summary import summary
from emel_tools.running.worker import judged
from emel_tools.scope import BrokenGitError, Scope, torn
from emel_tools.scope.changes import Changes

ROOT = Path(__file__).resolve().parents[2]
WORSE = Finding(
    "snapshots/costs/a.txt", 3, 0, "worse", "reads: 3, 4 now", "nox -s accept -- costs a"
)
AGAIN = "nox -s quality_gates -- --only"
RUN = Run(
    (
        Result("lint", "a", "ok", "asked for", "3 files", seconds=1.0),
        Result(
            "costs",
            "a",
            "failed",
            "asked for",
            "9 workloads",
            (WORSE,),
            {"reads": "4"},
            {},
            1.0,
            2.5,
        ),
        Result(
            "costs", "b", "ok", "asked for", "9 workloads", (WORSE._replace(severity="warning"),)
        ),
        Result("bench", "a", "unjudged", "asked for", "not judged because costs/a failed"),
        Result("api", "a", "unaffected", "nothing has changed"),
    ),
    seed=7,
    seconds=4.4,
)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder in which the only lanes are odd ones."""
    monkeypatch.setenv("PYTHONPATH", testing.install(tmp_path / "site"))
    monkeypatch.setattr("emel_tools.gates.__path__", [*_gates(), str(tmp_path / "site" / "lanes")])
    monkeypatch.setattr(registry, "NAMES", ("odd", "joint", "broken"))
    monkeypatch.setenv("TERM", "dumb")
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "CI"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "root"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def _gates():
    return [str(ROOT / "tools" / "src" / "emel_tools" / "gates")]


def kept(root, path=record.LAST):
    return {result.key: result for result in record.read(root / path).results if result.ran}


@pytest.mark.behaviour("GATE-04")
def test_all_shards_run_though_one_is_red_and_one_red_shard_makes_the_gate_red(root, capsys):
    assert gate.main(["--only", "odd/wrong", "odd/ok", "--seed", "5"]) == 1
    assert {key: r.verdict for key, r in kept(root).items()} == {
        "odd/ok": "ok",
        "odd/wrong": "failed",
    }
    out = capsys.readouterr().out
    assert "\nquality_gates: 1 of 2 shards red, " in out
    assert out.splitlines()[-1].endswith("seed 5")
    assert gate.main(["--only", "odd/ok"]) == 0
    assert ": 1 shard green, " in capsys.readouterr().out


@pytest.mark.behaviour("GATE-04")
def test_the_summary_has_what_is_wrong_first_and_then_a_line_a_lane():
    assert summary(RUN, "index.html").splitlines() == [
        "FAIL  costs/a  2.5 s  (9 workloads)",
        "      snapshots/costs/a.txt:3: [worse] reads: 3, 4 now",
        "           fix: nox -s accept -- costs a",
        "      again: nox -s quality_gates -- --only costs/a",
        "",
        "warn  costs/b  (9 workloads)",
        "      WARN snapshots/costs/a.txt:3: [worse] reads: 3, 4 now",
        "           fix: nox -s accept -- costs a",
        "----  bench/a  not judged because costs/a failed",
        f"FAIL  costs            2.5 s  1 of 2 shards red         {AGAIN} costs",
        "ok    lint             1.0 s  1 shard",
        f"----  bench                   0 shards, 1 not judged    {AGAIN} bench",
        "-     api                     not run",
        "quality_gates: 1 of 3 shards red, 1 not judged, 1 not run, 4 s, seed 7",
    ]


@pytest.mark.behaviour("GATE-04")
@pytest.mark.parametrize("because", ["the run was stopped", "a file is no Python"])
def test_what_holds_for_all_shards_alike_is_not_said_of_each(because):
    left = Result("lint", "a", "unjudged", "", f"not judged because {because}")
    lines = summary(Run((left,), 1, 1.0), "").splitlines()
    assert lines[0] == f"----  lint                    0 shards, 1 not judged    {AGAIN} lint"


@pytest.mark.behaviour("GATE-04")
@pytest.mark.parametrize(
    ("lane", "more"), [(SCOPE, " -- --full"), (SNAPSHOTS, ""), (SYNTAX, ""), ("lint", None)]
)
def test_what_every_run_looks_at_is_seen_again_by_a_run_of_what_shows_it(lane, more):
    command = Result(lane, "a", "failed", "").command
    assert command == (f"{AGAIN} lint/a" if more is None else f"nox -s quality_gates{more}")


@pytest.mark.behaviour("GATE-04")
def test_a_long_list_is_cut_with_its_count_and_says_where_the_rest_is():
    many = Result("lint", "a", "failed", "", "", (WORSE._replace(what="\n".join("x" * 99)),) * 13)
    lines = summary(Run((many,), 1, 1.0), "r/index.html").splitlines()
    assert "      ... and 3 more: r/index.html" in lines
    assert "      ... and 40 lines more: r/index.html" in lines
    assert len(lines) < 10 * 65


@pytest.mark.behaviour("GATE-04")
def test_no_control_character_of_a_finding_reaches_a_terminal():
    sly = Result(
        "lint", "a", "failed", "", "", (WORSE._replace(what="\x1b[2J\x07\x9b31m\u202d\x00"),)
    )
    text = summary(Run((sly,), 1, 1.0), "")
    assert not {"\x1b", "\x07", "\x9b", "\x00"} & {*text}


@pytest.mark.behaviour("GATE-05")
def test_a_lane_that_cannot_be_listed_is_red_and_hides_no_other(root):
    assert gate.main(["--only", "broken", "odd/ok"]) == 1
    done = kept(root)
    assert {key: r.verdict for key, r in done.items()} == {
        "odd/ok": "ok",
        "broken/shards": "failed",
    }
    assert "LookupError: there is nothing to list" in done["broken/shards"].findings[0].what


@pytest.mark.behaviour("GATE-05")
def test_every_lane_that_is_named_is_a_module_and_hands_out_itself():
    found = registry.lanes(ROOT)
    for lane in found:
        shards = lane.shards(ROOT)
        assert {shard.lane for shard in shards} == {lane.name}
        assert len({shard.name for shard in shards}) == len(shards) > 0
        assert registry.UNLISTED not in {shard.name for shard in shards}
        assert lane.demands
    assert [lane.name for lane in found] == [
        n for n in registry.NAMES if n in {x.name for x in found}
    ]


@pytest.mark.behaviour("GATE-87")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "od"], "there is no lane or shard 'od'"),
        (["--only", "odd/wrung"], "odd/wrong"),
        (["--base", "no-such-branch", "--only", "odd/ok"], "no-such-branch"),
        (["--width", "0"], "at least one process"),
        (["--width", "wide"], "at least one process"),
        (["--seed", "-1"], "between 0 and 4294967295"),
        (["--seed", "any"], "between 0 and 4294967295"),
        (["--ful"], "--ful"),
    ],
)
def test_what_cannot_be_understood_runs_nothing_and_says_what_there_is(
    root, capsys, arguments, says
):
    with pytest.raises(SystemExit) as ended:
        gate.main(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
    assert not (root / record.LAST).exists()


@pytest.mark.behaviour("GATE-87")
def test_explaining_runs_nothing(root, capsys):
    assert gate.main(["--only", "odd/ok", "--explain"]) == 0
    out = capsys.readouterr().out
    assert "odd/ok" in out
    assert "it was asked for" in out
    assert not (root / record.LAST).exists()


@pytest.mark.behaviour("GATE-95")
def test_what_was_asked_for_and_found_decides_whether_a_commit_has_passed(root, monkeypatch):
    told = []

    def remember(at, _scope, asked, _before, *, green):
        told.append((at, asked.only, asked.base, green))

    monkeypatch.setattr(gate, "remember_passed", remember)
    assert gate.main(["--only", "odd/ok"]) == 0
    assert gate.main(["--only", "odd/wrong"]) == 1
    assert told == [(root, ("odd/ok",), "", True), (root, ("odd/wrong",), "", False)]


@pytest.mark.behaviour("GATE-95")
def test_where_git_cannot_say_what_has_changed_nothing_runs(root, monkeypatch, capsys):
    def broken(*_):
        raise BrokenGitError("git diff ended with exit code 128: fatal: bad index")

    monkeypatch.setattr(gate, "choose", broken)
    with pytest.raises(SystemExit) as ended:
        gate.main([])
    assert ended.value.code == 2
    assert "fatal: bad index" in capsys.readouterr().err
    assert not (root / record.LAST).exists()


@pytest.mark.behaviour("GATE-122")
@pytest.mark.parametrize("full", [(), ("--full",)])
def test_where_a_file_is_no_python_that_is_said_and_nothing_is_run(root, monkeypatch, capsys, full):
    monkeypatch.setattr(torn, "known", lambda _: ["torn.py"])
    (root / "packages").mkdir()
    (root / "torn.py").write_text("def f(:\n")
    assert gate.main(["--seed", "5", *full]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[1:7] == [
        "FAIL  syntax/python  0.0 s  (files that can't be compiled: 1)",
        "      torn.py:1:7: [syntax] it is no Python: invalid syntax",
        "           fix: mend it, the rest waits for it",
        "      again: nox -s quality_gates",
        "",
        "FAIL  syntax           0.0 s  1 of 1 shard red",
    ]
    assert re.match(r"quality_gates: 1 of 1 shard red, \d\d not judged, ", out[-1])
    assert not (root / ".nox/gate/runs").exists()
    assert not (root / record.LAST).exists()
    assert gate.main(["--only", "odd/ok", *full]) == 0  # which may read other files


@pytest.mark.behaviour("GATE-87")
def test_a_run_that_is_stopped_says_by_what_and_is_not_the_last(root, monkeypatch, capsys):
    @contextmanager
    def stopped():
        stop = Stop(None)
        stop.number = signal.SIGTERM
        yield stop

    monkeypatch.setattr(gate, "stoppable", stopped)
    assert gate.main(["--only", "odd/ok"]) == 128 + signal.SIGTERM
    assert "SIGTERM" in capsys.readouterr().out
    assert not (root / record.LAST).exists()


@pytest.mark.behaviour("GATE-87")
def test_a_stream_that_spells_all_letters_is_left_as_it_is():
    stream = io.StringIO()
    forgive(stream)
    say("é", stream)
    assert stream.getvalue() == "é\n"


@pytest.mark.behaviour("GATE-95")
def test_packages_of_another_checkout_are_not_tested_for_those_here(
    root, tmp_path, monkeypatch, capsys
):
    here = root / "packages/reel/src/emel_reel/__init__.py"
    there = tmp_path / "elsewhere/emel_reel/__init__.py"
    for path in (here, there):
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.syspath_prepend(there.parents[1])
    with pytest.raises(SystemExit) as ended:
        gate.main(["--only", "odd/ok"])
    assert ended.value.code == 2
    assert f"emel_reel would be imported from {there.parent}" in capsys.readouterr().err
    (root / "packages/tape").mkdir()
    (root / "packages/tape/README.md").touch()  # one that isn't installed is told by others
    monkeypatch.syspath_prepend(here.parents[1])
    assert gate.main(["--only", "odd/ok"]) == 0


@pytest.mark.behaviour("GATE-87")
def test_an_interrupt_while_it_is_looked_what_to_run_is_no_traceback(root, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(gate, "choose", interrupted)
    assert gate.main([]) == 130


@pytest.mark.behaviour("GATE-87")
def test_an_explanation_of_which_only_the_first_lines_are_read_is_no_error(root, monkeypatch):
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w", encoding="utf-8") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        assert gate.main(["--only", "odd/ok", "--explain"]) == 0


@pytest.mark.behaviour("GATE-87")
@pytest.mark.parametrize(("shard", "reports", "code"), [("ok", "r", 0), ("wrong", "file/r", 1)])
def test_a_run_that_nobody_reads_any_more_comes_to_its_verdict(
    root, monkeypatch, shard, reports, code
):
    (root / "file").write_text("a file where a folder should be")
    for name in ("stdout", "stderr"):
        reads, writes = os.pipe()
        os.close(reads)
        monkeypatch.setattr(sys, name, os.fdopen(writes, "w", encoding="utf-8"))
    with sys.stdout, sys.stderr:
        assert gate.main(["--only", f"odd/{shard}", "--reports", reports]) == code
    assert kept(root).keys() == {f"odd/{shard}"}
    assert (root / "r" / "index.html").exists() == (not code)


@pytest.mark.behaviour("GATE-87")
def test_what_the_encoding_of_a_log_has_not_is_told_in_its_place(root, monkeypatch):
    (root / "snapshots").mkdir()
    (root / "snapshots" / "é.txt").write_text("")
    log = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(log, encoding="ascii"))
    assert gate.main(["--only", "odd/ok"]) == 1
    assert b"snapshots/\\xe9.txt: [stale] it lies in the folder of no lane" in log.getvalue()
    assert "odd/ok" in kept(root)


@pytest.mark.behaviour("GATE-87")
def test_reports_are_written_where_they_are_asked_for(root):
    names = {"gate.json", "junit.xml", "gate.sarif", "summary.md", "index.html"}
    assert gate.main(["--only", "odd/ok", "--reports", "r", "--width", "1"]) == 0
    assert {path.name for path in (root / "r").iterdir()} == names
    assert not (root / ".nox" / "gate" / "report").exists()
    assert gate.main(["--only", "odd/ok"]) == 0
    assert {path.name for path in (root / ".nox" / "gate" / "report").iterdir()} == names


@pytest.mark.behaviour("GATE-87")
def test_reports_that_cannot_be_written_are_red_and_hide_no_verdict(root, capsys):
    (root / "r").write_text("a file where a folder should be")
    assert gate.main(["--only", "odd/ok", "--reports", "r"]) == 1
    printed = capsys.readouterr()
    assert ": 1 shard green, " in printed.out
    assert "gate.json couldn't be written" in printed.err


@pytest.mark.behaviour("GATE-89")
def test_the_last_run_is_kept_before_its_reports_are_written(root, monkeypatch):
    known = []
    monkeypatch.setattr(gate, "publish", lambda *_: known.append(kept(root).keys()) or [])
    assert gate.main(["--only", "odd/ok"]) == 0
    assert known == [{"odd/ok"}]


@pytest.mark.behaviour("GATE-86")
def test_an_interrupt_while_reports_are_written_hides_no_verdict(root, monkeypatch, capsys):
    def interrupted(*arguments):
        signal.getsignal(signal.SIGINT)(signal.SIGINT, None)  # what Python calls then
        return publish(*arguments)

    monkeypatch.setattr(gate, "publish", interrupted)
    assert gate.main(["--only", "odd/ok", "--reports", "r"]) == 0
    assert ": 1 shard green, " in capsys.readouterr().out
    assert (root / "r" / "index.html").exists()
    assert kept(root).keys() == {"odd/ok"}


@pytest.mark.behaviour("GATE-82")
def test_two_gates_do_not_run_in_one_folder(root, capsys):
    with gate.alone_in(root / ".nox" / "gate") as is_alone:
        assert is_alone
        assert gate.main(["--only", "odd/ok"]) == 2
    assert "another gate is running" in capsys.readouterr().err
    assert gate.main(["--only", "odd/ok"]) == 0


@pytest.mark.behaviour("GATE-87")
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_folder_that_takes_no_file_is_said_in_a_line(root, capsys, monkeypatch, code):
    def full(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(record, "write", full)
    assert gate.main(["--only", "odd/ok"]) == 1
    error = f"[Errno {code}] {os.strerror(code)}"
    said = f"quality_gates: nothing can be kept in {root / '.nox'}: {error}\n"
    assert capsys.readouterr().err == said


@pytest.mark.behaviour("GATE-87")
def test_an_error_that_says_nothing_of_the_disk_is_a_traceback(root, monkeypatch):
    def gone(*_):
        raise FileNotFoundError(errno.ENOENT, "gone")

    monkeypatch.setattr(record, "write", gone)
    with pytest.raises(FileNotFoundError):
        gate.main(["--only", "odd/ok"])


@pytest.mark.behaviour("GATE-88")
def test_a_log_has_a_line_as_each_process_begins_and_as_each_shard_ends(root, capsys):
    gate.main(["--only", "odd/wrong", "--seed", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "begin odd/wrong"
    word, key, _, unit, *checked = lines[2].split()
    assert (word, key, unit, " ".join(checked)) == (
        "FAIL",
        "odd/wrong",
        "s",
        "312 passed: 1 to fix",
    )
    assert not any("\x1b" in line or "\r" in line for line in lines)
    assert sum("312 passed" in line for line in lines[:3]) == 1


@pytest.mark.behaviour("GATE-88")
def test_under_github_what_is_printed_is_no_command_and_findings_are_annotations(
    root, capsys, monkeypatch
):
    step = root / "step.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    gate.main(["--only", "odd/wrong", "--seed", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert "::error file=a.py,line=1,title=odd wrong::it is wrong%0Afix: mend it" in lines
    begin = next(i for i, line in enumerate(lines) if line.startswith("::stop-commands::"))
    token = lines[begin].removeprefix("::stop-commands::")
    assert lines[begin + 1].startswith("FAIL  odd/wrong")
    assert lines[-1] == f"::{token}::"
    assert "odd/wrong" in step.read_text(encoding="utf-8")


@pytest.mark.behaviour("GATE-88")
@pytest.mark.parametrize("columns", [20, 100])
def test_a_terminal_sees_what_runs_and_keeps_what_is_red(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    screen = io.StringIO()
    task = testing.task("ok")
    with Live(2, screen) as view:
        view.begun(task)
        view.waiting()
        drawn = screen.getvalue()
        view.ended(task, [RUN.results[1], RUN.results[2]])
        view._shown = 0.0
        view.waiting()
    assert "odd/ok" in drawn
    assert "0 s" in drawn
    assert ("at most" in drawn) == (columns > 60)
    rest = screen.getvalue()[len(drawn) :]
    assert "costs/a" in rest
    assert "costs/b" not in rest
    assert "2 of 2" in rest


@pytest.mark.behaviour("GATE-88")
def test_a_lane_whose_shards_share_a_process_begins_once(capsys):
    task = testing.task("ok")
    Plain().begun(task._replace(shards=task.shards * 3))
    assert capsys.readouterr().out == "begin odd (3 shards)\n"


@pytest.mark.behaviour("GATE-89")
def test_the_last_run_is_kept_whole_and_read_back(root):
    path = root / "kept" / "last.json"
    record.write(path, RUN)
    assert record.read(path) == RUN
    document = json.loads(path.read_text())
    (costs,) = [r for r in document["results"] if r["key"] == "costs/a"]
    assert costs["findings"][0] == WORSE._asdict()
    assert (document["version"], costs["measured"]) == (1, {"reads": "4"})
    assert [p.name for p in path.parent.iterdir()] == ["last.json"]


@pytest.mark.behaviour("GATE-89")
@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "results": [3]}']
)
def test_what_is_no_run_is_read_as_none(tmp_path, text):
    path = tmp_path / "last.json"
    assert record.read(path) is None
    path.write_text(text)
    assert record.read(path) is None


@pytest.mark.behaviour("GATE-85")
def test_the_environment_keeps_what_installs_and_measures_need():
    given = {"PATH": "/bin", "CI": "true", "UV_INDEX": "x", "COVERAGE_FILE": "c", "PYTHONPATH": "p"}
    noise = {"LINES": "3", "PYTEST_ADDOPTS": "-x", "PYTHONOPTIMIZE": "2", "GITHUB_SHA": "1"}
    made = environment({**given, **noise, MARK: "outer"}, 2**40, "inner")
    assert made.items() >= given.items()
    assert not noise.keys() & made.keys()
    assert (made["PYTHONHASHSEED"], made[MARK]) == ("0", "outer inner")
    assert made["OPENBLAS_NUM_THREADS"] == "1", "a process that multiplies nothing starts threads"


@pytest.mark.behaviour("GATE-05")
def test_the_noxfile_hands_on_what_is_asked_for():
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if '"python -m emel_tools.gates"' in line]
    assert "options=session.posargs" in line
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    assert any(need.startswith("nox") for need in scripts)


@pytest.mark.behaviour("GATE-89")
def test_a_file_whose_name_is_no_unicode_can_be_kept_and_told():
    outcome = Outcome("a", "1 file", [WORSE._replace(file="a\udcff.py", what="\udcff is wrong")])
    report = judged(ROOT, testing.odd, outcome)
    assert [(f.file, f.what) for f in report.findings] == [("a\\udcff.py", "\\udcff is wrong")]
    scope = Scope((), Changes("c", "", ("b\udcff.py",), frozenset()), full=False)
    assert record.run_of(record.text_of(Run.of(scope, [], seed=1, seconds=1.0))).changed == (
        "b\\udcff.py",
    )
