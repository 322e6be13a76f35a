from pathlib import Path

import numpy as np
import pytest

from emel_io_loader import Leases, Reaction
from emel_io_mmap import MmapStrategy, Port
from emel_io_mmap.testing import CountingPort, Fault

MIB = 1 << 20


def rss_of(path):
    """Bytes of the mapping of `path` that are resident (proc(5), smaps)."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    return sum(
        int(next(line for line in lines if line.startswith("Rss:")).split()[1]) * 1024
        for line in lines
        if line.endswith(path)
    )


@pytest.mark.behaviour("MAP-06")
def test_a_stale_lease_refuses_the_whole_batch(strategy, make, spans):
    leases = strategy.load(spans(make(), (0, 5), (10, 5), (20, 5))).leases
    other = MmapStrategy()
    foreign = other.load(spans(make("b"), (0, 5))).leases[0]
    stale = [
        (leases.slot[0], leases.generation[0] + 99),
        (3, leases.generation[0]),
        (77, 5),
        (-1, 5),
        (leases.slot[1], leases.generation[1]),  # twice in the batch
        foreign,
    ]
    for slot, generation in stale:
        batch = Leases.of([*leases.slot, slot], [*leases.generation, generation])
        answer = strategy.release(batch)
        assert (answer.code, answer.reaction) == ("stale-lease", Reaction.CLOSED)
        assert answer.index == 3 or (slot, generation) == tuple(leases[1])
        assert strategy.usage().leases == 3
    assert strategy.release(leases).ok
    assert strategy.release(leases).code == "stale-lease"
    assert other.close().ok


@pytest.mark.behaviour("MAP-06")
def test_of_several_stale_leases_the_first_of_the_request_is_named(strategy, make, spans):
    leases = strategy.load(spans(make(), (0, 5), (10, 5), (20, 5))).leases
    assert strategy.release(leases.take(np.array([0, 1]))).ok
    answer = strategy.release(leases.take(np.array([2, 1, 0])))
    assert (answer.code, answer.index) == ("stale-lease", 1)


@pytest.mark.behaviour("MAP-06")
def test_a_reused_slot_makes_old_leases_stale(strategy, make, spans):
    old = strategy.load(spans(make(), (0, 5))).leases
    strategy.release(old)
    new = strategy.load(spans(make(), (0, 5))).leases
    assert new.slot[0] == old.slot[0]
    assert strategy.release(old).code == "stale-lease"
    assert strategy.release(new).ok


@pytest.mark.behaviour("MAP-07")
@pytest.mark.parametrize(
    "make_array",
    [
        lambda view: view.view(np.uint16),
        lambda view: view[4:].view(np.float32).reshape(2, -1)[:, ::2],
        lambda view: np.ndarray((5,), np.uint16, buffer=view),
        lambda view: np.frombuffer(view, np.uint8),
        lambda view: memoryview(view)[3:],
        lambda view: np.asarray(memoryview(view)),
        lambda view: view.T,
        lambda view: np.broadcast_to(view, (3, len(view))),
    ],
)
def test_whatever_is_made_of_a_view_keeps_the_lease(strategy, make, spans, make_array):
    leases = strategy.load(spans(make(), (8, 20), (100, 20))).leases
    array = make_array(strategy.view(*leases[0]))
    before = strategy.usage()
    answer = strategy.release(leases.take(np.array([0])))
    assert (answer.code, answer.reaction, answer.index) == ("still-borrowed", Reaction.BUSY, 0)
    assert strategy.usage() == before
    del array
    assert strategy.release(leases.take(np.array([0]))).ok
    assert strategy.usage().leases == 1


@pytest.mark.behaviour("MAP-07")
@pytest.mark.parametrize("n", [6, 5000])
def test_of_a_batch_the_borrowed_stay_and_the_others_go(strategy, make, spans, n):
    path, borrowed = make(), [1, n - 2]
    leases = strategy.load(spans(path, *((i % 600 * 10, 10) for i in range(n)))).leases
    arrays = {i: strategy.view(*leases[i]) for i in borrowed}
    answer = strategy.release(leases)
    assert np.flatnonzero(~answer.done).tolist() == borrowed
    assert (answer.index, answer.nspans) == (1, n - 2)
    assert strategy.usage()[::2] == (1, 2)
    assert arrays[n - 2][0] == Path(path).read_bytes()[(n - 2) % 600 * 10]
    arrays.clear()
    assert strategy.release(leases.take(np.array(borrowed))).ok
    assert strategy.usage().slots == 0


@pytest.mark.behaviour("MAP-07")
def test_of_several_borrowed_leases_the_first_of_the_request_is_named(strategy, make, spans):
    leases = strategy.load(spans(make(), (0, 5), (10, 5), (20, 5))).leases
    views = [strategy.view(*leases[i]) for i in (0, 1)]
    answer = strategy.release(leases.take(np.array([2, 1, 0])))
    views.clear()
    assert (answer.code, answer.index) == ("still-borrowed", 1)


@pytest.mark.behaviour("MAP-07")
def test_a_borrowed_slot_is_given_to_nobody_else(make, spans, counting):
    strategy = MmapStrategy(slots=1, port=counting.port)
    leases = strategy.load(spans(make(), (0, 5))).leases
    array = strategy.view(*leases[0])
    strategy.release(leases)
    assert strategy.load(spans(make("b"), (0, 5))).code == "pool-full"
    del array
    strategy.release(leases)
    assert strategy.load(spans(make("b"), (0, 5))).ok
    assert strategy.close().ok


@pytest.mark.behaviour("MAP-08")
def test_when_closing_fails_a_retry_closes_and_nothing_else(strategy, counting, make, spans):
    leases = strategy.load(spans(make(), (0, 5))).leases
    counting.fault = Fault(OSError(5, "EIO"), kind="close")
    answer = strategy.release(leases)
    assert (answer.code, answer.errno, answer.done.tolist()) == ("close-failed", 5, [False])
    assert (len(counting.opened), len(counting.mapped)) == (1, 0)
    assert strategy.usage().slots == 1
    counting.calls.clear()
    assert strategy.release(leases).ok
    assert counting.calls == ["close"]
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-08")
def test_when_unmapping_fails_a_retry_unmaps_and_nothing_else(strategy, counting, make, spans):
    leases = strategy.load(spans(make(), (0, 5))).leases
    counting.fault = Fault(OSError(12, "ENOMEM"), kind="unmap")
    answer = strategy.release(leases)
    assert (answer.code, answer.errno) == ("unmap-failed", 12)
    assert (len(counting.opened), len(counting.mapped)) == (0, 1)
    counting.calls.clear()
    assert strategy.release(leases).ok
    assert counting.calls == ["unmap"]
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-09")
def test_a_released_tensor_gives_its_pages_back_and_no_others(strategy, make, spans):
    path = make(nbytes=12 * MIB)
    leases = strategy.load(spans(path, (0, 4 * MIB), (4 * MIB, 4 * MIB), (8 * MIB, 4 * MIB))).leases
    total = sum(int(strategy.view(*leases[i]).sum()) for i in range(3))
    assert total
    assert rss_of(path) >= 12 * MIB
    before = strategy.view(*leases[0])[-100:].tobytes()
    assert strategy.release(leases.take(np.array([1]))).ok
    assert 8 * MIB <= rss_of(path) < 9 * MIB
    assert strategy.view(*leases[0])[-100:].tobytes() == before
    assert strategy.view(*leases[2])[0] == (8 * MIB) % 251


@pytest.mark.behaviour("MAP-09")
def test_pages_shared_with_a_neighbour_stay(strategy, counting, make, spans):
    leases = strategy.load(spans(make(), (0, 5000), (5000, 5000), (10_000, 2000))).leases
    given = []
    real = counting.port.advise
    object.__setattr__(
        counting.port,
        "advise",
        lambda m, kind, start, n: given.append((start, n)) or real(m, kind, start, n),
    )
    assert strategy.release(leases.take(np.array([1]))).ok
    assert given == []  # its one whole page is 8192..., which the third span begins in
    assert strategy.release(leases.take(np.array([2]))).ok
    assert given == [(8192, 4096)]


@pytest.mark.behaviour("MAP-09")
def test_the_mapping_ends_with_its_last_lease(strategy, counting, make, spans):
    leases = strategy.load(spans(make(), (0, 5), (9, 5))).leases
    strategy.release(leases.take(np.array([0])))
    assert len(counting.mapped) == 1
    strategy.release(leases.take(np.array([1])))
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-07", "MAP-08")
@pytest.mark.parametrize("let_go", ["release", "close"])
@pytest.mark.parametrize("broken", [False, True])
def test_what_points_into_a_mapping_unseen_keeps_it(make, spans, let_go, broken):
    real, mapped = Port(), []

    def mapping(descriptor, nbytes, offset):
        mapped.append(real.map(descriptor, nbytes, offset))
        return mapped[-1]

    fault = Fault(OSError(5, "EIO"), kind="unmap") if broken else None
    counting = CountingPort(fault, map=mapping)
    strategy = MmapStrategy(port=counting.port)
    leases = strategy.load(spans(make(), (0, 9), (50, 9))).leases
    asked = strategy.close if let_go == "close" else lambda: strategy.release(leases)
    if broken:  # what is left then is the mapping, without its descriptor
        assert asked().code == "unmap-failed"
    with memoryview(mapped[0]) as seen:
        answer = asked()
        assert (answer.code, answer.reaction) == ("still-borrowed", Reaction.BUSY)
        assert strategy.usage()[::2] == (1, 2)
        assert bytes(seen[:9]) == bytes(range(9))
    assert asked().ok
    assert counting.holds_nothing
    assert strategy.close().ok
