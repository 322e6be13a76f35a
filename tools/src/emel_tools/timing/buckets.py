"""Buckets of seconds: 1, 2, 4, 8, ...; which one a time is put into, and how long that holds."""

from __future__ import annotations

import math
from typing import Final

FACTOR: Final = 2.0
"""By how much a time may leave its bucket before it is news.

A time in the bucket of 8 lies between 4 and 8 seconds; it holds from 2 to 16. So what changes by
less than this factor is never heard of, and what changes by more than its square always is. How far
the same shard differs from run to run is told in docs/design/timing.md.
"""
COLD: Final = 8.0
"""Seconds that the first run of a shard in an environment may take longer: it compiles modules."""


def bucket_of(seconds: float) -> int:
    """Put a time into a bucket: the smallest power of two that isn't below it; at least 1."""
    return 1 << max(0, math.ceil(math.log2(max(seconds, 1.0))))


def holds(bucket: int, seconds: float, *, cold: bool = False, may_be_short: bool = False) -> bool:
    """Whether a recorded bucket still stands for a time.

    Parameters
    ----------
    bucket
        As recorded. Below a second everything is one bucket, so none is too large for that.
    seconds
        As measured now.
    cold
        Whether it is the first run here: it may be longer by `COLD`, and short is no news.
    may_be_short
        Whether it is no news either that it took less, because there was less to do.
    """
    if seconds > bucket * FACTOR + (COLD if cold else 0):
        return False
    return cold or may_be_short or bucket == 1 or seconds >= bucket / 2 / FACTOR
