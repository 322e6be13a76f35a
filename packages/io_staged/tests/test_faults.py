"""Fail the n-th call, for every n: the outcome names it, nothing is left, the next batch works."""

import errno
import itertools

import numpy as np
import pytest

from emel_io_loader import Reaction, Spans, Targets
from emel_io_staged import Identity, StagedStrategy
from emel_io_staged.testing import CountingPort, Fault, no_bytes, short

ERRORS = [
    *(
        OSError(code, errno.errorcode[code])
        for code in (errno.EIO, errno.ENOMEM, errno.EMFILE, errno.EINTR, errno.EAGAIN)
    ),
    ValueError("refused by Python"),
]
NAMES = {
    "allocate": "staging-failed",
    "open": "open-failed",
    "fstat": "stat-failed",
    "preadv": "read-failed",
    "close": "close-failed",
}
NCALLS = 1 + 3 * 3 + 1 + 6
"""One allocation, three files opened, looked at and closed, one thread, six chunks."""


@pytest.fixture
def batch(make):
    """Three files, two chunks of each, in no order: spans, what they hold, and room for that."""
    files, contents = zip(*(make(name, 2000) for name in ("a", "bb", "ccc")), strict=True)
    spans = Spans(files, [2, 0, 1], [0, 100, 200], [1500, 1600, 1700])
    wanted = np.concatenate(
        [contents[f][at : at + n] for f, at, n in zip(*columns(spans), strict=True)]
    )
    return spans, wanted.tobytes()


def columns(spans):
    return spans.file.tolist(), spans.offset.tolist(), spans.nbytes.tolist()


def load(strategy, spans, out):
    return strategy.load(spans, Targets.one_after_another(out, spans.nbytes))


def transform(strategy, spans, out):
    targets = Targets.one_after_another(out, spans.nbytes)
    return strategy.load_through(spans, targets, [Identity()] * len(spans))


@pytest.mark.behaviour("STG-04", "STG-06", "STG-07")
@pytest.mark.parametrize("request_of", [load, transform])
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_any_call_may_fail(batch, request_of, error):
    spans, wanted = batch
    for nth in itertools.count(1):
        counting = CountingPort(Fault(error, nth))
        strategy = StagedStrategy(chunk_nbytes=1000, stages=2, port=counting.port)
        out = bytearray(len(wanted))
        answer = request_of(strategy, spans, out)
        met = counting.fault.met
        assert counting.holds_nothing, (nth, met)
        if not met:
            assert nth == NCALLS + 1
            assert strategy.close().ok
            return
        retried = met == "preadv" and isinstance(error, InterruptedError)
        if retried or met == "start":
            assert answer.ok
            assert out == wanted
        else:
            assert answer.code == NAMES[met]
            assert answer.reaction is Reaction.SOURCE
            assert answer.cause is error
            assert answer.errno == (error.errno if isinstance(error, OSError) else 0)
            assert answer.touched or out == bytes(len(wanted))
        assert request_of(strategy, spans, out).ok
        assert out == wanted
        assert counting.holds_nothing
        assert strategy.close().ok


@pytest.mark.behaviour("STG-07")
def test_any_read_may_fall_short(batch):
    spans, wanted = batch
    for nth in range(1, 7):
        counting = CountingPort(Fault(nth=nth, kind="preadv", instead=short))
        with StagedStrategy(chunk_nbytes=1000, stages=2, port=counting.port) as strategy:
            out = bytearray(len(wanted))
            assert load(strategy, spans, out).ok
            assert out == wanted
            assert counting.calls.count("preadv") == 7


@pytest.mark.behaviour("STG-04", "STG-07")
@pytest.mark.parametrize(
    ("nth", "index", "got", "touched"),
    [(1, 1, 0, False), (2, 1, 1000, True), (4, 2, 1000, True), (6, 0, 1000, True)],
)
def test_a_file_that_ends_early_names_its_span_and_what_came(batch, nth, index, got, touched):
    spans, wanted = batch
    counting = CountingPort(Fault(nth=nth, kind="preadv", instead=no_bytes))
    with StagedStrategy(chunk_nbytes=1000, stages=2, port=counting.port) as strategy:
        answer = load(strategy, spans, bytearray(len(wanted)))
        assert (answer.code, answer.index, answer.touched) == ("end-of-file", index, touched)
        assert answer.offset == spans.offset[index]
        assert f"after {got} of the {spans.nbytes[index]} bytes" in answer.message
        assert counting.holds_nothing


@pytest.mark.behaviour("STG-04")
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_of_the_spans_of_a_failed_chunk_the_first_requested_is_named(make, order):
    path, _ = make()
    counting = CountingPort(Fault(OSError(errno.EIO, "EIO"), kind="preadv"))
    spans = Spans([path], [0] * 3, np.array([0, 100, 200])[order], [100] * 3)
    with StagedStrategy(port=counting.port) as strategy:
        answer = load(strategy, spans, bytearray(300))
        assert (answer.code, answer.index, answer.touched) == ("read-failed", 0, False)
        assert answer.offset == order[0] * 100


@pytest.mark.behaviour("STG-04")
def test_missing_and_short_files_are_told_of_the_first_span_that_they_concern(make, tmp_path):
    path, _ = make()
    missing = str(tmp_path / "missing")
    with StagedStrategy() as strategy:
        spans = Spans([missing, path], [1, 1, 0], [0, 19_999, 0], [9, 2, 1])
        answer = load(strategy, spans, bytearray(12))
        assert (answer.code, answer.index, answer.touched) == ("span-beyond-end", 1, False)
        answer = load(strategy, spans.take(np.array([0, 2])), bytearray(12))
        assert (answer.code, answer.index, answer.errno) == ("open-failed", 1, errno.ENOENT)


@pytest.mark.behaviour("STG-07")
def test_where_there_is_no_memory_for_the_ring_that_is_what_is_told(batch):
    spans, wanted = batch
    error = MemoryError("200 bytes")
    counting = CountingPort(Fault(error, kind="allocate"))
    with StagedStrategy(chunk_nbytes=100, stages=2, port=counting.port) as strategy:
        out = bytearray(len(wanted))
        answer = load(strategy, spans, out)
        assert (answer.code, answer.cause) == ("staging-failed", error)
        assert strategy.usage().nbytes == 0
        assert load(strategy, spans, out).ok
        assert out == wanted


@pytest.mark.behaviour("STG-06")
@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()], ids=repr)
def test_without_a_thread_everything_is_read_all_the_same(batch, error):
    spans, wanted = batch
    counting = CountingPort(Fault(error, kind="start"))
    with StagedStrategy(chunk_nbytes=100, stages=2, port=counting.port) as strategy:
        out = bytearray(len(wanted))
        assert load(strategy, spans, out).ok
        assert (counting.fault.met, out) == ("start", wanted)


@pytest.mark.behaviour("STG-04", "STG-06")
def test_a_failure_is_told_in_order_however_far_the_reading_was_ahead(batch):
    spans, wanted = batch

    class Refusing(Identity):
        def apply(self, _stored, _result):
            raise ZeroDivisionError("not these bytes")

    for nth in range(2, 7):  # the second chunk and later can't be read; the first isn't taken
        counting = CountingPort(Fault(OSError(errno.EIO, "EIO"), nth, "preadv"))
        with StagedStrategy(chunk_nbytes=1000, stages=2, port=counting.port) as strategy:
            targets = Targets.one_after_another(bytearray(len(wanted)), spans.nbytes)
            answer = strategy.load_through(spans, targets, [Refusing()] * 3)
            assert (answer.code, answer.index) == ("transform-failed", 1)
            assert counting.holds_nothing
