"""What a request to the mmap strategy comes to, and what a caller can do about each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from emel_io_loader import Reaction


class MmapOutcome(IntEnum):
    """The outcomes of load, release, advise, identify and close."""

    OK = 0
    # Of io_loader's rules for spans, under the same names.
    LENGTHS_DIFFER = 1
    FILE_UNKNOWN = 2
    PATH_EMPTY = 3
    PATH_TOO_LONG = 4
    PATH_HAS_NUL = 5
    OFFSET_NEGATIVE = 6
    NBYTES_NEGATIVE = 7
    SPAN_OVERFLOWS = 8
    SPAN_TOO_LARGE = 9
    # Before any call to the operating system.
    TARGETS_GIVEN = 10
    """A strategy that maps fills no buffers."""
    PLATFORM_UNSUPPORTED = 11
    POOL_FULL = 12
    CLOSED = 13
    """The strategy was closed, or is being closed: it takes no new spans."""
    STALE_LEASE = 14
    # Of a file.
    OPEN_FAILED = 15
    STAT_FAILED = 16
    NOT_REGULAR = 17
    SPAN_BEYOND_END = 18
    """The file ends before the span does, and nobody claimed otherwise."""
    FILE_SHRANK = 19
    """The file reached to the end of the span when it was first looked at, and doesn't now."""
    FILE_CHANGED = 20
    """Device, inode, size or modification time are not what they were."""
    # Of a mapping.
    MAP_FAILED = 21
    STILL_BORROWED = 22
    UNMAP_FAILED = 23
    CLOSE_FAILED = 24
    # Of an advice.
    ADVICE_UNKNOWN = 25
    ADVICE_OUTSIDE = 26
    ADVICE_UNSUPPORTED = 27
    ADVICE_FAILED = 28


_O, _R = MmapOutcome, Reaction
REACTIONS: Final[Mapping[MmapOutcome, Reaction]] = {
    _O.OK: _R.NONE,
    _O.LENGTHS_DIFFER: _R.INVALID,
    _O.FILE_UNKNOWN: _R.INVALID,
    _O.PATH_EMPTY: _R.INVALID,
    _O.PATH_TOO_LONG: _R.INVALID,
    _O.PATH_HAS_NUL: _R.INVALID,
    _O.OFFSET_NEGATIVE: _R.INVALID,
    _O.NBYTES_NEGATIVE: _R.INVALID,
    _O.SPAN_OVERFLOWS: _R.INVALID,
    _O.SPAN_TOO_LARGE: _R.INVALID,
    _O.TARGETS_GIVEN: _R.INVALID,
    _O.PLATFORM_UNSUPPORTED: _R.UNSUPPORTED,
    _O.POOL_FULL: _R.BUSY,
    _O.CLOSED: _R.CLOSED,
    _O.STALE_LEASE: _R.CLOSED,
    _O.OPEN_FAILED: _R.SOURCE,
    _O.STAT_FAILED: _R.SOURCE,
    _O.NOT_REGULAR: _R.SOURCE,
    _O.SPAN_BEYOND_END: _R.INVALID,
    _O.FILE_SHRANK: _R.SOURCE,
    _O.FILE_CHANGED: _R.SOURCE,
    _O.MAP_FAILED: _R.SOURCE,
    _O.STILL_BORROWED: _R.BUSY,
    _O.UNMAP_FAILED: _R.SOURCE,
    _O.CLOSE_FAILED: _R.SOURCE,
    _O.ADVICE_UNKNOWN: _R.INVALID,
    _O.ADVICE_OUTSIDE: _R.INVALID,
    _O.ADVICE_UNSUPPORTED: _R.UNSUPPORTED,
    _O.ADVICE_FAILED: _R.SOURCE,
}
"""Each outcome belongs to exactly one reaction."""
