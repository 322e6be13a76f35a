"""What a transition costs: no memory, and as many steps as there are guards to ask."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from emel_machine import (
    ColumnRow,
    ColumnTable,
    Row,
    Table,
    always,
    always_column,
    effect_none,
    mermaid,
    prove,
)
from emel_tools.costs.site import Site
from emel_tools.costs.workload import Action, Scaled, Workload, Workloads


class State(IntEnum):
    """Of a door."""

    CLOSED = 0
    OPENING = 1
    OPENED = 2


class Event(IntEnum):
    """What happens to it."""

    OPEN = 0
    CLOSE = 1
    MOVED = 2


class Outcome(IntEnum):
    """What comes of it."""

    OK = 0
    STUCK = 1


def guard_stuck(ctx: object, req: object) -> bool:
    """Never: the row after it is taken."""
    return ctx is req


def _is_stuck(stuck: NDArray[np.bool_], index: NDArray[np.intp]) -> NDArray[np.bool_]:
    return stuck[index]


def _rows() -> tuple[Row[State, Event, Outcome, object, object], ...]:
    s, e, o = State, Event, Outcome
    return (
        Row(s.CLOSED, e.OPEN, guard_stuck, effect_none, s.CLOSED, o.STUCK),
        Row(s.CLOSED, e.OPEN, always, effect_none, s.OPENING, o.OK),
        Row(s.OPENING, e.MOVED, guard_stuck, effect_none, s.CLOSED, o.STUCK),
        Row(s.OPENING, e.MOVED, always, effect_none, s.OPENED, o.OK),
        Row(s.OPENED, e.CLOSE, always, effect_none, s.CLOSED, o.OK),
    )


def _table() -> Table[State, Event, Outcome, object, object]:
    return Table(
        "door",
        states=State,
        events=Event,
        outcomes=Outcome,
        initial=State.CLOSED,
        completion=Event.MOVED,
        rows=_rows(),
    )


def _column_table() -> ColumnTable[State, Event, Outcome, NDArray[np.bool_]]:
    s, e, o = State, Event, Outcome
    return ColumnTable(
        "doors",
        states=State,
        events=Event,
        outcomes=Outcome,
        initial=State.CLOSED,
        rows=(
            ColumnRow(s.CLOSED, e.OPEN, _is_stuck, s.CLOSED, o.STUCK),
            ColumnRow(s.CLOSED, e.OPEN, always_column, s.OPENED, o.OK),
            ColumnRow(s.OPENED, e.CLOSE, always_column, s.CLOSED, o.OK),
        ),
    )


def run(_: Site, items: int = 64) -> Action:
    """Run events of scalar rows."""
    table, ctx, req = _table(), object(), object()

    def act() -> None:
        for _ in range(items):
            state, _ = table.run(ctx, State.CLOSED, Event.OPEN, req)
            table.run(ctx, state, Event.CLOSE, req)

    return act


def step(_: Site, items: int = 64) -> Action:
    """Apply events to many states at once."""
    table, stuck = _column_table(), np.zeros(items, np.bool_)
    closed, index = np.zeros(items, np.uint8), np.arange(items)

    def act() -> None:
        opened, _ = table.step(closed, Event.OPEN, stuck, index)
        table.step(opened, Event.CLOSE, stuck, index)

    return act


def make(_: Site) -> Action:
    """Make, prove and draw tables."""

    def act() -> None:
        for table in (_table(), _column_table()):
            prove(table)
            mermaid(table)

    return act


WORKLOADS: Workloads = (
    Workload("run-64-events", run, items=64),
    Workload("step-64-states", step, items=64),
    Workload("make-prove-and-draw-tables", make),
    Scaled("run-events", run),
    Scaled("step-states", step),
)
