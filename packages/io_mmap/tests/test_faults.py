"""Fail the n-th call, for every n: the outcome names it, and nothing is left behind."""

import errno
import itertools

import numpy as np
import pytest

from emel_io_loader import Advice, Reaction, Spans, StrategyError
from emel_io_mmap import MmapStrategy
from emel_io_mmap.testing import CountingPort, Fault

ERRORS = [
    *(
        OSError(code, errno.errorcode[code])
        for code in (errno.EIO, errno.ENOMEM, errno.EMFILE, errno.EINTR, errno.EAGAIN)
    ),
    ValueError("mmap length is greater than file size"),
]
NAMES = {
    "open": {"open-failed"},
    "fstat": {"stat-failed"},
    "stat": {"stat-failed"},
    "map": {"map-failed", "span-beyond-end"},
    "unmap": {"unmap-failed"},
    "size": {"stat-failed"},
    "advise": {"advice-failed", "advice-unsupported"},
    "close": {"close-failed"},
}


def steps(strategy, files):
    """One load of three files and all that follows: yields the outcome of each request."""
    load = strategy.load(Spans(files, [0, 1, 2, 0], [0, 5, 9000, 4096], [100, 100, 100, 9000]))
    yield load
    if not load.ok:
        return
    more = strategy.load(Spans(files, [1], [50], [10]))
    yield more
    for i in range(4):
        try:
            strategy.view(*load.leases[i])
        except StrategyError as error:
            yield error.result
    yield strategy.advise(*load.leases[3], Advice.POPULATE)
    yield strategy.release(load.leases.take(np.array([3])))
    yield strategy.release(load.leases.take(np.array([0, 1, 2])))


@pytest.mark.behaviour("MAP-05", "MAP-08")
@pytest.mark.parametrize("error", ERRORS, ids=str)
def test_any_call_may_fail(make, error):
    files = [make(f"{i}.bin") for i in range(3)]
    told = set()
    for nth in itertools.count(1):
        counting = CountingPort(Fault(error, nth))
        strategy = MmapStrategy(slots=3, port=counting.port)
        failed = [outcome for outcome in steps(strategy, files) if not outcome.ok]
        met = counting.fault.met
        assert strategy.close().ok or strategy.close().ok, "the one fault was used up"
        assert counting.holds_nothing, (nth, met)
        assert strategy.usage() == (0, 3, 0, 0)
        if not met:
            assert nth > 15
            assert told == {*NAMES}
            return
        if failed:
            told.add(met)
            assert len(failed) == 1
            assert failed[0].code in NAMES[met]
            assert failed[0].reaction in (Reaction.SOURCE, Reaction.INVALID, Reaction.UNSUPPORTED)
            assert failed[0].cause is error
            assert failed[0].errno == (error.errno if isinstance(error, OSError) else 0)
            if failed[0].code != "span-beyond-end":
                assert failed[0].message.endswith(f": {getattr(error, 'strerror', error)}")
        else:  # giving pages back is a favour, and closing comes after the last step
            assert met in ("advise", "unmap", "close")


@pytest.mark.behaviour("MAP-05")
@pytest.mark.parametrize("kind", ["open", "fstat", "map"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_failed_load_leaves_nothing_and_the_next_one_works(make, kind, nth):
    files = [make(f"{i}.bin") for i in range(3)]
    counting = CountingPort(Fault(OSError(errno.EIO, "EIO"), nth, kind))
    strategy = MmapStrategy(port=counting.port)
    spans = Spans(files, [0, 1, 2], [0, 0, 0], [10, 10, 10])
    failed = strategy.load(spans)
    assert (failed.index, failed.errno, len(failed.leases)) == (nth - 1, errno.EIO, 0)
    assert files[nth - 1] in failed.message
    assert counting.holds_nothing
    assert strategy.usage().slots == 0
    again = strategy.load(spans)
    assert again.ok
    assert strategy.release(again.leases).ok
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-05")
def test_a_bug_in_the_port_leaks_nothing(make):
    files = [make(f"{i}.bin") for i in range(2)]
    counting = CountingPort(Fault(KeyError("a bug"), 2, "map"))
    strategy = MmapStrategy(port=counting.port)
    with pytest.raises(KeyError):
        strategy.load(Spans(files, [0, 1], [0, 0], [10, 10]))
    assert strategy.close().ok
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-05")
@pytest.mark.parametrize("kind", ["open", "map"])
@pytest.mark.parametrize("error", [OverflowError("too long"), NotImplementedError("no map")])
def test_what_python_refuses_is_a_call_that_fails(make, spans, kind, error):
    counting = CountingPort(Fault(error, kind=kind))
    strategy = MmapStrategy(port=counting.port)
    answer = strategy.load(spans(make(), (0, 9)))
    assert (answer.code, answer.cause) == (f"{kind}-failed", error)
    assert counting.holds_nothing
