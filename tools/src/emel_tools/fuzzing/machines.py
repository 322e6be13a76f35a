"""The interpreters of tables, against ones that read the rows as they stand.

Tables are of two sorts: random ones; and those of the packages, with guards that answer what the
round says and effects that only write down that they were called.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from random import Random
from typing import Any, Final, NamedTuple

from emel_io_file import TABLES as FILE
from emel_io_loader import TABLES as LOADER
from emel_io_mmap import TABLES as MMAP
from emel_io_read import TABLES as READ
from emel_io_staged import TABLES as STAGED
from emel_machine import (
    Row,
    Table,
    UnexpectedEventError,
    always,
    prove,
)
from emel_model_loader import TABLES as CHECKPOINT
from emel_model_tensor import TABLES as TENSOR
from emel_tools.fuzzing.games import Game, Move

_TABLES: Final[dict[str, Table[Any, Any, Any, Any, Any]]] = {
    f"{house} {table.name}": table
    for house, tables in (
        ("io_file", FILE),
        ("io_loader", LOADER),
        ("io_mmap", MMAP),
        ("io_read", READ),
        ("io_staged", STAGED),
        ("model_loader", CHECKPOINT),
        ("model_tensor", TENSOR),
    )
    for table in tables
    if isinstance(table, Table)
}
_STEPS: Final = 60
"""A run that takes more doesn't rest."""


class _Plain(NamedTuple):
    """A row of which nothing is called."""

    source: int
    event: int
    guard: int
    """-1: always; else which of the answers of a round it gives."""
    effect: int
    target: int
    outcome: int


class _Heard(list[int]):
    """Effects, in the order in which they were called; the context of a table under test."""

    answers: int = 0
    calls: int = 0


def _guard(bit: int) -> Callable[[_Heard, None], bool]:
    def guard_bit(ctx: _Heard, _: None) -> bool:
        ctx.calls += 1
        return bool(ctx.answers >> bit & 1)

    return guard_bit


def _effect(number: int, bits: int) -> Callable[[_Heard, None], None]:
    def effect_number(ctx: _Heard, _: None) -> None:
        ctx.append(number)
        # What an effect does changes what guards see: the next row is chosen by other answers.
        ctx.answers = (ctx.answers * 2654435761 + number) % (1 << max(bits, 1))

    return effect_number


def enum_of(name: str, count: int) -> Any:  # an enum made on the spot
    """Make an enum of so many members."""
    return IntEnum(name, [f"{name}{i}" for i in range(count)], start=0)


def _count(members: Any) -> int:  # an enum
    return len(members)


def _plain_rows(table: Table[Any, Any, Any, Any, Any]) -> list[_Plain]:
    """Number the guards of a real table: one bit a function, so that equal ones agree."""
    bits: dict[object, int] = {}
    rows: list[_Plain] = []
    for number, row in enumerate(table.rows):
        bit = -1 if row.guard is always else bits.setdefault(row.guard, len(bits))
        rows.append(_Plain(row.source, row.event, bit, number, row.target, row.outcome))
    return rows


def _expected(
    rows: list[_Plain], completion: int, state: int, event: int, heard: _Heard, bits: int
) -> tuple[int, int] | None:
    """Read the rows from the top; None if there is none for this event."""
    outcome, begun = -1, False
    for _ in range(_STEPS):
        group = [row for row in rows if (row.source, row.event) == (state, event)]
        if not group:
            return (state, outcome) if begun else None
        row = next(r for r in group if r.guard < 0 or heard.answers >> r.guard & 1)
        _effect(row.effect, bits)(heard, None)
        state, outcome, event, begun = row.target, row.outcome, completion, True
    return None


def _draw_rows(rng: Random) -> list[Move]:
    states, events = rng.randrange(1, 6), rng.randrange(2, 5)
    rows: list[Move] = []
    for source in range(states):
        for event in range(events):
            if event == events - 1 and source < 2 and rng.random() < 0.5:
                continue  # a state of rest
            if rng.random() < 0.3:
                continue
            # Completion goes up only: every run rests.
            low = source + 1 if event == events - 1 else 0
            if low >= states:
                continue
            guards = [*(rng.randrange(5) for _ in range(rng.randrange(3))), -1]
            rows += (
                ["row", source, event, guard, rng.randrange(low, states), rng.randrange(3)]
                for guard in guards
            )
    runs = [
        ["run", rng.randrange(states), rng.randrange(events), rng.randrange(32)] for _ in range(6)
    ]
    return [["table", states, events], *rows, *runs]


def _play_rows(moves: list[Move], reached: set[str]) -> str:
    states, events = next((m[1:] for m in moves if m[0] == "table"), (6, 5))
    rows = [
        _Plain(m[1], m[2], m[3], i, m[4], m[5])
        for i, m in enumerate(m for m in moves if m[0] == "row")
    ]
    groups = {(r.source, r.event): r.guard for r in rows}
    if any(guard >= 0 for guard in groups.values()):
        return ""  # a group that shrinking left without its last row
    table = _table(rows, (enum_of("S", states), enum_of("E", events), enum_of("O", 3)), events - 1)
    return _run_all(table, rows, events - 1, [m[1:] for m in moves if m[0] == "run"], reached)


def _table(
    rows: list[_Plain], enums: tuple[Any, Any, Any], completion: int
) -> Table[Any, Any, Any, Any, Any]:
    states, events, outcomes = enums
    bits = max((row.guard for row in rows), default=0) + 1
    made = tuple(
        Row(
            states(row.source),
            events(row.event),
            always if row.guard < 0 else _guard(row.guard),
            _effect(row.effect, bits),
            states(row.target),
            outcomes(row.outcome),
        )
        for row in rows
    )
    return Table(
        "made",
        states=states,
        events=events,
        outcomes=outcomes,
        initial=states(0),
        completion=events(completion),
        rows=made,
    )


def _run_all(
    table: Table[Any, Any, Any, Any, Any],
    rows: list[_Plain],
    completion: int,
    runs: list[list[int]],
    reached: set[str],
) -> str:
    bits = max((row.guard for row in rows), default=0) + 1
    for state, event, answers in runs:
        ours, theirs = _Heard(), _Heard()
        ours.answers = theirs.answers = answers
        expected = _expected(rows, completion, state, event, ours, bits)
        try:
            got = table.run(theirs, table.states(state), table.events(event), None)
        except UnexpectedEventError:
            got = None
            reached.add("illegal")
            if theirs or theirs.calls:
                return f"nothing called expected for an illegal event, got {theirs}"
        reached.add("legal" if got else "illegal")
        told = got and (int(got[0]), int(got[1]))
        if told != expected or ours != theirs:
            return (
                f"state {state}, event {event}: (state, outcome) {expected} by effects {[*ours]} "
                f"expected, got {told} by {[*theirs]}"
            )
    return ""


def _draw_real(rng: Random) -> list[Move]:
    name = rng.choice(sorted(_TABLES))
    table = _TABLES[name]
    runs = [
        [
            "run",
            rng.randrange(_count(table.states)),
            rng.randrange(_count(table.events)),
            rng.randrange(1 << 24),
        ]
        for _ in range(8)
    ]
    return [["table", name], *runs]


def _play_real(moves: list[Move], reached: set[str]) -> str:
    if not moves or moves[0][0] != "table" or moves[0][1] not in _TABLES:
        return ""
    real = _TABLES[moves[0][1]]
    rows = _plain_rows(real)
    enums = (real.states, real.events, real.outcomes)
    reached.add(moves[0][1])
    if flaws := prove(real):
        return f"a proof expected, got {flaws}"
    table = _table(rows, enums, int(real.completion))
    return _run_all(table, rows, int(real.completion), [m[1:] for m in moves[1:]], reached)


BOTH: Final = frozenset({"legal", "illegal"})
ROWS: Final = Game("rows", _draw_rows, _play_rows, 500, BOTH)
REAL: Final = Game("tables", _draw_real, _play_real, 400, BOTH | _TABLES.keys())
