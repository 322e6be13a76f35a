"""Proofs over a table as data: what each component's `test_table` asserts."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from emel_machine.columns import ColumnTable, always_column
from emel_machine.drawing import AnyRow, AnyTable
from emel_machine.table import always, effect_none


def prove(table: AnyTable) -> tuple[str, ...]:
    """Name everything that is wrong with `table`; an empty tuple is the proof.

    Checked: enums are numbered from 0 without gaps; each (source, event) group ends in `always`
    (`always_column` in the column form) and has no row after one; each state can be reached; each
    outcome is produced by a row that ends a run; each run comes to rest (no cycle among completion
    rows); guards and effects bear the house's names.
    """
    return (
        *_enum_gaps(table),
        *_open_groups(table),
        *_unreached_states(table),
        *_unproduced_outcomes(table),
        *_restless_runs(table),
        *_misnamed_functions(table),
    )


def _members(enum: type[IntEnum]) -> list[IntEnum]:
    return list(enum)


def _enum_gaps(table: AnyTable) -> Iterator[str]:
    for members in (_members(table.states), _members(table.events), _members(table.outcomes)):
        if [int(member) for member in members] != list(range(len(members))):
            yield f"{type(members[0]).__name__} is not numbered from 0 without gaps"


def _open_groups(table: AnyTable) -> Iterator[str]:
    # The other form's guard holds too, but the column form builds its matrix from this very one.
    unconditional = always_column if isinstance(table, ColumnTable) else always
    groups: dict[tuple[IntEnum, IntEnum], list[AnyRow]] = {}
    for row in table.rows:
        groups.setdefault((row.source, row.event), []).append(row)
    for (source, event), rows in groups.items():
        unguarded = [row.guard is unconditional for row in rows]
        if not unguarded[-1]:
            yield f"{source.name}, {event.name}: the last row is guarded"
        if any(unguarded[:-1]):
            yield f"{source.name}, {event.name}: a row after `always` can never win"


def _passing(table: AnyTable) -> set[IntEnum]:
    """The states that a run passes through: only the completion event can happen there."""
    return {row.source for row in table.rows if row.event == table.completion}


def _unreached_states(table: AnyTable) -> Iterator[str]:
    passing = _passing(table)
    rows = [r for r in table.rows if r.event == table.completion or r.source not in passing]
    reached: set[IntEnum] = {table.initial}
    while grown := {r.target for r in rows if r.source in reached} - reached:
        reached |= grown
    for state in _members(table.states):
        if state not in reached:
            yield f"{state.name} can't be reached"


def _unproduced_outcomes(table: AnyTable) -> Iterator[str]:
    # The caller hears the last row of a run: what a row into a passing state says is never heard.
    passing = _passing(table)
    produced = {row.outcome for row in table.rows if row.target not in passing}
    for outcome in _members(table.outcomes):
        if outcome not in produced:
            yield f"{outcome.name} is never the outcome"


def _restless_runs(table: AnyTable) -> Iterator[str]:
    steps = {(r.source, r.target) for r in table.rows if r.event == table.completion}
    while steps:
        # A state that no completion leads to can't be part of a cycle: peel it off.
        targets = {target for _, target in steps}
        rest = {(source, target) for source, target in steps if source in targets}
        if rest == steps:
            names = sorted({source.name for source, _ in steps})
            yield f"a run through {', '.join(names)} may never rest"
            return
        steps = rest


def _misnamed_functions(table: AnyTable) -> Iterator[str]:
    for row in table.rows:
        guard = getattr(row.guard, "__name__", "?")
        if not guard.startswith(("guard_", "always")):
            yield f"guard {guard} is not named guard_<what is true>"
        effect = getattr(getattr(row, "effect", effect_none), "__name__", "?")
        if not effect.startswith("effect_"):
            yield f"effect {effect} is not named effect_<verb>"
