import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emel_io_loader import Spans, plan

# Small numbers, so that spans touch, overlap, repeat and leave holes of every size.
BATCHES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 12)), max_size=24
)
LIMITS = st.integers(0, 40)
SHARES = st.sampled_from([0, 0.25, 1, 3, math.inf])  # exact as floats


def spans_of(batch):
    file, offset, nbytes = zip(*batch, strict=True) if batch else ((), (), ())
    return Spans(["a", "b", "c"], file, offset, nbytes)


def facts_of(runs):
    """Each run as (file, start, stop, its spans in order)."""
    return [
        (int(runs.file[r]), int(runs.start[r]), int(runs.stop[r]), runs.members(r).tolist())
        for r in range(len(runs))
    ]


def oracle(batch, gap, share, limit):
    """The runs as (file, start, stop, set of spans), by the slow way.

    Spans that overlap are lumps that can't be torn; a lump joins the run before it if the hole, the
    share of unwanted bytes and the length allow it.
    """
    lumps = []
    wanted = sorted((f, o, o + n, i) for i, (f, o, n) in enumerate(batch) if n)
    for file, start, stop, i in wanted:
        if lumps and lumps[-1][0] == file and start < lumps[-1][2]:
            lumps[-1][2] = max(lumps[-1][2], stop)
            lumps[-1][3].add(i)
        else:
            lumps.append([file, start, stop, {i}])
    runs = []
    for file, start, stop, members in lumps:
        last = runs[-1] if runs else None
        near = last is not None and last[0] == file and start - last[2] <= gap
        wasted = last[4] + start - last[2] if near else 0
        if near and stop - last[1] <= limit and wasted <= share * (stop - last[1] - wasted):
            last[2] = stop
            last[3] |= members
            last[4] = wasted
        else:
            runs.append([file, start, stop, set(members), 0])
    return [tuple(run[:4]) for run in runs]


@pytest.mark.behaviour("PLAN-01", "PLAN-02", "PLAN-03", "PLAN-06")
@settings(deadline=None)
@given(batch=BATCHES, gap=LIMITS, share=SHARES, limit=LIMITS)
@example(batch=[(0, 0, 12), (0, 2, 3), (0, 12, 1)], gap=0, share=math.inf, limit=4)
@example(batch=[(0, 0, 12), (0, 2, 3), (0, 8, 1)], gap=0, share=math.inf, limit=40)
@example(batch=[(0, 0, 9), (0, 0, 2), (0, 0, 5), (0, 9, 9)], gap=0, share=math.inf, limit=12)
@example(batch=[(0, 0, 1), (1, 0, 12), (2, 5, 1)], gap=40, share=math.inf, limit=40)
def test_runs_are_those_of_the_slow_way(batch, gap, share, limit):
    runs = plan(spans_of(batch), gap_nbytes=gap, over_read=share, run_nbytes=limit)

    found = [(file, start, stop, set(spans)) for file, start, stop, spans in facts_of(runs)]
    assert found == oracle(batch, gap, share, limit)


@pytest.mark.behaviour("PLAN-01")
@settings(deadline=None)
@given(batch=BATCHES, gap=LIMITS, share=SHARES, limit=LIMITS)
def test_each_span_lies_whole_in_exactly_one_run(batch, gap, share, limit):
    runs = plan(spans_of(batch), gap_nbytes=gap, over_read=share, run_nbytes=limit)

    members = [i for _, _, _, spans in facts_of(runs) for i in spans]
    assert sorted(members) == [i for i, (_, _, nbytes) in enumerate(batch) if nbytes]
    for file, start, stop, spans in facts_of(runs):
        assert all(batch[i][0] == file for i in spans)
        assert start == min(batch[i][1] for i in spans)
        assert stop == max(batch[i][1] + batch[i][2] for i in spans)


@pytest.mark.behaviour("PLAN-01")
@settings(deadline=None)
@given(batch=BATCHES, gap=LIMITS, share=SHARES, limit=LIMITS)
def test_runs_of_a_file_are_in_order_and_apart(batch, gap, share, limit):
    facts = facts_of(plan(spans_of(batch), gap_nbytes=gap, over_read=share, run_nbytes=limit))

    for (file, _, stop, _), (next_file, next_start, _, _) in itertools.pairwise(facts):
        assert (file, stop) <= (next_file, next_start) if file == next_file else file < next_file


@pytest.mark.behaviour("PLAN-01")
@settings(deadline=None)
@given(batch=BATCHES, gap=LIMITS, share=SHARES, limit=LIMITS)
def test_the_spans_of_a_run_come_by_rising_offset(batch, gap, share, limit):
    for _, _, _, spans in facts_of(
        plan(spans_of(batch), gap_nbytes=gap, over_read=share, run_nbytes=limit)
    ):
        offsets = [batch[i][1] for i in spans]
        assert offsets == sorted(offsets)


@pytest.mark.behaviour("PLAN-02")
@settings(deadline=None)
@given(batch=BATCHES, gap=LIMITS, share=SHARES, limit=LIMITS)
def test_no_hole_in_a_run_is_wider_than_the_gap(batch, gap, share, limit):
    for _, start, _, spans in facts_of(
        plan(spans_of(batch), gap_nbytes=gap, over_read=share, run_nbytes=limit)
    ):
        reach = start
        for i in spans:
            assert batch[i][1] - reach <= gap
            reach = max(reach, batch[i][1] + batch[i][2])


@pytest.mark.behaviour("PLAN-03")
@settings(deadline=None)
@given(batch=BATCHES, gap=LIMITS, share=SHARES, limit=LIMITS)
def test_a_run_past_the_limit_has_no_place_to_cut(batch, gap, share, limit):
    for _, start, stop, spans in facts_of(
        plan(spans_of(batch), gap_nbytes=gap, over_read=share, run_nbytes=limit)
    ):
        if stop - start > limit:
            covered = {b for i in spans for b in range(batch[i][1], batch[i][1] + batch[i][2] - 1)}
            # A cut falls between two bytes; one that no span holds together would be possible.
            assert covered >= set(range(start, stop - 1))


@pytest.mark.behaviour("PLAN-04")
@settings(deadline=None)
@given(batch=BATCHES, gap=LIMITS, share=SHARES, limit=LIMITS, data=st.data())
def test_another_order_of_the_spans_gives_the_same_runs(batch, gap, share, limit, data):
    shuffled = data.draw(st.permutations(range(len(batch))))

    runs = facts_of(plan(spans_of(batch), gap_nbytes=gap, over_read=share, run_nbytes=limit))
    others = facts_of(
        plan(
            spans_of([batch[i] for i in shuffled]),
            gap_nbytes=gap,
            over_read=share,
            run_nbytes=limit,
        )
    )

    assert [run[:3] for run in runs] == [run[:3] for run in others]
    for (_, _, _, spans), (_, _, _, moved) in zip(runs, others, strict=True):
        assert sorted(spans) == sorted(shuffled[i] for i in moved)


@pytest.mark.behaviour("PLAN-01")
@pytest.mark.parametrize("batch", [[], [(0, 5, 0)], [(0, 5, 0), (2, 0, 0)]])
def test_nothing_to_move_is_no_run(batch):
    runs = plan(spans_of(batch), gap_nbytes=10, over_read=math.inf, run_nbytes=10)

    assert len(runs) == 0
    assert (runs.start.size, runs.stop.size, runs.order.size) == (0, 0, 0)
    assert runs.first.tolist() == [0]


@pytest.mark.behaviour("PLAN-02")
@pytest.mark.parametrize(("gap", "runs"), [(4, 2), (5, 1)])
def test_the_gap_limit_is_the_widest_hole_that_is_bridged(gap, runs):
    batch = [(0, 0, 10), (0, 15, 10)]

    assert len(plan(spans_of(batch), gap_nbytes=gap, over_read=math.inf, run_nbytes=1000)) == runs


@pytest.mark.behaviour("PLAN-03")
@pytest.mark.parametrize(("limit", "runs"), [(19, 2), (20, 1)])
def test_the_run_limit_is_the_longest_run(limit, runs):
    batch = [(0, 0, 10), (0, 10, 10)]

    assert len(plan(spans_of(batch), gap_nbytes=0, over_read=math.inf, run_nbytes=limit)) == runs


@pytest.mark.behaviour("PLAN-03")
@pytest.mark.parametrize("limit", [1, 2**62, 2**63 - 1, 2**64])
def test_offsets_and_limits_at_the_end_of_int64_do_not_overflow(limit):
    top = 2**63 - 1
    spans = Spans(["a"], [0, 0, 0], [0, top - 8, top - 4], [4, 4, 4])

    runs = plan(spans, gap_nbytes=0, over_read=math.inf, run_nbytes=limit)

    assert (int(runs.start[-1]), int(runs.stop[-1])) == (top - (4 if limit == 1 else 8), top)


@pytest.mark.behaviour("PLAN-02")
def test_any_gap_joins_the_ends_of_the_address_space():
    top = 2**63 - 1
    spans = Spans(["a"], [0, 0], [0, top - 1], [1, 1])

    runs = plan(spans, gap_nbytes=2**64, over_read=math.inf, run_nbytes=2**64)

    assert (runs.start.tolist(), runs.stop.tolist()) == ([0], [top])


@pytest.mark.behaviour("PLAN-06")
@pytest.mark.parametrize(("share", "runs"), [(0, 3), (0.24, 2), (0.25, 1)])
@pytest.mark.parametrize("far", [0, 2**62])
def test_a_run_reads_no_more_in_vain_than_the_share(share, runs, far):
    batch = [(0, far, 10), (0, far + 12, 10), (0, far + 27, 8)]

    assert len(plan(spans_of(batch), gap_nbytes=10, over_read=share, run_nbytes=99)) == runs


@pytest.mark.behaviour("PLAN-06")
@settings(deadline=None)
@given(batch=BATCHES, gap=LIMITS, share=SHARES, limit=LIMITS)
def test_unwanted_bytes_stay_within_the_share_of_the_wanted(batch, gap, share, limit):
    for _, start, stop, spans in facts_of(
        plan(spans_of(batch), gap_nbytes=gap, over_read=share, run_nbytes=limit)
    ):
        wanted = len({b for i in spans for b in range(batch[i][1], sum(batch[i][1:]))})
        assert stop - start - wanted <= share * wanted


@pytest.mark.behaviour("PLAN-05")
@pytest.mark.parametrize("n", [100, 1000, 4000])
@pytest.mark.parametrize("shape", ["one-run", "a-run-a-span", "a-file-a-span", "overlapping"])
def test_the_steps_and_the_elements_seen_grow_with_spans_and_runs(monkeypatch, shape, n):
    seen = {"searches": 0, "scanned": 0}
    searchsorted, flatnonzero = np.searchsorted, np.flatnonzero

    def counted_search(*args, **kwargs):
        seen["searches"] += 1
        return searchsorted(*args, **kwargs)

    def counted_scan(array):
        seen["scanned"] += len(array)
        return flatnonzero(array)

    step = {"one-run": 8, "a-run-a-span": 8, "a-file-a-span": 0, "overlapping": 4}[shape]
    files = np.arange(n) if shape == "a-file-a-span" else np.zeros(n, np.int64)
    spans = Spans([f"f{i}" for i in range(n)], files, np.arange(n) * step, np.full(n, 8, np.int64))
    monkeypatch.setattr(np, "searchsorted", counted_search)
    monkeypatch.setattr(np, "flatnonzero", counted_scan)

    runs = plan(
        spans, gap_nbytes=0, over_read=math.inf, run_nbytes=8 if shape != "one-run" else 8 * n
    )

    assert len(runs) == (n if shape.startswith("a-") else 1)
    assert seen["searches"] <= 3 * len(runs)
    assert seen["scanned"] <= 5 * n  # each scan looks at each span once
