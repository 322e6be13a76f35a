"""Make what was found small: fewer events, fewer bytes, and the same verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_S = TypeVar("_S", bytes, list[Any])

TRIES = 400
"""A finding that is larger than need be is better than a lane that takes too long."""


def smallest(found: _S, still_fails: Callable[[_S], bool]) -> _S:
    """Leave out stretches of `found`, large ones first, for as long as it still fails."""
    tries, size = 0, len(found) // 2
    while size and tries < TRIES:
        at = 0
        while at < len(found) and tries < TRIES:
            shorter = found[:at] + found[at + size :]
            tries += 1
            if still_fails(shorter):
                found = shorter
            else:
                at += size
        size //= 2
    return found
