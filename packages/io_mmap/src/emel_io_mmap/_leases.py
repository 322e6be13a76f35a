"""The leases of one mapping as columns, and the pages that belong to nobody else. Pure.

Leases stand in the order in which they were given, so generations rise and one is found by
bisection. A lease that is let go is marked dead, and the dead are swept out once they are the
larger half: giving and letting go cost a constant time a lease, and memory follows what is alive.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T", np.int64, np.bool_)
_ROOM = 8
"""Leases that fresh columns have room for: most slots of a small model have few."""
_FEW = 16
"""With as many neighbours a loop is faster than a dozen calls of numpy."""
_SWEEP = 64
"""Fewer dead leases than this aren't worth a sweep."""


class LeaseColumns:
    """Columns, (count,) each: lease i is the bytes [starts[i], stops[i]) of the slot's file.

    `generations`, `starts`, `stops` and `alive` are memoryviews of the arrays behind them: a single
    element of one is read in a third of the time that numpy takes.
    """

    __slots__ = (
        "_alive",
        "_generation",
        "_start",
        "_stop",
        "alive",
        "base",
        "count",
        "generations",
        "nalive",
        "starts",
        "stops",
    )

    _alive: NDArray[np.bool_]
    _generation: NDArray[np.int64]
    _start: NDArray[np.int64]
    _stop: NDArray[np.int64]
    alive: memoryview
    generations: memoryview
    starts: memoryview
    stops: memoryview

    def __init__(self) -> None:
        self.count: int = 0
        self.nalive: int = 0
        self.base: int = 0
        """Generation minus position at the last lease found: right for its whole batch."""
        self._take(
            np.empty(_ROOM, np.int64),
            np.empty(_ROOM, np.int64),
            np.empty(_ROOM, np.int64),
            np.zeros(_ROOM, np.bool_),
        )

    def _take(
        self,
        generation: NDArray[np.int64],
        start: NDArray[np.int64],
        stop: NDArray[np.int64],
        alive: NDArray[np.bool_],
    ) -> None:
        self._generation, self.generations = generation, generation.data
        self._start, self.starts = start, start.data
        self._stop, self.stops = stop, stop.data
        self._alive, self.alive = alive, alive.data

    def give(self, first: int, start: NDArray[np.int64], stop: NDArray[np.int64]) -> None:
        """Append n leases of the generations `first` and on, which are later than all before."""
        count, n = self.count, len(start)
        if count + n > len(self._start):
            room = max(2 * count, count + n)
            self._take(
                _grown(self._generation, count, room),
                _grown(self._start, count, room),
                _grown(self._stop, count, room),
                _grown(self._alive, count, room),
            )
        end = count + n
        self._generation[count:end] = np.arange(first, first + n)
        self._start[count:end] = start
        self._stop[count:end] = stop
        self._alive[count:end] = True
        self.base = first - count
        self.count = end
        self.nalive += n

    def find(self, generation: int) -> int:
        """Position of a live lease; -1 if there is none."""
        i = generation - self.base
        if not (0 <= i < self.count and self.generations[i] == generation):
            i = bisect_left(self.generations, generation, 0, self.count)
            if i == self.count or self.generations[i] != generation:
                return -1
            self.base = generation - i
        return i if self.alive[i] else -1

    def find_all(self, generation: NDArray[np.int64]) -> NDArray[np.intp]:
        """Positions of n live leases; -1 for each that isn't one."""
        if not self.count:
            return np.full(len(generation), -1, np.intp)
        at = np.searchsorted(self._generation[: self.count], generation)
        at[at == self.count] = 0
        at[(self._generation[at] != generation) | ~self._alive[at]] = -1
        return at

    def living(self) -> NDArray[np.intp]:
        """Positions of all live leases."""
        return np.flatnonzero(self._alive[: self.count])

    def generation_of(self, positions: NDArray[np.intp]) -> NDArray[np.int64]:
        """Generations of the leases at `positions`."""
        return self._generation[positions]

    def nbytes_of(self, positions: NDArray[np.intp]) -> NDArray[np.int64]:
        """Bytes of each of the leases at `positions`."""
        return self._stop[positions] - self._start[positions]

    def recount(self) -> None:
        """Count the living anew: an interrupt may have come between letting go and counting."""
        self.nalive = int(np.count_nonzero(self._alive[: self.count]))

    def drop(self, positions: NDArray[np.intp], page: int) -> list[tuple[int, int]]:
        """Let go of live leases, and say which pages nobody needs now.

        Returns
        -------
        list
            (start, stop) in bytes of the file, whole pages, rising and apart: each page that a
            dropped lease touches and no live one does.
        """
        start, stop = self._start[positions], self._stop[positions]
        self._alive[positions] = False
        self.nalive -= len(positions)
        # Leases that end before the first page that may go, or begin after the last, have no say.
        low, high = int(start.min()) // page * page, -(-int(stop.max()) // page) * page
        near = self._alive[: self.count] & (self._start[: self.count] < high)
        near &= self._stop[: self.count] > low
        kept_start, kept_stop = self._start[: self.count][near], self._stop[: self.count][near]
        if len(positions) == 1 and len(kept_start) <= _FEW:
            kept = zip(kept_start.tolist(), kept_stop.tolist(), strict=True)
            free = _vacated_by_one(low // page, high // page, kept, page)
        else:
            free = _vacated(start, stop, kept_start, kept_stop, page)
        if self.count - self.nalive > max(self.nalive, _SWEEP):
            self._sweep()
        return free

    def _sweep(self) -> None:
        kept = self.living()
        self._take(self._generation[kept], self._start[kept], self._stop[kept], self._alive[kept])
        self.count = len(kept)
        self.base = 0


def _grown(old: NDArray[_T], count: int, room: int) -> NDArray[_T]:
    grown = np.zeros_like(old, shape=room)
    grown[:count] = old[:count]
    return grown


def _vacated_by_one(
    low: int, high: int, kept: Iterable[tuple[int, int]], page: int
) -> list[tuple[int, int]]:
    """`_vacated` for one span of the pages [low, high): tensors are often let go one by one."""
    free = [(low, high)]
    for start, stop in kept:
        first, last = start // page, -(-stop // page)
        parts = ((a, min(b, first), max(a, last), b) for a, b in free)
        free = [(a, b) for w, x, y, z in parts for a, b in ((w, x), (y, z)) if a < b]
    return [(a * page, b * page) for a, b in free]


def _vacated(
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    kept_start: NDArray[np.int64],
    kept_stop: NDArray[np.int64],
    page: int,
) -> list[tuple[int, int]]:
    """Pages that the spans [start, stop) touch and the kept ones don't, joined where they meet."""
    n, m = len(start), len(kept_start)
    # A walk over all borders by rising page: how many spans of either kind are open after each.
    border = np.concatenate((start, stop + (page - 1), kept_start, kept_stop + (page - 1))) // page
    order = np.argsort(border, kind="stable")
    border = border[order]
    gone = np.repeat(np.array([1, -1, 0, 0]), (n, n, m, m))[order].cumsum()
    kept = np.repeat(np.array([0, 0, 1, -1]), (n, n, m, m))[order].cumsum()
    free = ((gone > 0) & (kept == 0))[:-1] & (border[1:] > border[:-1])
    low, high = border[:-1][free], border[1:][free]
    if not len(low):
        return []
    apart = np.flatnonzero(low[1:] != high[:-1])
    low, high = low[np.append(0, apart + 1)], high[np.append(apart, len(high) - 1)]
    return list(zip((low * page).tolist(), (high * page).tolist(), strict=True))
