"""Rows and columns of transitions, and tables made of them."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from emel_tools.ratios.case import Case, Unit


class _State(IntEnum):
    FREE = 0
    ASKED = 1
    HELD = 2


class _Event(IntEnum):
    TAKE = 0
    GIVE = 1
    ANSWERED = 2


class _Outcome(IntEnum):
    OK = 0
    FULL = 1


def _never(_ctx: object, _req: object) -> bool:
    return False


def _nothing(_ctx: object, _req: object) -> None:
    return


def _table() -> Any:  # of either world
    from emel_machine import Row, Table, always

    rows = (
        Row(_State.FREE, _Event.TAKE, _never, _nothing, _State.FREE, _Outcome.FULL),
        Row(_State.FREE, _Event.TAKE, always, _nothing, _State.ASKED, _Outcome.OK),
        Row(_State.ASKED, _Event.ANSWERED, _never, _nothing, _State.FREE, _Outcome.FULL),
        Row(_State.ASKED, _Event.ANSWERED, always, _nothing, _State.HELD, _Outcome.OK),
        Row(_State.HELD, _Event.GIVE, always, _nothing, _State.FREE, _Outcome.OK),
    )
    return Table(
        "bench",
        states=_State,
        events=_Event,
        outcomes=_Outcome,
        initial=_State.FREE,
        completion=_Event.ANSWERED,
        rows=rows,
    )


def _rows(_folder: Path) -> Unit:
    run = _table().run

    def unit() -> None:
        state = _State.FREE
        for _ in range(400):
            state, _outcome = run(None, state, _Event.TAKE, None)
            state, _outcome = run(None, state, _Event.GIVE, None)

    return unit


def _tables(_folder: Path) -> Unit:
    def unit() -> None:
        for _ in range(20):
            _table()

    return unit


def _columns(_folder: Path) -> Unit:
    from emel_machine import ColumnRow, ColumnTable, always_column

    def every_other(_facts: object, index: Any) -> Any:  # columns
        return index % 2 == 0

    rows = (
        ColumnRow(_State.FREE, _Event.TAKE, every_other, _State.FREE, _Outcome.FULL),
        ColumnRow(_State.FREE, _Event.TAKE, always_column, _State.HELD, _Outcome.OK),
        ColumnRow(_State.HELD, _Event.TAKE, always_column, _State.HELD, _Outcome.OK),
    )
    table: Any = ColumnTable(
        "bench",
        states=_State,
        events=_Event,
        outcomes=_Outcome,
        initial=_State.FREE,
        rows=rows,
    )
    states = np.zeros(50_000, np.uint8)
    states[::3] = _State.HELD
    index = np.arange(50_000)
    return lambda: table.step(states, _Event.TAKE, None, index)


CASES = (
    Case("rows: 800 events", "python", _rows),
    Case("columns: an event for 50000 states", "columns", _columns),
    Case("tables: 20 made of their rows", "python", _tables),
)
