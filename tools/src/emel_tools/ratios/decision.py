"""The decision: from a few estimates of one ratio to slower, quicker, same, or not to be told.

Each half of a pass of a block, which is a process, gives one estimate of the logarithm of a ratio:
to what was recorded, so that 0 is no change. Nothing is assumed of their distribution. The interval
is between two of them by rank: the median of all that there could be lies outside with at most 2 %
on either side (the binomial distribution with one half). A change is news if the interval lies
beyond `SURE`, the middle beyond `NEWS`, and if it is narrow; so without a change every estimate
but the few that a rank leaves out would have to err by 4 %, in one direction, half of them by 7 %,
and all in much the same way. A loss of 15 % is missed only if they err by as much the other way.
What is news is decided a second time, by estimates of its own.
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
CLEAR: Final = math.log(1.05)
FAR: Final = math.log(1.5)
"""How far a case that is new since the base may be from its record, which its control alone holds
it to. One machine, busy or not, moved such a ratio by 1.28 and by 1.48."""
AT_ONCE: Final = 2
"""Estimates, one process's, that can say `same` if neither is beyond `CLEAR`."""
SOON: Final = 4
"""Estimates that can say `same` if none of them is beyond `NEWS`."""
ENOUGH: Final = 8
"""Estimates that can say anything: of fewer than 6 no interval by rank can."""
MOST: Final = 26
"""Estimates after which a case is given up."""
_OUTSIDE: Final = 0.02


class Estimate(NamedTuple):
    """What is known of one ratio, as logarithms."""

    middle: float
    low: float
    high: float
    number: int

    @property
    def is_narrow(self) -> bool:
        """Whether the machine is quiet enough for what is seen: a large change needs it less."""
        return self.high - self.low < max(DEMANDED, min(abs(self.low), abs(self.high)))

    def spelled(self) -> str:
        """Say it as factors: `1.17 (1.15 to 1.19, seen 6 times)`."""
        middle, low, high = (math.exp(v) for v in (self.middle, self.low, self.high))
        return f"{middle:.2f} ({low:.2f} to {high:.2f}, seen {self.number} times)"


def estimate(logs: Sequence[float]) -> Estimate:
    """Bring n estimates, 1 or more, together."""
    ordered, out = sorted(logs), _left_out(len(logs))
    return Estimate(statistics.median(ordered), ordered[out], ordered[-1 - out], len(ordered))


def halves(ours: Sequence[int], theirs: Sequence[int]) -> list[float]:
    """Estimate a ratio twice from one block, by its earlier and its later rounds."""
    half = len(ours) // 2
    pairs = ((ours[:half], theirs[:half]), (ours[half:], theirs[half:]))
    return [log_ratio(*pair) for pair in pairs if all(pair)]


def log_ratio(ours: Sequence[int], theirs: Sequence[int]) -> float:
    """Estimate one ratio by what was disturbed least, for nothing makes code quicker."""
    return math.log(min(ours) / min(theirs))


def decide(logs: Sequence[float], expected: float = 0.0) -> Verdict:
    """Say what the estimates so far amount to.

    Parameters
    ----------
    logs
        Logarithms of a ratio.
    expected
        What the record says that it is: 0, or what was accepted since.

    Returns
    -------
    str
        "open" if more are needed; with `MOST` of them, or when there is no time for more,
        the machine is too noisy to tell.
    """
    if not logs:
        return "open"
    seen = estimate([log - expected for log in logs])
    if seen.number < ENOUGH:
        limit = NEWS if seen.number >= SOON else CLEAR
        near = all(abs(log - expected) < limit for log in logs)
        return "same" if near and seen.number >= AT_ONCE else "open"
    if seen.low > SURE and seen.middle > NEWS and seen.is_narrow:
        return "slower"
    if seen.high < -SURE and seen.middle < -NEWS and seen.is_narrow:
        return "quicker"
    # No loss of what is demanded, for certain; a gain that can't be told from noise is no news.
    return "same" if seen.high < 0.8 * DEMANDED and seen.middle > -NEWS else "open"


def _left_out(count: int) -> int:
    """Count the estimates at either end that the interval may leave out."""
    out, outside = 0, 0.5**count
    while True:
        outside += math.comb(count, out + 1) * 0.5**count
        if outside > _OUTSIDE:
            return out
        out += 1
