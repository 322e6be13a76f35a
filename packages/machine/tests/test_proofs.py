from enum import IntEnum
from functools import partial

import numpy as np
import pytest

from emel_machine import (
    ColumnRow,
    ColumnTable,
    Row,
    Table,
    always,
    always_column,
    effect_none,
    prove,
)


class State(IntEnum):
    FREE = 0
    OPENING = 1
    MAPPED = 2


class Event(IntEnum):
    MAP = 0
    UNMAP = 1
    DONE = 2


class Outcome(IntEnum):
    OK = 0
    OPEN_FAILED = 1


def guard_open_failed(ctx, req):
    return False


def guard_is_pinned(facts, index):
    return np.zeros(len(index), np.bool_)


def effect_open(ctx, req):
    pass


def looks_odd(ctx, req):
    return True


MAP = Row(State.FREE, Event.MAP, always, effect_open, State.OPENING, Outcome.OK)
FAILED = Row(
    State.OPENING, Event.DONE, guard_open_failed, effect_none, State.FREE, Outcome.OPEN_FAILED
)
OPENED = Row(State.OPENING, Event.DONE, always, effect_none, State.MAPPED, Outcome.OK)
UNMAP = Row(State.MAPPED, Event.UNMAP, always, effect_none, State.FREE, Outcome.OK)
GOOD = (MAP, FAILED, OPENED, UNMAP)

COLUMN_MAP = ColumnRow(State.FREE, Event.MAP, always_column, State.OPENING, Outcome.OK)
COLUMN_PINNED = ColumnRow(
    State.OPENING, Event.DONE, guard_is_pinned, State.FREE, Outcome.OPEN_FAILED
)
COLUMN_OPENED = ColumnRow(State.OPENING, Event.DONE, always_column, State.MAPPED, Outcome.OK)
COLUMN_GOOD = (COLUMN_MAP, COLUMN_PINNED, COLUMN_OPENED)


def scalar(*rows, **enums):
    enums = {"states": State, "events": Event, "outcomes": Outcome, **enums}
    return Table("slot", initial=State.FREE, completion=Event.DONE, rows=rows, **enums)


def column(*rows, **enums):
    enums = {"states": State, "events": Event, "outcomes": Outcome, **enums}
    return ColumnTable("slot", initial=State.FREE, rows=rows, **enums)


pytestmark = pytest.mark.behaviour("MACH-09")


def test_a_sound_scalar_table_is_proved():
    assert prove(scalar(*GOOD)) == ()


def test_a_sound_column_table_is_proved():
    assert prove(column(*COLUMN_GOOD)) == ()


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param({"OK": 0, "OPEN_FAILED": 2}, id="gap"),
        pytest.param({"OPEN_FAILED": 1, "OK": 0}, id="order"),
        pytest.param({"OK": 1, "OPEN_FAILED": 2}, id="from-one"),
    ],
)
@pytest.mark.parametrize(("form", "rows"), [(scalar, GOOD), (column, COLUMN_GOOD)])
def test_an_enum_that_is_not_numbered_from_0_is_named(form, rows, numbers):
    odd = IntEnum("Odd", numbers)
    renumbered = [row._replace(outcome=odd[row.outcome.name]) for row in rows]

    assert prove(form(*renumbered, outcomes=odd)) == ("Odd is not numbered from 0 without gaps",)


def test_a_column_table_whose_states_have_gaps_is_built_and_named():
    odd = IntEnum("Odd", {"FREE": 0, "OPENING": 4, "MAPPED": 9})
    rows = [
        row._replace(source=odd[row.source.name], target=odd[row.target.name])
        for row in COLUMN_GOOD
    ]

    assert prove(column(*rows, states=odd)) == ("Odd is not numbered from 0 without gaps",)


def test_a_group_whose_last_row_is_guarded_is_named():
    table = scalar(MAP, OPENED._replace(guard=guard_open_failed), FAILED, UNMAP)

    assert prove(table) == ("OPENING, DONE: the last row is guarded",)


def test_a_row_after_always_is_named():
    # OPEN_FAILED is then only on a row that never wins, but the row itself is the news.
    problems = prove(scalar(MAP, OPENED, FAILED._replace(guard=always), UNMAP))

    assert "OPENING, DONE: a row after `always` can never win" in problems


def test_so_is_one_after_an_always_that_isnt_the_first_row():
    refused = OPENED._replace(guard=guard_open_failed)

    problems = prove(scalar(MAP, refused, OPENED._replace(guard=always), FAILED, UNMAP))

    assert "OPENING, DONE: a row after `always` can never win" in problems


def test_an_open_group_of_columns_is_named():
    assert "OPENING, DONE: the last row is guarded" in prove(column(COLUMN_MAP, COLUMN_PINNED))


def test_the_scalar_always_does_not_close_a_group_of_columns():
    # The matrix is built from `always_column`: the event would be illegal, though a row is there.
    table = column(*COLUMN_GOOD[:-1], COLUMN_OPENED._replace(guard=always))

    assert table.next[State.OPENING, Event.DONE] == 255
    assert prove(table) == ("OPENING, DONE: the last row is guarded",)


def test_the_columns_always_does_not_close_a_scalar_group():
    table = scalar(MAP, FAILED, OPENED._replace(guard=always_column), UNMAP)

    assert prove(table) == ("OPENING, DONE: the last row is guarded",)


def test_a_state_that_can_not_be_reached_is_named():
    more = IntEnum("more", {"FREE": 0, "OPENING": 1, "MAPPED": 2, "LOST": 3})

    assert prove(scalar(*GOOD, states=more)) == ("LOST can't be reached",)


def test_a_state_reached_only_from_unreached_ones_is_named():
    more = IntEnum("more", {"FREE": 0, "OPENING": 1, "MAPPED": 2, "LOST": 3, "FOUND": 4})
    row = Row(more.LOST, Event.MAP, always, effect_none, more.FOUND, Outcome.OK)

    problems = prove(scalar(*GOOD, row, states=more))

    assert problems == ("LOST can't be reached", "FOUND can't be reached")


def test_a_state_reached_only_by_an_event_in_a_passing_state_is_named():
    # A run never rests in OPENING, so nobody can send it an event there.
    more = IntEnum("more", {"FREE": 0, "OPENING": 1, "MAPPED": 2, "LOST": 3})
    row = Row(State.OPENING, Event.UNMAP, always, effect_none, more.LOST, Outcome.OK)

    assert prove(scalar(*GOOD, row, states=more)) == ("LOST can't be reached",)


def test_an_outcome_that_no_row_has_is_named():
    more = IntEnum("more", {"OK": 0, "OPEN_FAILED": 1, "MAP_FAILED": 2})

    assert prove(scalar(*GOOD, outcomes=more)) == ("MAP_FAILED is never the outcome",)


def test_an_outcome_that_only_a_passing_row_has_is_named():
    # The caller hears the last row of a run, and MAP is never the last.
    more = IntEnum("more", {"OK": 0, "OPEN_FAILED": 1, "PENDING": 2})
    table = scalar(MAP._replace(outcome=more.PENDING), FAILED, OPENED, UNMAP, outcomes=more)

    assert prove(table) == ("PENDING is never the outcome",)


def test_a_completion_that_leads_back_to_itself_is_named():
    problems = prove(scalar(MAP, FAILED._replace(target=State.OPENING), OPENED, UNMAP))

    assert "a run through OPENING may never rest" in problems


def test_a_circle_of_completions_is_named():
    back = Row(State.MAPPED, Event.DONE, always, effect_none, State.OPENING, Outcome.OK)

    problems = prove(scalar(MAP, FAILED, OPENED, back))

    assert "a run through MAPPED, OPENING may never rest" in problems


def test_a_circle_of_requests_is_no_defect():
    # FREE, OPENING, MAPPED and back: each turn takes an event from outside.
    assert not [problem for problem in prove(scalar(*GOOD)) if "rest" in problem]


def test_a_guard_of_another_name_is_named():
    assert prove(scalar(MAP, FAILED._replace(guard=looks_odd), OPENED, UNMAP)) == (
        "guard looks_odd is not named guard_<what is true>",
    )


def test_an_effect_of_another_name_is_named():
    assert prove(scalar(MAP._replace(effect=looks_odd), FAILED, OPENED, UNMAP)) == (
        "effect looks_odd is not named effect_<verb>",
    )


@pytest.mark.parametrize("part", ["guard", "effect"])
def test_a_function_without_a_name_is_named(part):
    nameless = FAILED._replace(**{part: partial(looks_odd)})

    assert prove(scalar(MAP, nameless, OPENED, UNMAP)) == (
        f"{part} ? is not named {part}_<{'what is true' if part == 'guard' else 'verb'}>",
    )


def test_every_defect_is_named_and_not_only_the_first():
    more = IntEnum("more", {"FREE": 0, "OPENING": 1, "MAPPED": 2, "LOST": 3})
    table = scalar(MAP._replace(effect=looks_odd), FAILED, OPENED, UNMAP, states=more)

    assert prove(table) == (
        "LOST can't be reached",
        "effect looks_odd is not named effect_<verb>",
    )
