"""What is counted, how it is held to what is recorded, and what is said of a difference."""

from __future__ import annotations

import importlib
import json
import mmap
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import emel
from emel_io_loader import Spans, plan
from emel_model_format import parse
from emel_model_loader import dequantize
from emel_tools.costs import checkpoints, growth, measure, watch
from emel_tools.costs import steps as steps_room
from emel_tools.costs.causes import causes
from emel_tools.costs.measure import Figure, Trouble, lines
from emel_tools.costs.memory import Memory, allocated
from emel_tools.costs.rounding import CALLS, LINES, PAYLOAD_KIB, rounded
from emel_tools.costs.site import Site
from emel_tools.costs.steps import is_ours, stepped
from emel_tools.costs.workload import MIB, RefusedError, Scaled, Workload
from emel_tools.costs.workloads import model_format as parsing
from emel_tools.costs.workloads import model_loader as loading
from emel_tools.gates.costs import LANE
from emel_tools.running import Job
from emel_tools.running.worker import judged
from emel_tools.workspace import packages

ROOT = Path(__file__).resolve().parents[2]

# In a process of its own: what calls the system is replaced there for good.
WATCHED = """
import json, mmap, os, sys, threading
from pathlib import Path
from emel_tools.costs import watch
watch.install()
import numpy as np
from emel_io_mmap import Port

os.chdir(sys.argv[1])
path = "bytes"
Path(path).write_bytes(bytes(65536))
kept = []

def port():
    port = Port()
    descriptor = port.open(path)
    port.fstat(descriptor)
    mapping = port.map(descriptor, 4096, 0)
    port.size(mapping)
    for advice in (3, 4):
        port.advise(mapping, advice, 0, 4096)
    port.unmap(mapping)
    port.close(descriptor)

def around():
    import posix
    descriptor = posix.open(path, 0)
    posix.posix_fadvise(descriptor, 0, 0, 2)
    posix.preadv(descriptor, [bytearray(100), bytearray(28)], 0)
    posix.close(descriptor)
    os.path.exists(path)
    os.listdir(".")


def builtin():
    with open(path, "rb", buffering=0) as file:
        file.read(128)

def library():
    np.fromfile(path, np.uint8, 16)
    np.memmap(path, np.uint8, "r")

def thread():
    aside = threading.Thread(target=around)
    aside.start()
    aside.join()

def leave_open():
    kept.append(os.open(path, 0))

def leave_mapped():
    descriptor = os.open(path, 0)
    mmap.mmap(descriptor, 4096, access=mmap.ACCESS_READ)
    os.close(descriptor)

def hold_mapped():
    descriptor = os.open(path, 0)
    kept.append(mmap.mmap(descriptor, 4096, access=mmap.ACCESS_READ))
    os.close(descriptor)

def leave_thread():
    kept.append(threading.Event())
    threading.Thread(target=kept[-1].wait, daemon=True).start()

def nothing():
    pass

folder = os.path.realpath(".")
actions = (port, around, builtin, library, thread, leave_open, leave_mapped, hold_mapped,
           leave_thread, nothing)
for action in actions[:5]:
    action()  # imports and caches
told = {a.__name__: {k: v for k, v in watch.counted(a, folder)[0].items() if v} for a in actions}
print(json.dumps([told, len(os.sched_getaffinity(0))]))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, int]]:
    folder = tmp_path_factory.mktemp("watched")
    words = [sys.executable, "-c", WATCHED, str(folder)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    figures, cpus = json.loads(ended.stdout)
    assert cpus == watch.CPUS
    return figures


@pytest.mark.behaviour("GATE-35")
def test_calls_are_counted_at_the_port(told):
    assert told["port"] == {
        "opens": 1,
        "looks": 2,
        "maps": 1,
        "advices": 2,
        "advised-bytes": 8192,
        "unmaps": 1,
        "closes": 1,
    }


@pytest.mark.behaviour("GATE-35")
@pytest.mark.parametrize("how", ["around", "thread"])
def test_calls_are_counted_around_the_port_and_in_threads(told, how):
    figures = {
        "opens": 1,
        "read-ahead-hints": 1,
        "reads": 1,
        "read-bytes": 128,
        "closes": 1,
        "looks": 1,
        "listings": 1,
    }
    assert told[how] == figures | ({"threads": 1} if how == "thread" else {})


@pytest.mark.behaviour("GATE-35")
def test_what_builtins_and_libraries_do_is_counted(told):
    assert told["builtin"] == {"opens": 1, "reads": 1, "read-bytes": 128}
    library = told["library"]
    assert library["opens"] >= 2
    assert library["maps"] == 1
    assert library["read-bytes"] >= 16


@pytest.mark.behaviour("GATE-35")
@pytest.mark.parametrize("on", [True, False])
def test_pages_that_are_populated_as_they_are_mapped_are_an_advice(tmp_path, monkeypatch, on):
    (tmp_path / "bytes").write_bytes(bytes(4096))
    monkeypatch.setattr(watch._TALLY, "seen", deque())
    monkeypatch.setattr(watch._TALLY, "advised", deque())
    monkeypatch.setattr(watch._TALLY, "on", on)
    populated = mmap.MAP_SHARED | mmap.MAP_POPULATE
    with (tmp_path / "bytes").open("rb") as file:
        number = file.fileno()
        made = (
            watch.CountingMap(number, 4096, populated, mmap.PROT_READ),
            watch.CountingMap(number, 4096, flags=populated, prot=mmap.PROT_READ),
            watch.CountingMap(number, 4096, access=mmap.ACCESS_READ),
        )
    assert [mapping.size() for mapping in made] == [4096] * 3
    for mapping in made:
        mapping.close()
    calls = ["advices"] * 2 + ["looks"] * 3 + ["unmaps"] * 3
    assert list(watch._TALLY.seen) == (calls if on else [])
    assert list(watch._TALLY.advised) == ([4096] * 2 if on else [])


@pytest.mark.behaviour("GATE-35")
@pytest.mark.parametrize(
    ("words", "nbytes"), [((), [8192]), ((4096,), [4096]), ((0, 4096), [4096]), (None, [])]
)
def test_the_bytes_that_an_advice_is_about_are_counted(monkeypatch, words, nbytes):
    monkeypatch.setattr(watch._TALLY, "seen", deque())
    monkeypatch.setattr(watch._TALLY, "advised", deque())
    monkeypatch.setattr(watch._TALLY, "on", words is not None)
    with watch.CountingMap(-1, 8192) as mapping:
        mapping[0] = 1
        mapping.madvise(mmap.MADV_WILLNEED, *(words or ()))
    assert list(watch._TALLY.seen).count("advices") == len(nbytes)
    assert list(watch._TALLY.advised) == nbytes


@pytest.mark.behaviour("GATE-36")
def test_what_is_left_behind_is_counted(told):
    assert told["leave_open"] == {"opens": 1, "left-open": 1}
    assert told["leave_mapped"]["left-mapped"] == 1
    assert "left-open" not in told["leave_mapped"]
    assert told["hold_mapped"]["left-mapped"] == 1
    assert told["hold_mapped"]["left-open"] == 1  # a mapping has a descriptor of its own
    assert told["leave_thread"] == {"threads": 1, "left-threads": 1}
    assert told["nothing"] == {}


def least(action: Callable[[], object]) -> Memory:
    """Leave out what the interpreter and whoever counts lines allocate once for themselves."""
    runs = [allocated(action) for _ in range(3)]
    return Memory(min(run.peak for run in runs), min(run.left for run in runs))


@pytest.mark.behaviour("GATE-37")
def test_a_copy_is_part_of_the_peak():
    payload = np.zeros(MIB, np.uint8)
    beside = np.zeros(1, np.uint8)
    assert least(lambda: payload[:]).peak < 10_000
    for copy in (payload.copy, payload.tobytes, lambda: beside + payload):
        assert MIB <= least(copy).peak < MIB + 10_000
        assert least(copy).left < 10_000
    kept: list[bytes] = []
    assert allocated(lambda: kept.append(payload.tobytes())).left >= MIB


@pytest.mark.behaviour("GATE-38")
def test_steps_are_those_of_the_packages():
    def spans(count: int) -> Spans:
        offset = np.arange(count) * 64
        return Spans(["a"], np.zeros(count, np.int64), offset, np.full(count, 64))

    few, many = spans(8), spans(64)

    def planned(which: Spans) -> object:
        return plan(which, gap_nbytes=0, over_read=0.25, run_nbytes=1 << 20)

    steps, runs = stepped(lambda: planned(many))
    assert len(runs) == 1  # type: ignore[arg-type]
    assert 10 < steps.lines < 1.5 * stepped(lambda: planned(few))[0].lines
    assert steps.calls > 10
    assert stepped(lambda: planned(many), lines=False)[0] == steps._replace(lines=0)
    nobody, answer = stepped(lambda: sorted(str(i) for i in range(100)))
    assert len(answer) == 100  # type: ignore[arg-type]
    assert nobody == (0, 0, 0)


@pytest.mark.behaviour("GATE-38")
def test_each_turn_of_a_loop_on_one_line_is_a_step(monkeypatch):
    monkeypatch.setattr(steps_room, "is_ours", lambda file: file == __file__)

    def loop(count: int) -> list[int]:
        return [b for _ in range(count) for b in range(count)]

    few, many = (stepped(partial(loop, count))[0] for count in (8, 64))
    assert many.lines > 32 * few.lines
    assert few.calls < 20


@pytest.mark.behaviour("GATE-38")
def test_a_dispatch_is_a_batch_that_is_handed_to_a_strategy(tmp_path, monkeypatch):
    from emel_io_mmap import MmapStrategy

    monkeypatch.chdir(tmp_path)
    spans = Site(tmp_path).spans(16, 64, files=2)

    def act() -> None:
        with MmapStrategy() as strategy:
            leases = strategy.load(spans).leases
            strategy.view(*leases[3])
            strategy.release(leases)

    assert stepped(act)[0].dispatches == 2


@pytest.mark.behaviour("GATE-38")
@pytest.mark.parametrize(
    ("file", "ours"),
    [
        ("/x/packages/emel/src/emel/model.py", True),
        ("/x/packages/io_mmap/src/emel_io_mmap/_pool.py", True),
        ("/home/src/emel/packages/io_read/src/emel_io_read/_calls.py", True),
        ("/x/tools/src/emel_tools/costs/measure.py", False),
        ("/home/src/emel/.nox/env/lib/python3.11/site-packages/numpy/core.py", False),
        ("/usr/lib/python3.11/enum.py", False),
        ("<frozen importlib._bootstrap>", False),
    ],
)
def test_a_file_is_a_packages_by_where_it_lies(file, ours):
    assert is_ours(file) is ours


class Clock:
    """Says how long each action takes, run by run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(growth.time, "process_time", lambda: self.now)
        self.paused = list[float]()
        monkeypatch.setattr(growth.time, "sleep", self.paused.append)

    def takes(self, *seconds: float):
        left = list(seconds)

        def act() -> None:
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return act


@pytest.mark.behaviour("GATE-39")
def test_growth_is_told_from_noise(monkeypatch):
    clock = Clock(monkeypatch)
    small = clock.takes(1e-3)
    assert growth.power(small, clock.takes(16e-3), 16) == growth.LINEAR
    assert growth.power(small, clock.takes(0.5e-3), 16) == growth.LINEAR
    assert sum(clock.paused) == 0
    assert growth.power(small, clock.takes(256e-3), 16) == growth.WORSE
    assert growth.power(small, clock.takes(50e-3), 16) == growth.WORSE
    assert sum(clock.paused) > 1  # so that a slow spell passes
    # It falters for a while, and then doesn't.
    assert growth.power(small, clock.takes(60e-3, 65e-3, 59e-3, 16e-3), 16) == growth.LINEAR
    assert growth.power(small, clock.takes(0.1, 0.09, 16e-3), 16) == growth.LINEAR
    assert growth.power(small, clock.takes(2.0, 16e-3), 16) == growth.WORSE  # no noise is as long
    falters = clock.takes(2e-3, 3e-3, 1e-3)
    assert growth.power(falters, clock.takes(40e-3), 16) == growth.LINEAR
    # What is short may lie between two interruptions; what is long never does.
    between = clock.takes(*[1e-3, *[2e-3] * 15] * 20)
    assert growth.power(between, clock.takes(62e-3), 16) == growth.LINEAR


@pytest.mark.behaviour("GATE-39")
def test_searching_a_list_for_each_item_is_told_by_its_time():
    def searching(count: int):
        names = [f"blk.{i}.weight" for i in range(count)]
        return lambda: [name for name in list(names) if name in names]

    assert growth.power(searching(100), searching(1600), 16) == growth.WORSE


@pytest.mark.behaviour("GATE-40")
def test_a_figure_that_is_near_what_is_recorded_stays_that():
    assert [rounded(n) for n in (0, 3, 7, 9, 100, 1000, 1025)] == [0, 3, 7, 10, 112, 1024, 1280]
    for band in (CALLS, LINES):
        for value in (1, 9, 100, 4_000, 77_777):
            recorded = str(band.held(value, None))
            for near in (value * 94 // 100, value, value * 106 // 100):
                assert str(band.held(near, recorded)) == recorded
            assert str(band.held(2 * value + 40, recorded)) != recorded
            assert str(band.held(value // 3 - 8, recorded)) != recorded or value < 100
    assert PAYLOAD_KIB.held(32_835, None) == 32_896
    assert PAYLOAD_KIB.held(32_700 + 60, "32896") != 32_896
    assert PAYLOAD_KIB.held(32_835 + 256, "32896") != 32_896
    assert PAYLOAD_KIB.held(32_835 - 25, "32896") == 32_896


@pytest.mark.behaviour("GATE-40")
def test_what_the_interpreter_takes_once_is_nobodys_cost(tmp_path, monkeypatch):
    runs = iter([Memory(MIB, MIB), Memory(100 << 10, 0), Memory(100 << 10, 0)])
    monkeypatch.setattr(measure, "allocated", lambda _: next(runs))
    work = Workload("quiet", lambda _: lambda: None)
    taken = list(measure.take([work], Site(tmp_path), str(tmp_path), {"quiet peak-kib": "128"}))
    found = {figure.key: figure.value for figure in taken if isinstance(figure, Figure)}
    assert (found["quiet peak-kib"], found["quiet left-kib"]) == (100, 0)


WORK = Workload("map", lambda _: lambda: None, items=64, files=4, nbytes=64 * MIB)
GROWING = Scaled("bind", lambda _, __: lambda: None, sizes=(16, 64))


@pytest.mark.behaviour("GATE-40")
def test_calls_are_recorded_as_they_are_and_what_is_none_seldom_is():
    taken = [Figure(WORK, "opens", 1001), Figure(WORK, "advices", 0), Figure(WORK, "maps", 0)]
    assert lines(taken, {"map opens": "1000"}) == {"map opens": "1001", "map maps": "0"}


@pytest.mark.behaviour("GATE-41")
@pytest.mark.parametrize(
    ("name", "before", "now", "said"),
    [
        ("maps", 4, 64 + 4, "one more mapping, for each tensor or span: 64 for 64"),
        ("opens", 4, 8, "a file is opened once more, for each file: 4 for 4"),
        ("opens", 4, 5, "a file is opened once more"),
        ("looks", 4, 68, "looked at (stat, fstat) once more, for each tensor or span"),
        ("advices", 64, 63, "an advice is lost"),
        ("reads", 2, 4, "the same bytes in more calls: a smaller chunk"),
        ("threads", 0, 1, "a thread more"),
        ("dispatches", 1, 64, "a batch was divided"),
        ("left-open", 0, 4, "a lost release: a descriptor stays open"),
        ("left-mapped", 0, 4, "a lost release: a mapping isn't unmapped"),
        ("left-kib", 0, 9, "something is kept"),
        ("peak-kib", 64, 64 + (64 << 10), "a copy of the payload: the peak grew by 1.0 times"),
        ("peak-kib", 64, 64 + 1024, "a copy of one tensor: the peak grew by 1.0 times its size"),
        ("peak-kib", 64, 256, "a buffer that is larger"),
        ("unmaps", 4, 0, "a mapping isn't unmapped any more"),
    ],
)
def test_a_difference_has_its_likely_cause(name, before, now, said):
    found = causes([Figure(WORK, name, now)], {f"map {name}": str(before)})
    assert said in found[f"map {name}"]
    assert causes([Figure(WORK, name, before)], {f"map {name}": str(before)}) == {}
    assert causes([Figure(WORK, name, now)], {f"another {name}": str(before)}) == {}


@pytest.mark.behaviour("GATE-41")
def test_quadratic_work_is_told_from_more_work():
    recorded = {"bind of-16 lines": "32", "bind of-64 lines": "128"}
    twice = [Figure(GROWING, "of-16 lines", 64), Figure(GROWING, "of-64 lines", 256)]
    assert "quadratic" not in causes(twice, recorded)["bind of-64 lines"]
    square = [Figure(GROWING, "of-16 lines", 256), Figure(GROWING, "of-64 lines", 4096)]
    assert (
        "quadratic: 16 lines for each of 16 items, 64 for each of 64"
        in (causes(square, recorded)["bind of-64 lines"])
    )


@pytest.mark.behaviour("GATE-41")
def test_bytes_that_are_read_twice_are_told_from_smaller_reads():
    recorded = {"map reads": "2", "map read-bytes": "100"}
    taken = [Figure(WORK, "reads", 4), Figure(WORK, "read-bytes", 200)]
    assert "read twice" in causes(taken, recorded)["map reads"]


@pytest.mark.behaviour("GATE-42")
def test_every_package_has_workloads_each_named_once():
    for package in packages(ROOT):
        table = importlib.import_module(f"emel_tools.costs.workloads.{package.name}").WORKLOADS
        names = [workload.name for workload in table]
        assert len(names) == len(set(names)) >= 5, package.name
    shards = [shard.name for shard in LANE.shards(ROOT)]
    assert shards == [package.name for package in packages(ROOT)]


@pytest.mark.behaviour("GATE-42")
def test_lines_of_what_is_gone_are_found(tmp_path):
    for folder in ("packages/here", "snapshots/costs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "packages/here/README.md").touch()
    costs = tmp_path / "snapshots" / "costs"
    (costs / "gone.txt").write_text("map opens  4\n", encoding="utf-8")
    assert [shard.name for shard in LANE.shards(tmp_path)] == ["here", "gone"]
    (outcome,) = LANE.run(Job(tmp_path, ("gone",), full=False, base="", seed=0))
    (found,) = judged(tmp_path, LANE, outcome).findings
    assert (found.rule, found.file) == ("gone", "snapshots/costs/gone.txt")
    # A workload that is gone has no figures, and its lines are found likewise.
    assert lines([Figure(WORK, "opens", 4)], {"old opens": "1"}) == {"map opens": "4"}


@pytest.mark.behaviour("GATE-43")
def test_a_workload_that_breaks_hides_no_other(tmp_path):
    def broken(_: Site):
        raise ValueError("no such file")

    fine = Scaled("fine", lambda _, __: lambda: None, growth=None)
    taken = list(measure.take([Workload("bad", broken), fine], Site(tmp_path), str(tmp_path), {}))
    trouble = taken[0]
    assert isinstance(trouble, Trouble)
    assert (trouble.rule, trouble.what) == ("broken", "bad broke: ValueError: no such file")
    assert len(taken) == 1 + 8
    recorded = {"bad opens": "4", "badly opens": "5"}
    assert lines(taken[:1], recorded) == {"bad opens": "4"}


@pytest.mark.behaviour("GATE-43")
def test_a_figure_that_is_not_the_same_twice_is_found(tmp_path, monkeypatch):
    turns = iter(range(10))

    def counted(action, _folder):
        return dict.fromkeys(watch.FIGURES, 0) | {"opens": next(turns)}, action()

    monkeypatch.setattr(measure, "counted", counted)
    work = Workload("race", lambda _: lambda: None)
    taken = list(measure.take([work], Site(tmp_path), str(tmp_path), {}))
    (trouble,) = (each for each in taken if isinstance(each, Trouble))
    assert (trouble.key, trouble.rule) == ("race opens", "unsteady")
    assert lines(taken, {"race opens": "7"})["race opens"] == "7"


@pytest.mark.behaviour("GATE-44")
def test_a_shard_is_green_wherever_it_runs(tmp_path):
    folder = tmp_path / "a" / "deeper" / "folder"
    folder.mkdir(parents=True)
    script = (
        "import sys; from pathlib import Path; from emel_tools.costs.run import run;"
        "from emel_tools.gates.costs import LANE; from emel_tools.running.worker import judged;"
        "root = Path(sys.argv[1]); report = judged(root, LANE, run(root, 'io_file'));"
        "print(report.checked); sys.exit('\\n'.join(map(str, report.findings)) or 0)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(ROOT)],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(folder), "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    table = importlib.import_module("emel_tools.costs.workloads.io_file").WORKLOADS
    assert ended.stdout.startswith(f"{len(table)} workloads, ")
    assert list(folder.iterdir()) == []


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Site(tmp_path)


USES = [
    checkpoints.nothing,
    checkpoints.every_array,
    checkpoints.load_and_release,
    checkpoints.load_touched,
    checkpoints.load_and_tell,
    checkpoints.digest_and_tell,
    checkpoints.into_buffers,
    checkpoints.release_each,
    checkpoints.digested,
    checkpoints.streamed,
    checkpoints.compared,
    checkpoints.look_and_release_each,
    checkpoints.strided,
    checkpoints.sliced,
    checkpoints.read_each,
]


@pytest.mark.behaviour("GATE-43")
@pytest.mark.parametrize("strategy", ["mmap", "read", "staged"])
@pytest.mark.parametrize("use", USES)
def test_whatever_is_done_with_a_checkpoint_leaves_nothing_and_can_be_done_again(
    site, use, strategy
):
    action = checkpoints.using(site.gguf(4, 256), use, strategy)
    action()
    before = {*Path("/proc/self/fd").iterdir()}
    action()
    assert {*Path("/proc/self/fd").iterdir()} == before
    assert ".gguf" not in Path("/proc/self/maps").read_text()


@pytest.mark.behaviour("GATE-43")
def test_a_checkpoint_is_closed_once_it_was_used(site):
    used = []
    checkpoints.using(site.gguf(1, 64), used.append)()
    assert [checkpoint.closed for checkpoint in used] == [True]


@pytest.mark.behaviour("GATE-43")
def test_what_is_refused_costs_nothing(site):
    with pytest.raises(RefusedError, match="no-such-file"):
        checkpoints.opened("no-such-file")
    with pytest.raises(RefusedError, match="nothing is transformed here"):
        checkpoints.using(
            site.gguf(1, 64), lambda checkpoint: dequantize(checkpoint, 0, np.zeros(16, np.float16))
        )()


@pytest.mark.behaviour("GATE-42")
def test_tensors_of_any_type_are_as_large_as_they_are_asked_for(site, tmp_path):
    loading.of_type("BF16", site)()
    with emel.open(next(tmp_path.iterdir())) as model:
        assert {model.info(name).nbytes for name in model} == {2 * MIB}


@pytest.mark.behaviour("GATE-42")
def test_a_header_of_keys_or_of_arrays_has_as_many_as_it_is_asked_for(site):
    assert len(parsing.keys(site, 7)()) == 7
    nested = site.bytes_of(site.nested(5))
    assert len(parse(nested.data, nested.nbytes).metadata["nested"]) == 5


@pytest.mark.behaviour("GATE-42")
@pytest.mark.parametrize(
    "make",
    [loading.long_gguf, loading.long_safetensors, parsing.long_gguf, parsing.long_safetensors],
)
def test_a_header_that_is_long_has_three_mebibytes_and_little_beside(site, tmp_path, make):
    make(site)()
    make(site)()  # of the file that was made before
    (file,) = tmp_path.iterdir()
    assert 3 * MIB < file.stat().st_size < 5 * MIB
