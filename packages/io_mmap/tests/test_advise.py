import errno
import os
import sys

import pytest

from emel_io_loader import Advice, Reaction
from emel_io_mmap import MmapStrategy, Port
from emel_io_mmap.testing import CountingPort, Fault

PAGE = 4096


@pytest.fixture
def advised(make, spans):
    """A strategy over one file of three leases, and the list of (start, nbytes) that it advises."""
    counting = CountingPort()
    real, given = counting.port.advise, []

    def advise(mapping, kind, start, nbytes):
        given.append((start, nbytes))
        real(mapping, kind, start, nbytes)

    object.__setattr__(counting.port, "advise", advise)
    strategy = MmapStrategy(port=counting.port)
    pairs = ((0, 5000), (5000, 10_000), (15_000, 5000))
    leases = strategy.load(spans(make(nbytes=20_000), *pairs)).leases
    yield strategy, leases, given, counting
    assert strategy.close().ok


@pytest.mark.behaviour("MAP-11")
@pytest.mark.parametrize("kind", [Advice.SEQUENTIAL, Advice.WILL_NEED, Advice.POPULATE])
def test_three_kinds_widen_to_pages(advised, kind):
    strategy, leases, given, _ = advised
    assert strategy.advise(*leases[1], kind).ok
    assert given == [(PAGE, 3 * PAGE)]
    assert strategy.advise(*leases[1], kind, 100, 1).ok
    assert given[-1] == (PAGE, PAGE)


@pytest.mark.behaviour("MAP-11")
@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are Linux's")
@pytest.mark.parametrize(
    ("kind", "number"),
    [(Advice.SEQUENTIAL, 2), (Advice.WILL_NEED, 3), (Advice.DONT_NEED, 4), (Advice.POPULATE, 22)],
)
def test_the_kernel_is_told_what_was_advised(make, spans, kind, number):
    told = []

    class Mapping:
        def madvise(self, *asked):
            told.append(asked)

    port = Port(advise=lambda _, *asked: Port().advise(Mapping(), *asked))
    with MmapStrategy(port=port) as strategy:
        (lease,) = strategy.load(spans(make(nbytes=20_000), (0, 20_000))).leases
        assert strategy.advise(*lease, kind, PAGE, 2 * PAGE).ok
        assert told == [(number, PAGE, 2 * PAGE)]


@pytest.mark.behaviour("MAP-11")
def test_dont_need_narrows_to_pages_of_its_own(advised):
    strategy, leases, given, _ = advised
    assert strategy.advise(*leases[1], Advice.DONT_NEED).ok
    assert given == [(2 * PAGE, PAGE)]
    assert strategy.advise(*leases[1], Advice.DONT_NEED, 0, 100).ok
    assert len(given) == 1
    assert strategy.advise(*leases[2], Advice.DONT_NEED).ok  # the last page has no other owner
    assert given[-1] == (4 * PAGE, 20_000 - 4 * PAGE)


@pytest.mark.behaviour("MAP-11")
@pytest.mark.parametrize(
    ("start", "nbytes"), [(-1, 5), (0, 10_001), (10_001, None), (5, -1), (2**70, 1)]
)
def test_a_window_outside_the_lease_is_refused_before_any_call(advised, start, nbytes):
    strategy, leases, given, _ = advised
    answer = strategy.advise(*leases[1], Advice.WILL_NEED, start, nbytes)
    assert (answer.code, answer.reaction) == ("advice-outside", Reaction.INVALID)
    assert given == []


@pytest.mark.behaviour("MAP-11")
def test_stale_leases_and_unknown_kinds_are_refused(advised):
    strategy, leases, given, _ = advised
    assert strategy.advise(*leases[1], 99).code == "advice-unknown"
    assert strategy.advise(0, 10**9, Advice.WILL_NEED).code == "stale-lease"
    assert strategy.advise(88, 1, Advice.WILL_NEED).code == "stale-lease"
    strategy.release(leases)
    assert strategy.advise(*leases[1], Advice.WILL_NEED).code == "stale-lease"
    answer = strategy.advise(-1, -1, Advice.WILL_NEED)
    assert (answer.ok, answer.nspans, answer.nbytes) == (True, 1, 0)
    assert strategy.advise(-1, -1, 99).code == "advice-unknown"
    assert given == []


@pytest.mark.behaviour("MAP-11")
def test_a_platform_without_the_call_says_so(make, spans):
    counting = CountingPort(advices={})
    with MmapStrategy(port=counting.port) as strategy:
        leases = strategy.load(spans(make(), (0, 9))).leases
        answer = strategy.advise(*leases[0], Advice.SEQUENTIAL)
        assert (answer.code, answer.reaction) == ("advice-unsupported", Reaction.UNSUPPORTED)
        assert "SEQUENTIAL" in answer.message


@pytest.mark.behaviour("MAP-11")
@pytest.mark.parametrize(
    ("name", "code", "reaction"),
    [
        *(
            (name, "advice-unsupported", Reaction.UNSUPPORTED)
            for name in ("EINVAL", "ENOSYS", "EOPNOTSUPP")
        ),
        *(
            (name, "advice-failed", Reaction.SOURCE)
            for name in (
                "EIO",
                "EPERM",
                "EFAULT",
                "EACCES",
                "EBADF",
                "EBUSY",
                "EAGAIN",
                "EINTR",
                "ENOMEM",
            )
        ),
    ],
)
def test_what_the_kernel_answers_is_told_apart(make, spans, name, code, reaction):
    number = getattr(errno, name)
    counting = CountingPort(Fault(OSError(number, "no"), kind="advise"))
    with MmapStrategy(port=counting.port) as strategy:
        leases = strategy.load(spans(make(nbytes=9), (0, 9))).leases
        answer = strategy.advise(*leases[0], Advice.POPULATE)
        assert (answer.code, answer.reaction, answer.errno) == (code, reaction, number)
        assert strategy.view(*leases[0]).shape == (9,)


@pytest.mark.behaviour("MAP-13")
def test_populating_a_truncated_file_is_an_error_and_not_a_signal(strategy, make, spans):
    path = make(nbytes=40_000)
    leases = strategy.load(spans(path, (0, 40_000))).leases
    assert strategy.advise(*leases[0], Advice.POPULATE).ok
    os.truncate(path, 9000)
    answer = strategy.advise(*leases[0], Advice.POPULATE, 20_000)
    assert (answer.code, answer.reaction, answer.offset) == ("file-shrank", Reaction.SOURCE, 20_000)
    assert path in answer.message
