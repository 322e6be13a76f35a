"""Tables as Mermaid state diagrams: one arrow a row, in table order."""

from __future__ import annotations

from typing import Any, TypeAlias

from emel_machine.columns import ColumnRow, ColumnTable, always_column
from emel_machine.table import Row, Table, always, effect_none

AnyRow: TypeAlias = Row[Any, Any, Any, Any, Any] | ColumnRow[Any, Any, Any, Any]
"""A row of either form; a column row has no effect."""
AnyTable: TypeAlias = Table[Any, Any, Any, Any, Any] | ColumnTable[Any, Any, Any, Any]
"""A table of either form."""


def mermaid(table: AnyTable) -> str:
    """Draw `table` as the text of a Mermaid `stateDiagram-v2`, ending in a newline.

    Each arrow reads `EVENT [guard] / effect → OUTCOME`; the guard `always` and the empty effect
    are left out, and the completion event is drawn as `·`.
    """
    lines = ["stateDiagram-v2", f"    %% {table.name}", f"    [*] --> {table.initial.name}"]
    for row in table.rows:
        completes = row.event == table.completion
        label = "·" if completes else row.event.name
        if row.guard not in (always, always_column):
            label += f" [{_spoken(row.guard, 'guard_')}]"
        effect = getattr(row, "effect", effect_none)
        if effect is not effect_none:
            label += f" / {_spoken(effect, 'effect_')}"
        lines.append(f"    {row.source.name} --> {row.target.name}: {label} → {row.outcome.name}")
    return "\n".join((*lines, ""))


def _spoken(function: object, prefix: str) -> str:
    # Not the repr: it holds an address, and the drawing would never be the same twice.
    name = getattr(function, "__name__", "?")
    return name.removeprefix(prefix).replace("_", " ")
