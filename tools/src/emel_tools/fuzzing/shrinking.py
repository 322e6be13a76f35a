"""Make what was found small: fewer events, fewer bytes, and the same verdict."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

_S = TypeVar("_S", bytes, list[Any])

TRIES = 400
"""A finding that is larger than need be is better than a lane that takes too long."""

_VALUES: Final = re.compile(r"""[(\[{<][^()\[\]{}<>]*[)\]}>]|'[^']*'|\d+""")


def raised(error: Exception) -> str:
    """Say what was raised and where: the same words from elsewhere are another finding."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f", in {frame.name} of {Path(frame.filename).name}" for frame in last)
    return f"{type(error).__name__}: {error}{where}"


def cause_of(problem: str) -> str:
    """Leave the values out of what is wrong: what is left is the same for a smaller thing."""
    count = 1
    while count:
        problem, count = _VALUES.subn("", problem)
    return problem


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
