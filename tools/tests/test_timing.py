"""What shards take is sorted into buckets that hold until it is news."""

import json
from pathlib import Path

import pytest

from emel_tools.gates.timing import LANE
from emel_tools.running import Job, Lane, Reads, Shard
from emel_tools.running.registry import lanes
from emel_tools.running.worker import judged
from emel_tools.snapshots import Kind, lines
from emel_tools.timing import control, measured
from emel_tools.timing.buckets import bucket_of, holds
from emel_tools.timing.verdict import Times, leeway, outcome


def lane(**how):
    return Lane("disk", "it spins", lambda _: SHARDS, lambda _: (), **how)


ROOT = Path(__file__).resolve().parents[2]
SHARDS = [Shard("disk", name, Reads(), 100) for name in ("a", "b")]


def heard(root, taken, recorded, *, warm=True, full=False, shards=SHARDS, leeway=1.0, **how):
    """Judge as the gate does, and list what is news, with the reason."""
    keys = frozenset(shard.key for shard in shards) if warm else frozenset()
    found = outcome(lane(**how), shards, recorded, Times(taken, keys, leeway, full))
    path = lines.path_of(root, "timing", "disk")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lines.text_of({name: str(n) for name, n in recorded.items()}))
    timing = Lane("timing", "", lambda _: (), lambda _: (), kind=Kind())
    return [(finding.rule, finding.what) for finding in judged(root, timing, found).findings]


@pytest.mark.behaviour("GATE-77")
@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, 1), (0.99, 1), (1.0, 1), (1.01, 2), (2, 2), (7.9, 8), (33, 64)]
)
def test_a_time_is_put_into_the_smallest_power_of_two_that_holds_it(seconds, bucket):
    assert bucket_of(seconds) == bucket


@pytest.mark.behaviour("GATE-77")
@pytest.mark.parametrize("seconds", [0.3, 1.0, 1.7, 3.0, 4.0, 5.5, 8.0, 31.0])
def test_a_bucket_holds_for_less_than_twice_and_never_for_more_than_four_times(seconds):
    bucket = bucket_of(seconds)
    for factor in (0.51, 0.8, 1.0, 1.5, 1.99):
        assert holds(bucket, seconds * factor)
    if seconds > 0.5:
        assert not holds(bucket, seconds * 4.01)
    if seconds >= 1.0 * 4:
        assert not holds(bucket, seconds / 4.01)


@pytest.mark.behaviour("GATE-77")
def test_what_is_four_times_slower_or_faster_fails_with_the_command_that_accepts_it(tmp_path):
    recorded = {"a": 8, "b": 8}
    assert heard(tmp_path, {"disk/a": 7.0, "disk/b": 12.0}, recorded) == []
    ((rule, what),) = heard(tmp_path, {"disk/a": 28.0, "disk/b": 5.0}, recorded)
    assert rule == "worse"
    assert what.startswith("a: 8 recorded, 32 now: worse (it took 28.00 s of processor time")
    ((rule, _),) = heard(tmp_path, {"disk/a": 1.5, "disk/b": 5.0}, recorded)
    assert rule == "better"


@pytest.mark.behaviour("GATE-109")
def test_what_all_shards_together_explain_is_no_news(tmp_path):
    taken, recorded = {"disk/a": 1.9, "disk/b": 16.1}, {"a": 8, "b": 8}
    assert [rule for rule, _ in heard(tmp_path, taken, recorded)] == ["better", "worse"]
    assert [rule for rule, _ in heard(tmp_path, taken, recorded, leeway=0.7)] == ["worse"]
    assert [rule for rule, _ in heard(tmp_path, taken, recorded, leeway=1.4)] == ["better"]
    # What holds by the control holds, whatever the shards say.
    assert heard(tmp_path, {"disk/a": 15.9, "disk/b": 2.1}, recorded, leeway=0.7) == []
    assert heard(tmp_path, {"disk/a": 15.9, "disk/b": 2.1}, recorded, leeway=1.4) == []


@pytest.mark.behaviour("GATE-109")
@pytest.mark.parametrize(("slower", "said"), [(1.2, 1.2), (0.8, 0.8), (3, 1.8), (0.2, 1 / 1.8)])
def test_all_shards_together_correct_the_control_but_not_by_any_factor(slower, said):
    recorded = {f"disk/{n}": 2**n for n in range(10)}
    taken = {key: bucket / 2**0.5 * slower for key, bucket in recorded.items()}
    taken |= {"disk/8": 1000.0, "disk/new": 5.0}  # one alone changes nothing
    assert leeway(recorded, taken) == pytest.approx(said)


@pytest.mark.behaviour("GATE-109")
def test_few_shards_or_ones_below_a_second_do_not_correct_the_control():
    recorded = {f"disk/{n}": 4 for n in range(20)}
    assert leeway(recorded, {f"disk/{n}": 4.0 for n in range(7)}) == 1.0
    assert leeway(recorded, {f"disk/{n}": 4.0 for n in range(8)}) > 1.0
    short = dict.fromkeys(recorded, 0.1)
    assert leeway(dict.fromkeys(recorded, 1), short) == 1.0


@pytest.mark.behaviour("GATE-78")
def test_only_what_ran_is_judged_and_what_is_new_or_gone_is_said(tmp_path):
    assert heard(tmp_path, {"disk/a": 7.0}, {"a": 8, "b": 1}) == []
    assert heard(tmp_path, {}, {"a": 8, "b": 1}) == []
    assert [rule for rule, _ in heard(tmp_path, {"disk/a": 7.0}, {})] == ["new"]
    assert [rule for rule, _ in heard(tmp_path, {}, {"a": 8, "b": 1, "c": 2})] == ["gone"]


@pytest.mark.behaviour("GATE-78")
def test_shards_that_share_a_process_are_judged_as_one_and_only_if_all_ran(tmp_path):
    recorded = {"together": 8}
    assert heard(tmp_path, {"disk/a": 30.0}, recorded, together=True) == []
    found = heard(tmp_path, {"disk/a": 30.0, "disk/b": 5.0}, recorded, together=True)
    assert [rule for rule, _ in found] == ["worse"]


@pytest.mark.behaviour("GATE-78")
def test_the_first_run_in_an_environment_may_take_longer_but_not_any_time(tmp_path):
    recorded = {"a": 1, "b": 8}
    assert heard(tmp_path, {"disk/a": 7.0, "disk/b": 1.0}, recorded, warm=False) == []
    assert len(heard(tmp_path, {"disk/a": 7.0, "disk/b": 1.0}, recorded)) == 2
    assert len(heard(tmp_path, {"disk/a": 11.0}, recorded, warm=False)) == 1


@pytest.mark.behaviour("GATE-78")
def test_a_lane_that_does_less_where_less_has_changed_is_never_too_fast(tmp_path):
    taken, recorded = {"disk/a": 0.1, "disk/b": 30.0}, {"a": 8, "b": 8}
    assert [rule for rule, _ in heard(tmp_path, taken, recorded)] == ["better", "worse"]
    assert [rule for rule, _ in heard(tmp_path, taken, recorded, varies=True)] == ["worse"]
    varying = {each.name for each in lanes(ROOT) if each.varies}
    assert varying == {"bench", "boundaries", "determinism", "fuzz", "parity", "types"}


@pytest.mark.behaviour("GATE-78")
def test_where_all_is_to_do_a_bucket_that_is_too_large_is_news_but_where_it_varies_even_then(
    tmp_path,
):
    """A bucket that was written by hand would let a lane take many times longer, unheard of."""
    taken, recorded = {"disk/a": 4.0, "disk/b": 30.0}, {"a": 32, "b": 32}
    inflated = heard(tmp_path, taken, recorded, full=True, varies=True)
    assert [rule for rule, _ in inflated] == ["better"]
    always = heard(tmp_path, taken, recorded, full=True, varies=True, varies_in_full=True)
    assert always == heard(tmp_path, taken, recorded, varies=True) == []
    assert heard(tmp_path, taken, recorded, full=True, varies=True, warm=False) == []
    assert {each.name for each in lanes(ROOT) if each.varies_in_full} == {"bench", "boundaries"}


@pytest.mark.behaviour("GATE-79")
def test_a_budget_that_a_machine_half_as_fast_would_use_up_is_found(tmp_path):
    tight = [Shard("disk", "a", Reads(), 15)]
    ((rule, what),) = heard(tmp_path, {"disk/a": 7.0}, {"a": 8}, shards=tight)
    assert rule == "budget"
    assert what.startswith("the budget of disk/a is 15 s, and it takes up to 8 s")
    roomy = [Shard("disk", "a", Reads(), 16)]
    assert heard(tmp_path, {"disk/a": 7.0}, {"a": 8}, shards=roomy) == []


@pytest.mark.behaviour("GATE-79")
def test_a_types_shard_that_is_asked_for_alone_has_time_for_what_all_take_together():
    (types,) = [each for each in lanes(ROOT) if each.name == "types"]
    (line,) = lines.read(lines.path_of(ROOT, "timing", "types"))
    assert min(shard.budget for shard in types.shards(ROOT)) >= 4 * int(line.value)


@pytest.mark.behaviour("GATE-78")
def test_times_are_those_of_the_run_under_way_that_came_to_a_good_end(tmp_path):
    assert measured.took(tmp_path) == {}
    results = [
        {"lane": "disk", "shard": "a", "verdict": "ok", "cpu_seconds": 2.5, "findings": []},
        {"lane": "disk", "shard": "b", "verdict": "failed", "cpu_seconds": 0.1, "findings": []},
        {"lane": "disk", "shard": "c", "verdict": "unaffected", "cpu_seconds": 0.0},
        {"lane": "disk", "shard": "d", "verdict": "ok", "details": {"not_timed": "it did less"}},
    ]
    path = tmp_path / measured.CURRENT
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"version": 1, "results": results, "seed": 3}))
    assert measured.took(tmp_path) == {"disk/a": 2.5}


@pytest.mark.behaviour("GATE-78")
def test_it_is_remembered_what_ran_in_this_environment(tmp_path, monkeypatch):
    assert measured.warm(tmp_path) == frozenset()
    measured.remember(tmp_path, ["disk/a"])
    measured.remember(tmp_path, ["disk/b"])
    assert measured.warm(tmp_path) == {"disk/a", "disk/b"}
    monkeypatch.setattr(measured.sys, "prefix", str(tmp_path))
    (tmp_path / "installed.sha256").write_text("another")
    assert measured.warm(tmp_path) == frozenset()


@pytest.mark.behaviour("GATE-77")
def test_a_machine_half_as_fast_measures_the_same(monkeypatch):
    """Its control takes twice as long, too."""
    monkeypatch.setattr(control, "_work", lambda: 0)
    clock = iter(range(1000))
    monkeypatch.setattr(control.time, "process_time", lambda: next(clock) * 0.010)
    assert control.slowness() == pytest.approx(1.0)
    monkeypatch.setattr(control.time, "process_time", lambda: next(clock) * 0.020)
    assert control.slowness() == pytest.approx(2.0)


@pytest.mark.behaviour("GATE-77", "GATE-109")
def test_the_lane_judges_what_the_run_under_way_took_on_this_machine(tmp_path, monkeypatch):
    names = [f"n{n}" for n in range(9)]
    cpu = dict.fromkeys(names, 12.0) | {"n0": 30.0}
    results = [
        {"lane": "selftest", "shard": name, "verdict": "ok", "cpu_seconds": seconds}
        for name, seconds in cpu.items()
    ]
    # What varies says nothing, and neither does what runs here for the first time.
    little = [("fuzz", f"f{n}") for n in range(30)] + [("parity", f"p{n}") for n in range(30)]
    results += [
        {"lane": lane, "shard": name, "verdict": "ok", "cpu_seconds": 0.1} for lane, name in little
    ]
    files = {
        "packages/disk/README.md": "",
        **{f"tools/regressions/{name}/a.txt": "" for name in names},
        "snapshots/timing/selftest.txt": lines.text_of(dict.fromkeys(names, "8")),
        **{
            f"snapshots/timing/{of}.txt": lines.text_of(
                {n: "8" for lane, n in little if lane == of}
            )
            for of in ("fuzz", "parity")
        },
        str(measured.CURRENT): json.dumps({"results": results}),
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(control, "slowness", lambda: 0.5)  # and all shards say that it is wrong
    measured.remember(tmp_path, [f"selftest/{name}" for name in names])
    measured.remember(tmp_path, [f"{lane}/{name}" for lane, name in little if lane == "fuzz"])
    known = (tmp_path / measured.WARM).read_text()
    job = Job(tmp_path, ("selftest",), full=True, base="", seed=1)
    (found,) = LANE.run(job)
    assert found.measured == dict.fromkeys(names, "8") | {"n0": "64"}
    # Another machine than the one that recorded: it is only told.
    monkeypatch.setenv("CI", "true")
    (tmp_path / measured.WARM).write_text(known)
    (found,) = LANE.run(job)
    assert found.measured is None
    assert [finding.severity for finding in found.findings] == ["warning"]


@pytest.mark.behaviour("GATE-78")
def test_every_lane_is_timed_behind_all_of_its_shards():
    shards = {shard.name: shard for shard in LANE.shards(ROOT)}
    others = {each.name: each for each in lanes(ROOT) if each.name != "timing"}
    assert shards.keys() == others.keys()
    for name, shard in shards.items():
        assert shard.behind == tuple(each.key for each in others[name].shards(ROOT))
        assert not shard.after
