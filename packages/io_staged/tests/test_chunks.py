"""The planning of chunks, as a pure function."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emel_io_loader import Spans
from emel_io_staged._chunks import GAP_NBYTES, OVER_READ, chunks_of

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 300), st.integers(0, 12), st.integers(1, 8)),
    max_size=12,
)


def planned(rows, chunk_nbytes):
    """Spans of (file, offset, blocks, bytes of a block)."""
    file, offset, count, block = zip(*rows, strict=True) if rows else ((), (), (), ())
    blocks = np.array(block, np.int64)
    spans = Spans(["a", "b"], file, offset, np.array(count, np.int64) * blocks)
    return spans, blocks, list(chunks_of(spans, blocks, chunk_nbytes))


@pytest.mark.behaviour("STG-01", "STG-02", "STG-03")
@given(ROWS, st.integers(8, 64))
def test_each_byte_of_each_span_is_in_one_chunk_in_order_and_whole_blocks(rows, chunk_nbytes):
    spans, blocks, chunks = planned(rows, chunk_nbytes)
    seen = [0] * len(spans)
    for chunk in chunks:
        assert 0 < chunk.nbytes <= chunk_nbytes
        pieces = list(chunk.pieces(spans))
        for span, at, begin, nbytes in pieces:
            assert at == seen[span]
            seen[span] += nbytes
            assert chunk.file == spans.file[span]
            assert spans.offset[span] + at == chunk.start + begin
            assert 0 <= begin <= begin + nbytes <= chunk.nbytes
            assert at % blocks[span] == nbytes % blocks[span] == 0
        assert chunk.wanted_nbytes(spans) == sum(nbytes for *_, nbytes in pieces)
    assert seen == spans.nbytes.tolist()


@pytest.mark.behaviour("STG-09")
@given(ROWS, st.integers(8, 64))
def test_chunks_come_by_file_and_hold_few_unwanted_bytes(rows, chunk_nbytes):
    spans, _, chunks = planned(rows, chunk_nbytes)
    assert [chunk.file for chunk in chunks] == sorted(chunk.file for chunk in chunks)
    for chunk in chunks:
        wanted = np.zeros(chunk.nbytes, np.bool_)
        for _, _, begin, nbytes in chunk.pieces(spans):
            wanted[begin : begin + nbytes] = True
        assert (~wanted).sum() <= OVER_READ * wanted.sum()


@pytest.mark.behaviour("STG-04")
@given(ROWS, st.integers(8, 64), st.data())
def test_the_failing_span_is_the_first_requested_one_that_is_unfinished(rows, chunk_nbytes, data):
    spans, _, chunks = planned(rows, chunk_nbytes)
    for chunk in chunks:
        got = data.draw(st.integers(0, chunk.nbytes - 1))
        unfinished = [
            span for span, _, begin, nbytes in chunk.pieces(spans) if begin + nbytes > got
        ]
        assert chunk.failing_span(spans, got) == min(unfinished)


@pytest.mark.behaviour("STG-04")
def test_a_span_that_came_whole_before_the_file_ended_isnt_blamed():
    spans, _, (chunk,) = planned([(0, 0, 5, 1), (0, 5, 5, 1)], 10)
    assert chunk.failing_span(spans, 5) == 1


@pytest.mark.behaviour("STG-09")
def test_small_spans_that_touch_beneath_a_large_one_share_a_read():
    spans = Spans(["a"], [0] * 3, [0, 50, 60], [100, 10, 10])
    chunks = list(chunks_of(spans, np.ones(3, np.int64), 50))
    assert (chunks[-1].start, chunks[-1].nbytes) == (50, 20)


@pytest.mark.behaviour("STG-09")
def test_fifty_thousand_small_spans_are_few_chunks():
    n = 50_000
    spans = Spans(["a"], np.zeros(n, int), np.arange(n) * 2048, np.full(n, 2048))
    chunks = list(chunks_of(spans, np.ones(n, np.int64), 8 << 20))
    assert len(chunks) == -(-n * 2048 // (8 << 20))


@pytest.mark.behaviour("STG-09")
def test_small_spans_that_overlap_in_a_long_chain_are_few_chunks():
    n = 10_000
    spans = Spans(["a"], np.zeros(n, int), np.arange(n) * 1000, np.full(n, 1001))
    chunks = list(chunks_of(spans, np.ones(n, np.int64), 1 << 20))
    assert len(chunks) == -(-(n * 1000 + 1) // ((1 << 20) - 1000))


@pytest.mark.behaviour("STG-01")
def test_chunks_of_a_huge_span_are_made_one_at_a_time():
    spans = Spans(["a"], [0], [0], [2**40])
    chunks = chunks_of(spans, np.ones(1, np.int64), 1)
    assert [next(chunks).start for _ in range(3)] == [0, 1, 2]


@pytest.mark.behaviour("STG-09")
def test_a_wide_hole_is_not_read():
    spans = Spans(["a"], [0, 0], [0, (4 << 20) + GAP_NBYTES + 1], [4 << 20, 4 << 20])
    chunks = list(chunks_of(spans, np.ones(2, np.int64), 16 << 20))
    assert [chunk.nbytes for chunk in chunks] == [4 << 20] * 2


@pytest.mark.behaviour("STG-09")
@pytest.mark.parametrize(("hole", "nbytes"), [(500, [2500]), (501, [1000, 1000])])
def test_five_bytes_are_read_for_four_at_most(hole, nbytes):
    spans = Spans(["a"], [0, 0], [0, 1000 + hole], [1000, 1000])
    chunks = list(chunks_of(spans, np.ones(2, np.int64), 1 << 20))
    assert [chunk.nbytes for chunk in chunks] == nbytes


@pytest.mark.behaviour("STG-09")
def test_a_hole_between_small_spans_that_a_large_one_covers_is_not_read_twice():
    spans = Spans(["a"], [0] * 3, [0, 10, 20], [100, 1, 1])
    chunks = list(chunks_of(spans, np.ones(3, np.int64), 50))
    assert [(chunk.start, chunk.nbytes) for chunk in chunks] == [
        (0, 50),
        (50, 50),
        (10, 1),
        (20, 1),
    ]
