"""Exceptions and interrupts at any place: nothing is left, and the strategy goes on working."""

import itertools
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import emel_io_staged
from emel_io_loader import Reaction, Spans, Targets
from emel_io_staged import Identity, Port, StagedStrategy
from emel_io_staged._ring import Reader
from emel_io_staged.testing import CountingPort, Fault

FILES = {
    str(path)
    for path in Path(emel_io_staged.__file__).parent.glob("[!.]*.py")
    if path.name not in ("testing.py", "_chunks.py")
}
"""Not the generators: what interrupts one that is being collected can't be raised."""


PATIENCE = 60
"""Seconds until what doesn't come is a failure: many, on a machine that is busy with others."""


def threads():
    return [t for t in threading.enumerate() if t.name == "emel-io-staged"]


def gone():
    """Wait for threads that have done their last act, and only need to leave the interpreter."""
    until = time.monotonic() + PATIENCE
    while threads() and time.monotonic() < until:
        time.sleep(0.001)
    return not threads()


class Failing(Identity):
    """Fails at the nth piece."""

    def __init__(self, error, nth=1, *, first=False):
        self.error, self.nth, self.first = error, itertools.count(1), first
        self.wanted = nth

    def apply(self, stored, result):
        if next(self.nth) == self.wanted:
            raise self.error
        super().apply(stored, result)


@pytest.mark.behaviour("STG-04", "STG-06")
@pytest.mark.parametrize("nbytes", [500, 9000])
def test_a_transform_that_raises_is_an_outcome(strategy, counting, make, spans, nbytes):
    path, content = make()
    cause = ZeroDivisionError("these bytes")
    wanted = spans(path, (5, 10), (15, nbytes))
    out = [np.zeros(10, np.uint8), np.zeros(nbytes, np.uint8)]
    answer = strategy.load_through(wanted, Targets.each(out), [Identity(), Failing(cause)])
    assert (answer.code, answer.reaction) == ("transform-failed", Reaction.INVALID)
    assert (answer.index, answer.offset, answer.cause) == (1, 15, cause)
    assert cause.__traceback__ is None
    assert "ZeroDivisionError: these bytes" in answer.message
    assert answer.touched
    assert counting.holds_nothing
    assert strategy.load(wanted, Targets.each(out)).ok
    assert out[1].tolist() == content[15 : 15 + nbytes].tolist()


@pytest.mark.behaviour("STG-04")
def test_what_fails_before_anything_could_be_written_leaves_targets_untouched(
    strategy, make, spans
):
    class Looking(Failing):
        def result_nbytes(self, _nbytes):
            return 0

    answer = strategy.load_through(spans(make()[0], (0, 9000)), None, [Looking(ValueError(), 3)])
    assert (answer.code, answer.touched) == ("transform-failed", False)


@pytest.mark.behaviour("STG-02", "STG-04")
def test_a_result_that_leaves_its_target_is_never_written(strategy, make, spans):
    class Growing(Identity):
        def result_nbytes(self, nbytes):
            return nbytes + (nbytes < 9000) * 500  # pieces are longer than their share

        def apply(self, _stored, result):
            result[:] = 1

    out = np.zeros(20_000, np.uint8)
    answer = strategy.load_through(spans(make()[0], (0, 9000)), Targets.each([out]), [Growing()])
    assert answer.code == "transform-failed"
    assert "the whole span's has 9000 bytes" in answer.message
    assert not out[9000:].any()


@pytest.mark.behaviour("STG-06", "STG-08")
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError()], ids=repr)
@pytest.mark.parametrize("nth", [1, 3, 9])
@pytest.mark.parametrize("who", ["sink", "progress"])
def test_what_a_sink_or_a_progress_raises_is_raised(
    strategy, counting, make, spans, error, nth, who
):
    path, _ = make()
    count = itertools.count(1)

    def raising(*_):
        if next(count) == nth:
            raise error

    sink, progress = (raising, None) if who == "sink" else (lambda *_: None, raising)
    with pytest.raises(type(error)):
        strategy.stream(spans(path, (7, 9000)), sink, progress=progress)
    assert counting.holds_nothing
    assert strategy.stream(spans(path, (7, 9000)), lambda *_: None).ok


@pytest.mark.behaviour("STG-06")
def test_an_interrupted_transform_is_an_interrupt(strategy, counting, make, spans):
    targets = Targets.each([bytearray(9000)])
    with pytest.raises(KeyboardInterrupt):
        strategy.load_through(
            spans(make()[0], (0, 9000)), targets, [Failing(KeyboardInterrupt(), 2)]
        )
    assert counting.holds_nothing


@pytest.mark.behaviour("STG-06")
@pytest.mark.parametrize("kind", ["allocate", "open", "fstat", "start", "preadv", "close"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), KeyError("a bug")], ids=repr)
def test_what_the_port_raises_beside_failures_is_raised(make, spans, kind, error):
    counting = CountingPort(Fault(error, kind=kind))
    wanted = spans(make()[0], (0, 9000))
    with StagedStrategy(chunk_nbytes=1000, stages=2, port=counting.port) as strategy:
        with pytest.raises(type(error)):
            strategy.stream(wanted, lambda *_: None)
        assert counting.holds_nothing
        assert strategy.stream(wanted, lambda *_: None).ok


@pytest.mark.behaviour("STG-06")
def test_a_thread_that_starts_too_late_reads_nothing(make, spans):
    late = []

    def start(work):
        late.append(work)
        raise RuntimeError("told so, and yet it will start")

    path, content = make()
    counting = CountingPort(start=start)
    with StagedStrategy(chunk_nbytes=1000, stages=2, port=counting.port) as strategy:
        out = bytearray(9000)
        assert strategy.load(spans(path, (0, 9000)), Targets.each([out])).ok
        assert out == content[:9000].tobytes()
        nbytes = counting.nbytes
        late[0]()
        assert counting.nbytes == nbytes == 9000


@pytest.mark.behaviour("STG-06")
def test_a_thread_that_starts_although_it_was_said_to_fail_is_used(make, spans):
    def start(work):
        Port().start(work)
        deadline = time.monotonic() + PATIENCE
        while not counting.calls.count("preadv") and time.monotonic() < deadline:
            time.sleep(0.001)
        raise RuntimeError("and yet it has started")

    path, content = make()
    counting = CountingPort(start=start)
    with StagedStrategy(chunk_nbytes=1000, stages=2, port=counting.port) as strategy:
        out = bytearray(9000)
        assert strategy.load(spans(path, (0, 9000)), Targets.each([out])).ok
        assert out == content[:9000].tobytes()
        assert counting.nbytes == 9000
    assert gone()


@pytest.mark.behaviour("STG-06")
def test_a_thread_is_over_before_its_last_word():
    """Else who waits for that word finds it not over, and waits for another."""
    reader, heard = Reader([], iter(()), None), []
    reader._filled = SimpleNamespace(put=lambda word: heard.append((word, reader._over)))
    reader._work()
    assert heard == [(None, True)]


@pytest.mark.behaviour("STG-06", "STG-07")
@pytest.mark.parametrize("events", [("call", "c_call"), ("return", "c_return")])
@pytest.mark.parametrize("failing", [False, True])
def test_an_interrupt_may_come_at_any_call(make, events, failing):
    """At the entry or the end of the nth call of the package: where Python looks for signals."""
    path, content = make()
    counting = CountingPort()
    port = Port(open=counting.port.open, close=counting.port.close)
    spans = Spans([path], [0], [0], [5000])
    for nth in itertools.count(1):
        left = itertools.count(-nth, 1)
        out = bytearray(5000)
        strategy = StagedStrategy(chunk_nbytes=1000, stages=2, port=port)

        def interrupt(frame, event, arg, left=left):
            if event in events and frame.f_code.co_filename in FILES and not next(left):
                raise KeyboardInterrupt

        targets, interrupted = Targets.each([out]), False
        sys.setprofile(interrupt)
        try:
            if failing:  # so that the thread still has to be stopped
                strategy.load_through(spans, targets, [Failing(ValueError())])
            else:
                strategy.load(spans, targets)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            sys.setprofile(None)
        assert gone(), nth
        assert counting.opened == set(), nth
        out[:] = bytes(5000)
        assert strategy.load(spans, targets).ok, nth
        assert out == content[:5000].tobytes()
        assert strategy.close().ok
        if next(left) <= 0:
            assert nth > 50
            return
        assert interrupted, nth
