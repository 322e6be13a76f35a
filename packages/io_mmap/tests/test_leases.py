"""The columns of leases, against sets of generations and of pages."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from emel_io_mmap._leases import LeaseColumns

PAGE = 16
SPANS = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, 60)).map(lambda s: (s[0], s[0] + s[1])),
    min_size=1,
    max_size=12,
)


def pages(spans):
    return {page for start, stop in spans for page in range(start // PAGE, -(-stop // PAGE))}


def column(values):
    return np.array(values, np.int64)


@pytest.mark.behaviour("MAP-09")
@given(spans=SPANS, data=st.data())
def test_the_pages_that_go_are_those_that_no_live_lease_touches(spans, data):
    leases = LeaseColumns()
    leases.give(5, column([start for start, _ in spans]), column([stop for _, stop in spans]))
    live = list(range(len(spans)))
    while live:
        gone = data.draw(st.lists(st.sampled_from(live), min_size=1, unique=True))
        live = [i for i in live if i not in gone]
        positions = leases.find_all(column([5 + i for i in gone]))
        ranges = leases.drop(positions, PAGE)
        assert all(low % PAGE == high % PAGE == 0 for low, high in ranges)
        assert all(a[1] < b[0] for a, b in pairwise(ranges)), "joined"
        expected = pages(spans[i] for i in gone) - pages(spans[i] for i in live)
        assert pages(ranges) == expected


class LeasesMachine(RuleBasedStateMachine):
    """Hundreds of leases, so that columns grow and are swept."""

    def __init__(self):
        super().__init__()
        self.leases = LeaseColumns()
        self.alive = {}
        self.dead = []
        self.generation = 1000

    @rule(n=st.integers(1, 150), skipped=st.integers(0, 3))
    def give(self, n, skipped):
        first = self.generation + skipped
        start = np.arange(n) * 7
        self.leases.give(first, start, start + 5)
        self.alive.update({first + i: (i * 7, i * 7 + 5) for i in range(n)})
        self.generation = first + n

    @rule(share=st.floats(0, 1), every_second=st.booleans())
    def drop(self, share, every_second):
        chosen = sorted(self.alive)
        chosen = chosen[::2] if every_second else chosen[: int(len(chosen) * share)]
        if chosen:
            self.leases.drop(self.leases.find_all(column(chosen)), PAGE)
            self.dead += chosen
            for generation in chosen:
                del self.alive[generation]

    @rule()
    def find(self):
        for generation in [*list(self.alive)[:3], *list(self.alive)[-3:]]:
            i = self.leases.find(generation)
            assert (self.leases.starts[i], self.leases.stops[i]) == self.alive[generation]
        gone = [*self.dead[-3:], 0, self.generation, 2**62]
        assert [self.leases.find(generation) for generation in gone] == [-1] * len(gone)
        assert self.leases.find_all(column(gone)).tolist() == [-1] * len(gone)

    def teardown(self):
        living = self.leases.living()
        assert self.leases.generation_of(living).tolist() == sorted(self.alive)
        assert self.leases.nalive == len(self.alive)
        assert self.leases.count - len(self.alive) <= max(len(self.alive), 64)


TestLeases = LeasesMachine.TestCase
TestLeases.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLeases.pytestmark = [pytest.mark.behaviour("MAP-06")]


@pytest.mark.behaviour("MAP-09")
def test_leases_that_go_one_by_one_leave_no_room_behind():
    columns, one = LeaseColumns(), column([0])
    for generation in range(2000):
        columns.give(generation, one, one + 9)
        if generation:
            columns.drop(column([columns.find(generation)]), 4096)
    assert (columns.nalive, columns.find(0)) == (1, 0)
    assert len(columns.starts) < 300


@pytest.mark.behaviour("MAP-01")
def test_columns_that_grow_lease_by_lease_are_seldom_copied():
    columns, seen, one = LeaseColumns(), [], column([0])
    for generation in range(1000):
        columns.give(generation, one, one + 9)
        if not seen or seen[-1] is not columns.starts:
            seen.append(columns.starts)
    assert len(seen) < 12
