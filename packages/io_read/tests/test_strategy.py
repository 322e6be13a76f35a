"""The strategy as its callers see it: what it refuses, and what it says of leases."""

import os
import stat
import weakref

import numpy as np
import pytest

from emel_io_loader import Advice, Leases, Mode, Reaction, Spans, Strategy, StrategyError, Targets
from emel_io_read import Port, ReadStrategy
from emel_io_read.testing import CountingPort


@pytest.fixture
def strategy(counting):
    with ReadStrategy(port=counting.port) as made:
        yield made


@pytest.mark.behaviour("READ-01")
def test_it_is_a_strategy_that_copies(strategy):
    assert isinstance(strategy, Strategy)
    assert (strategy.name, strategy.mode) == ("read", Mode.COPIES)
    assert ReadStrategy.unavailable() == ""


@pytest.mark.behaviour("READ-01")
def test_a_buffer_is_filled_and_neither_replaced_nor_kept(strategy, make, batch, wanted):
    path = make()
    spans, targets = batch((path, 5, 1000))
    buffer = targets.buffers[0]
    assert strategy.load(spans, targets).ok
    assert targets.buffers[0] is buffer
    assert buffer.tobytes() == wanted(spans)[0]
    gone = weakref.ref(buffer)
    del buffer, targets
    assert gone() is None


@pytest.mark.behaviour("READ-01")
@pytest.mark.parametrize(
    "make_buffer",
    [
        lambda: np.zeros((5, 20), np.float32),
        lambda: bytearray(400),
        lambda: memoryview(bytearray(400)),
        lambda: np.zeros(100, np.dtype("<f4")),
    ],
)
def test_buffers_of_any_kind_are_filled(strategy, make, wanted, make_buffer):
    spans, buffer = Spans([make()], [0], [77], [400]), make_buffer()
    assert strategy.load(spans, Targets.each([buffer])).ok
    assert bytes(memoryview(buffer).cast("B")) == wanted(spans)[0]


def shut(array):
    array.flags.writeable = False
    return array


@pytest.mark.behaviour("READ-02")
@pytest.mark.parametrize(
    ("code", "targets"),
    [
        ("targets-missing", None),
        ("targets-differ", Targets.each([np.zeros(99, np.uint8)])),
        ("target-read-only", Targets.each([np.zeros(99, np.uint8), shut(np.zeros(99, np.uint8))])),
        ("target-not-contiguous", Targets.each([np.zeros(99, np.uint8), np.zeros(99, "u1")[::2]])),
        ("target-too-small", Targets.each([np.zeros(99, np.uint8), np.zeros(9, np.uint8)])),
        ("targets-overlap", Targets([np.zeros(99, np.uint8)], [0, 0], [0, 9])),
    ],
)
def test_bad_targets_are_refused_before_any_call(strategy, counting, make, code, targets):
    outcome = strategy.load(Spans([make()], [0, 0], [0, 500], [10, 10]), targets)
    assert (outcome.code, outcome.reaction) == (code, Reaction.INVALID)
    assert outcome.message
    assert not outcome.touched
    assert counting.calls == []


@pytest.mark.behaviour("READ-02")
@pytest.mark.parametrize(
    ("code", "spans"),
    [
        ("offset-negative", Spans(["x"], [0], [-1], [1])),
        ("nbytes-negative", Spans(["x"], [0], [0], [-1])),
        ("span-overflows", Spans(["x"], [0], [2**63 - 1], [1])),
        ("span-too-large", Spans(["x"], [0], [0], [2**40 + 1])),
        ("path-empty", Spans([""], [0], [0], [1])),
        ("path-too-long", Spans(["x" * 4096], [0], [0], [1])),
        ("path-has-nul", Spans(["a\0b"], [0], [0], [1])),
        ("file-unknown", Spans(["x"], [1], [0], [1])),
        ("lengths-differ", Spans(["x"], [0, 0], [0], [1])),
    ],
)
def test_bad_spans_are_refused_before_any_call(strategy, counting, code, spans):
    outcome = strategy.load(spans, Targets.each([np.zeros(9, np.uint8)]))
    assert (outcome.code, outcome.reaction) == (code, Reaction.INVALID)
    assert counting.calls == []


@pytest.mark.behaviour("READ-02")
@pytest.mark.parametrize("threads", [0, -1])
def test_less_than_one_thread_is_refused(strategy, counting, make, batch, threads):
    outcome = strategy.load(*batch((make(), 0, 9)), threads=threads)
    assert (outcome.code, outcome.reaction) == ("threads-invalid", Reaction.INVALID)
    assert counting.calls == []
    with pytest.raises(ValueError, match="at least 1 thread"):
        ReadStrategy(threads=threads)


@pytest.mark.behaviour("READ-02")
def test_a_platform_that_cannot_read_is_refused_before_any_call(make, batch):
    counting = CountingPort(unavailable="no preadv here")
    outcome = ReadStrategy(port=counting.port).load(*batch((make(), 0, 9)))
    assert (outcome.code, outcome.message) == ("platform-unsupported", "no preadv here")
    assert outcome.reaction is Reaction.UNSUPPORTED
    assert counting.calls == []
    assert ReadStrategy.unavailable(counting.port) == "no preadv here"


@pytest.mark.behaviour("READ-02")
def test_spans_of_zero_bytes_are_legal_and_open_nothing(strategy, counting, batch):
    told = []
    outcome = strategy.load(*batch(("missing", 5, 0), ("missing", 0, 0)), progress=told.append)
    assert outcome.ok
    assert (outcome.nspans, outcome.nbytes, told) == (2, 0, [0])
    assert strategy.load(Spans([], [], [], []), Targets([], [], [])).ok
    assert counting.calls == []


@pytest.mark.behaviour("READ-03")
def test_what_is_wrong_with_a_file_is_told_with_nothing_touched(strategy, make, batch, tmp_path):
    path = make(nbytes=500)
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo, stat.S_IRUSR)
    for code, row in {
        "open-failed": (str(tmp_path / "missing"), 0, 9),
        "not-regular": (str(tmp_path), 0, 9),
        "span-beyond-end": (path, 400, 101),
    }.items():
        spans, targets = batch((path, 0, 100), row, (fifo, 0, 1))
        outcome = strategy.load(spans, targets)
        assert (outcome.code, outcome.index, outcome.touched) == (code, 1, False)
        assert not any(buffer.any() for buffer in targets.buffers)


@pytest.mark.behaviour("READ-03")
def test_a_file_that_changed_since_it_was_identified_is_refused(strategy, make):
    path = make(nbytes=500)
    identified = strategy.identify([path])
    assert identified.result.ok
    spans = Spans([path], [0], [0], [100], identified.identities)
    targets = Targets.each([np.zeros(100, np.uint8)])
    assert strategy.load(spans, targets).ok
    make(nbytes=600)
    assert strategy.load(spans, targets).code == "file-changed"


@pytest.mark.behaviour("READ-01")
def test_it_gives_no_leases(strategy, make, batch):
    outcome = strategy.load(*batch((make(), 0, 9)))
    assert len(outcome.leases) == 0
    assert strategy.usage() == (0, 0, 0, 0)
    with pytest.raises(StrategyError) as caught:
        strategy.view(0, 1)
    assert caught.value.result.code == "stale-lease"
    refused = strategy.release(Leases.of([-1, 3], [-1, 4]))
    assert (refused.code, refused.index) == ("stale-lease", 1)
    assert refused.done.tolist() == [False, False]
    assert strategy.release(Leases.of([-1, -1], [-1])).code == "lengths-differ"
    assert strategy.advise(0, 1, Advice.WILL_NEED).code == "stale-lease"


@pytest.mark.behaviour("READ-01")
def test_the_lease_of_no_bytes_is_taken(strategy):
    assert strategy.view(-1, -1).shape == (0,)
    released = strategy.release(Leases.vacant(2))
    assert released.ok
    assert released.done.tolist() == [True, True]
    assert strategy.advise(-1, -1, Advice.POPULATE).ok
    assert strategy.advise(-1, -1, 99).code == "advice-unknown"
    assert strategy.advise(-1, -1, Advice.POPULATE, 0, 1).code == "advice-outside"


@pytest.mark.behaviour("READ-01")
def test_a_closed_strategy_loads_nothing(counting, make, batch):
    path = make()
    with ReadStrategy(port=counting.port) as strategy:
        assert strategy.load(*batch((path, 0, 9))).ok
    calls = len(counting.calls)
    outcome = strategy.load(*batch((path, 0, 9)))
    assert (outcome.code, outcome.reaction) == ("closed", Reaction.CLOSED)
    assert strategy.close().ok
    assert len(counting.calls) == calls


@pytest.mark.behaviour("READ-05")
@pytest.mark.parametrize("wrong", [{"call_nbytes": 0}, {"call_nbytes": 1}, {"most_threads": 0}])
def test_a_call_of_next_to_nothing_and_a_batch_without_threads_are_refused(wrong):
    with pytest.raises(ValueError, match="a call has"):
        ReadStrategy(**wrong)


@pytest.mark.behaviour("READ-05")
def test_where_nobody_says_which_cores_may_be_used_all_are_counted(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert Port().cpus() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert Port().cpus() == 1


@pytest.mark.behaviour("READ-05")
def test_so_they_are_where_the_system_doesnt_answer(monkeypatch):
    def affinity(process):
        raise OSError(38, "ENOSYS")

    monkeypatch.setattr(os, "sched_getaffinity", affinity)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert Port().cpus() == 7
