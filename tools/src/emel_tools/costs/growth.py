"""How the processor time of an action grows with the number of its items.

Some work is no line and no call: `name in names` looks at every name, and `data += part` copies all
of it. Only time tells. Time is noisy; but sixteen times the items take sixteen times as long, or
256 times, and noise doesn't cross what lies between. What seems to is measured again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from emel_tools.costs.memory import without_garbage

LINEAR: Final = 1
WORSE: Final = 2
_ROOM: Final = 3.0
"""So many times the growth of the items is still linear. Seen were 1.1 at the most, the best of
twelve; but where the many take fresh memory each time, and the few don't, it was over 1.6."""
_AGAIN: Final = 8
_PAUSE: Final = 0.1
"""Seconds to wait before what seems to grow is measured again: a slow spell passes."""
_LONG: Final = 1.0
"""Seconds after which nothing is repeated: what takes so long isn't noise."""


def power(small: Callable[[], object], large: Callable[[], object], factor: float) -> int:
    """Say whether time grows as the items do (1) or faster (2).

    Parameters
    ----------
    small, large
        The same work on few items and on `factor` times as many.
    factor
        16 or so.
    """
    # As often as makes it last as long: whatever interrupts the one interrupts the other.
    times = max(1, round(factor))
    best_small = best_large = float("inf")
    with without_garbage():
        for again in range(1 + _AGAIN):
            time.sleep(_PAUSE if again else 0)
            best_small = min(best_small, _seconds(small, times) / times)
            best_large = min(best_large, _seconds(large, 1))
            if best_large <= factor * _ROOM * best_small:
                return LINEAR
            if best_large >= _LONG:
                break
    return WORSE


def _seconds(action: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        action()
    return time.process_time() - began
