"""Processes under time budgets: whatever a lane does, each of its shards comes to a verdict."""

import gc
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from emel_tools.running import Job, Lane, Outcome, Reads, Shard, answers, schedule, worker
from emel_tools.running.log import Log, last_lines
from emel_tools.running.process import Process
from emel_tools.running.results import Report
from emel_tools.running.schedule import Progress
from emel_tools.running.stopping import stoppable
from emel_tools.running.tasks import Task, longest_first, next_task, tasks
from emel_tools.running.testing import after, chosen, install, task
from emel_tools.scope import observed

ODD = ("raises", "silent", "exits", "killed", "stubborn", "asleep", "still", "twice", "astray",
       "late", "verbose", "holder", "ok")  # fmt: skip
QUIET = Progress(lambda _: None, lambda *_: None, lambda: None)


@contextmanager
def installed(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", install(folder / "site"))
        yield folder


@pytest.fixture
def root(tmp_path):
    with installed(tmp_path) as folder:
        yield folder


def run(root, choices, progress=QUIET, seed=5, **options):
    done = schedule.run_all(
        tasks(choices, Job(root, (), full=False, base="", seed=seed)), progress, **options
    )
    assert [result.key for result in done] == [choice.shard.key for choice in choices]
    return {result.key: result for result in done}


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """What odd shards came to, which all ran beside each other."""
    with installed(tmp_path_factory.mktemp("odd")) as folder:
        done = run(folder, chosen(*(f"odd/{name}" for name in ODD)), width=4)
    return folder, {result.shard: result for result in done.values()}


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.behaviour("GATE-80")
@pytest.mark.parametrize(
    ("name", "rule", "says"),
    [
        ("raises", "crash", "RuntimeError: raises: a lane may be wrong"),
        ("silent", "crash", "ended with exit code 0, without a verdict\n     | said to nobody"),
        ("exits", "crash", "ended with exit code 0, without a verdict and without a word"),
        ("killed", "crash", "was killed by SIGKILL"),
        ("stubborn", "budget", "took longer than its budget of 1 s and was ended"),
        ("asleep", "budget", "in _asleep"),
        ("still", "budget", "took longer than its budget of 1 s and was ended"),
        ("twice", "protocol", "was answered twice"),
        ("astray", "protocol", "answered for 'nobody', which wasn't asked for"),
        ("late", "crash", "ended with exit code 7 after its last answer"),
    ],
)
def test_a_shard_that_goes_wrong_is_red_and_says_how(odd, name, rule, says):
    _, done = odd
    assert done[name].verdict == "failed"
    finding = done[name].findings[-1]
    assert (finding.rule, finding.gate) == (rule, "odd")
    assert says in finding.what
    assert f"nox -s quality_gates -- --only odd/{name}" in finding.fix
    assert done[name].log in finding.fix


@pytest.mark.behaviour("GATE-80")
def test_an_answer_that_is_given_twice_keeps_the_findings_of_both(odd):
    _, done = odd
    assert "it is wrong" in [finding.what for finding in done["twice"].findings]


@pytest.mark.behaviour("GATE-80")
def test_what_a_worker_answers_whose_gate_was_killed_is_no_answer(root):
    one = task("ok", budget=60.0)._replace(job=Job(root, ("ok",), full=False, base="", seed=0))
    folder = one.job.folder / "runs" / one.name
    folder.mkdir(parents=True)
    with (folder / worker.ANSWERS).open("wb") as orphans:
        process = Process(one, time.monotonic(), "test-")
        while not process.has_ended():
            time.sleep(0.01)
        orphans.write(b"what it thinks of another tree\n")
        orphans.flush()
        (result,) = process.end()
    assert (result.verdict, result.checked) == ("ok", "1 thing")


@pytest.mark.behaviour("GATE-81")
def test_no_shard_hides_another(odd):
    _, done = odd
    green = {name for name, result in done.items() if result.verdict == "ok"}
    assert green == {"verbose", "holder", "ok"}
    assert done["ok"].checked == "1 thing"


@pytest.mark.behaviour("GATE-82")
def test_a_process_that_outlives_its_shard_is_ended_with_the_run(odd):
    _, done = odd
    assert not is_alive(int(done["holder"].checked))


@pytest.mark.behaviour("GATE-82")
def test_a_log_keeps_the_beginning_and_the_end(odd, tmp_path):
    folder, done = odd
    log = folder / done["verbose"].log
    assert log.stat().st_size < 2 << 20
    assert last_lines(log, 1) == ["the last word"]
    small = Log(tmp_path / "log", limit=4)
    for printed in (b"be", b"ginning", b"of the", b" end"):
        small.add(printed)
    small.close()
    text = (tmp_path / "log").read_bytes()
    assert text == b"begi\n[... 11 bytes are left out ...]\n end"


@pytest.mark.behaviour("GATE-80")
def test_shards_that_share_a_process_are_judged_each(root):
    keys = ("joint/ok", "joint/wrong", "joint/exits", "joint/verbose")
    done = run(root, chosen(*keys))
    assert [done[key].verdict for key in keys] == ["ok", "failed", "failed", "failed"]
    assert done["joint/wrong"].findings[0].what == "it is wrong"
    assert "exit code 0, without a verdict" in done["joint/exits"].findings[0].what
    (last,) = done["joint/verbose"].findings
    assert "has no verdict: the process that it shared with exits ended" in last.what


@pytest.mark.behaviour("GATE-83")
def test_each_shard_of_a_process_has_the_time_since_the_answer_before():
    first, second, third, lost = (task(name, lane="joint") for name in "abcd")
    shards = tuple(each.shards[0] for each in (first, second, third, lost))
    job = first.job._replace(shards=("a", "b", "c", "d"))
    reports = [
        Report("b", "1", [], None, {}, ended=103.0, cpu_seconds=1.0),
        Report("a", "1", [], None, {}, ended=104.0, cpu_seconds=1.5),
        Report("c", "1", [], None, {}, ended=104.5, cpu_seconds=2.0),
    ]
    said = b"".join(msgspec.json.encode(report) + b"\n" for report in reports)
    whole = Task(first.lane, shards, ("",) * 4, job)
    done = answers.results(whole, said + b'{"shard": "d', answers.Ending(100.0, 7.0, 9.0, 2.5, 0))
    assert {
        result.shard: (result.started, result.seconds, result.cpu_seconds) for result in done
    } == {
        "b": (7.0, 3.0, 1.0),
        "a": (10.0, 1.0, 0.5),
        "c": (11.0, 0.5, 0.5),
        "d": (11.5, 4.5, 0.5),
    }
    assert [result.verdict for result in done] == ["ok", "ok", "ok", "failed"]


@pytest.mark.behaviour("GATE-83")
def test_the_times_of_shards_of_a_process_follow_each_other(root):
    keys = ("joint/ok", "joint/verbose", "joint/wrong")
    done = run(root, chosen(*keys)).values()
    for result, later in pairwise(done):
        assert later.started == pytest.approx(result.started + result.seconds, abs=0.002)


@pytest.mark.behaviour("GATE-84")
def test_a_shard_whose_prerequisite_is_red_is_not_judged_and_says_so(root):
    wrong, ok, other, last = chosen("odd/wrong", "odd/ok", "odd/surroundings", "lonely/ok")
    choices = [
        wrong,
        after(ok, "odd/wrong"),
        after(other, "odd/ok"),
        after(last, behind=("odd/ok",)),
    ]
    done = run(root, choices)
    assert done["odd/ok"].verdict == done["odd/surroundings"].verdict == "unjudged"
    assert done["odd/ok"].checked == "not judged because odd/wrong failed"
    assert done["odd/surroundings"].checked == "not judged because odd/ok wasn't"
    assert done["lonely/ok"].verdict == "ok"  # it only comes behind


@pytest.mark.behaviour("GATE-84")
def test_of_shards_that_share_a_process_only_those_without_what_they_need_are_left_out(root):
    wrong, ok, other = chosen("odd/wrong", "joint/ok", "joint/surroundings")
    done = run(root, [wrong, after(ok, "odd/wrong"), other])
    assert [done[k].verdict for k in ("joint/ok", "joint/surroundings")] == ["unjudged", "ok"]


@pytest.mark.behaviour("GATE-80")
def test_shards_that_wait_for_each_other_fail(root):
    one, two = chosen("odd/ok", "odd/wrong")
    done = run(root, [after(one, "odd/wrong"), after(two, "odd/ok")])
    assert done["odd/ok"].findings[0].rule == done["odd/wrong"].findings[0].rule == "after"
    assert "odd/ok waits for odd/wrong" in done["odd/ok"].findings[0].what


@pytest.mark.behaviour("GATE-84")
def test_results_so_far_are_handed_over_before_a_shard_that_comes_after_some(root):
    kept = []
    one, two = chosen("odd/ok", "odd/wrong")
    run(root, [one, after(two, behind=("odd/ok",))], keep=lambda so_far: kept.append([*so_far]))
    assert [[result.key for result in each] for each in kept] == [["odd/ok"]]


@pytest.mark.behaviour("GATE-80")
def test_a_worker_answers_for_each_shard_and_looks_for_no_garbage_as_it_ends(tmp_path, monkeypatch):
    order = worker.Order.of("odd", Job(tmp_path, ("ok",), full=True, base="", seed=3))
    (tmp_path / worker.ORDER).write_bytes(msgspec.json.encode(order))
    lane = Lane("odd", "", lambda _: [], lambda job: [Outcome(each, "") for each in job.shards])
    monkeypatch.setattr(worker, "lane_of", lambda _: lane)
    monkeypatch.setattr(sys, "argv", ["worker", str(tmp_path)])
    monkeypatch.setenv(observed.NOTES, "")
    monkeypatch.setattr(worker, "settle", lambda: None)  # it is for a process of its own
    monkeypatch.setattr(observed, "take_notes", lambda _: None)
    frozen = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append((tmp_path / worker.ANSWERS).exists()))
    assert worker.main() == 0
    (answer,) = (tmp_path / worker.ANSWERS).read_bytes().splitlines()
    assert msgspec.json.decode(answer, type=Report).shard == "ok"
    assert frozen == [True]


@pytest.mark.behaviour("GATE-85")
def test_a_worker_finds_the_same_surroundings_whatever_the_gate_was_started_in(root, monkeypatch):
    ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a job in the background does
    try:
        for name, value in (("COLUMNS", "7"), ("NO_COLOR", "1"), ("GITHUB_ACTIONS", "true")):
            monkeypatch.setenv(name, value)
        seen = run(root, chosen("odd/surroundings"), seed=2**32 + 5)["odd/surroundings"].details
    finally:
        signal.signal(signal.SIGINT, ignored)
    again = run(root, chosen("odd/surroundings"), seed=5)["odd/surroundings"].details
    assert seen == again
    assert seen["environment"] == {
        "COLUMNS": None,
        "GITHUB_ACTIONS": None,
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": None,
        "PYTHONHASHSEED": "5",
        "TERM": "dumb",
    }
    assert (seen["stdin"], seen["interrupts"], seen["session"]) == ("", True, True)


_STOPPED = """
import os
from pathlib import Path
from emel_tools.running import Job, console
from emel_tools.running.schedule import run_all
from emel_tools.running.stopping import stoppable
from emel_tools.running.tasks import tasks
from emel_tools.running.testing import after, chosen
if {closed!r}:
    os.close(0)
todo = chosen("odd/wrong", "odd/holder", "odd/stubborn", "odd/ok", "lonely/ok")
todo[2] = todo[2]._replace(shard=todo[2].shard._replace(budget=600.0))
todo[3] = after(todo[3], "odd/stubborn")
job = Job(Path({root!r}), (), full=False, base="", seed=1)
with stoppable() as stop:
    seen = console.progress(console.Plain())
    done = run_all(tasks(todo, job), seen, stop=lambda: stop, width=3)
print(stop.name, [(result.key, result.verdict) for result in done], flush=True)
"""


_CUT_SHORT = (
    "[('odd/wrong', 'failed'), ('odd/holder', 'ok'), ('odd/stubborn', 'unjudged'),"
    " ('odd/ok', 'unjudged'), ('lonely/ok', 'unjudged')]"
)


@pytest.mark.behaviour("GATE-86")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_at_once_and_what_was_found_is_said(root, number):
    script = _STOPPED.format(root=str(root), closed=number == signal.SIGTERM)
    process = _started(script)
    held = _holder_of(process)
    process.send_signal(number)
    rest = process.communicate(timeout=60)[0]
    assert process.returncode == 0, rest
    assert rest.splitlines()[-1] == f"{number.name} {_CUT_SHORT}"
    assert "not judged because the run was stopped" in rest
    assert not is_alive(held)
    assert not _workers_of(root)


_STARTS = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", {script!r}]).wait())
"""


@pytest.mark.behaviour("GATE-86")
def test_the_end_of_who_started_it_ends_everything_as_a_signal_does(root):
    script = _STOPPED.format(root=str(root), closed=False)
    starter = _started(_STARTS.format(script=script))
    held = _holder_of(starter)
    starter.kill()
    rest = starter.communicate(timeout=60)[0]  # to the end of what it started
    assert rest.splitlines()[-1] == f"SIGHUP {_CUT_SHORT}"
    assert not is_alive(held)
    assert not _workers_of(root)


@pytest.mark.behaviour("GATE-86")
@pytest.mark.parametrize(
    ("on_hang_up", "told"), [(signal.SIG_DFL, "SIGHUP"), (signal.SIG_IGN, "")], ids=["", "nohup"]
)
def test_who_ignores_a_hang_up_outlives_who_started_it(monkeypatch, on_hang_up, told):
    before = signal.signal(signal.SIGHUP, on_hang_up)
    try:
        with stoppable() as stop:
            assert not stop
            monkeypatch.setattr("os.getppid", lambda: 1)
            assert bool(stop) == bool(told)
            assert stop.name == told
    finally:
        signal.signal(signal.SIGHUP, before)


def _started(script):
    return subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _holder_of(process):
    """Read until one shard has failed and one has told the process that it holds; that one."""
    lines: list[str] = []
    while len({*lines} & {"FAIL odd/wrong", "ok odd/holder"}) < 2:
        told = process.stdout.readline()
        lines.append(" ".join(told.split()[:2]))
        if lines[-1] == "ok odd/holder":
            held = int(told.split()[-1])
    return held


def _workers_of(root):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path] * (str(root).encode() in path.read_bytes())
        except OSError:  # it has ended by now
            continue
    return found


@pytest.mark.behaviour("GATE-83")
def test_what_takes_longest_with_all_that_waits_for_it_begins_first():
    todo = [
        task("short", 9),
        task("long", 5),
        task("gate", 2, behind=("odd/start",)),
        task("start", 1),
        task("late", 8, after=("odd/gate",)),
    ]
    order = [each.name for each in longest_first(todo, {"odd/short": 1.5})]
    assert order == ["odd/start", "odd/gate", "odd/late", "odd/long", "odd/short"]


@pytest.mark.behaviour("GATE-83")
def test_what_measures_time_runs_when_nothing_else_does_or_can():
    beside, alone = task("beside"), task("alone", lane="lonely")
    waits = task("waits", after=("odd/beside",))
    assert next_task([alone, beside], [], 2) == beside
    assert next_task([alone], [beside], 2) is None
    assert next_task([alone, waits], [beside], 2) is None
    assert next_task([alone], [], 2) == alone
    assert next_task([beside], [alone], 2) is None
    assert next_task([beside], [task("other")], 1) is None
    assert next_task([beside], [task("other", lane="joint")], 2) == beside
    blocked = task("blocked", after=("lonely/alone",))
    assert next_task([blocked, alone], [], 2) == alone


@pytest.mark.behaviour("GATE-83")
def test_shards_that_measure_time_run_beside_each_other():
    one, two = task("one", lane="lonely"), task("two", lane="lonely")
    assert next_task([two, task("beside")], [one], 2) == two
    assert next_task([two], [one], 1) is None
    assert next_task([two, task("waits", after=("lonely/one",))], [one], 3) == two
    assert next_task([task("waits", after=("lonely/one",), lane="lonely")], [one], 2) is None


TRACE = """\
Traceback (most recent call last):
  File "{0}/tools/src/emel_tools/gates/odd.py", line 3, in _run
    made()
  File "{0}/{1}", line 40, in made
  File "{0}/.nox/env/lib/json.py", line 5, in loads
  File "/usr/lib/abc.py", line 5, in loads
TypeError: it is none
"""


@pytest.mark.behaviour("GATE-137")
@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        (TRACE, 1, "packages/disk/src/emel_disk/_spin.py:40"),
        (TRACE.replace("{1}", "tools/src/emel_tools/pages/table.py"), 1, "{}/pages/table.py:40"),
        (
            TRACE + TRACE.replace("{1}", "tools/src/emel_tools/a.py"),
            1,
            "packages/disk/src/emel_disk/_spin.py:40",
        ),
        (TRACE.replace(", in", " in"), -11, "{}/gates/odd.py"),
        ("it is none\n", 1, "{}/gates/odd.py"),
    ],
)
def test_a_shard_that_breaks_is_told_of_what_raised(tmp_path, text, code, where):
    tail = text.format(tmp_path, "packages/disk/src/emel_disk/_spin.py").splitlines()
    broken = answers.Ending(0.0, 0.0, 1.0, 1.0, code, tail=tail)
    one = task("all")
    (result,) = answers.results(one._replace(job=one.job._replace(root=tmp_path)), b"", broken)
    assert [each.where for each in result.findings] == [where.format("tools/src/emel_tools")]


@pytest.mark.behaviour("GATE-137")
def test_a_shard_that_takes_too_long_is_told_of_its_own_place(tmp_path):
    tail = TRACE.format(tmp_path, "packages/disk/src/emel_disk/_spin.py").splitlines()
    late = answers.Ending(0.0, 0.0, 1.0, 1.0, 1, cause="took longer", tail=tail)
    one = task("all")
    (result,) = answers.results(one._replace(job=one.job._replace(root=tmp_path)), b"", late)
    assert [each.where for each in result.findings] == ["tools/src/emel_tools/gates/odd.py"]


@pytest.mark.behaviour("GATE-80")
@pytest.mark.parametrize("how", Reads._fields[:-2])
def test_a_shard_that_breaks_is_told_of_the_package_that_it_has_to_do_with(how):
    shard = Shard("odd", "disk", Reads(**{how: ("disk",)}), 1.0)
    broken = answers.Ending(0.0, 0.0, 1.0, 1.0, 1)
    (result,) = answers.results(task("disk")._replace(shards=(shard,)), b"", broken)
    assert [each.file for each in result.findings] == ["packages/disk"]
