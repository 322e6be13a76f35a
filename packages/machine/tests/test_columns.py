from enum import IntEnum

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emel_machine import ILLEGAL, ColumnRow, ColumnTable, UnexpectedEventError, always_column


class State(IntEnum):
    EMPTY = 0
    BOUND = 1
    LOADED = 2
    GONE = 3


class Event(IntEnum):
    BIND = 0
    LOAD = 1
    EVICT = 2


class Outcome(IntEnum):
    OK = 0
    PINNED = 1
    REFUSED = 2


GUARDS = 3


class Guard:
    """Holds where column `number` of the facts does, and counts how often it is asked."""

    def __init__(self, number):
        self.number = number
        self.asked = 0
        self.__name__ = f"guard_{number}"

    def __call__(self, facts, index):
        self.asked += 1
        return facts[index, self.number]


def table_of(*rows):
    return ColumnTable(
        "tensors",
        states=State,
        events=Event,
        outcomes=Outcome,
        initial=State.EMPTY,
        rows=rows,
    )


def small():
    """A table with one guarded row, and its guard."""
    pinned = Guard(0)
    return pinned, table_of(
        ColumnRow(State.EMPTY, Event.BIND, always_column, State.BOUND, Outcome.OK),
        ColumnRow(State.BOUND, Event.LOAD, always_column, State.LOADED, Outcome.OK),
        ColumnRow(State.LOADED, Event.EVICT, pinned, State.LOADED, Outcome.PINNED),
        ColumnRow(State.LOADED, Event.EVICT, always_column, State.GONE, Outcome.OK),
        ColumnRow(State.GONE, Event.EVICT, always_column, State.GONE, Outcome.REFUSED),
    )


def one_at_a_time(rows, state, event, facts, i):
    """The row that wins for element i, in plain Python; None if there is none."""
    for row in rows:
        if (row.source, row.event) != (state, event):
            continue
        if row.guard is always_column or facts[i, row.guard.number]:
            return row
    return None


@st.composite
def tables(draw):
    """Rows of any sound table: each group is absent, or guarded rows and then `always`."""
    groups = []
    targets, outcomes = st.sampled_from(State), st.sampled_from(Outcome)
    for source in State:
        for event in Event:
            if not draw(st.integers(0, 9)):  # rarely: an illegal event hides all the rest
                continue
            guards = [Guard(k) for k in draw(st.lists(st.integers(0, GUARDS - 1), max_size=3))]
            groups.append(
                [
                    ColumnRow(source, event, guard, draw(targets), draw(outcomes))
                    for guard in (*guards, always_column)
                ]
            )
    return tuple(row for group in draw(st.permutations(groups)) for row in group)


@st.composite
def columns(draw):
    """A column of states, facts of each element, and an index into it in any order."""
    m = draw(st.integers(1, 12))
    states = draw(st.lists(st.sampled_from(State), min_size=m, max_size=m))
    bits = draw(st.lists(st.booleans(), min_size=m * GUARDS, max_size=m * GUARDS))
    index = draw(st.lists(st.integers(0, m - 1), max_size=20))
    return (
        np.array(states, np.uint8),
        np.array(bits, np.bool_).reshape(m, GUARDS),
        np.array(index, np.intp),
    )


@pytest.mark.behaviour("MACH-04", "MACH-06")
@settings(deadline=None)
@given(rows=tables(), column=columns(), event=st.sampled_from(Event))
def test_a_column_moves_as_its_elements_would_one_at_a_time(rows, column, event):
    states, facts, index = column
    before = states.copy()
    winners = [one_at_a_time(rows, states[i], event, facts, i) for i in index]
    table = table_of(*rows)

    if None in winners:
        with pytest.raises(UnexpectedEventError):
            table.step(states, event, facts, index)
    else:
        target, outcome = table.step(states, event, facts, index)
        assert target.tolist() == [row.target for row in winners]
        assert outcome.tolist() == [row.outcome for row in winners]
        assert (target.dtype, outcome.dtype) == (np.uint8, np.uint8)
    assert states.tolist() == before.tolist()


@pytest.mark.behaviour("MACH-05")
def test_the_matrices_hold_the_last_row_of_each_group_and_255_elsewhere():
    _, table = small()
    bound, loaded, gone = State.BOUND, State.LOADED, State.GONE

    assert table.next.dtype == np.uint8
    assert table.next.tolist() == [
        [bound, ILLEGAL, ILLEGAL],
        [ILLEGAL, loaded, ILLEGAL],
        [ILLEGAL, ILLEGAL, gone],
        [ILLEGAL, ILLEGAL, gone],
    ]
    assert table.outcome[State.LOADED, Event.EVICT] == Outcome.OK
    assert table.outcome[State.GONE, Event.EVICT] == Outcome.REFUSED


@pytest.mark.behaviour("MACH-05")
@pytest.mark.parametrize("matrix", ["next", "outcome"])
def test_nobody_writes_to_the_matrices(matrix):
    _, table = small()

    with pytest.raises(ValueError, match="read-only"):
        getattr(table, matrix)[0, 0] = 1


@pytest.mark.behaviour("MACH-04")
def test_the_first_of_two_guards_that_hold_wins():
    table = table_of(
        ColumnRow(State.BOUND, Event.LOAD, Guard(0), State.EMPTY, Outcome.REFUSED),
        ColumnRow(State.BOUND, Event.LOAD, Guard(1), State.GONE, Outcome.PINNED),
        ColumnRow(State.BOUND, Event.LOAD, always_column, State.LOADED, Outcome.OK),
    )
    facts = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]], np.bool_)

    target, outcome = table.step(np.full(3, State.BOUND, np.uint8), Event.LOAD, facts, np.arange(3))

    assert target.tolist() == [State.EMPTY, State.GONE, State.LOADED]
    assert outcome.tolist() == [Outcome.REFUSED, Outcome.PINNED, Outcome.OK]


@pytest.mark.behaviour("MACH-06")
def test_one_illegal_element_refuses_the_step_by_name_before_any_guard():
    pinned, table = small()
    states = np.array([State.LOADED, State.BOUND], np.uint8)

    with pytest.raises(UnexpectedEventError, match=r"^tensors: EVICT in BOUND$"):
        table.step(states, Event.EVICT, np.ones((2, GUARDS), np.bool_), np.arange(2))

    assert pinned.asked == 0
    assert states.tolist() == [State.LOADED, State.BOUND]


@pytest.mark.behaviour("MACH-06")
@pytest.mark.parametrize("number", [len(State), 254, ILLEGAL])
def test_the_number_of_no_state_is_refused(number):
    _, table = small()
    states = np.array([State.EMPTY, number], np.uint8)
    facts, index = np.zeros((2, GUARDS), np.bool_), np.arange(2)

    with pytest.raises(ValueError, match=f"{number} is not a valid State"):
        table.step(states, Event.BIND, facts, index)


@pytest.mark.behaviour("MACH-06")
def test_an_illegal_element_outside_the_index_is_nobodys_business():
    _, table = small()
    states = np.array([State.LOADED, State.BOUND], np.uint8)

    target, _ = table.step(states, Event.EVICT, np.zeros((2, GUARDS), np.bool_), np.array([0]))

    assert target.tolist() == [State.GONE]


@pytest.mark.behaviour("MACH-06")
def test_writing_to_the_answer_changes_neither_the_column_nor_the_table():
    _, table = small()
    states = np.array([State.EMPTY], np.uint8)
    target, outcome = table.step(states, Event.BIND, np.zeros((1, GUARDS)), np.array([0]))

    target[:] = outcome[:] = 77

    assert states.tolist() == [State.EMPTY]
    assert table.next[State.EMPTY, Event.BIND] == State.BOUND


@pytest.mark.behaviour("MACH-04")
def test_no_elements_are_no_news():
    _, table = small()

    target, outcome = table.step(
        np.zeros(3, np.uint8), Event.EVICT, np.zeros((3, GUARDS), np.bool_), np.empty(0, np.intp)
    )

    assert (target.size, outcome.size) == (0, 0)


@pytest.mark.behaviour("MACH-07")
@pytest.mark.parametrize("n", [1, 1000, 50_000])
def test_a_guard_is_asked_once_however_many_elements_there_are(n):
    pinned, table = small()

    table.step(
        np.full(n, State.LOADED, np.uint8),
        Event.EVICT,
        np.zeros((n, GUARDS), np.bool_),
        np.arange(n),
    )

    assert pinned.asked == 1


@pytest.mark.behaviour("MACH-07")
def test_guards_of_other_events_are_not_asked():
    pinned, table = small()

    table.step(np.zeros(1, np.uint8), Event.BIND, np.zeros((1, GUARDS), np.bool_), np.array([0]))

    assert pinned.asked == 0


@pytest.mark.behaviour("MACH-10")
def test_a_number_that_means_illegal_can_not_be_a_state():
    big = IntEnum("big", {"FIRST": 0, "LAST": ILLEGAL})

    with pytest.raises(ValueError, match=r"^tensors: .*at most 254"):
        ColumnTable(
            "tensors", states=big, events=Event, outcomes=Outcome, initial=big.FIRST, rows=()
        )


@pytest.mark.behaviour("MACH-10")
def test_too_many_outcomes_are_refused():
    big = IntEnum("big", {f"O{i}": i for i in range(256)})

    with pytest.raises(ValueError, match="states or outcomes"):
        ColumnTable(
            "tensors", states=State, events=Event, outcomes=big, initial=State.BOUND, rows=()
        )


@pytest.mark.behaviour("MACH-04")
def test_always_holds_for_each_element_when_it_is_asked():
    assert always_column(None, np.array([5, 0, 5])).tolist() == [True, True, True]
