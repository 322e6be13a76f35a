"""Behaviour as tables of transitions, shared by every component of emel.

A component writes its behaviour as rows, `Row(source, event, guard, effect, target, outcome)`,
and owns its state; this package routes events through the rows, applies them to whole columns of
states, draws them, and proves that they are complete.
"""

from emel_machine.columns import ILLEGAL, ColumnRow, ColumnTable, always_column
from emel_machine.drawing import mermaid
from emel_machine.proofs import prove
from emel_machine.table import Row, Table, UnexpectedEventError, always, effect_none

__all__ = [
    "ILLEGAL",
    "ColumnRow",
    "ColumnTable",
    "Row",
    "Table",
    "UnexpectedEventError",
    "always",
    "always_column",
    "effect_none",
    "mermaid",
    "prove",
]
