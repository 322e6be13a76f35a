"""Outcomes: what a batch came to, as values. Nothing in this package raises for a refused span."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Reaction(IntEnum):
    """What a caller can do about an outcome; the face has one exception class for each.

    Whatever the strategy, an outcome belongs to exactly one of these, so that whoever stands above
    need not know a strategy's own outcomes.
    """

    NONE = 0
    """Done: there is nothing to react to."""
    INVALID = 1
    """The request or the file breaks its rules: the same request fails again."""
    UNSUPPORTED = 2
    """Well-formed, but nothing here handles it."""
    SOURCE = 3
    """The operating system or the file failed: `errno` and `cause` say how."""
    BUSY = 4
    """Still borrowed, or the pool is full: let go of something and try again."""
    CLOSED = 5
    """Used after release or close, or with a lease that was never given."""


class Lease(NamedTuple):
    """Proof that one span is mapped.

    `slot` is the mapping's place in the pool; `generation` is never given twice by one strategy,
    so a lease that was released, or that another strategy gave, is known to be stale.
    """

    slot: int
    generation: int


@dataclass(frozen=True, slots=True, eq=False)
class Leases:
    """Leases as columns: `slot` (n,) int32 and `generation` (n,) int64.

    A span of zero bytes is mapped nowhere: its slot is -1, and releasing it is legal.
    """

    slot: NDArray[np.int32]
    generation: NDArray[np.int64]

    @classmethod
    def of(cls, slot: ArrayLike, generation: ArrayLike) -> Leases:
        """Copy two sequences of n integers into columns."""
        return cls(np.array(slot, np.int32), np.array(generation, np.int64))

    @classmethod
    def vacant(cls, n: int = 0) -> Leases:
        """Make columns for n leases that are not given yet; n = 0 is what a failed batch leaves."""
        # Every answer has leases, and those of most are none.
        return cls(np.full(n, -1, np.int32), np.full(n, -1, np.int64)) if n else _NO_LEASES

    def __len__(self) -> int:
        return len(self.slot)

    def __getitem__(self, i: int) -> Lease:
        return Lease(int(self.slot[i]), int(self.generation[i]))

    def take(self, index: NDArray[np.intp]) -> Leases:
        """Select the leases at `index`, (m,) intp, as new columns."""
        return Leases(self.slot[index], self.generation[index])


_NO_LEASES: Final = Leases.of((), ())


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BatchOutcome:
    """What one batch came to.

    A failed load leaves nothing behind: no lease, no mapping, no descriptor. A failed release says
    in `done` which leases are gone; the others stay exactly as they were.
    """

    outcome: IntEnum
    """The strategy's own outcome; its member 0 is success in every strategy."""
    reaction: Reaction
    message: str = ""
    """One sentence for a person: what failed, with the numbers."""
    index: int = -1
    """The first span that failed, in request order; -1 if none did."""
    offset: int = -1
    """The byte of the file where it failed; -1 where none is meant."""
    errno: int = 0
    """The operating system's reason; 0 if it wasn't asked or gave none."""
    cause: BaseException | None = None
    """The exception behind `errno`, without its traceback (frames would keep buffers alive)."""
    nspans: int = 0
    """Spans done, all of them on success."""
    nbytes: int = 0
    """Bytes done."""
    direct_nbytes: int = 0
    """Of those, the bytes that did not go through the page cache."""
    touched: bool = False
    """Of a failed copy: targets may hold other bytes than before. False: they are untouched."""
    leases: Leases = field(default_factory=Leases.vacant)
    """One lease a span, in request order, from a mapping strategy; none otherwise."""
    done: NDArray[np.bool_] | None = None
    """(n,) bool, which spans are done, where a batch can be done in part: a release."""

    @property
    def ok(self) -> bool:
        """Whether the whole batch was done."""
        return self.reaction is Reaction.NONE

    @property
    def code(self) -> str:
        """The outcome's stable name in kebab-case, for example `still-borrowed`."""
        return code_of(self.outcome)


def code_of(outcome: IntEnum) -> str:
    """Spell an outcome as a stable code: lower case, words joined by hyphens."""
    return outcome.name.lower().replace("_", "-")


class StrategyError(Exception):
    """One span was refused where an answer other than its bytes makes no sense (`Strategy.view`).

    Attributes
    ----------
    result
        The outcome. The strategy is as it was before the call.
    """

    def __init__(self, result: BatchOutcome) -> None:
        super().__init__(result.message or result.code)
        self.result: BatchOutcome = result


class SpanOutcome(IntEnum):
    """What validation says of a batch of spans before any call to the operating system."""

    OK = 0
    LENGTHS_DIFFER = 1
    FILE_UNKNOWN = 2
    PATH_EMPTY = 3
    PATH_TOO_LONG = 4
    PATH_HAS_NUL = 5
    OFFSET_NEGATIVE = 6
    NBYTES_NEGATIVE = 7
    SPAN_OVERFLOWS = 8
    SPAN_TOO_LARGE = 9


class RouteOutcome(IntEnum):
    """What the router says of a request."""

    OK = 0
    STRATEGY_MISSING = 1
    STRATEGY_UNKNOWN = 2
    STRATEGY_UNAVAILABLE = 3
    STRATEGY_FAILED = 4
    STRATEGY_BROKEN = 5
    """Somebody else's strategy breaks the contract."""


ROUTE_REACTIONS: Final[Mapping[RouteOutcome, Reaction]] = {
    RouteOutcome.OK: Reaction.NONE,
    RouteOutcome.STRATEGY_MISSING: Reaction.UNSUPPORTED,
    RouteOutcome.STRATEGY_UNKNOWN: Reaction.UNSUPPORTED,
    RouteOutcome.STRATEGY_UNAVAILABLE: Reaction.UNSUPPORTED,
    RouteOutcome.STRATEGY_BROKEN: Reaction.UNSUPPORTED,
}
"""STRATEGY_FAILED is absent: the strategy's own outcome has the reaction."""
