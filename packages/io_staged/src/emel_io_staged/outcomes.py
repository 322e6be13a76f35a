"""What becomes of a batch beside what spans, targets and files come to, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from emel_io_loader import BatchOutcome, Reaction


class StagedOutcome(IntEnum):
    """The outcomes of the staged strategy's own; those of spans, targets and files have theirs."""

    OK = 0
    # Of a request.
    TRANSFORMS_DIFFER = 1
    """There are more transforms (or block sizes) than spans, or fewer."""
    TRANSFORM_INVALID = 2
    """It has a block of less than one byte, or a result that no number of bytes is."""
    SPAN_NOT_WHOLE = 3
    """The span isn't whole blocks of its transform."""
    CHUNK_TOO_SMALL = 4
    """One block of the span doesn't go into one stage."""
    # Of the strategy.
    PLATFORM_UNSUPPORTED = 5
    STAGING_FAILED = 6
    """There is no memory for the ring."""
    STILL_WORKING = 7
    """Called from within a sink, a transform or a progress of its own."""
    CLOSED = 8
    # Of a transform.
    TRANSFORM_FAILED = 9
    DEQUANTISER_MISSING = 10
    """The package that dequantises isn't installed."""
    DEQUANTISER_UNKNOWN = 11
    """It is no type of blocks, or one that nothing here dequantises."""


_O, _R = StagedOutcome, Reaction
REACTIONS: Final[Mapping[StagedOutcome, Reaction]] = {
    _O.OK: _R.NONE,
    _O.TRANSFORMS_DIFFER: _R.INVALID,
    _O.TRANSFORM_INVALID: _R.INVALID,
    _O.SPAN_NOT_WHOLE: _R.INVALID,
    _O.CHUNK_TOO_SMALL: _R.INVALID,
    _O.PLATFORM_UNSUPPORTED: _R.UNSUPPORTED,
    _O.STAGING_FAILED: _R.SOURCE,
    _O.STILL_WORKING: _R.BUSY,
    _O.CLOSED: _R.CLOSED,
    _O.TRANSFORM_FAILED: _R.INVALID,
    _O.DEQUANTISER_MISSING: _R.UNSUPPORTED,
    _O.DEQUANTISER_UNKNOWN: _R.UNSUPPORTED,
}
"""Each outcome belongs to exactly one reaction."""


def answer(
    outcome: StagedOutcome,
    message: str = "",
    *,
    index: int = -1,
    offset: int = -1,
    cause: BaseException | None = None,
) -> BatchOutcome:
    """Answer a batch with one of them."""
    return BatchOutcome(
        outcome=outcome,
        reaction=REACTIONS[outcome],
        message=message,
        index=index,
        offset=offset,
        errno=getattr(cause, "errno", None) or 0,
        cause=cause,
    )


def bare(error: BaseException) -> BaseException:
    """Strip an exception of what would keep buffers alive: frames, and exceptions with theirs."""
    error.__context__ = None
    if error.__cause__ is not None:
        bare(error.__cause__)
    return error.with_traceback(None)
