"""What the fake strategy answers with."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_io_loader.outcomes import BatchOutcome, Leases, Reaction
from emel_io_loader.spans import Spans


class FakeOutcome(IntEnum):
    """What the fake says beside `SpanOutcome`; named as the real strategies would."""

    OK = 0
    FILE_MISSING = 1
    FILE_CHANGED = 2
    SPAN_BEYOND_END = 3
    TARGETS_GIVEN = 4
    POOL_FULL = 5
    STALE_LEASE = 6
    STILL_BORROWED = 7
    ADVICE_INVALID = 8
    CLOSED = 9
    FILE_SHRANK = 10


_REACTIONS: Final[Mapping[FakeOutcome, Reaction]] = {
    FakeOutcome.OK: Reaction.NONE,
    FakeOutcome.FILE_MISSING: Reaction.SOURCE,
    FakeOutcome.FILE_CHANGED: Reaction.SOURCE,
    FakeOutcome.SPAN_BEYOND_END: Reaction.INVALID,
    FakeOutcome.TARGETS_GIVEN: Reaction.INVALID,
    FakeOutcome.POOL_FULL: Reaction.BUSY,
    FakeOutcome.STALE_LEASE: Reaction.CLOSED,
    FakeOutcome.STILL_BORROWED: Reaction.BUSY,
    FakeOutcome.ADVICE_INVALID: Reaction.INVALID,
    FakeOutcome.CLOSED: Reaction.CLOSED,
    FakeOutcome.FILE_SHRANK: Reaction.SOURCE,
}


def answer(
    outcome: FakeOutcome, message: str = "", *, index: int = -1, offset: int = -1
) -> BatchOutcome:
    """Say how a request ended, with the reaction that belongs to it."""
    return BatchOutcome(
        outcome=outcome,
        reaction=_REACTIONS[outcome],
        message=message,
        index=index,
        offset=offset,
    )


def missing(path: str, index: int) -> BatchOutcome:
    """Say that a file isn't there; `index` is the span, or the file, that asked for it."""
    return BatchOutcome(
        outcome=FakeOutcome.FILE_MISSING,
        reaction=Reaction.SOURCE,
        message=f"{path} is not there",
        index=index,
        errno=errno.ENOENT,
        cause=FileNotFoundError(errno.ENOENT, "No such file or directory", path),
    )


def loaded(spans: Spans, leases: Leases | None = None) -> BatchOutcome:
    """Say that all spans are there, leased by `leases` where the strategy maps."""
    return BatchOutcome(
        outcome=FakeOutcome.OK,
        reaction=Reaction.NONE,
        nspans=len(spans),
        nbytes=int(spans.nbytes.sum()),
        leases=Leases.vacant() if leases is None else leases,
    )


def stale(
    slot: int, generation: int, *, index: int = -1, done: NDArray[np.bool_] | None = None
) -> BatchOutcome:
    """Say that a lease isn't held any more; `done` marks what was let go of before."""
    return BatchOutcome(
        outcome=FakeOutcome.STALE_LEASE,
        reaction=Reaction.CLOSED,
        message=f"lease ({slot}, {generation}) is stale",
        index=index,
        done=done,
    )
