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
    mermaid,
)


class State(IntEnum):
    FREE = 0
    OPENING = 1
    MAPPED = 2


class Event(IntEnum):
    MAP = 0
    DONE = 1


class Outcome(IntEnum):
    OK = 0
    OPEN_FAILED = 1


def guard_open_failed(ctx, req):
    return False


def effect_open_file(ctx, req):
    pass


def guard_is_pinned(facts, index):
    return np.zeros(len(index), np.bool_)


def scalar():
    return Table(
        "slot",
        states=State,
        events=Event,
        outcomes=Outcome,
        initial=State.FREE,
        completion=Event.DONE,
        rows=(
            Row(State.FREE, Event.MAP, always, effect_open_file, State.OPENING, Outcome.OK),
            Row(
                State.OPENING,
                Event.DONE,
                guard_open_failed,
                effect_none,
                State.FREE,
                Outcome.OPEN_FAILED,
            ),
            Row(State.OPENING, Event.DONE, always, effect_none, State.MAPPED, Outcome.OK),
        ),
    )


def column():
    return ColumnTable(
        "tensors",
        states=State,
        events=Event,
        outcomes=Outcome,
        initial=State.FREE,
        rows=(
            ColumnRow(State.FREE, Event.MAP, guard_is_pinned, State.FREE, Outcome.OPEN_FAILED),
            ColumnRow(State.FREE, Event.MAP, always_column, State.MAPPED, Outcome.OK),
        ),
    )


@pytest.mark.behaviour("MACH-08")
def test_scalar_rows_are_drawn_as_one_arrow_each_in_table_order():
    assert mermaid(scalar()) == (
        "stateDiagram-v2\n"
        "    %% slot\n"
        "    [*] --> FREE\n"
        "    FREE --> OPENING: MAP / open file → OK\n"
        "    OPENING --> FREE: · [open failed] → OPEN_FAILED\n"
        "    OPENING --> MAPPED: · → OK\n"
    )


@pytest.mark.behaviour("MACH-08")
def test_column_rows_are_drawn_with_their_guards_and_no_effect():
    assert mermaid(column()) == (
        "stateDiagram-v2\n"
        "    %% tensors\n"
        "    [*] --> FREE\n"
        "    FREE --> FREE: MAP [is pinned] → OPEN_FAILED\n"
        "    FREE --> MAPPED: MAP → OK\n"
    )


@pytest.mark.behaviour("MACH-08")
def test_the_drawing_holds_no_address_even_of_a_function_without_a_name():
    table = scalar()
    first, *rest = table.rows
    table.rows = (first._replace(effect=partial(effect_open_file)), *rest)

    assert "0x" not in mermaid(table)
