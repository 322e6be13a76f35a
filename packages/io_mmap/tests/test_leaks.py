import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emel_io_mmap import MmapStrategy, Port
from emel_io_mmap.testing import CountingPort, Fault

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture(autouse=True)
def what_was_there_before_is_not_collected():
    """Let each collection look at what the test has made, and not at all that is imported."""
    gc.freeze()
    yield
    gc.unfreeze()


def counts():
    """Descriptors, mappings, and kilobytes of memory of this process."""
    proc = Path("/proc/self")
    memory = int((proc / "statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024
    maps = (proc / "maps").read_text().count("\n")
    return len(os.listdir(proc / "fd")), maps, memory  # noqa: PTH208 - the faster of the two


def blocks():
    """Pieces of memory that Python has handed out, when all is collected that can be.

    Its cache of attributes holds up to 4,096 names, some of which are made anew for each lookup.
    """
    gc.collect()
    forget = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache
    forget()
    return sys.getallocatedblocks()


@linux
@pytest.mark.behaviour("MAP-09", "MAP-10")
def test_thousands_of_cycles_leave_the_process_as_it_was(make, spans_of):
    path = str(make())
    spans = spans_of((path, 100, 500))

    def cycles(n):
        for _ in range(n):
            leases = strategy.load(spans).leases
            strategy.view(*leases[0])
            assert strategy.release(leases).ok

    with MmapStrategy(slots=1) as strategy:
        cycles(500)
        counts()  # who watches what tests call keeps what is new to it, as blocks
        before = blocks()
        descriptors, maps, memory = counts()
        cycles(2000)
        more = blocks() - before
        after = counts()
        assert after[0] == descriptors
        assert after[1] <= maps + 3  # the allocator's arenas
        assert after[2] <= memory + 400  # a lost 205 bytes a cycle
        assert more <= 20


@pytest.mark.behaviour("MAP-09")
def test_leases_that_come_and_go_in_a_mapping_that_stays_leave_no_memory(make, spans_of):
    path = make()
    spans = spans_of((path, 0, 9), (path, 5000, 9), (path, 50, 9))

    def grown(times):
        before = blocks()
        for _ in range(times):
            leases = strategy.load(spans).leases
            strategy.view(*leases[1])
            assert strategy.release(leases).ok
        return blocks() - before

    with MmapStrategy() as strategy:
        assert strategy.load(spans_of((path, 9000, 9))).ok
        grown(100)  # what is made once for all
        assert grown(500) <= 20
        assert strategy.usage()[:3] == (1, 256, 1)


@pytest.mark.behaviour("MAP-10")
def test_a_strategy_that_nobody_closed_leaks_nothing_and_its_arrays_stay_usable(
    counting, make, spans_of
):
    path, other = Path(make("a.bin")), make("b.bin")
    strategy = MmapStrategy(port=counting.port)
    leases = strategy.load(spans_of((path, 5, 50), (path, 60, 5), (other, 0, 9))).leases
    kept = strategy.view(*leases[0])[10:20]
    del strategy
    gc.collect()
    assert (counting.opened, len(counting.mapped)) == (set(), 1)
    assert kept.tobytes() == path.read_bytes()[15:25]
    del kept
    assert counting.mapped == []


@pytest.mark.behaviour("MAP-08", "MAP-10")
@pytest.mark.parametrize("kind", ["unmap", "close"])
def test_a_strategy_abandoned_with_half_a_slot_leaks_nothing(make, spans_of, kind):
    counting = CountingPort(Fault(OSError(5, "EIO"), kind=kind))
    strategy = MmapStrategy(port=counting.port)
    leases = strategy.load(spans_of((make(), 5, 50))).leases
    assert not strategy.release(leases).ok
    del strategy
    gc.collect()
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-10")
def test_an_abandoned_strategy_closes_descriptor_0_too(make, spans_of):
    real, given = Port(), []  # what is called 0 here has a higher number in this process

    def opened(path):
        given.append(real.open(path))
        return 0

    counting = CountingPort(
        open=opened,
        fstat=lambda _: real.fstat(given[0]),
        map=lambda _, nbytes, offset: real.map(given[0], nbytes, offset),
        close=lambda _: real.close(given.pop()),
    )
    strategy = MmapStrategy(port=counting.port)
    assert strategy.load(spans_of((make(), 5, 50))).ok
    assert counting.opened == {0}
    del strategy
    gc.collect()
    assert (counting.holds_nothing, given) == (True, [])


@linux
@pytest.mark.behaviour("MAP-10")
def test_abandoned_strategies_hand_back_their_descriptors(make, spans_of):
    spans = spans_of((make(), 0, 9))
    gc.collect()
    before = counts()[0]
    for _ in range(50):
        assert MmapStrategy().load(spans).ok
    gc.collect()
    assert counts()[0] == before


ENDINGS = {
    "borrowed": "",
    "closed while borrowed": "assert strategy.close().code == 'still-borrowed'",
    "exit": "raise SystemExit(0)",
    "cycle": "kept.append(kept); kept.append(strategy); del kept, strategy",
    "strategy gone": "del strategy",
    "late": "import atexit; atexit.register(lambda: print(kept[0].sum()))",
    "closed by a thread": "from threading import Thread; Thread(target=strategy.close).start()",
}


# Each ending is that of a process of its own; what they import is imported once.
PROGRAM = """
import os, sys
from emel_io_loader import Spans
from emel_io_mmap import MmapStrategy
path, said, *endings = sys.argv[1:]
ending, codes = None, []
for each in endings:
    child = os.fork()
    if not child:
        os.dup2(os.open(f"{said}{len(codes)}", os.O_WRONLY | os.O_CREAT), 2)
        ending = each
        break
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
if ending is None:
    print("codes", *codes)
else:
    strategy = MmapStrategy()
    leases = strategy.load(Spans([path], [0, 0], [0, 5000], [900, 900])).leases
    kept = [strategy.view(*leases[0]), strategy.view(*leases[1])[5:]]
    exec(ending)
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Of each ending, the exit code and what was said on stderr."""
    folder = tmp_path_factory.mktemp("endings")
    path, said = folder / "a.bin", folder / "said"
    path.write_bytes(bytes(20_000))
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, path, said, *ENDINGS.values()],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # it isn't forked beside threads
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    codes = done.stdout.rpartition("codes")[2].split()
    return {
        ending: (int(code), Path(f"{said}{n}").read_text())
        for n, (ending, code) in enumerate(zip(ENDINGS, codes, strict=True))
    }


@pytest.mark.behaviour("MAP-10")
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interpreter_exits_in_peace_with_arrays_still_borrowed(ended, ending):
    assert ended[ending] == (0, "")


@pytest.mark.behaviour("MAP-10")
def test_arrays_that_outlive_a_closed_strategy_show_the_same_bytes(make, spans_of):
    path = Path(make())
    strategy = MmapStrategy()
    kept = strategy.view(*strategy.load(spans_of((path, 7, 70))).leases[0])
    assert strategy.close().code == "still-borrowed"
    del strategy
    gc.collect()
    assert np.array_equal(kept, np.frombuffer(path.read_bytes(), np.uint8)[7:77])


@pytest.mark.behaviour("MAP-09")
def test_what_caused_a_failure_keeps_nothing_of_an_error_that_was_being_handled(spans_of, tmp_path):
    with MmapStrategy() as strategy:
        try:
            int("a number")
        except ValueError:
            answer = strategy.load(spans_of((str(tmp_path / "missing"), 0, 9)))
    assert answer.code == "open-failed"
    assert (answer.cause.__context__, answer.cause.__traceback__) == (None, None)


@pytest.mark.behaviour("MAP-10")
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("unmap", OSError(5, "EIO")),
        ("unmap", ValueError("it is closed")),
        ("close", OSError(5, "EIO")),
    ],
    ids=repr,
)
def test_an_abandoned_strategy_lets_go_of_the_rest_whatever_fails(make, spans_of, kind, error):
    counting = CountingPort(Fault(error, kind=kind))
    strategy = MmapStrategy(port=counting.port)
    assert strategy.load(spans_of((make("a.bin"), 5, 50), (make("b.bin"), 0, 9))).ok
    del strategy
    gc.collect()
    assert counting.fault.met == kind
    assert len(counting.opened) == (kind == "close")
