"""Figures that Python versions count a little differently, so that none of it shows.

Calls to the system are exact. Lines, calls and bytes of objects are not quite: 3.12 makes no call
of a list comprehension, and its strings are smaller. Such a figure is recorded rounded up, and
stays what is recorded as long as it is near that: no boundary lies where two versions can stand
on either side of it.
"""

from __future__ import annotations

_BITS = 3
_UP, _DOWN = 1.15, 0.65
_SLACK = 2
"""Of the smallest figures: so much is nothing."""


def rounded(value: int) -> int:
    """Round up to three significant bits: at most a quarter more than it is."""
    shift = max(value.bit_length() - _BITS, 0)
    return -(-value >> shift) << shift


def held(value: int, recorded: str | None) -> int:
    """Answer with what is recorded if `value` is near it, else with `value`, rounded."""
    if recorded is not None and recorded.isdecimal():
        known = int(recorded)
        if known * _DOWN - _SLACK <= value <= known * _UP + _SLACK:
            return known
    return rounded(value)
