"""Figures that Python versions count a little differently, so that none of it shows.

Calls to the system are exact. Lines, calls and bytes of objects are not quite: 3.12 makes no call
of a list comprehension, and sees fewer lines in one; threads may hold their buffers at the same
time or not. Such a figure is recorded rounded up, and stays what is recorded as long as it is near
that: there is no boundary that two versions could stand on either side of.
"""

from __future__ import annotations

from typing import NamedTuple

_BITS = 3


class Band(NamedTuple):
    """How far from what is recorded a figure may be."""

    down: float
    up: float
    slack: int
    """So much more or less is nothing, however small the figure."""
    grid: int = 1
    """A figure is rounded up to a multiple of this; 1: to three significant bits."""

    def held(self, value: int, recorded: str | None) -> int:
        """Answer with what is recorded if `value` is near it, else with `value`, rounded."""
        if recorded is not None and recorded.isdecimal():
            known = int(recorded)
            if known * self.down - self.slack <= value <= known * self.up + self.slack:
                return known
        return rounded(value) if self.grid == 1 else -(-value // self.grid) * self.grid


def rounded(value: int) -> int:
    """Round up to three significant bits: at most a quarter more than it is."""
    shift = max(value.bit_length() - _BITS, 0)
    return -(-value >> shift) << shift


LINES = Band(0.5, 1.5, 8)
CALLS = Band(0.65, 1.2, 4)
PAYLOAD_KIB = Band(1, 1, 88, grid=64)
"""Buffers are as large as they are, so that a copy of one tensor, 256 KiB, is never drowned."""
ITEMS_KIB = Band(0.65, 1.2, 4)
HELD_KIB = Band(0.8, 1.15, 4, grid=4)
"""Each header is as much as what is made of all, so that one that is kept stands out."""
LEFT_KIB = Band(0.5, 1.5, 4)
