"""Fail the n-th call, for every n: the outcome names it, and nothing is left behind."""

import errno
import itertools
import os
import threading

import numpy as np
import pytest

from emel_io_loader import Reaction
from emel_io_read import ReadStrategy
from emel_io_read._reading import Reading
from emel_io_read.testing import CountingPort, Fault, no_bytes, short

CODES = (errno.EIO, errno.ENOMEM, errno.EMFILE, errno.EINTR, errno.EAGAIN)
ERRORS = [
    *(OSError(code, errno.errorcode[code]) for code in CODES),
    ValueError("refused by Python"),
]
NAMES = {
    "open": "open-failed",
    "fstat": "stat-failed",
    "preadv": "read-failed",
    "close": "close-failed",
}
FORGIVEN = {"open_direct", "advise_sequential", "start_thread"}
"""Calls that a batch can do without."""


@pytest.fixture
def mixed(make, batch):
    """Three files; runs of several spans with gaps, one that is cut, and one that is unaligned."""
    a, b, c = (make(name, 60_000) for name in ("a.bin", "b.bin", "c.bin"))
    rows = [(b, 9, 18_000), (a, 4096, 500), (a, 4600, 3000), (c, 10_000, 7000), (a, 0, 0)]
    return lambda: batch(*rows, (a, 7700, 8000), (c, 17_000, 50), (b, 50_000, 9000))


@pytest.mark.behaviour("READ-03")
def test_the_counting_port_holds_what_is_open_until_it_is_closed(make):
    counting = CountingPort()
    descriptor = counting.port.open(make("a.bin", 100))
    assert not counting.holds_nothing
    counting.port.close(descriptor)
    assert counting.holds_nothing


def sweep(mixed, small, threads, direct, make_fault):
    """Yield (port, outcome, spans, targets) for n = 1, 2, ... until no call is left to fail."""
    few = np.array([1, 3])
    for nth in itertools.count(1):
        counting = CountingPort(make_fault(nth))
        strategy = ReadStrategy(direct=direct, port=counting.port, _limits=small)
        spans, targets = mixed()
        outcome = strategy.load(spans, targets, threads=threads)
        assert counting.holds_nothing, (nth, counting.fault.met)
        if not counting.fault.met:
            assert nth > 20
            assert outcome.ok
            return
        yield counting, outcome, spans, targets
        again = strategy.load(spans.take(few), targets.take(few), threads=threads)
        assert again.ok, "the one fault was used up"
        assert counting.holds_nothing


@pytest.mark.behaviour("READ-03", "READ-05")
@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("error", ERRORS, ids=str)
def test_any_call_may_fail(mixed, small, arrived, wanted, workers, error, threads, direct):
    told = set()
    for counting, outcome, spans, targets in sweep(
        mixed, small, threads, direct, lambda nth: Fault(error, nth)
    ):
        met = counting.fault.met
        assert workers() == []
        interrupted = met == "preadv" and isinstance(error, InterruptedError)
        attempted = direct and met in ("fstat", "close") and outcome.ok  # and it was refused
        if met in FORGIVEN or interrupted or attempted:
            assert outcome.ok
            assert arrived(spans, targets) == wanted(spans)
            continue
        told.add(met)
        assert outcome.code == NAMES[met]
        assert outcome.reaction is Reaction.SOURCE
        assert outcome.cause is error
        assert outcome.errno == (error.errno if isinstance(error, OSError) else 0)
        assert spans.files[spans.file[outcome.index]] in outcome.message
        assert outcome.touched == (met in ("preadv", "close"))
        if not outcome.touched:
            assert not any(map(any, arrived(spans, targets)))
    assert told == {*NAMES} - ({"preadv"} if isinstance(error, InterruptedError) else set())


@pytest.mark.behaviour("READ-03")
@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("threads", [1, 4])
def test_any_read_may_fall_short(mixed, small, arrived, wanted, threads, direct):
    def fault(nth):
        return Fault(kind="preadv", nth=nth, instead=short)

    for nth in itertools.count(1):
        counting = CountingPort(fault(nth))
        spans, targets = mixed()
        strategy = ReadStrategy(direct=direct, port=counting.port, _limits=small)
        assert strategy.load(spans, targets, threads=threads).ok
        assert arrived(spans, targets) == wanted(spans)
        if not counting.fault.met:
            assert nth > 8
            return


@pytest.mark.behaviour("READ-03")
@pytest.mark.parametrize("threads", [1, 4])
def test_a_read_that_answers_nothing_is_the_end_of_the_file(mixed, small, threads):
    for nth in itertools.count(1):
        counting = CountingPort(Fault(kind="preadv", nth=nth, instead=no_bytes))
        spans, targets = mixed()
        outcome = ReadStrategy(port=counting.port, _limits=small).load(
            spans, targets, threads=threads
        )
        assert counting.holds_nothing
        if not counting.fault.met:
            assert nth > 8
            return
        assert outcome.code == "end-of-file"
        assert f"of the {spans.nbytes[outcome.index]} bytes" in outcome.message
        assert outcome.offset == spans.offset[outcome.index]


def bad(places, reading):
    """Let reads fail that touch one of the bytes at `places`, as a damaged disk does."""

    def preadv(descriptor, buffers, offset):
        stop = offset + sum(map(len, buffers))
        hit = [place for place in places if offset <= place < stop]
        if not hit:
            return reading(descriptor, buffers, offset)
        if hit[0] == offset:
            raise OSError(errno.EIO, "EIO")
        # What lies before the damage is delivered first.
        left, before = hit[0] - offset, []
        for buffer in buffers:
            before.append(buffer[:left])
            left -= len(before[-1])
        return reading(descriptor, [part for part in before if len(part)], offset)

    return preadv


@pytest.mark.behaviour("READ-04")
@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize(
    ("damaged", "first"),
    [((5,), 99), ((5, 50_015), 49), ((9_900, 3_005, 60_000), 39), ((99_995, 90_010), 0), ((), -1)],
)
def test_the_first_span_in_request_order_is_named_whatever_the_threads(
    make, batch, small, threads, damaged, first
):
    path = make()
    # Requested from the end of the file to its begin, in reads of eight: the last is read first.
    rows = [(path, 1000 * i, 1000) for i in reversed(range(100))]
    counting = CountingPort()
    counting = CountingPort(preadv=bad(damaged, counting.port.preadv))
    spans, targets = batch(*rows)
    strategy = ReadStrategy(port=counting.port, _limits=small)
    for _ in range(5):
        outcome = strategy.load(spans, targets, threads=threads)
        assert outcome.index == first
        assert outcome.ok == (first == -1)
        if damaged:
            assert (outcome.code, outcome.errno) == ("read-failed", errno.EIO)
            assert outcome.offset == spans.offset[first]


@pytest.mark.behaviour("READ-04")
@pytest.mark.parametrize("threads", [1, 4])
def test_a_neighbour_in_the_same_call_is_not_blamed(make, batch, small, threads):
    path = make()
    rows = [(path, 300, 100), (path, 200, 100), (path, 100, 100), (path, 0, 100)]
    counting = CountingPort(preadv=bad([150], CountingPort().port.preadv))
    outcome = ReadStrategy(port=counting.port, _limits=small).load(*batch(*rows), threads=threads)
    assert (outcome.index, outcome.offset) == (2, 100)


@pytest.mark.behaviour("READ-04", "READ-06")
def test_damage_in_bytes_that_nobody_wants_is_no_failure(make, batch, small, arrived, wanted):
    path = make()
    counting = CountingPort(preadv=bad([1020], CountingPort().port.preadv))
    spans, targets = batch((path, 0, 1000), (path, 1050, 1000))
    assert ReadStrategy(port=counting.port, _limits=small).load(spans, targets).ok
    assert arrived(spans, targets) == wanted(spans)
    assert counting.sizes[0] == 1020, "they share a call at first"


@pytest.mark.behaviour("READ-04", "READ-06")
def test_damage_right_behind_a_span_isnt_held_against_the_next_one(
    make, batch, small, arrived, wanted
):
    path = make()
    counting = CountingPort(preadv=bad([1000], CountingPort().port.preadv))
    spans, targets = batch((path, 0, 1000), (path, 1050, 1000))
    assert ReadStrategy(port=counting.port, _limits=small).load(spans, targets).ok
    assert arrived(spans, targets) == wanted(spans)


@pytest.mark.behaviour("READ-04")
def test_of_spans_past_the_end_the_first_of_the_request_is_named(make, batch, small):
    path, real = make(), CountingPort().port.preadv

    def cut_off(descriptor, buffers, offset):
        os.truncate(path, 150)
        return real(descriptor, buffers, offset)

    counting = CountingPort(preadv=cut_off)
    rows = [(path, 300, 100), (path, 200, 100), (path, 0, 100)]
    outcome = ReadStrategy(port=counting.port, _limits=small).load(*batch(*rows))
    assert (outcome.code, outcome.index, outcome.offset) == ("end-of-file", 0, 300)


@pytest.mark.behaviour("READ-03", "READ-04")
@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("threads", [1, 4])
def test_a_file_that_ends_while_it_is_read_tells_wanted_and_got(
    make, batch, small, threads, direct
):
    path = make()
    spans, targets = batch((path, 0, 100), (path, 10_000, 80_000))

    real = CountingPort().port.preadv

    def cut_off(descriptor, buffers, offset):
        os.truncate(path, 50_000)
        return real(descriptor, buffers, offset)

    counting = CountingPort(preadv=cut_off)
    strategy = ReadStrategy(direct=direct, port=counting.port, _limits=small)
    outcome = strategy.load(spans, targets, threads=threads)
    assert (outcome.code, outcome.index, outcome.offset) == ("end-of-file", 1, 10_000)
    assert "40000 of the 80000 bytes" in outcome.message


@pytest.mark.behaviour("READ-05")
@pytest.mark.parametrize("threads", [1, 4])
def test_after_a_failure_no_thread_begins_another_call(make, batch, small, monkeypatch, threads):
    path, known, main = make(nbytes=4_000_000), threading.Event(), threading.current_thread()
    broken, blame = bad([5], CountingPort().port.preadv), Reading._blame

    def blame_and_tell(*words):
        blame(*words)
        known.set()

    def preadv(descriptor, buffers, offset):
        assert threading.current_thread() is main or known.wait(30)
        return broken(descriptor, buffers, offset)

    monkeypatch.setattr(Reading, "_blame", blame_and_tell)
    rows = [(path, 0, 100), *((path, i * 8192, 8192) for i in range(1, 400))]
    counting = CountingPort(preadv=preadv)
    outcome = ReadStrategy(port=counting.port, _limits=small).load(*batch(*rows), threads=threads)
    assert outcome.index == 0
    # The one that fell short, the one that failed, and those that were under way meanwhile.
    assert 2 <= counting.calls.count("preadv") <= 2 + threads - 1


@pytest.mark.behaviour("READ-04", "READ-05")
def test_after_a_failure_calls_that_hold_an_earlier_span_are_still_made(make, batch, small):
    path = make()
    # Span 5 is read first and fails; of what follows, only spans 4 and 3 can change the answer.
    places = {5: 0, 4: 1, 8: 2, 3: 3, 9: 4, 7: 5, 6: 6}
    rows = [(path, 0, 0)] * 3 + [(path, 10_000 * places[i], 8192) for i in range(3, 10)]
    broken, asked = bad([0], CountingPort().port.preadv), []

    def preadv(descriptor, buffers, offset):
        asked.append(offset)
        return broken(descriptor, buffers, offset)

    strategy = ReadStrategy(port=CountingPort(preadv=preadv).port, _limits=small)
    assert strategy.load(*batch(*rows), threads=1).index == 5
    assert [offset // 10_000 for offset in asked if offset % 10_000 == 0] == [0, 1, 3]


@pytest.mark.behaviour("READ-03")
@pytest.mark.parametrize("threads", [1, 4])
def test_what_failed_first_is_told_though_closing_fails_as_well(make, batch, small, threads):
    def preadv(descriptor, buffers, offset):
        raise OSError(errno.EIO, "EIO")

    counting = CountingPort(Fault(OSError(errno.EBADF, "EBADF"), kind="close"), preadv=preadv)
    strategy = ReadStrategy(port=counting.port, _limits=small)
    outcome = strategy.load(*batch((make(), 3, 90_000)), threads=threads)
    assert counting.fault.met == "close"
    assert (outcome.code, outcome.errno, outcome.offset) == ("read-failed", errno.EIO, 3)
    assert counting.holds_nothing


@pytest.mark.behaviour("READ-03")
@pytest.mark.parametrize(
    "error",
    [RuntimeError("can't start new thread"), OSError(11, "EAGAIN"), ValueError(), MemoryError()],
    ids=repr,
)
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_thread_that_cannot_start_is_done_without(
    make, batch, small, arrived, wanted, error, nth
):
    counting = CountingPort(Fault(error, nth, "start_thread"))
    spans, targets = batch((make(), 3, 90_000))
    outcome = ReadStrategy(port=counting.port, _limits=small).load(spans, targets, threads=4)
    assert outcome.ok
    assert counting.calls.count("start_thread") == nth
    assert arrived(spans, targets) == wanted(spans)
