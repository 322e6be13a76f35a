"""Interrupts, half-finished requests and replaced files: what is held afterwards, and by whom."""

import errno

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emel_io_loader import Advice, Leases
from emel_io_mmap import MmapStrategy, Port
from emel_io_mmap._pool import Pool
from emel_io_mmap.testing import CountingPort, Fault

PAGE = Port().page_nbytes
NBYTES = 8 * PAGE + 123


@pytest.mark.behaviour("MAP-02", "MAP-14")
def test_new_leases_of_a_replaced_file_share_one_mapping(strategy, make, spans, tmp_path):
    path = make()
    old = strategy.load(spans(path, (0, 9))).leases
    (tmp_path / "new").write_bytes(bytes(100))
    (tmp_path / "new").replace(path)
    later = [strategy.load(spans(path, (i, 9))).leases for i in range(6)]
    assert {leases.slot.item() for leases in later} == {1}
    assert strategy.usage()[:3] == (2, 4, 7)
    assert strategy.view(*old[0]).tolist() == list(range(9))
    assert strategy.view(*later[-1][0]).tolist() == [0] * 9


@pytest.mark.behaviour("MAP-03", "MAP-11")
def test_advice_about_a_span_of_zero_bytes_says_what_it_is_about(strategy):
    answer = strategy.advise(-1, -1, Advice.WILL_NEED, 1)
    assert answer.code == "advice-outside"
    assert answer.message.startswith("a span of zero bytes: ")
    assert strategy.advise(-1, -1, 9, 1).code == "advice-unknown"


@pytest.mark.behaviour("MAP-07")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_release_is_explained_by_the_span_that_it_names(strategy, make, spans_of, order):
    files = [make("a.bin"), make("b.bin")]
    leases = strategy.load(spans_of(*((path, 0, 9) for path in files))).leases
    arrays = [strategy.view(*leases[i]) for i in order]
    answer = strategy.release(leases.take(np.array(order)))
    assert (answer.code, answer.index) == ("still-borrowed", 0)
    assert files[order[0]] in answer.message
    arrays.clear()


@pytest.mark.behaviour("MAP-05")
@pytest.mark.parametrize("kind", ["open", "fstat", "map"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), TypeError("a bug")], ids=repr)
@pytest.mark.parametrize("nth", [1, 2])
def test_an_interrupted_load_leaves_nothing_and_costs_no_slot(make, spans_of, kind, error, nth):
    wanted = spans_of((make("a.bin"), 0, 9), (make("b.bin"), 0, 9))
    counting = CountingPort(Fault(error, nth, kind))
    strategy = MmapStrategy(slots=2, port=counting.port)
    with pytest.raises(type(error)):
        strategy.load(wanted)
    assert (counting.holds_nothing, strategy.usage()) == (True, (0, 2, 0, 0))
    for _ in range(3):
        answer = strategy.load(wanted)
        assert answer.ok
        assert strategy.release(answer.leases).ok
    assert strategy.close().ok


@pytest.mark.behaviour("MAP-05")
def test_what_an_interrupted_load_cannot_let_go_of_goes_with_the_next(make, spans_of):
    fails = [OSError(errno.EIO, "EIO")]

    def unmap(mapping):
        if fails:
            raise fails.pop()
        mapping.close()

    wanted = spans_of((make("a.bin"), 0, 9), (make("b.bin"), 0, 9))
    counting = CountingPort(Fault(KeyboardInterrupt(), 2, "open"), unmap=unmap)
    strategy = MmapStrategy(slots=2, port=counting.port)
    with pytest.raises(KeyboardInterrupt):
        strategy.load(wanted)
    assert len(counting.mapped) == 1
    answer = strategy.load(wanted)
    assert answer.ok
    assert strategy.release(answer.leases).ok
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-08")
@pytest.mark.parametrize("kind", ["unmap", "close"])
def test_an_interrupted_release_can_be_finished_and_is_shared_with_nobody(make, spans, kind):
    counting = CountingPort()
    strategy = MmapStrategy(slots=1, port=counting.port)
    path = make()
    leases = strategy.load(spans(path, (0, 9))).leases
    counting.fault = Fault(KeyboardInterrupt(), kind=kind)
    with pytest.raises(KeyboardInterrupt):
        strategy.release(leases)
    again = strategy.load(spans(path, (5, 9)))
    assert again.code == ("ok" if kind == "unmap" else "pool-full")
    if again.ok:
        assert strategy.view(*again.leases[0]).shape == (9,)
        assert strategy.release(again.leases).ok
    assert strategy.release(leases).ok
    assert (counting.holds_nothing, strategy.usage().slots) == (True, 0)
    assert strategy.close().ok


@pytest.mark.behaviour("MAP-05", "MAP-08")
def test_a_descriptor_that_a_failed_load_left_is_tried_at_each_release(tmp_path, spans):
    errors = [OSError(errno.EIO, "EIO") for _ in range(3)]

    def close(descriptor):
        if errors:
            raise errors.pop()
        CountingPort().port.close(descriptor)

    counting = CountingPort(close=close)
    strategy = MmapStrategy(slots=1, port=counting.port)
    assert strategy.load(spans(str(tmp_path), (0, 9))).code == "not-regular"
    held = []
    for _ in range(3):
        assert strategy.release(Leases.vacant()).ok
        held.append(strategy.usage().slots)
    assert (held, counting.holds_nothing) == ([1, 1, 0], True)
    assert strategy.close().ok


@pytest.mark.behaviour("MAP-05")
def test_a_slot_that_was_taken_and_never_used_goes_back():
    pool = Pool(CountingPort().port, 1)
    slot = pool.take()
    pool.rescue([slot])
    pool.rescue([slot])
    assert (pool.take(), pool.take()) == (slot, None)


@pytest.mark.behaviour("MAP-02", "MAP-05")
@pytest.mark.parametrize("kind", ["unmap", "close"])
def test_what_a_failed_load_left_counts_once(make, spans_of, tmp_path, kind):
    counting = CountingPort(Fault(OSError(errno.EIO, "EIO"), kind=kind))
    files = [make(f"{name}.bin") for name in "abc"]
    with MmapStrategy(slots=2, port=counting.port) as strategy:
        failed = strategy.load(spans_of((files[0], 0, 9), (tmp_path / "missing", 0, 9)))
        assert (failed.code, failed.index) == ("open-failed", 1)  # the cause, not its aftermath
        assert strategy.usage()[:3] == (1, 2, 0)
        both = strategy.load(spans_of(*((path, 0, 9) for path in files[:2])))
        assert both.ok
        assert strategy.usage()[:3] == (2, 2, 2)
        assert strategy.release(both.leases).ok
        counting.calls.clear()
        assert strategy.load(spans_of(*((path, 0, 9) for path in files))).code == "pool-full"
        assert counting.calls == []


@pytest.mark.behaviour("MAP-09")
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, NBYTES - 1), st.integers(1, 3 * PAGE)), min_size=2, max_size=8
    ),
    data=st.data(),
)
def test_exactly_the_pages_that_no_other_lease_needs_go(make, spans, rows, data):
    rows = [(offset, min(nbytes, NBYTES - offset)) for offset, nbytes in rows]
    every = range(len(rows))
    picked = data.draw(st.sets(st.sampled_from(every), min_size=1, max_size=len(rows) - 1))
    gone = []

    def advise(mapping, number, start, nbytes):
        gone.extend(range(start // PAGE, -(-(start + nbytes) // PAGE)))
        Port().advise(mapping, number, start, nbytes)

    with MmapStrategy(port=Port(advise=advise)) as strategy:
        leases = strategy.load(spans(make(nbytes=NBYTES), *rows)).leases
        assert strategy.release(leases.take(np.array(sorted(picked)))).ok
    pages = [set(range(at // PAGE, -(-(at + nbytes) // PAGE))) for at, nbytes in rows]
    kept = set().union(*(pages[i] for i in every if i not in picked))
    assert gone == sorted(set().union(*(pages[i] for i in picked)) - kept)


@pytest.mark.behaviour("MAP-09")
def test_pages_on_both_sides_of_a_lease_that_stays_go(make, spans):
    gone = []

    def advise(mapping, number, start, nbytes):
        gone.append((start, nbytes))
        Port().advise(mapping, number, start, nbytes)

    with MmapStrategy(port=Port(advise=advise)) as strategy:
        rows = [(i * PAGE, PAGE) for i in range(5)]
        leases = strategy.load(spans(make(nbytes=5 * PAGE), *rows)).leases
        assert strategy.release(leases.take(np.array([0, 2, 4]))).ok
    assert gone == [(0, PAGE), (2 * PAGE, PAGE), (4 * PAGE, PAGE)]


@pytest.mark.behaviour("MAP-08")
def test_what_a_failed_batch_left_stays_once_a_later_one_shares_it(make, spans, spans_of):
    broken, real = [], Port()

    def failing(call):
        def attempted(held):
            if broken:
                raise OSError(5, "EIO")
            return call(held)

        return attempted

    counting = CountingPort(unmap=failing(real.unmap), close=failing(real.close))
    strategy = MmapStrategy(slots=3, port=counting.port)
    path = make("a.bin")
    broken.append(True)
    assert strategy.load(spans_of((path, 0, 9), ("/nothing/is/here", 0, 9))).code == "open-failed"
    leases = strategy.load(spans(path, (5, 9))).leases
    broken.clear()
    assert strategy.usage()[::2] == (1, 1)
    other = strategy.load(spans(make("b.bin"), (0, 9))).leases
    assert strategy.view(*leases[0]).tobytes() == bytes(range(5, 14))
    assert strategy.release(other).ok
    assert strategy.release(leases).ok
    assert strategy.usage().slots == 0
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-05", "MAP-08")
def test_of_two_calls_that_fail_the_first_is_told_of(make, spans):
    broken, real = [True], Port()

    def close(descriptor):
        if broken:
            raise OSError(errno.EBADF, "EBADF")
        real.close(descriptor)

    counting = CountingPort(Fault(OSError(errno.EIO, "EIO"), kind="unmap"), close=close)
    strategy = MmapStrategy(port=counting.port)
    leases = strategy.load(spans(make(), (0, 9))).leases
    answer = strategy.release(leases)
    assert (answer.code, answer.errno) == ("unmap-failed", errno.EIO)
    assert strategy.release(leases).errno == errno.EBADF
    broken.clear()
    assert strategy.release(leases).ok
    assert counting.holds_nothing
