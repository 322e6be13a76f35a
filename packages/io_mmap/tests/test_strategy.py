import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emel_io_loader import Mode, Reaction, Spans, Strategy, StrategyError, Targets
from emel_io_mmap import MmapOutcome, MmapStrategy, Port
from emel_io_mmap.testing import CountingPort, Fault

PAGE = Port().page_nbytes


def test_it_is_a_strategy_that_maps():
    strategy = MmapStrategy()
    assert isinstance(strategy, Strategy)
    assert (strategy.name, strategy.mode, strategy.usage().capacity) == ("mmap", Mode.MAPS, 256)
    with pytest.raises(ValueError, match="slot"):
        MmapStrategy(slots=0)


@pytest.mark.behaviour("MAP-01")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(st.integers(0, 19_999), st.integers(0, 9000)), min_size=1))
def test_each_span_has_a_read_only_view_of_exactly_its_bytes(strategy, make, spans, pairs):
    path = make()
    pairs = [(offset, min(nbytes, 20_000 - offset)) for offset, nbytes in pairs]
    answer = strategy.load(spans(path, *pairs))
    assert answer.ok
    assert (answer.nspans, answer.nbytes) == (len(pairs), sum(n for _, n in pairs))
    content = np.fromfile(path, np.uint8)
    for i, (offset, nbytes) in enumerate(pairs):
        view = strategy.view(*answer.leases[i])
        assert view.shape == (nbytes,)
        assert not view.flags.writeable
        assert np.array_equal(view, content[offset : offset + nbytes])
    del view
    generation = answer.leases.generation[answer.leases.slot >= 0]
    assert len(set(generation.tolist())) == len(generation)
    assert strategy.release(answer.leases).ok


@pytest.mark.behaviour("MAP-02")
def test_fifty_thousand_spans_take_one_slot_and_one_mapping(strategy, counting, make):
    path, n = make(nbytes=200_000), 50_000
    answer = strategy.load(Spans([path], np.zeros(n, int), np.arange(n) * 4, np.full(n, 3)))
    assert strategy.usage()[:3] == (1, 4, n)
    assert counting.calls == ["open", "fstat", "map"]
    assert strategy.release(answer.leases).ok
    assert strategy.usage().slots == 0


@pytest.mark.behaviour("MAP-02")
@pytest.mark.parametrize("nbytes", [1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
def test_a_mapping_holds_each_page_that_it_reaches_into(strategy, make, spans, nbytes):
    leases = strategy.load(spans(make(nbytes=nbytes), (0, 1))).leases
    assert strategy.usage().nbytes == -(-nbytes // PAGE) * PAGE
    assert strategy.release(leases).ok
    assert strategy.usage().nbytes == 0


@pytest.mark.behaviour("MAP-02")
def test_later_batches_share_the_mapping(strategy, counting, make, spans):
    path = make()
    leases = [strategy.load(spans(path, (i, 10))).leases for i in range(100)]
    assert strategy.usage().slots == 1
    assert counting.calls.count("map") == 1
    for lease in leases:
        assert strategy.release(lease).ok


@pytest.mark.behaviour("MAP-02")
def test_a_batch_that_needs_more_slots_is_refused_whole(strategy, counting, make):
    paths = [make(f"{i}.bin") for i in range(5)]
    answer = strategy.load(Spans(paths, range(5), [0] * 5, [10] * 5))
    assert (answer.outcome, answer.reaction) == (MmapOutcome.POOL_FULL, Reaction.BUSY)
    assert answer.index == 4
    assert answer.message == f"{paths[4]}: all 4 slots are taken"
    assert counting.calls == []
    assert strategy.load(Spans(paths[:4], range(4), [0] * 4, [10] * 4)).ok
    assert strategy.load(Spans(paths[4:], [0], [0], [10])).code == "pool-full"


@pytest.mark.behaviour("MAP-03")
def test_what_cant_be_opened_is_asked_for_once(strategy, counting, tmp_path):
    answer = strategy.load(Spans([str(tmp_path / "missing")], [0], [0], [9]))
    assert (answer.code, counting.calls) == ("open-failed", ["open"])


@pytest.mark.behaviour("MAP-03")
@pytest.mark.parametrize(
    ("files", "file", "offset", "nbytes", "code"),
    [
        (["a"], [0], [-1], [1], "offset-negative"),
        (["a"], [0], [0], [-1], "nbytes-negative"),
        (["a"], [0], [2**63 - 1], [1], "span-overflows"),
        (["a"], [0], [2**64], [1], "span-overflows"),
        (["a"], [0], [0], [2**40 + 1], "span-too-large"),
        ([""], [0], [0], [1], "path-empty"),
        (["x" * 4096], [0], [0], [1], "path-too-long"),
        (["a\0b"], [0], [0], [1], "path-has-nul"),
        (["a"], [0, 0], [0], [1], "lengths-differ"),
        (["a"], [1], [0], [1], "file-unknown"),
    ],
)
def test_each_rule_is_refused_before_any_call(
    strategy, counting, files, file, offset, nbytes, code
):
    answer = strategy.load(Spans(files, file, offset, nbytes))
    assert (answer.code, answer.reaction) == (code, Reaction.INVALID)
    assert counting.calls == []


@pytest.mark.behaviour("MAP-03")
def test_targets_are_refused_before_any_call(strategy, counting, make, spans):
    answer = strategy.load(spans(make(), (0, 1)), Targets.each([bytearray(1)]))
    assert answer.code == "targets-given"
    assert counting.calls == []


@pytest.mark.behaviour("MAP-03")
def test_a_span_of_zero_bytes_takes_no_slot_and_is_empty(strategy, counting, spans):
    answer = strategy.load(spans("/there/is/no/such/file", (5, 0)))
    assert answer.ok
    assert answer.leases[0] == (-1, -1)
    assert strategy.view(-1, -1).shape == (0,)
    assert strategy.usage().slots == 0
    assert counting.calls == []
    assert strategy.release(answer.leases).ok


@pytest.mark.behaviour("MAP-04")
def test_a_span_beyond_the_end_says_where_and_how_much(strategy, counting, make, spans):
    answer = strategy.load(spans(make(nbytes=100), (0, 5), (90, 11), (95, 99)))
    assert (answer.code, answer.index, answer.offset) == ("span-beyond-end", 1, 90)
    assert "11 bytes" in answer.message
    assert "100 bytes" in answer.message
    assert counting.holds_nothing


@pytest.mark.behaviour("MAP-04")
def test_a_span_beyond_what_the_file_ever_had_is_a_wrong_request(strategy, make, spans):
    path = make(nbytes=100)
    identities = strategy.identify([path]).identities
    answer = strategy.load(spans(path, (95, 9), identities=identities))
    assert (answer.code, answer.reaction) == ("span-beyond-end", Reaction.INVALID)


@pytest.mark.behaviour("MAP-05")
def test_a_missing_file_keeps_errno_and_cause(strategy, spans, tmp_path):
    path = str(tmp_path / "none")
    answer = strategy.load(spans(path, (0, 1)))
    assert (answer.code, answer.errno, answer.reaction) == ("open-failed", 2, Reaction.SOURCE)
    assert isinstance(answer.cause, FileNotFoundError)
    assert answer.cause.__traceback__ is None
    found = strategy.identify([path])
    assert (found.result.code, found.result.errno, found.identities) == ("stat-failed", 2, ())


@pytest.mark.behaviour("MAP-05")
def test_one_bad_file_of_three_takes_nothing(strategy, counting, make, tmp_path):
    files = [make("a"), make("b"), str(tmp_path / "none")]
    answer = strategy.load(Spans(files, [0, 1, 2], [0] * 3, [5] * 3))
    assert (answer.index, answer.code, len(answer.leases)) == (2, "open-failed", 0)
    assert counting.holds_nothing
    assert strategy.usage().slots == 0


@pytest.mark.behaviour("MAP-10")
def test_closing_reports_what_is_borrowed_and_leaves_it_usable(make, spans, counting):
    strategy = MmapStrategy(port=counting.port)
    leases = strategy.load(spans(make(), (0, 9), (10, 9))).leases
    array = strategy.view(*leases[1])[2:]
    kept = array.tobytes()
    closed = strategy.close()
    assert (closed.code, closed.offset) == ("still-borrowed", -1)
    assert (closed.leases[0], len(closed.leases)) == (leases[1], 1)
    assert array.tobytes() == kept
    assert strategy.load(spans(make(), (0, 1))).code == "closed"
    with pytest.raises(StrategyError, match="lease"):
        strategy.view(*leases[0])
    del array
    assert strategy.close().ok
    assert counting.holds_nothing
    assert strategy.close().ok
    assert strategy.load(spans(make(), (0, 1))).reaction is Reaction.CLOSED


@pytest.mark.behaviour("MAP-10")
def test_closing_counts_what_is_left_by_lease(strategy, make, spans):
    leases = strategy.load(spans(make(), (0, 9), (50, 9), (99, 9))).leases
    views = [strategy.view(*leases[i]) for i in range(3)]
    closed = strategy.close()
    views.clear()
    assert closed.message.startswith("3 leases are left of ")


@pytest.mark.behaviour("MAP-10")
def test_leaving_the_block_raises_what_is_borrowed(make, spans):
    strategy = MmapStrategy()
    with pytest.raises(StrategyError) as raised, strategy:
        array = strategy.view(*strategy.load(spans(make(), (0, 9))).leases[0])
    assert raised.value.result.code == "still-borrowed"
    del array
    assert strategy.close().ok


@pytest.mark.behaviour("MAP-12")
def test_a_platform_without_maps_is_refused_before_any_call(make, spans):
    counting = CountingPort(unavailable="no maps here")
    strategy = MmapStrategy(port=counting.port)
    answer = strategy.load(spans(make(), (0, 1)))
    assert (answer.code, answer.reaction) == ("platform-unsupported", Reaction.UNSUPPORTED)
    assert "no maps here" in answer.message
    assert counting.calls == []
    assert MmapStrategy.unavailable(Port(unavailable="no maps here")) == "no maps here"
    assert MmapStrategy.unavailable() == ""


@pytest.mark.behaviour("MAP-13")
def test_a_file_that_shrank_is_an_error_when_a_view_is_taken(strategy, make, spans):
    path = make()
    leases = strategy.load(spans(path, (0, 10), (15_000, 5000))).leases
    os.truncate(path, 19_999)
    assert strategy.view(*leases[0])[0] == 0
    with pytest.raises(StrategyError) as raised:
        strategy.view(*leases[1])
    result = raised.value.result
    assert (result.code, result.offset, result.reaction) == ("file-shrank", 15_000, Reaction.SOURCE)
    assert path in result.message
    assert "19999" in result.message


@pytest.mark.behaviour("MAP-13")
def test_a_file_whose_size_cant_be_asked_for_is_told_with_the_offset(
    strategy, counting, make, spans
):
    leases = strategy.load(spans(make(), (0, 9), (5000, 9))).leases
    counting.fault = Fault(OSError(5, "EIO"), kind="size")
    with pytest.raises(StrategyError) as raised:
        strategy.view(*leases[1])
    result = raised.value.result
    assert (result.code, result.offset) == ("stat-failed", 5000)


@pytest.mark.behaviour("MAP-14")
def test_a_changed_file_is_refused_for_new_spans(strategy, counting, make, spans):
    path = make()
    identities = strategy.identify([path]).identities
    assert strategy.load(spans(path, (0, 1), identities=identities)).ok
    os.utime(path, ns=(0, 0))
    answer = strategy.load(spans(path, (0, 1), identities=identities))
    assert (answer.code, answer.reaction) == ("file-changed", Reaction.SOURCE)
    assert "modified" in answer.message
    Path(make("other.bin")).replace(path)
    answer = strategy.load(spans(path, (0, 1), identities=identities))
    assert "another file" in answer.message
    os.truncate(path, 50)
    answer = strategy.load(spans(path, (40, 20), identities=identities))
    assert (answer.code, answer.offset) == ("file-shrank", 40)


@pytest.mark.behaviour("MAP-14")
def test_a_mapping_of_the_old_file_is_not_shared_with_spans_of_the_new(strategy, make, spans):
    path = make()
    old = strategy.load(spans(path, (0, 3))).leases
    other = make("other.bin", 50)
    Path(other).replace(path)
    assert strategy.load(spans(path, (40, 20))).code == "span-beyond-end"
    new = strategy.load(spans(path, (40, 10))).leases
    assert strategy.view(*new[0])[0] == 40
    assert strategy.view(*old[0])[2] == 2
    assert strategy.usage().slots == 2
