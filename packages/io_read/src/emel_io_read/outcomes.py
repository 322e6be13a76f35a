"""What a request to the read strategy comes to, beside what spans, targets and files come to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from emel_io_loader import Reaction


class ReadOutcome(IntEnum):
    """The strategy's own outcomes.

    `SpanOutcome` and `TargetOutcome` say what is wrong with a request, `FileOutcome` what a file or
    the operating system refused.
    """

    OK = 0
    PLATFORM_UNSUPPORTED = 1
    CLOSED = 2
    """The strategy was closed: it loads nothing any more."""
    THREADS_INVALID = 3
    """Fewer than one thread can't read."""


_O, _R = ReadOutcome, Reaction
REACTIONS: Final[Mapping[ReadOutcome, Reaction]] = {
    _O.OK: _R.NONE,
    _O.PLATFORM_UNSUPPORTED: _R.UNSUPPORTED,
    _O.CLOSED: _R.CLOSED,
    _O.THREADS_INVALID: _R.INVALID,
}
"""Each outcome belongs to exactly one reaction."""
