"""The decision: from a few estimates of one ratio to slower, quicker, same, or not to be told.

Each block is a process of its own and gives one estimate of the logarithm of a ratio: to what was
recorded, so that 0 is no change. Nothing is assumed of their distribution. The interval is between
two of them by rank: the median of many blocks lies outside with at most 2 % on either side (the
binomial distribution with one half). A change is news if the interval lies beyond `SURE` and the
middle beyond `NEWS`; so without a change every block but the few that a rank leaves out would have
to err by 4 %, in one direction, and half of them by 7.5 %. A slowdown of 15 % is missed only if
blocks err by as much the other way.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

Verdict: TypeAlias = Literal["slower", "quicker", "same", "open"]

DEMANDED: Final = math.log(1.15)
"""What has to be found with 95 %."""
NEWS: Final = DEMANDED / 2
"""Halfway: about 7.2 %."""
SURE: Final = math.log(1.04)
SOON: Final = 3
"""Blocks that can say `same` if none of them is beyond `NEWS`."""
ENOUGH: Final = 6
"""Blocks that can say anything: of fewer no interval by rank is as certain."""
MOST: Final = 16
"""Blocks after which a case is given up."""
_OUTSIDE: Final = 0.02


class Estimate(NamedTuple):
    """What is known of one ratio, as logarithms."""

    middle: float
    low: float
    high: float
    blocks: int

    def spelled(self) -> str:
        """Say it as factors: `1.17 (1.15 to 1.19, 6 blocks)`."""
        middle, low, high = (math.exp(v) for v in (self.middle, self.low, self.high))
        return f"{middle:.2f} ({low:.2f} to {high:.2f}, {self.blocks} blocks)"


def estimate(logs: Sequence[float]) -> Estimate:
    """Bring the estimates of n blocks, 1 or more, together."""
    ordered, out = sorted(logs), _left_out(len(logs))
    return Estimate(statistics.median(ordered), ordered[out], ordered[-1 - out], len(ordered))


def decide(logs: Sequence[float], expected: float = 0.0) -> Verdict:
    """Say what the blocks so far amount to.

    Parameters
    ----------
    logs
        One logarithm of a ratio a block.
    expected
        What the record says that it is: 0, or what was accepted since.

    Returns
    -------
    str
        "open" if more blocks are needed; with `MOST` of them, or when there is no time for more,
        the machine is too noisy to tell.
    """
    if not logs:
        return "open"
    seen = estimate([log - expected for log in logs])
    if seen.blocks < ENOUGH:
        near = all(abs(log - expected) < NEWS for log in logs)
        return "same" if near and seen.blocks >= SOON else "open"
    if seen.low > SURE and seen.middle > NEWS:
        return "slower"
    if seen.high < -SURE and seen.middle < -NEWS:
        return "quicker"
    # Less than what is demanded, for certain.
    return "same" if seen.low > -0.8 * DEMANDED and seen.high < 0.8 * DEMANDED else "open"


def _left_out(blocks: int) -> int:
    """Count the blocks at either end that the interval may leave out."""
    out, outside = 0, 0.5**blocks
    while True:
        outside += math.comb(blocks, out + 1) * 0.5**blocks
        if outside > _OUTSIDE:
            return out
        out += 1
