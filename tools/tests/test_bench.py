"""The bench lane: what it compares with, and what it says of blocks of samples that are given."""

import gc
import math
import subprocess
import sys
from functools import cache

import msgspec
import pytest

from emel_io_mmap import TABLES
from emel_machine import mermaid
from emel_model_format import parse
from emel_tools.gates import bench
from emel_tools.ratios import (
    decision,
    judging,
    machine,
    passing,
    profiling,
    reference,
    sampling,
    selfcheck,
)
from emel_tools.ratios import judged as kept
from emel_tools.ratios.case import Case
from emel_tools.ratios.cases import cases_of
from emel_tools.ratios.decision import MOST
from emel_tools.ratios.judged import Judged
from emel_tools.ratios.judging import Judge
from emel_tools.ratios.line import on_grid
from emel_tools.ratios.reference import Reference
from emel_tools.ratios.sampling import Order, Samples, Seen
from emel_tools.ratios.worlds import World, again
from emel_tools.running import Job, Outcome
from emel_tools.scope import code
from emel_tools.scope.altered import sources
from emel_tools.snapshots import comparison, lines
from emel_tools.workspace import packages

ROOT = bench.Path(__file__).resolve().parents[2]
CASE = Case("work", "python", lambda _folder: list)


@pytest.fixture(scope="module", autouse=True)
def ours_are_read_once():
    """Each judgement reads all sources twice, and no test changes those of the repository."""
    ours = cache(lambda: sources(ROOT))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(passing, "sources", lambda root: ours() if root == ROOT else sources(root))
        yield


class Blocks:
    """Answer orders with what they are told: ratios to the reference and to the control."""

    def __init__(self, *, by_reference=None, by_control=1.0, problem="", runs=("new.py:work",)):
        self.by_reference, self.by_control, self.problem = by_reference, by_control, problem
        self.orders, self.watched, self.runs = [], 0, runs

    def __call__(self, order):
        functions = dict.fromkeys(order.cases, self.runs) if order.watch else {}
        if not order.passes:
            self.watched += 1
            return msgspec.json.encode(Seen(functions=functions))
        self.orders.append(order)
        if order.profile:
            grown = (profiling.Growth("emel_a.room.work", 0.3),)
            return msgspec.json.encode(Seen(grown=dict.fromkeys(order.cases, grown)))
        now = 1_000_000
        refers = self.by_reference and not self.problem
        seen = Samples(
            now=(now, now),
            control=(round(now / self.by_control),) * 2,
            reference=(round(now / self.by_reference),) * 2 if refers else (),
            problem=self.problem,
        )
        samples = dict.fromkeys(order.cases, [seen] * order.passes)
        return msgspec.json.encode(Seen(samples, functions=functions))


def judge(run, recorded, was=None, *, same=False, seconds=1e9, judged=None):
    known = None if was is None else Reference("c0ffee0ff", was, ROOT, same=same)
    order = Order(str(ROOT), "", "a", (), 7)
    return Judge("a", [CASE], recorded, known, order, run, seconds, judged)


def changes(outcome, recorded):
    """What the snapshot makes of it."""
    held = [lines.Line(i, key, value) for i, (key, value) in enumerate(recorded.items(), 1)]
    return {c.key: c.news for c in comparison.compare(held, outcome.measured, bench.LANE.kind)}


RECORDED = {machine.KEY: machine.kind(), "work": "1000"}
WORK = "packages/a/src/emel_a/work.py"
RUN = "packages/machine/src/emel_machine/table.py:Table.run"


@pytest.mark.behaviour("GATE-46")
def test_a_loss_against_the_recorded_code_is_worse_and_says_by_how_much_and_where():
    run = Blocks(by_reference=1.17, by_control=3.0)
    outcome = judge(run, RECORDED, RECORDED).outcome()
    assert changes(outcome, RECORDED) == {"work": "worse"}
    assert outcome.findings == []
    cause = outcome.causes["work"]
    assert "17% slower than at c0ffee0ff" in cause
    assert "1.17 (1.17 to 1.17, seen 12 times)" in cause
    assert "emel_a.room.work (+0.30 ms)" in cause
    assert run.orders[0].reference == str(ROOT)
    # One block of 8 estimates, and two of 6 to make sure.
    assert [order.passes for order in run.orders[:-1]] == [4, 3, 3]
    # What looks like news isn't let off by the first estimates of a further block.
    assert [order.expected for order in run.orders[:-1]] == [{"work": 0.0}, {}, {}]
    assert len({order.seed for order in run.orders[:-1]}) == 3


@pytest.mark.behaviour("GATE-46")
def test_a_gain_is_better_until_it_is_recorded():
    outcome = judge(Blocks(by_reference=1 / 1.3), RECORDED, RECORDED).outcome()
    assert changes(outcome, RECORDED) == {"work": "better"}


@pytest.mark.behaviour("GATE-46")
@pytest.mark.parametrize("ratio", [1.16, 1.3, 2.0, 0.5, 0.86])
def test_what_is_accepted_is_green_from_then_on_against_the_same_code(ratio):
    run = Blocks(by_reference=ratio)
    accepted = judge(run, RECORDED, RECORDED).outcome().measured
    assert accepted["work"] != "1000"
    again = judge(run, accepted, RECORDED).outcome()
    assert changes(again, accepted) == {}
    undone = judge(Blocks(by_reference=1.0), accepted, RECORDED).outcome()
    assert "work" in changes(undone, accepted)
    assert "than the record says, which was 1000 at c0ffee0ff" in undone.causes["work"]


@pytest.mark.behaviour("GATE-46")
def test_another_machine_moves_no_record():
    """The ratio to the control is another there; the code beside the recorded code isn't."""
    run = Blocks(by_reference=1.0, by_control=2.5)
    outcome = judge(run, RECORDED, RECORDED).outcome()
    assert (outcome.measured, list(outcome.findings)) == (RECORDED, [])
    assert outcome.details["cases"][0]["of_control"] == 2.5


@pytest.mark.behaviour("GATE-46")
def test_the_code_that_was_recorded_is_sampled_once_and_never_news():
    run = Blocks(by_control=9.0)
    outcome = judge(run, RECORDED, RECORDED, same=True).outcome()
    assert (outcome.measured, len(run.orders), run.orders[0].reference) == (RECORDED, 1, "")
    assert run.orders[0].passes == 1
    assert run.watched == 0  # there is nothing that it could run otherwise


@pytest.mark.behaviour("GATE-46")
def test_a_case_that_runs_no_code_that_differs_is_not_timed():
    run = Blocks(by_reference=1.5, runs=(RUN,))
    outcome = judge(run, RECORDED, RECORDED).outcome()
    assert (outcome.measured, run.orders) == (RECORDED, [])
    assert outcome.checked.startswith("0 of 1 cases")
    # Where the record has moved since, the code has to be seen to be as the record says.
    outcome = judge(run, RECORDED | {"work": "1500"}, RECORDED).outcome()
    assert len(run.orders) == 1


@pytest.mark.behaviour("GATE-107")
def test_code_that_was_seen_to_be_as_quick_is_neither_timed_nor_run_again(tmp_path, monkeypatch):
    monkeypatch.setattr(passing, "altered_of", lambda executed, *_: executed)
    path, code = tmp_path / "judged" / "a.json", tmp_path / WORK
    code.parent.mkdir(parents=True)
    code.write_text("def work(): return 1\ndef rest(): return 1\n")

    def timed(*, recorded=RECORDED, anew=False, ratio=1.0, commit="c0ffee0ff"):
        run = Blocks(by_reference=ratio, runs=(f"{WORK}:work",))
        known = Reference(commit, RECORDED, ROOT, same=False)
        order, judged = Order(str(tmp_path), "", "a", (), 7), Judged(path, anew=anew)
        outcome = Judge("a", [CASE], recorded, known, order, run, judged=judged).outcome()
        assert set(outcome.measured) == {machine.KEY, "work"}
        assert run.orders or not run.watched
        return bool(run.orders)

    assert timed(ratio=1.3)  # news is kept by nobody
    assert timed()
    assert not timed()
    assert timed(anew=True)
    assert not timed()
    assert timed(commit="another")
    assert timed()
    monkeypatch.setattr(machine, "kind", lambda: "another")
    assert timed()
    monkeypatch.undo()
    monkeypatch.setattr(passing, "altered_of", lambda executed, *_: executed)
    assert timed()
    monkeypatch.setattr(kept, "_OWN", tmp_path / "ratios")  # what a case is stands elsewhere now
    assert timed()
    assert not timed()
    (tmp_path / "ratios").mkdir()
    (tmp_path / "ratios" / "case.py").write_text("more = 1\n")
    assert timed()
    code.write_text("def work(): return 1\ndef rest(): return 2\n")
    assert not timed()
    code.write_text("def work(): return 2\ndef rest(): return 2\n")
    assert timed()
    assert not timed()
    path.write_bytes(b"{")
    assert timed()
    assert not timed()


@pytest.mark.behaviour("GATE-107")
def test_the_last_states_of_a_case_are_known_and_the_latest_stays_longest(tmp_path, monkeypatch):
    monkeypatch.setattr(passing, "altered_of", lambda executed, *_: executed)
    known = Reference("c0ffee0ff", RECORDED, ROOT, same=False)
    order = Order(str(tmp_path), "", "a", (), 7)

    def timed(number):
        (tmp_path / WORK).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / WORK).write_text(f"def work(): return {number}\n")
        run = Blocks(by_reference=1.0, runs=(f"{WORK}:work",))
        judged = Judged(tmp_path / "a.json", anew=False)
        Judge("a", [CASE], RECORDED, known, order, run, judged=judged).outcome()
        return bool(run.orders)

    assert all(timed(number) for number in range(7))
    assert not any(timed(1) for _ in range(6))  # the change was taken back
    assert not timed(2)  # nothing was pushed out by seeing the same again
    assert timed(0)  # too long ago
    assert not timed(4)
    assert all(timed(number) for number in range(20, 25))
    assert not timed(4)  # it was the latest of those before


@pytest.mark.behaviour("GATE-107", "GATE-114")
def test_what_is_bound_beside_what_a_case_runs_is_no_reason_to_time_it(tmp_path):
    for state in ("now", "recorded"):
        (tmp_path / state / WORK).parent.mkdir(parents=True)
    (tmp_path / "recorded" / WORK).write_text("def work(): return 0\n")
    known = Reference("c0ffee0ff", RECORDED, tmp_path / "recorded", same=False)

    def timed(text):
        (tmp_path / "now" / WORK).write_text(text)
        run = Blocks(by_reference=1.0, runs=(f"{WORK}:<module>", f"{WORK}:work"))
        order, judged = Order(str(tmp_path / "now"), "", "a", (), 7), Judged(path, anew=False)
        Judge("a", [CASE], RECORDED, known, order, run, judged=judged).outcome()
        return bool(run.orders), bool(run.watched)

    path = tmp_path / "a.json"
    assert timed("def work(): return LIMIT\n") == (True, True)
    # What is altered since it was judged, and isn't what was recorded, needn't be seen to run.
    assert timed("LIMIT = 1\ndef work(): return LIMIT\n") == (True, False)
    assert timed("MORE = 2\nLIMIT = 1\ndef work(): return LIMIT\n") == (False, False)
    assert timed("MORE = 2\nLIMIT = 1\ndef work(): return LIMIT\ndef rest(): return MORE\n") == (
        False,
        False,
    )
    assert timed("MORE = 2\nLIMIT = 2\ndef work(): return LIMIT\n") == (True, False)
    kept.Judged(path, anew=False).write("another", {}, {})
    assert timed("MORE = 3\nLIMIT = 2\ndef work(): return LIMIT\n") == (True, True)


class BlocksOfTheirOwn(Blocks):
    """Each case runs the function that is called as it is."""

    def __call__(self, order):
        names = (f"{WORK}:<module>", f"{WORK}:{{}}")
        functions = {each: tuple(name.format(each) for name in names) for each in order.cases}
        answer = msgspec.json.decode(super().__call__(order), type=Seen)
        if answer.functions:
            answer = msgspec.structs.replace(answer, functions=functions)
        return msgspec.json.encode(answer)


@pytest.mark.behaviour("GATE-107", "GATE-114")
def test_a_loss_that_nobody_recorded_is_timed_again_whatever_else_was_kept_meanwhile(tmp_path):
    for state in ("now", "recorded"):
        (tmp_path / state / WORK).parent.mkdir(parents=True)
    (tmp_path / "recorded" / WORK).write_text("def work(): return 0\ndef more(): return 0\n")
    cases, both = [CASE, CASE._replace(name="more")], RECORDED | {"more": "1000"}
    known = Reference("c0ffee0ff", both, tmp_path / "recorded", same=False)

    def timed(text, ratio):
        (tmp_path / "now" / WORK).write_text(text)
        run = BlocksOfTheirOwn(by_reference=ratio)
        judged = Judged(tmp_path / "a.json", anew=False)
        order = Order(str(tmp_path / "now"), "", "a", (), 7)
        Judge("a", cases, both, known, order, run, judged=judged).outcome()
        return {name for order in run.orders for name in order.cases}

    assert timed("def work(): return 1\ndef more(): return 1\n", 1.0) == {"work", "more"}
    assert timed("def work(): return 2\ndef more(): return 1\n", 1.3) == {"work"}
    assert timed("FEW = 3\ndef work(): return 2\ndef more(): return 1\n", 1.3) == {"work"}


@pytest.mark.behaviour("GATE-107")
def test_what_may_run_nothing_but_what_was_recorded_is_watched_before_it_is_timed(tmp_path):
    for state in ("now", "recorded"):
        (tmp_path / state / WORK).parent.mkdir(parents=True)
    (tmp_path / "recorded" / WORK).write_text("def work(): return 0\ndef rest(): return 0\n")
    known = Reference("c0ffee0ff", RECORDED, tmp_path / "recorded", same=False)

    def timed(text, *, rest):
        (tmp_path / "now" / WORK).write_text(text)
        runs = (f"{WORK}:work", f"{WORK}:rest") if rest else (f"{WORK}:work",)
        run = Blocks(by_reference=1.0, runs=runs)
        judged = Judged(tmp_path / "a.json", anew=False)
        order = Order(str(tmp_path / "now"), "", "a", (), 7)
        Judge("a", [CASE], RECORDED, known, order, run, judged=judged).outcome()
        return bool(run.orders), bool(run.watched)

    assert timed("def work(): return 1\ndef rest(): return 0\n", rest=True) == (True, True)
    # It works as recorded again, and who knows whether it still comes to what doesn't.
    assert timed("def work(): return 0\ndef rest(): return 1\n", rest=False) == (False, True)


@pytest.mark.behaviour("GATE-107")
def test_what_runs_no_code_that_differs_is_not_run_again_either(tmp_path):
    for watched in (1, 0):
        run = Blocks(runs=(RUN,))
        judged = Judged(tmp_path / "a.json", anew=False)
        judge(run, RECORDED, RECORDED, judged=judged).outcome()
        assert (run.orders, run.watched) == ([], watched)
    # What was taken over is kept beside what had to be run.
    cases, both = [CASE, CASE._replace(name="more")], RECORDED | {"more": "1000"}
    known = Reference("c0ffee0ff", both, ROOT, same=False)
    order = Order(str(ROOT), "", "a", (), 7)
    for watched in (1, 0):
        run.watched = 0
        judged = Judged(tmp_path / "a.json", anew=False)
        Judge("a", cases, both, known, order, run, judged=judged).outcome()
        assert (run.orders, run.watched) == ([], watched)


@pytest.mark.behaviour("GATE-107")
def test_a_case_of_which_nothing_was_seen_or_that_cannot_be_told_is_timed_again(tmp_path):
    judged = Judged(tmp_path / "a.json", anew=False)
    for run in (Blocks(by_reference=1.0, runs=()), Blocks(by_reference=1.0, problem="gone")):
        for _ in range(2):
            run.orders.clear()
            judge(run, RECORDED, RECORDED, judged=judged).outcome()
            assert run.orders
    for _ in range(2):
        run = Blocks(by_reference=1.5)
        judge(run, RECORDED, RECORDED, seconds=-1, judged=judged).outcome()
        assert run.orders


@pytest.mark.behaviour("GATE-46")
def test_a_case_that_is_new_or_gone_is_news_and_another_machine_records_no_kind_of_its_own():
    recorded = {machine.KEY: "elsewhere", "former": "500"}
    outcome = judge(Blocks(by_reference=1.0, by_control=1.5), recorded, recorded).outcome()
    assert changes(outcome, recorded) == {"work": "new", "former": "gone"}
    assert outcome.measured["work"] == str(on_grid(1.5))


@pytest.mark.behaviour("GATE-47")
def test_without_recorded_code_the_control_decides_on_the_same_kind_of_machine():
    for by_control, news in ((1.02, {}), (1.2, {"work": "worse"}), (0.8, {"work": "better"})):
        outcome = judge(Blocks(by_control=by_control), RECORDED).outcome()
        assert changes(outcome, RECORDED) == news
        assert outcome.findings == []
    assert "than recorded, by its control" in outcome.causes["work"]


@pytest.mark.behaviour("GATE-47")
@pytest.mark.parametrize(
    ("by_control", "news"), [(1.45, {}), (0.7, {}), (1.6, "worse"), (0.6, "better")]
)
def test_a_case_that_is_new_since_the_base_is_held_loosely_to_its_control(by_control, news):
    was = {machine.KEY: RECORDED[machine.KEY], "another": "1000"}
    outcome = judge(Blocks(by_control=by_control), RECORDED, was).outcome()
    assert changes(outcome, RECORDED) == (news and {"work": news})
    assert outcome.findings == []


@pytest.mark.behaviour("GATE-47")
def test_on_another_kind_of_machine_it_warns_that_nothing_can_be_told():
    recorded = {**RECORDED, machine.KEY: "riscv64 1.2, Python 3.14"}
    outcome = judge(Blocks(by_control=2.0), recorded).outcome()
    assert outcome.measured == recorded
    (warning,) = outcome.findings
    assert (warning.severity, warning.rule) == ("warning", "elsewhere")
    assert "riscv64" in warning.what


@pytest.mark.behaviour("GATE-47")
def test_recorded_code_that_cant_run_a_case_is_a_warning_and_its_control_decides():
    run = Blocks(by_reference=1.0, by_control=1.3, problem="ImportError: no plan")
    outcome = judge(run, RECORDED, RECORDED).outcome()
    assert changes(outcome, RECORDED) == {"work": "worse"}
    (warning,) = outcome.findings
    assert (warning.severity, "no plan" in warning.what) == ("warning", True)


@pytest.mark.behaviour("GATE-48")
def test_what_cant_be_told_is_a_warning_never_red_and_never_silent():
    ratios = iter([0.7, 1.5] * MOST)  # a block each

    def run(order):
        return Blocks(by_reference=1 if order.watch else next(ratios))(order)

    outcome = judge(run, RECORDED, RECORDED).outcome()
    assert outcome.measured == RECORDED
    (warning,) = outcome.findings
    assert (warning.severity, warning.rule) == ("warning", "noise")
    # The first block looks like news; then it is six estimates a block.
    assert "too noisy to tell; 1.50 (0.70 to 1.50, seen 30 times)" in warning.what
    assert MOST <= 30 < MOST + 6
    assert warning.fix.startswith("nox -s quality_gates -- --only bench/a")


@pytest.mark.behaviour("GATE-48")
def test_what_looks_like_news_once_and_not_twice_is_none():
    ratios = iter([1.2] * 2 + [1.0] * MOST)

    def run(order):
        return Blocks(by_reference=1 if order.watch else next(ratios))(order)

    outcome = judge(run, RECORDED, RECORDED).outcome()
    assert (outcome.measured, list(outcome.findings)) == (RECORDED, [])


@pytest.mark.behaviour("GATE-48")
def test_no_block_is_begun_when_the_time_is_up():
    run = Blocks(by_reference=1.5)
    outcome = judge(run, RECORDED, RECORDED, seconds=-1).outcome()
    assert len(run.orders) == 1
    assert [finding.rule for finding in outcome.findings] == ["noise"]


@pytest.mark.behaviour("GATE-46")
def test_records_are_steps_that_are_finer_than_news():
    steps = {on_grid(1.003**i / 30) for i in range(3000)}
    ratios = [b / a for a, b in zip(sorted(steps), sorted(steps)[1:], strict=False) if a > 100]
    assert max(ratios) < math.exp(decision.NEWS)
    assert on_grid(0.0) == 1
    assert all(on_grid(step / 1000) == step for step in steps if step > 100)


def repository(folder):
    """A repository with one package, whose snapshot was committed with it."""
    write(folder, "packages/a/pyproject.toml", '[project]\nname = "emel-a"\n')
    write(folder, "tools/pyproject.toml", '[project]\nname = "emel-tools"\n')
    write(folder, "packages/a/src/emel_a/__init__.py", "SPEED = 1\n")
    git(folder, "init", "-q")
    return folder


def write(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def git(root, *words):
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    done = subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)
    return done.stdout.decode().strip()


def commit(root, snapshot=None, source=None):
    if snapshot is not None:
        write(root, "snapshots/bench/a.txt", f"work  {snapshot}\n")
    if source is not None:
        write(root, "packages/a/src/emel_a/__init__.py", source)
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "x")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path):
    return repository(tmp_path)


@pytest.fixture
def interpreter():
    """Put modules and path back, whatever a world has done to them."""
    modules, path = dict(sys.modules), sys.path[:]
    yield
    sys.path[:] = path
    for name in set(sys.modules) - set(modules):
        if name.partition("_")[0] == "emel":
            del sys.modules[name]
    sys.modules.update(modules)


def find(root, base="", shard="a"):
    return reference.find(root, root / ".nox" / "bench", shard, ("a",), base)


@pytest.mark.behaviour("GATE-49")
def test_the_code_that_was_recorded_is_what_a_change_is_compared_with(root):
    recorded = commit(root, snapshot=1000)
    write(root, "packages/a/src/emel_a/__init__.py", "SPEED = 2\n")
    for _ in range(2):  # uncommitted, then committed, whatever the base
        for base in ("", "HEAD"):
            found = find(root, base)
            assert (found.commit, found.recorded, found.same) == (recorded, {"work": "1000"}, False)
        source = found.root / "packages/a/src/emel_a/__init__.py"
        assert source.read_text() == "SPEED = 1\n"
        commit(root)


@pytest.mark.behaviour("GATE-49")
def test_losses_add_up_until_they_are_recorded(root):
    recorded = commit(root, snapshot=1000)
    commit(root, source="SPEED = 2\n")
    base = commit(root, source="SPEED = 3\n")
    write(root, "packages/a/src/emel_a/__init__.py", "SPEED = 4\n")
    assert find(root, base).commit == recorded


@pytest.mark.behaviour("GATE-49")
def test_a_commit_that_records_is_judged_by_the_record_before_it(root):
    first = commit(root, snapshot=1000)
    second = commit(root, snapshot=1200, source="SPEED = 2\n")
    found = find(root)
    assert (found.commit, found.recorded, found.same) == (first, {"work": "1000"}, False)
    commit(root, source="SPEED = 3\n")
    assert find(root).commit == second
    assert find(root, base=first).commit == first  # what a branch recorded is no excuse


@pytest.mark.behaviour("GATE-49")
def test_unchanged_sources_are_known_to_be_the_same(root):
    commit(root, snapshot=1000)
    write(root, "README.md", "news")
    commit(root)
    assert find(root).same


@pytest.mark.behaviour("GATE-49")
def test_without_a_record_that_is_older_there_is_nothing_to_compare_with(root):
    assert find(root) is None
    write(root, "snapshots/bench/a.txt", "work  1000\n")
    assert find(root) is None
    commit(root)
    assert find(root) is None


@pytest.mark.behaviour("GATE-49")
def test_sources_of_records_that_are_past_are_dropped(root):
    commit(root, snapshot=1000)
    commit(root)
    old = find(root)
    commit(root, snapshot=1100)
    commit(root)
    new = find(root)
    assert (old.root.exists(), new.root.exists()) == (False, True)


@pytest.mark.behaviour("GATE-49")
def test_shards_that_run_side_by_side_keep_their_sources_apart(root):
    write(root, "snapshots/bench/b.txt", "work  1000\n")
    first = commit(root)
    second = commit(root, snapshot=1000)
    commit(root)
    found = [find(root, shard=shard) for shard in ("a", "b")]
    assert [each.commit for each in found] == [second, first]
    assert all((each.root / "packages/a/src/emel_a/__init__.py").exists() for each in found)


@pytest.mark.behaviour("GATE-50")
@pytest.mark.usefixtures("interpreter")
def test_two_states_of_the_sources_live_side_by_side(tmp_path):
    worlds = []
    for speed in (1, 2):
        source = tmp_path / str(speed) / "packages" / "x" / "src"
        write(
            source,
            "emel_x/__init__.py",
            f"SPEED = {speed}\ndef late():\n    from emel_x import b\n    return b.SPEED\n",
        )
        write(source, "emel_x/b.py", f"SPEED = {speed}\n")
        worlds.append(World(tmp_path / str(speed)))
    late = []
    for world in worlds:
        with world.inside():
            import emel_x

            emel_x.late()  # what is imported inside functions is imported inside
            late.append(emel_x.late)
            assert again("emel_x")() is not emel_x
    for _ in range(2):
        for world, function, speed in zip(worlds, late, (1, 2), strict=True):
            world.enter()
            assert function() == speed
    with pytest.raises(FileNotFoundError):
        World(tmp_path)


@pytest.mark.behaviour("GATE-50")
@pytest.mark.parametrize("package", [package.name for package in packages(ROOT)])
def test_every_package_has_cases_each_with_a_name_of_its_own(package):
    """The lane runs them, in processes of their own."""
    cases = cases_of(package)
    assert len({case.name for case in cases}) == len(cases) >= 3


@pytest.mark.behaviour("GATE-51")
def test_functions_are_profiled_by_the_name_that_they_are_imported_by():
    seconds = profiling.profiled(lambda: [mermaid(table) for table in TABLES], ROOT)
    assert min(seconds.values()) >= 0
    assert "emel_machine.drawing.mermaid" in seconds


@pytest.mark.behaviour("GATE-51")
def test_the_functions_that_grew_are_those_that_make_up_most_of_it():
    before = {"a": 0.001, "b": 0.002, "c": 0.003, "gone": 1.0}
    now = {"a": 0.001, "b": 0.0024, "c": 0.001, "new": 0.001}
    first, second = profiling.grown(now, before)
    assert [first.spelled(), second.spelled()] == ["new (+1.00 ms)", "b (+0.40 ms)"]
    assert profiling.grown({"a": 1.0}, {"a": 2.0}) == profiling.grown({}, {}) == ()


@pytest.mark.behaviour("GATE-52")
def test_the_self_check_counts_with_exact_limits():
    low, high = selfcheck.limits(0, 600)
    assert (low, round(high, 4)) == (0.0, 0.0061)
    low, high = selfcheck.limits(95, 100)
    assert (round(low, 3), round(high, 3)) == (0.887, 0.984)
    assert selfcheck.limits(5, 5)[1] == 1.0


@pytest.mark.behaviour("GATE-52")
def test_the_self_check_judges_as_the_gate_does(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(repository(tmp_path))
    monkeypatch.setattr(selfcheck, "cases_of", lambda _package: (CASE,))

    monkeypatch.setattr(selfcheck, "_turns", lambda names, _end: enumerate(names))

    def run(order):
        assert not order.watch  # its sources are the same: all would be passed over
        return Blocks(by_reference=1 + order.slower)(order)

    monkeypatch.setattr(selfcheck, "Judge", lambda *words: Judge(*words, run=run))
    assert selfcheck.main(["--minutes", "0.0001"]) == 0
    said = capsys.readouterr().out
    assert "\n0% slower: 1 cases, 0 too noisy to tell" in said
    assert "found         1 of 1" in said
    assert said.count("false alarms  0 of 1") == 2


@pytest.mark.behaviour("GATE-50")
def test_the_lane_has_a_shard_a_package_and_runs_alone():
    shards = bench.LANE.shards(ROOT)
    assert [shard.name for shard in shards] == [package.name for package in packages(ROOT)]
    assert all(shard.name in shard.reads.calls for shard in shards)
    assert bench.LANE.alone
    assert not bench.LANE.together


@pytest.mark.behaviour("GATE-50")
def test_the_lane_judges_each_shard_and_keeps_the_code_that_it_reads(tmp_path, monkeypatch):
    judges = []

    def outcome(judge):
        judges.append(judge)
        code.read(b"class Measured: pass\n")
        return Outcome(judge.lines[0].case.name, "")

    monkeypatch.setattr(code, "_kept", [])
    monkeypatch.setattr(reference, "find", lambda *_: None)
    monkeypatch.setattr(Judge, "outcome", outcome)
    path = lines.path_of(tmp_path, "bench", "machine")
    path.parent.mkdir(parents=True)
    path.write_text("rows: 800 events  7\n")
    job = Job(tmp_path, ("machine", "io_file"), full=False, base="", seed=5)
    code.read.cache_clear()
    found = [each.shard for each in bench.LANE.run(job)]
    assert found == [cases_of(name)[0].name for name in job.shards]
    recorded = {line.case.name: line.recorded for line in judges[0].lines}
    assert recorded["rows: 800 events"] == 7
    assert len([*(tmp_path / ".nox" / "gate" / "code").iterdir()]) == 1


@pytest.mark.behaviour("GATE-50")
def test_a_block_runs_in_a_process_of_its_own():
    order = Order(str(ROOT), "", "machine", ("rows: 800 events",), 3)
    seen = msgspec.json.decode(judging.in_process(order), type=Seen)
    assert list(seen.samples) == ["rows: 800 events"]


@pytest.fixture
def states(tmp_path):
    """Two states of a package, now and recorded, and a case that runs it."""
    for state in ("now", "before"):
        source = tmp_path / state / "packages" / "x" / "src"
        write(source, "emel_x_sampled/__init__.py", "def work():\n    return 1\n")

    def prepare(folder):
        import emel_x_sampled

        return emel_x_sampled.work

    kept = {name: module for name, module in sys.modules.items() if name.startswith("emel")}
    order = Order(str(tmp_path / "now"), str(tmp_path / "before"), "x", ("work",), 3)
    yield order, Case("work", "python", prepare)
    sys.modules.update(kept)
    gc.unfreeze()  # a block that has its process to itself leaves all frozen


@pytest.mark.behaviour("GATE-50")
@pytest.mark.parametrize(("passes", "seconds", "rounds"), [(1, 1e9, 24), (3, -1.0, 4)])
def test_a_block_samples_each_case_as_often_as_it_is_asked_for_and_has_time_for(
    states, monkeypatch, passes, seconds, rounds
):
    for name in ("_WARM_SECONDS", "_CPU_SECONDS", "_SECONDS"):
        monkeypatch.setattr(sampling, name, seconds)
    order, case = states
    asked = msgspec.structs.replace(order, passes=passes, slower=0.5)
    seen = sampling.block(asked, [case, case._replace(name="rest")])
    assert set(seen.samples) == {"work", "rest"}
    for samples in seen.samples.values():
        assert len(samples) == passes
        for each in samples:
            assert len(each.now) == len(each.control) == len(each.reference) == rounds
            assert not each.problem


@pytest.mark.behaviour("GATE-46")
@pytest.mark.parametrize(
    ("ratio", "expected", "passes"), [(1.0, 1.0, 1), (1.2, 1.2, 1), (1.06, 1.0, 2), (1.2, 1.0, 4)]
)
def test_a_case_is_sampled_no_more_than_it_takes_to_see_that_it_is_as_recorded(
    states, monkeypatch, ratio, expected, passes
):
    def sample(roles, problem, shuffled):
        return Samples((round(1e6 * ratio),) * 2, (10**6,) * 2, (10**6,) * 2)

    monkeypatch.setattr(sampling, "_sample", sample)
    order, case = states
    asked = msgspec.structs.replace(order, passes=4, expected={"work": math.log(expected)})
    seen = sampling.block(asked, [case, case._replace(name="rest")])
    assert {name: len(samples) for name, samples in seen.samples.items()} == {
        "work": passes,
        "rest": 4,
    }


@pytest.mark.behaviour("GATE-51")
def test_a_block_that_profiles_says_which_functions_grew_and_times_nothing(states):
    order, case = states
    busy = "def work():\n    n = 0\n    while n < 50_000:\n        n += 1\n"
    write(bench.Path(order.root), "packages/x/src/emel_x_sampled/__init__.py", busy)
    seen = sampling.block(msgspec.structs.replace(order, profile=True), [case])
    assert seen.grown["work"][0].function == "emel_x_sampled.__init__.work"
    assert (seen.samples, seen.functions) == ({}, {})


@pytest.mark.behaviour("GATE-105")
@pytest.mark.parametrize("passes", [0, 2])
def test_a_block_that_watches_says_what_each_case_runs_and_what_it_imports(states, passes):
    order, case = states
    asked = msgspec.structs.replace(order, watch=True, passes=passes)
    seen = sampling.block(asked, [case, case._replace(name="rest")])
    path = "packages/x/src/emel_x_sampled/__init__.py"
    both = {f"{path}:<module>", f"{path}:work"}
    assert {name: set(names) for name, names in seen.functions.items()} == {
        "work": both,
        "rest": both,
    }
    assert set(seen.samples) == ({"work", "rest"} if passes else set())


@pytest.mark.behaviour("GATE-46")
@pytest.mark.parametrize(
    ("name", "about"), [("150 tensors and an escape", '"pt"'), ("200 kB", "Größe Größe ")]
)
def test_the_headers_that_are_timed_are_read_key_by_key(tmp_path, name, about):
    (case,) = (each for each in cases_of("model_format") if name in each.name)
    assert case.prepare(tmp_path)().metadata["format"].startswith(about)


@pytest.mark.behaviour("GATE-46")
@pytest.mark.parametrize(
    ("name", "byteorder", "count"), [("digest 80", "little", 80), ("big-endian", "big", 40)]
)
def test_digests_are_timed_of_numbers_in_either_order(tmp_path, name, byteorder, count):
    (case,) = (each for each in cases_of("model_loader") if name in each.name)
    digest = case.prepare(tmp_path)()
    (path,) = tmp_path.iterdir()
    header = parse(path.read_bytes(), path.stat().st_size)
    assert (header.byteorder, list(header.tensors.names)) == (byteorder, list(digest.tensors))
    assert len(digest.tensors) == count


@pytest.mark.behaviour("GATE-46")
def test_buffers_are_timed_of_one_size_for_many_places_in_a_file(tmp_path):
    (case,) = (each for each in cases_of("io_read") if "direct reads" in each.name)
    assert case.prepare(tmp_path)() == [4096] * 400
