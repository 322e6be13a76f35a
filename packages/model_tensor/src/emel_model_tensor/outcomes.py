"""What an operation on tensors came to: one outcome for the set, one for the tensor concerned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import BatchOutcome, Reaction, code_of


class SetOutcome(IntEnum):
    """What a request to the whole set came to."""

    OK = 0
    NOT_BOUND = 1
    BINDING_INVALID = 2
    STILL_MAPPED = 3
    LOAD_IN_FLIGHT = 4
    STRATEGY_MISSING = 5
    TENSOR_REFUSED = 6
    LEASE_FOREIGN = 7
    STRATEGY_FAILED = 8
    RESULTS_MISMATCHED = 9
    EFFECT_FAILED = 10
    NOTHING_PLANNED = 11
    INDEX_INVALID = 12


class TensorOutcome(IntEnum):
    """What one tensor's lifecycle says to an event."""

    OK = 0
    ALREADY_RESIDENT = 1
    NOT_MAPPED = 2
    NOT_RESIDENT = 3
    MUST_BE_RELEASED = 4
    PINNED = 5


_SET_REACTIONS: Final[Mapping[SetOutcome, Reaction]] = {
    SetOutcome.OK: Reaction.NONE,
    SetOutcome.NOT_BOUND: Reaction.CLOSED,
    SetOutcome.BINDING_INVALID: Reaction.INVALID,
    SetOutcome.STILL_MAPPED: Reaction.BUSY,
    SetOutcome.LOAD_IN_FLIGHT: Reaction.BUSY,
    SetOutcome.STRATEGY_MISSING: Reaction.INVALID,
    SetOutcome.LEASE_FOREIGN: Reaction.CLOSED,
    SetOutcome.RESULTS_MISMATCHED: Reaction.INVALID,
    SetOutcome.EFFECT_FAILED: Reaction.SOURCE,
    SetOutcome.NOTHING_PLANNED: Reaction.CLOSED,
    SetOutcome.INDEX_INVALID: Reaction.INVALID,
}
_TENSOR_REACTIONS: Final[Mapping[TensorOutcome, Reaction]] = {
    TensorOutcome.OK: Reaction.NONE,
    TensorOutcome.ALREADY_RESIDENT: Reaction.BUSY,
    TensorOutcome.NOT_MAPPED: Reaction.CLOSED,
    TensorOutcome.NOT_RESIDENT: Reaction.CLOSED,
    TensorOutcome.MUST_BE_RELEASED: Reaction.BUSY,
    TensorOutcome.PINNED: Reaction.BUSY,
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Report:
    """What one request came to: the set's outcome, the tensor's, and the strategy's."""

    outcome: SetOutcome
    tensor: TensorOutcome = TensorOutcome.OK
    """Why the first of `tensors` refused, where it did."""
    strategy: BatchOutcome | None = None
    """The strategy's own answer, where it was asked."""
    tensors: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    """(k,) the tensors that refused or failed, in request order."""
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether all of the request was done."""
        return self.outcome is SetOutcome.OK

    @property
    def reaction(self) -> Reaction:
        """What the caller can do about it, taken from whoever refused."""
        if self.outcome is SetOutcome.STRATEGY_FAILED and self.strategy is not None:
            return self.strategy.reaction
        if self.outcome is SetOutcome.TENSOR_REFUSED:
            return _TENSOR_REACTIONS[self.tensor]
        return _SET_REACTIONS[self.outcome]

    @property
    def code(self) -> str:
        """The stable kebab-case code of whoever refused."""
        if self.outcome is SetOutcome.STRATEGY_FAILED and self.strategy is not None:
            return self.strategy.code
        if self.outcome is SetOutcome.TENSOR_REFUSED:
            return code_of(self.tensor)
        return code_of(self.outcome)
