"""What a batch comes to when files, slots and failures meet in it."""

import errno
import os
import time
from pathlib import Path

import numpy as np
import pytest

from emel_io_loader import FileIdentity, Leases, Spans, StrategyError
from emel_io_mmap import MmapStrategy
from emel_io_mmap._pool import Pool
from emel_io_mmap.testing import CountingPort, Fault

PAGE = 4096


@pytest.mark.behaviour("MAP-02")
def test_a_file_larger_than_a_mapping_may_be_is_mapped_in_parts(make):
    counting = CountingPort(window_nbytes=4 * PAGE)
    path = make(nbytes=40 * PAGE)
    content = Path(path).read_bytes()
    pairs = [(30 * PAGE + 5, 100), (17, 5), (16 * PAGE, 9 * PAGE), (3 * PAGE, 2 * PAGE)]
    with MmapStrategy(slots=4, port=counting.port) as strategy:
        file = [0] * len(pairs)
        leases = strategy.load(Spans([path], file, *zip(*pairs, strict=True))).leases
        for i, (offset, nbytes) in enumerate(pairs):
            assert strategy.view(*leases[i]).tobytes() == content[offset : offset + nbytes]
        assert len(set(leases.slot.tolist())) == strategy.usage().slots == 4
        assert strategy.usage().nbytes < 40 * PAGE
        more = strategy.load(Spans([path], [0], [31 * PAGE], [50])).leases
        assert more.slot[0] == leases.slot[0]
        full = strategy.load(Spans([path], [0], [38 * PAGE], [50]))
        assert full.code == "pool-full"
        assert strategy.release(leases.take(np.array([0, 3]))).ok
        assert strategy.view(*more[0]).tobytes() == content[31 * PAGE : 31 * PAGE + 50]


@pytest.mark.behaviour("MAP-02")
def test_a_part_of_a_file_begins_where_the_platform_lets_a_mapping_begin(make):
    starts, real = [], CountingPort().port.map

    def begin(descriptor, nbytes, offset):
        starts.append(offset)
        return real(descriptor, nbytes, offset)

    counting = CountingPort(window_nbytes=4 * PAGE, granularity=16 * PAGE, map=begin)
    with MmapStrategy(port=counting.port) as strategy:
        assert strategy.load(Spans([make(nbytes=40 * PAGE)], [0], [35 * PAGE], [9])).ok
    assert starts == [32 * PAGE]


@pytest.mark.behaviour("MAP-14")
def test_the_same_inode_of_another_device_is_another_file(make, spans):
    stat = CountingPort().port.stat

    def elsewhere(path):
        facts = stat(path)
        return facts._replace(identity=facts.identity._replace(device=facts.identity.device + 1))

    counting, path = CountingPort(stat=elsewhere), make()
    with MmapStrategy(port=counting.port) as strategy:
        slots = [strategy.load(spans(path, (0, 9))).leases.slot.item() for _ in range(2)]
    assert len(set(slots)) == 2


@pytest.mark.behaviour("MAP-06")
def test_no_two_strategies_ever_give_the_same_lease():
    first, second = (Pool(CountingPort().port, 1).next_generation for _ in range(2))
    assert second - first == 2**36
    assert 2**27 * (second - first) <= 2**63


@pytest.mark.behaviour("MAP-02", "MAP-05")
def test_the_first_span_in_request_order_is_blamed_whatever_the_file(
    strategy, counting, make, tmp_path
):
    files = [make("short", 100), str(tmp_path / "missing"), make("good")]
    answer = strategy.load(Spans(files, [2, 0, 1, 0], [0, 0, 0, 99], [9, 9, 9, 9]))
    assert (answer.code, answer.index, answer.errno) == ("open-failed", 2, errno.ENOENT)
    answer = strategy.load(Spans(files, [2, 0, 0, 1], [0, 0, 95, 0], [9, 9, 9, 9]))
    assert (answer.code, answer.index, answer.offset) == ("span-beyond-end", 2, 95)
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-02")
def test_the_same_path_twice_is_one_mapping(strategy, counting, make):
    path = make()
    answer = strategy.load(Spans([path, path], [0, 1, 0], [0, 10, 20], [5, 5, 5]))
    assert set(answer.leases.slot.tolist()) == {0}
    assert counting.calls == ["open", "fstat", "map"]
    assert [int(strategy.view(*answer.leases[i])[0]) for i in range(3)] == [0, 10, 20]


@pytest.mark.behaviour("MAP-14")
def test_what_both_entries_of_a_path_say_has_to_hold(strategy, counting, make):
    path = make()
    now = strategy.identify([path]).identities[0]
    other = FileIdentity(now.device, now.inode, now.nbytes, 1)
    for identities in ([None, other], [now, other], [other, now], [other, None]):
        answer = strategy.load(Spans([path] * 2, [0, 1], [0, 9], [5, 5], identities))
        assert answer.code == "file-changed"
    assert strategy.load(Spans([path] * 2, [0, 1], [0, 9], [5, 5], [now, None])).ok
    again = strategy.load(Spans([path], [0], [0], [5], [other]))
    assert again.code == "file-changed"
    assert len(counting.mapped) == 1


@pytest.mark.behaviour("MAP-02", "MAP-14")
def test_a_full_pool_is_found_when_a_shared_file_turns_out_to_be_another(make, counting):
    path = make()
    with MmapStrategy(slots=1, port=counting.port) as strategy:
        first = strategy.load(Spans([path], [0], [0], [5])).leases
        Path(make("other")).replace(path)
        answer = strategy.load(Spans([path], [0], [0], [5]))
        assert (answer.code, answer.index) == ("pool-full", 0)
        assert (len(counting.opened), len(counting.mapped)) == (1, 1)
        assert strategy.release(first).ok
        assert strategy.load(Spans([path], [0], [0], [5])).ok


@pytest.mark.behaviour("MAP-05")
def test_a_path_that_is_gone_gives_no_new_spans_though_its_file_is_mapped(strategy, make):
    path = make()
    leases = strategy.load(Spans([path], [0], [7], [5])).leases
    Path(path).unlink()
    answer = strategy.load(Spans([path], [0], [0], [5]))
    assert (answer.code, answer.errno) == ("stat-failed", errno.ENOENT)
    assert strategy.view(*leases[0])[0] == 7


@pytest.mark.behaviour("MAP-05", "MAP-08")
@pytest.mark.parametrize("kind", ["unmap", "close"])
def test_what_a_failed_load_cannot_give_back_is_given_back_later(make, tmp_path, kind):
    counting = CountingPort(Fault(OSError(errno.EIO, "EIO"), kind=kind))
    files = [make(), str(tmp_path / "missing")]
    with MmapStrategy(slots=2, port=counting.port) as strategy:
        answer = strategy.load(Spans(files, [0, 1], [0, 0], [5, 5]))
        assert (answer.code, answer.index) == ("open-failed", 1)
        assert strategy.usage()[::2] == (1, 0)
        assert not counting.holds_nothing
        more = [make("b"), make("c")]
        assert strategy.load(Spans(more, [0, 1], [0, 0], [5, 5])).ok, "it counts as free"
        assert (len(counting.opened), len(counting.mapped)) == (2, 2)
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-05")
@pytest.mark.parametrize("kind", ["open", "fstat", "map"])
@pytest.mark.parametrize("nth", [1, 2])
def test_an_interrupt_during_a_load_leaks_nothing(make, kind, nth):
    files = [make("a"), make("b")]
    counting = CountingPort(Fault(KeyboardInterrupt(), nth, kind))
    with MmapStrategy(slots=2, port=counting.port) as strategy:
        spans = Spans(files, [0, 1], [0, 0], [5, 5])
        with pytest.raises(KeyboardInterrupt):
            strategy.load(spans)
        assert counting.holds_nothing
        assert strategy.usage() == (0, 2, 0, 0)
        assert strategy.load(spans).ok


@pytest.mark.behaviour("MAP-08")
@pytest.mark.parametrize("kind", ["unmap", "close"])
def test_an_interrupt_during_a_release_can_be_finished(strategy, counting, make, kind):
    leases = strategy.load(Spans([make()], [0], [0], [5])).leases
    counting.fault = Fault(KeyboardInterrupt(), kind=kind)
    with pytest.raises(KeyboardInterrupt):
        strategy.release(leases)
    assert strategy.release(leases).ok
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-06")
def test_columns_of_mismatched_lengths_are_refused(strategy, make):
    leases = strategy.load(Spans([make()], [0, 0], [0, 9], [5, 5])).leases
    for wrong in (
        Leases(leases.slot[:1], leases.generation),
        Leases(leases.slot, leases.generation[:1]),
    ):
        assert strategy.release(wrong).code == "lengths-differ"
    assert strategy.usage().leases == 2


@pytest.mark.behaviour("MAP-07", "MAP-08")
def test_the_first_lease_that_stayed_gives_the_reason(strategy, counting, make):
    leases = strategy.load(Spans([make("a"), make("b")], [1, 0], [0, 0], [5, 5])).leases
    array = strategy.view(*leases[0])
    counting.fault = Fault(OSError(errno.EIO, "EIO"), kind="close")
    answer = strategy.release(leases)
    assert (answer.code, answer.index) == ("still-borrowed", 0)
    assert answer.done.tolist() == [False, False]
    del array
    answer = strategy.release(leases)
    assert answer.ok
    assert (answer.nspans, answer.nbytes) == (2, 10)


@pytest.mark.behaviour("MAP-01")
def test_a_lease_has_one_view_at_a_time(strategy, make):
    leases = strategy.load(Spans([make()], [0, 0], [0, 0], [5, 5])).leases
    view = strategy.view(*leases[0])
    assert strategy.view(*leases[0]) is view
    assert strategy.view(*leases[1]) is not view
    with pytest.raises(ValueError, match="WRITEABLE"):
        view.flags.writeable = True


@pytest.mark.behaviour("MAP-13")
@pytest.mark.parametrize("left", [0, 1, 4999, 5000, 5001])
@pytest.mark.parametrize("n", [1, 5000])
def test_a_view_needs_the_file_up_to_its_last_byte(strategy, make, left, n):
    path = make(nbytes=20_000)
    lease = strategy.load(Spans([path], [0] * n, [1000] * n, [4000] * n)).leases[-1]
    os.truncate(path, left)
    if left >= 5000:
        assert strategy.view(*lease).tobytes() == Path(path).read_bytes()[1000:5000]
    else:
        with pytest.raises(StrategyError, match=f"now has {left} bytes"):
            strategy.view(*lease)


@pytest.mark.behaviour("MAP-01", "MAP-02")
def test_a_batch_costs_time_that_grows_no_faster_than_its_spans(make):
    path = make(nbytes=800_000)

    def best(n):
        spans = Spans([path], np.zeros(n, int), np.arange(n) * 16, np.full(n, 9))
        times = []
        for _ in range(2):
            begin = time.thread_time()
            with MmapStrategy() as strategy:
                leases = strategy.load(spans).leases
                for lease in zip(leases.slot.tolist(), leases.generation.tolist(), strict=True):
                    strategy.view(*lease)
                assert strategy.release(leases).ok
            times.append(time.thread_time() - begin)
        return min(times)

    assert best(50_000) < 4 * 10 * best(5_000)  # quadratic would be 100 times


@pytest.mark.behaviour("MAP-05", "MAP-10")
def test_what_can_never_be_given_back_is_reported_each_time(make, tmp_path):
    stuck = []

    def refuse(descriptor):
        if stuck:
            raise OSError(errno.EIO, "EIO")
        os.close(descriptor)

    counting = CountingPort(close=refuse)
    strategy = MmapStrategy(slots=1, port=counting.port)
    stuck.append(True)
    assert strategy.load(Spans([str(tmp_path)], [0], [0], [5])).code == "not-regular"
    assert strategy.usage()[::2] == (1, 0)
    assert strategy.load(Spans([make()], [0], [0], [5])).code == "pool-full"
    closed = strategy.close()
    assert (closed.code, closed.errno, len(closed.leases)) == ("close-failed", errno.EIO, 0)
    assert str(tmp_path) in closed.message
    stuck.clear()
    assert strategy.close().ok
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-03", "MAP-14")
def test_identify_answers_in_order_or_blames_the_first_bad_file(strategy, counting, make, tmp_path):
    files = [make("a", 7), make("b", 9)]
    found = strategy.identify(files)
    assert [identity.nbytes for identity in found.identities] == [7, 9]
    assert [identity.inode for identity in found.identities] == [
        Path(f).stat().st_ino for f in files
    ]
    bad = strategy.identify([*files, str(tmp_path / "missing"), str(tmp_path)])
    assert (bad.result.code, bad.result.index, bad.identities) == ("stat-failed", 2, ())
    counting.calls.clear()
    refused = strategy.identify([*files, "a\0b"])
    assert (refused.result.code, refused.result.index) == ("path-has-nul", 2)
    assert counting.calls == []


class Compared(str):
    """A path that counts how often it is compared with another."""

    __slots__ = ()
    __hash__ = str.__hash__
    times = 0

    def __eq__(self, other):
        Compared.times += 1
        return str.__eq__(self, other)


@pytest.mark.behaviour("MAP-02")
def test_finding_paths_that_are_named_twice_compares_no_more_than_there_are(
    strategy, make, monkeypatch
):
    monkeypatch.setattr(Compared, "times", 0)
    paths = [make(), *(f"/nowhere/{i}" for i in range(998))]
    files = [Compared(path) for path in [*paths, paths[0]]]

    answer = strategy.load(Spans(files, [0, 999], [0, 10], [5, 5]))

    assert answer.leases.slot.tolist() == [0, 0]
    assert Compared.times < 2 * len(files)  # looking through the list would be 500,000


@pytest.mark.behaviour("MAP-04")
@pytest.mark.parametrize(
    "rows", [[(95, 5), (95, 6)], [(0, 100), (99, 2), (0, 9)], [(100, 0), (100, 1)]]
)
def test_a_span_that_ends_where_its_file_does_isnt_blamed_for_one_beyond(
    strategy, make, spans, rows
):
    answer = strategy.load(spans(make(nbytes=100), *rows))
    assert (answer.code, answer.index, answer.offset) == ("span-beyond-end", 1, rows[1][0])
