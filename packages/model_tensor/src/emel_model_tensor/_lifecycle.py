"""What becomes of one tensor: its states, and the table that moves thousands of them at once."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emel_machine import ColumnRow, ColumnTable, always_column
from emel_model_tensor.outcomes import TensorOutcome


class State(IntEnum):
    """Where one tensor's bytes are."""

    UNBOUND = 0
    BOUND = 1
    RESIDENT = 2
    MMAP_RESIDENT = 3
    EVICTED = 4
    FAILED = 5


class Change(IntEnum):
    """What happens to a tensor."""

    BIND = 0
    MAP = 1
    COPY = 2
    FAIL = 3
    RELEASE = 4
    EVICT = 5


class Facts(NamedTuple):
    """What the lifecycle's guards read."""

    pins: NDArray[np.int32]


def guard_pinned(facts: Facts, index: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Somebody holds a pin on it."""
    return facts.pins[index] > 0


_S, _C, _T = State, Change, TensorOutcome
# fmt: off
_LIFECYCLE_ROWS: tuple[ColumnRow[State, Change, TensorOutcome, Facts], ...] = (
    ColumnRow(_S.UNBOUND,       _C.BIND,    always_column, _S.BOUND,         _T.OK),
    ColumnRow(_S.BOUND,         _C.BIND,    always_column, _S.BOUND,         _T.OK),
    ColumnRow(_S.BOUND,         _C.MAP,     always_column, _S.MMAP_RESIDENT, _T.OK),
    ColumnRow(_S.BOUND,         _C.COPY,    always_column, _S.RESIDENT,      _T.OK),
    ColumnRow(_S.BOUND,         _C.FAIL,    always_column, _S.FAILED,        _T.OK),
    ColumnRow(_S.BOUND,         _C.RELEASE, always_column, _S.BOUND,         _T.NOT_MAPPED),
    ColumnRow(_S.BOUND,         _C.EVICT,   always_column, _S.BOUND,         _T.NOT_RESIDENT),
    ColumnRow(_S.RESIDENT,      _C.BIND,    always_column, _S.BOUND,         _T.OK),
    ColumnRow(_S.RESIDENT,      _C.MAP,     always_column, _S.RESIDENT,      _T.ALREADY_RESIDENT),
    ColumnRow(_S.RESIDENT,      _C.COPY,    always_column, _S.RESIDENT,      _T.ALREADY_RESIDENT),
    ColumnRow(_S.RESIDENT,      _C.RELEASE, always_column, _S.RESIDENT,      _T.NOT_MAPPED),
    ColumnRow(_S.RESIDENT,      _C.EVICT,   guard_pinned,  _S.RESIDENT,      _T.PINNED),
    ColumnRow(_S.RESIDENT,      _C.EVICT,   always_column, _S.EVICTED,       _T.OK),
    ColumnRow(_S.MMAP_RESIDENT, _C.BIND,    always_column, _S.MMAP_RESIDENT, _T.MUST_BE_RELEASED),
    ColumnRow(_S.MMAP_RESIDENT, _C.MAP,     always_column, _S.MMAP_RESIDENT, _T.ALREADY_RESIDENT),
    ColumnRow(_S.MMAP_RESIDENT, _C.COPY,    always_column, _S.MMAP_RESIDENT, _T.ALREADY_RESIDENT),
    ColumnRow(_S.MMAP_RESIDENT, _C.RELEASE, always_column, _S.EVICTED,       _T.OK),
    ColumnRow(_S.MMAP_RESIDENT, _C.EVICT,   always_column, _S.MMAP_RESIDENT, _T.MUST_BE_RELEASED),
    ColumnRow(_S.EVICTED,       _C.BIND,    always_column, _S.BOUND,         _T.OK),
    ColumnRow(_S.EVICTED,       _C.MAP,     always_column, _S.MMAP_RESIDENT, _T.OK),
    ColumnRow(_S.EVICTED,       _C.COPY,    always_column, _S.RESIDENT,      _T.OK),
    ColumnRow(_S.EVICTED,       _C.FAIL,    always_column, _S.FAILED,        _T.OK),
    ColumnRow(_S.EVICTED,       _C.RELEASE, always_column, _S.EVICTED,       _T.NOT_MAPPED),
    ColumnRow(_S.EVICTED,       _C.EVICT,   always_column, _S.EVICTED,       _T.NOT_RESIDENT),
    ColumnRow(_S.FAILED,        _C.BIND,    always_column, _S.BOUND,         _T.OK),
    ColumnRow(_S.FAILED,        _C.MAP,     always_column, _S.MMAP_RESIDENT, _T.OK),
    ColumnRow(_S.FAILED,        _C.COPY,    always_column, _S.RESIDENT,      _T.OK),
    ColumnRow(_S.FAILED,        _C.FAIL,    always_column, _S.FAILED,        _T.OK),
    ColumnRow(_S.FAILED,        _C.RELEASE, always_column, _S.FAILED,        _T.NOT_MAPPED),
    ColumnRow(_S.FAILED,        _C.EVICT,   always_column, _S.FAILED,        _T.NOT_RESIDENT),
)
# fmt: on
LIFECYCLE: Final[ColumnTable[State, Change, TensorOutcome, Facts]] = ColumnTable(
    "lifecycle",
    states=State,
    events=Change,
    outcomes=TensorOutcome,
    initial=State.UNBOUND,
    rows=_LIFECYCLE_ROWS,
)


def refused(
    state: NDArray[np.uint8], change: Change, facts: Facts, index: NDArray[np.intp]
) -> tuple[NDArray[np.intp], TensorOutcome]:
    """Find the tensors of `index` that refuse `change`, and why the first of them does."""
    _, outcome = LIFECYCLE.step(state, change, facts, index)
    (where,) = outcome.nonzero()
    return index[where], TensorOutcome(int(outcome[where[0]]) if where.size else 0)
