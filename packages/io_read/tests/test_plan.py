"""Runs and calls: few of them, whole, and little read in vain."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emel_io_loader import Spans, Targets, validate_targets
from emel_io_read import ReadStrategy
from emel_io_read._calls import Limits, arrange

LIMITS = Limits()


@pytest.mark.behaviour("READ-06")
def test_fifty_thousand_neighbours_in_one_buffer_take_thirteen_calls():
    n, nbytes = 50_000, 2048
    order = np.random.default_rng(3).permutation(n)
    spans = Spans(["x"], np.zeros(n, int), order * nbytes, np.full(n, nbytes))
    targets = Targets([np.zeros(n * nbytes, np.uint8)], np.zeros(n, int), order * nbytes)
    calls = arrange(spans, validate_targets(targets, spans.nbytes), LIMITS, 1024)
    assert len(calls) == 13
    assert calls.first == list(range(14)), "one buffer each"


@pytest.mark.behaviour("READ-06")
def test_buffers_of_their_own_are_filled_by_as_few_calls_as_the_platform_allows():
    n, nbytes = 10_000, 2048
    spans = Spans(["x"], np.zeros(n, int), np.arange(n) * nbytes, np.full(n, nbytes))
    targets = Targets.each([bytearray(nbytes) for _ in range(n)])
    calls = arrange(spans, validate_targets(targets, spans.nbytes), LIMITS, 1024)
    assert max(np.diff(calls.first)) == 1024
    assert len(calls) == 10


@pytest.mark.behaviour("READ-06")
def test_buffers_are_counted_from_the_beginning_of_their_own_run():
    offset = [0, 10, 20, 1000, 1010, 1020, 1030]
    spans = Spans(["x"], [0] * 7, offset, [10] * 7)
    targets = Targets.each([bytearray(10) for _ in offset])
    limits = Limits(gap=100)
    calls = arrange(spans, validate_targets(targets, spans.nbytes), limits, 4)
    assert calls.first == [0, 3, 7]


@pytest.mark.behaviour("READ-06")
@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5000), st.integers(0, 900)), max_size=30
    ),
    iov_max=st.sampled_from([1, 2, 5, 1024]),
    call=st.sampled_from([512, 2048]),
)
@example(rows=[(0, 0, 90), (0, 99, 90), (0, 198, 90)], iov_max=2, call=512)
@example(rows=[(0, 0, 90), (0, 90, 90)], iov_max=1, call=512)
def test_calls_hold_each_span_whole_within_their_limits(rows, iov_max, call):
    file, offset, nbytes = zip(*rows, strict=True) if rows else ((), (), ())
    spans = Spans(list("abcd"), file, offset, nbytes)
    limits = Limits(call=call, gap=100, over_read=0.25)
    targets = Targets.each([np.empty(n, np.uint8) for n in nbytes])
    calls = arrange(spans, validate_targets(targets, spans.nbytes), limits, iov_max)
    filled = np.zeros(len(rows), int)
    for c in range(len(calls)):
        segments = range(calls.first[c], calls.first[c + 1])
        assert 0 < len(segments) <= iov_max
        size = sum(calls.segment_nbytes[s] for s in segments)
        assert size == calls.stop[c] - calls.start[c] <= call
        gaps = [calls.segment_nbytes[s] for s in segments if calls.segment_buffer[s] < 0]
        assert max(gaps, default=0) <= limits.gap
        assert calls.nbytes[c] == size - sum(gaps)
        assert calls.segment_buffer[segments[0]] >= 0
        assert calls.segment_buffer[segments[-1]] >= 0
        members = calls.order[calls.head[c] : calls.tail[c] + 1]
        assert calls.foremost[c] == min(members)
        assert {spans.file[i] for i in members} == {calls.file[c]}
        held = {calls.segment_buffer[s] for s in segments} - {-1}
        assert held == set(members.tolist())
        for s in segments:
            if calls.segment_buffer[s] >= 0:
                filled[calls.segment_buffer[s]] += calls.segment_nbytes[s]
    assert filled.tolist() == list(nbytes)
    wanted = sum(nbytes)
    read = sum(b - a for a, b in zip(calls.start, calls.stop, strict=True))
    assert read <= wanted * (1 + limits.over_read)


@pytest.mark.behaviour("READ-06")
def test_a_large_span_is_cut_in_equal_pieces_where_the_file_is_at_a_page():
    limits = Limits()
    begin, end = limits.call - 5, 3 * limits.call - 5
    spans = Spans(["x"], [0], [begin], [end - begin])
    target = np.empty(end - begin, np.uint8)
    calls = arrange(spans, validate_targets(Targets.each([target]), spans.nbytes), limits, 1024)
    assert calls.start[0] == begin
    assert calls.stop[:-1] == calls.start[1:]
    assert calls.stop[-1] == end
    assert all(start % 4096 == 0 for start in calls.start[1:])
    sizes = np.subtract(calls.stop, calls.start)
    assert sizes.max() <= limits.call
    assert sizes.min() >= 0.9 * sizes.max()
    assert calls.segment_offset == [start - begin for start in calls.start]


@pytest.mark.behaviour("READ-06")
def test_what_the_port_counts_is_what_the_kernel_counts(counting, make, batch, arrived, wanted):
    """A batch full of gaps reads at most a quarter more than it wants, as the kernel tells it."""

    def read_by_process():
        lines = Path("/proc/self/io").read_bytes()
        return int(lines.split()[1]), len(lines)

    if not Path("/proc/self/io").is_file():
        pytest.skip("the platform doesn't count reads")
    path = make(nbytes=2_000_000)
    spans, targets = batch(*((path, 5000 * i, 4000 + 10 * (i % 30)) for i in range(400)))
    strategy = ReadStrategy(port=counting.port)
    before, own = read_by_process()
    outcome = strategy.load(spans, targets, threads=1)
    after, _ = read_by_process()
    assert outcome.ok
    assert arrived(spans, targets) == wanted(spans)
    assert after - before - own == counting.nbytes
    assert outcome.nbytes < counting.nbytes <= 1.25 * outcome.nbytes
    assert counting.calls.count("preadv") < 10


@pytest.mark.behaviour("READ-06")
def test_a_file_that_is_read_in_large_parts_is_announced_once(counting, make, batch, small):
    large, scattered = make(), make("b.bin")
    limits = small._replace(advised=10_000, scattered=2000)
    rows = [
        (large, 0, 50_000),
        (large, 60_000, 100),
        *((scattered, 5000 * i, 1900) for i in range(9)),
    ]
    assert ReadStrategy(port=counting.port, _limits=limits).load(*batch(*rows)).ok
    assert counting.calls.count("advise_sequential") == 1
