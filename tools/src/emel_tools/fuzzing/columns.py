"""The column form of tables, against one that moves one element after the other."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from emel_machine import ILLEGAL, ColumnRow, ColumnTable, UnexpectedEventError, always_column
from emel_tools.fuzzing.games import Game, Move
from emel_tools.fuzzing.machines import BOTH, enum_of


def _draw_columns(rng: Random) -> list[Move]:
    states, events = rng.randrange(1, 6), rng.randrange(1, 4)
    rows: list[Move] = []
    for source in range(states):
        for event in range(events):
            if rng.random() < 0.15:
                continue
            guards = [*(rng.randrange(4) for _ in range(rng.randrange(3))), -1]
            rows += (
                ["row", source, event, guard, rng.randrange(states), rng.randrange(3)]
                for guard in guards
            )
    size = rng.choice((0, 1, 5, 20))
    facts = [[rng.randrange(states), rng.randrange(16)] for _ in range(size)]
    moves: list[Move] = [["table", states, events], *rows, ["tensors", facts]]
    for _ in range(4):
        index = [rng.randrange(size) for _ in range(rng.randrange(size + 1))] if size else []
        moves.append(["step", rng.randrange(events), index])
    return moves


def _mask(bit: int) -> Callable[[NDArray[np.int64], NDArray[np.intp]], NDArray[np.bool_]]:
    def guard_bit(facts: NDArray[np.int64], index: NDArray[np.intp]) -> NDArray[np.bool_]:
        return (facts[index] >> bit & 1).astype(np.bool_)

    return guard_bit


def _play_columns(moves: list[Move], reached: set[str]) -> str:
    count, events = next((m[1:] for m in moves if m[0] == "table"), (6, 5))
    nobody: list[list[int]] = []
    facts: list[list[int]] = next((m[1] for m in moves if m[0] == "tensors"), nobody)
    rows = [m[1:] for m in moves if m[0] == "row"]
    last = {(r[0], r[1]): r[2] for r in rows}
    if not rows or any(guard >= 0 for guard in last.values()) or any(s >= count for s, _ in facts):
        return ""
    states, outcomes = enum_of("S", count), enum_of("O", 3)
    events_of = enum_of("E", events)
    made = tuple(
        ColumnRow(
            states(s), events_of(e), always_column if g < 0 else _mask(g), states(t), outcomes(o)
        )
        for s, e, g, t, o in rows
    )
    table: ColumnTable[Any, Any, Any, Any] = ColumnTable(
        "made", states=states, events=events_of, outcomes=outcomes, initial=states(0), rows=made
    )
    column = np.array([s for s, _ in facts], np.uint8)
    answers = np.array([word for _, word in facts], np.int64)
    steps: list[tuple[int, list[int]]] = [(m[1], m[2]) for m in moves if m[0] == "step"]
    if any(i >= len(facts) for _, index in steps for i in index):
        return ""  # shrinking left the tensors out
    for event, index in steps:
        before: NDArray[np.uint8] = column.copy()
        chosen = [_column_row(rows, facts[i], event) for i in index]
        try:
            target, outcome = table.step(
                column, events_of(event), answers, np.array(index, np.intp)
            )
            got = list(zip(target.tolist(), outcome.tolist(), strict=True))
        except UnexpectedEventError:
            got = None
        reached.add("illegal" if got is None else "legal")
        expected = None if None in chosen else chosen
        if got != expected or (column != before).any():
            return f"event {event}: {expected} expected, and the column as it was; got {got}"
        if got and ILLEGAL in {t for t, _ in got}:
            return "no illegal target expected"
    return ""


def _column_row(rows: list[list[int]], fact: list[int], event: int) -> tuple[int, int] | None:
    group = [row for row in rows if row[0] == fact[0] and row[1] == event]
    held = (row for row in group if row[2] < 0 or fact[1] >> row[2] & 1)
    return next(((row[3], row[4]) for row in held), None)


COLUMNS: Final = Game("columns", _draw_columns, _play_columns, 500, BOTH)
