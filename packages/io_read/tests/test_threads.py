"""Threads: how many there are, what they share, and that none outlives a call."""

import errno
import itertools
import threading
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest

from emel_io_read import ReadStrategy
from emel_io_read._calls import Limits
from emel_io_read._workers import Workers, threads_for
from emel_io_read.testing import CountingPort, Fault

MIB = 1024 * 1024


class Interrupted(BaseException):
    """What a test raises where an interrupt may come."""


@pytest.mark.behaviour("READ-05")
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_no_thread_outlives_a_call(counting, make, batch, small, workers, threads):
    spans, targets = batch((make(), 0, 100_000))
    strategy = ReadStrategy(port=counting.port, _limits=small)
    assert strategy.load(spans, targets, threads=threads).ok
    assert workers() == []
    assert counting.calls.count("start_thread") == threads - 1


@pytest.mark.behaviour("READ-05")
def test_there_are_no_more_threads_than_calls(counting, make, batch, small):
    spans, targets = batch((make(), 0, 100))
    assert ReadStrategy(threads=8, port=counting.port, _limits=small).load(spans, targets).ok
    assert "start_thread" not in counting.calls


@pytest.mark.behaviour("READ-05")
def test_nobody_gets_more_threads_than_there_may_be(counting, make, batch, small):
    strategy = ReadStrategy(most_threads=2, port=counting.port, _limits=small)
    assert strategy.load(*batch((make(), 0, 90_000)), threads=8).ok
    assert counting.calls.count("start_thread") == 1


@pytest.mark.behaviour("READ-05")
@pytest.mark.parametrize(
    ("nbytes", "cpus", "kind", "expected"),
    [
        (MIB, 16, "nfs4", 1),
        (8 * MIB, 1, "nfs4", 1),
        (8 * MIB, 2, "ext4", 2),
        (1024 * MIB, 2, "ext4", 2),
        (1024 * MIB, 16, "ext4", 4),
        (1024 * MIB, 1, "nfs4", 4),
        (1024 * MIB, 2, "fuse.sshfs", 4),
        (1024 * MIB, 0, "", 1),
    ],
)
def test_threads_are_chosen_by_size_cores_and_file_system(nbytes, cpus, kind, expected):
    asked = []
    port = CountingPort(cpus=lambda: cpus, file_system=lambda path: asked.append(path) or kind).port
    assert threads_for(port, "x", nbytes, Limits(), direct=False) == expected
    assert asked == (["x"] if nbytes >= 64 * MIB and cpus < 4 else [])


@pytest.mark.behaviour("READ-05")
@pytest.mark.parametrize(("nbytes", "expected"), [(MIB, 1), (8 * MIB, 4), (1024 * MIB, 4)])
def test_direct_reads_wait_for_the_device_whatever_the_cores(nbytes, expected):
    port = CountingPort(cpus=lambda: 1).port
    assert threads_for(port, "x", nbytes, Limits(), direct=True) == expected


@pytest.mark.behaviour("READ-05")
def test_the_default_is_used_where_nobody_says_a_number(make, batch, small):
    counting = CountingPort(cpus=lambda: 3, file_system=lambda _: "ext4")
    strategy = ReadStrategy(port=counting.port, _limits=small)
    assert strategy.load(*batch((make(), 0, 90_000))).ok
    assert counting.calls.count("start_thread") == 2


@pytest.mark.behaviour("READ-05")
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_progress_rises_to_the_total_in_the_caller_s_thread(make, batch, small, threads):
    told, where = [], set()

    def progress(nbytes):
        told.append(nbytes)
        where.add(threading.current_thread())

    spans, targets = batch((make(), 3, 50_000), (make("b.bin"), 0, 50_000), (make(), 60_000, 9))
    strategy = ReadStrategy(port=CountingPort().port, _limits=small)
    assert strategy.load(spans, targets, threads=threads, progress=progress).ok
    assert told == sorted(set(told))
    assert told[-1] == 100_009
    assert where == {threading.current_thread()}
    if threads == 1:
        assert len(told) > 10


@pytest.mark.behaviour("READ-05")
def test_progress_counts_no_bytes_of_a_call_that_failed(make, batch, small):
    told = []
    fault = Fault(OSError(errno.EIO, "EIO"), 3, "preadv")
    strategy = ReadStrategy(port=CountingPort(fault).port, _limits=small)
    rows = [(make(), 8192 * i, 8192) for i in range(5)]
    outcome = strategy.load(*batch(*rows), threads=1, progress=told.append)
    assert (outcome.index, told) == (2, [8192, 16_384])


@pytest.mark.behaviour("READ-05")
def test_a_thread_that_breaks_leaves_no_call_to_the_others():
    reading = SimpleNamespace(calls=SimpleNamespace(nbytes=np.ones(9, np.int64)))
    workers = Workers(None, reading, count=3, bounces=[], progress=None)
    workers._work_aside(1)  # there are no limits, which is as good as any other bug
    assert isinstance(workers._errors[0], AttributeError)
    assert workers._next(0) is None


@pytest.mark.behaviour("READ-05")
def test_what_breaks_in_another_thread_is_raised(make, batch, small, workers):
    main, begun = threading.current_thread(), threading.Event()
    real = CountingPort().port.preadv

    def preadv(descriptor, buffers, offset):
        if threading.current_thread() is not main:
            begun.set()
            raise MemoryError
        begun.wait(30)
        return real(descriptor, buffers, offset)

    counting = CountingPort(preadv=preadv)
    strategy = ReadStrategy(port=counting.port, _limits=small)
    with pytest.raises(MemoryError):
        strategy.load(*batch((make(), 0, 90_000)), threads=2)
    assert workers() == []
    assert counting.holds_nothing


@pytest.mark.behaviour("READ-05")
def test_a_thread_that_is_done_takes_from_the_others(make, batch, small):
    """One thread waits in its first call until all the others are made."""
    path, made, begun, others = make(), [], threading.Event(), threading.Event()
    main = threading.current_thread()
    real = CountingPort().port.preadv

    def preadv(descriptor, buffers, offset):
        if threading.current_thread() is main:
            begun.set()
            assert others.wait(30)
        else:
            assert begun.wait(30)
            made.append(offset)
            if len(made) == 11:
                others.set()
        return real(descriptor, buffers, offset)

    counting = CountingPort(preadv=preadv)
    spans, targets = batch(*((path, 8192 * n, 8192) for n in range(12)))
    assert ReadStrategy(port=counting.port, _limits=small).load(spans, targets, threads=2).ok
    first = made[:6]
    assert first == sorted(first), "its own share lies together, and is read front to back"
    assert made[6:] == [8192 * n for n in (5, 4, 3, 2, 1)], "then the tail of the other"


@pytest.mark.behaviour("READ-05")
def test_a_call_that_another_thread_was_faster_to_take_is_looked_for_no_more():
    class Raced(deque):
        def pop(self):
            self.clear()
            return super().pop()

    reading = SimpleNamespace(calls=SimpleNamespace(nbytes=np.ones(3, np.int64)))
    workers = Workers(None, reading, count=3, bounces=[], progress=None)
    workers._shares = [deque(), Raced([1, 2]), deque([7])]
    assert workers._next(0) == 7
    assert workers._next(0) is None


@pytest.mark.behaviour("READ-05")
def test_an_interrupt_right_after_a_thread_has_started_waits_for_it(make, batch, small, workers):
    port, begun, main = CountingPort().port, threading.Event(), threading.current_thread()

    def preadv(descriptor, buffers, offset):
        assert threading.current_thread() is not main
        begun.set()
        threading.Event().wait(0.02)
        return port.preadv(descriptor, buffers, offset)

    def start_thread(thread):
        port.start_thread(thread)
        assert begun.wait(30)
        raise Interrupted

    counting = CountingPort(preadv=preadv, start_thread=start_thread)
    strategy = ReadStrategy(port=counting.port, _limits=small)
    with pytest.raises(Interrupted):
        strategy.load(*batch((make(), 0, 90_000)), threads=2)
    assert workers() == []
    assert counting.holds_nothing


@pytest.mark.behaviour("READ-05")
def test_an_interrupt_while_others_are_awaited_lets_them_begin_nothing():
    class Awaited:
        joins, left = 0, None

        def is_alive(self):
            return self.joins < 2

        def join(self):
            self.joins += 1
            if self.joins == 1:
                raise Interrupted
            self.left = workers._next(1)

    reading = SimpleNamespace(calls=SimpleNamespace(nbytes=np.ones(99, np.int64)))
    workers = Workers(None, reading, count=2, bounces=[], progress=None)
    awaited = Awaited()
    workers._threads.append(awaited)
    with pytest.raises(Interrupted):
        workers._join()
    assert (awaited.joins, awaited.left) == (2, None)


@pytest.mark.behaviour("READ-05")
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("kind", ["preadv", "open", "close", "start_thread", "advise_sequential"])
def test_an_interrupt_anywhere_leaves_nothing(
    make, batch, small, arrived, wanted, workers, threads, kind
):
    rows = [(make(), 0, 40_000), (make("b.bin"), 5, 40_000)]
    for nth in itertools.count(1):
        counting = CountingPort(Fault(Interrupted(), nth, kind))
        strategy = ReadStrategy(port=counting.port, _limits=small)
        spans, targets = batch(*rows)
        try:
            assert strategy.load(spans, targets, threads=threads).ok
        except Interrupted:
            assert counting.fault.met
        else:
            assert arrived(spans, targets) == wanted(spans)
        assert counting.holds_nothing
        assert workers() == []
        if not counting.fault.met:
            return
        before = len(counting.calls)
        assert strategy.load(*batch(*rows), threads=threads).ok
        assert len(counting.calls) > before


@pytest.mark.behaviour("READ-05")
@pytest.mark.parametrize("threads", [1, 4])
def test_what_progress_raises_ends_the_batch_and_nobody_writes_any_more(
    counting, make, batch, small, workers, threads
):
    def progress(nbytes):
        raise KeyboardInterrupt

    spans, targets = batch((make(nbytes=2_000_000), 0, 2_000_000))
    strategy = ReadStrategy(port=counting.port, _limits=small)
    with pytest.raises(KeyboardInterrupt):
        strategy.load(spans, targets, threads=threads, progress=progress)
    assert counting.holds_nothing
    assert workers() == []
    targets.buffers[0][:] = 0
    assert not targets.buffers[0].any()
    if threads == 1:
        assert counting.calls.count("preadv") == 1
    assert strategy.load(spans, targets, threads=threads).ok


@pytest.mark.behaviour("READ-05")
@pytest.mark.parametrize("broken_off", [False, True])
def test_an_interrupt_of_the_waiting_itself_is_passed_on_when_nobody_works_any_more(
    make, batch, small, workers, broken_off
):
    """It comes as the caller joins the other thread, which hangs in a read.

    It is raised there, and not sent as a signal: that may arrive anywhere before, and at the start
    of a function it puts coverage out of step with the callers (Python 3.11).
    """
    main = threading.current_thread()
    hanging, waited = threading.Event(), threading.Event()

    def start_thread(thread):
        join = thread.join

        def interrupted():
            if not waited.is_set():
                waited.set()
                raise Interrupted
            join()

        thread.join = interrupted
        thread.start()

    def preadv(descriptor, buffers, offset):
        if threading.current_thread() is main:
            assert hanging.wait(30)
        else:
            hanging.set()
            assert waited.wait(30)
        return real(descriptor, buffers, offset)

    def progress(nbytes):
        if broken_off:
            raise KeyboardInterrupt

    real = CountingPort().port.preadv
    counting = CountingPort(preadv=preadv, start_thread=start_thread)
    strategy = ReadStrategy(port=counting.port, _limits=small)
    with pytest.raises(Interrupted):
        strategy.load(*batch((make(), 0, 100_000)), threads=2, progress=progress)
    assert workers() == []
    assert counting.holds_nothing
