"""The planner: spans in, runs out. Pure; it knows no file, no strategy and no system call."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emel_io_loader.spans import INT64_MAX, Spans


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Columns: run r is the bytes [start[r], stop[r]) of one file and holds whole spans.

    The spans of run r are `order[first[r]:first[r + 1]]`, by rising offset.
    """

    file: NDArray[np.intp]
    """(runs,) index into the files of the spans."""
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    order: NDArray[np.intp]
    """Indices of the planned spans, by file and offset; spans of zero bytes are in no run."""
    first: NDArray[np.intp]
    """(runs + 1,) where each run's spans begin in `order`."""

    def __len__(self) -> int:
        return len(self.file)

    def members(self, run: int) -> NDArray[np.intp]:
        """Index the spans of one run, by rising offset."""
        return self.order[self.first[run] : self.first[run + 1]]


def plan(spans: Spans, *, gap_nbytes: int, over_read: float, run_nbytes: int) -> Runs:
    """Join spans of a file that lie close.

    Parameters
    ----------
    spans
        Valid spans (`validate` answered None); they may overlap and come in any order.
    gap_nbytes
        Two neighbours share a run if at most this many unwanted bytes lie between them.
    over_read
        The unwanted bytes of a run are at most this share of its wanted ones, 0 or more: 0.25 reads
        at most 5 bytes for 4. `math.inf` for those who don't pay for them, as a mapping doesn't.
    run_nbytes
        A run doesn't grow past this many bytes; a single span that is larger is a run of its own,
        and overlapping spans are never torn apart.

    Returns
    -------
    Runs
        Every span of more than zero bytes lies in exactly one run.
    """
    wanted = (spans.nbytes > 0).nonzero()[0]
    if len(wanted) == 1:  # one span is one run: the common case of tensors that are asked for alone
        start = spans.offset[wanted]
        stop = start + spans.nbytes[wanted]
        return Runs(spans.file[wanted].astype(np.intp), start, stop, wanted, np.array([0, 1]))
    offset = spans.offset[wanted]
    order = wanted[np.lexsort((offset, spans.file[wanted]))]
    file, start = spans.file[order].astype(np.intp), spans.offset[order]
    lumps = _lumps(file, start, start + spans.nbytes[order])
    cuts = lumps.cuts(gap_nbytes, over_read, run_nbytes)
    last = np.append(cuts[1:], len(lumps.first))[: len(cuts)] - 1
    first = lumps.first[cuts]
    return Runs(
        file=file[first],
        start=lumps.start[cuts],
        stop=lumps.stop[last],
        order=order,
        first=np.append(first, len(order)).astype(np.intp),
    )


class _Lumps(NamedTuple):
    """Spans that overlap, as one: columns of what can't be torn apart, by file and offset."""

    first: NDArray[np.intp]
    """Where each lump's spans begin in the order of all."""
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    new_file: NDArray[np.bool_]

    def cuts(self, gap_nbytes: int, over_read: float, run_nbytes: int) -> NDArray[np.intp]:
        """Where runs begin: the first lump of each."""
        n = len(self.first)
        hole = np.zeros(n, np.int64)
        hole[1:] = np.where(self.new_file[1:], 0, self.start[1:] - self.stop[:-1])
        far = np.flatnonzero(self.new_file | (hole > gap_nbytes))
        cuts: list[int] = []
        for begin, end in itertools.pairwise((*far.tolist(), n)):
            cuts.append(begin)
            if end > begin + 1:
                near = slice(begin, end)
                # From the group's start, so that no sum passes what a float holds exactly.
                base = self.start[begin]
                holes = np.cumsum(hole[near]) - hole[begin]
                group = _Group(self.start[near] - base, self.stop[near] - base, holes)
                cuts.extend(begin + cut for cut in group.cuts(over_read, run_nbytes))
        return np.array(cuts, np.intp)


class _Group(NamedTuple):
    """Lumps of one file whose holes are all within the gap limit."""

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    holes: NDArray[np.int64]
    """Bytes of all holes before each lump."""

    def cuts(self, over_read: float, run_nbytes: int) -> list[int]:
        """Where the group has to be cut beside its start; each run takes what it can."""
        # A run from lump b to k reads `stop[k] - start[b]` bytes, and `holes[k] - holes[b]` of them
        # for nothing. That is within the share exactly if excess[k] <= excess0[b]:
        share = 0.0 if math.isinf(over_read) else over_read
        holes = (1 + share) * self.holes.astype(np.float64)
        excess: NDArray[np.float64] = holes - share * self.stop.astype(np.float64)
        excess0: NDArray[np.float64] = holes - share * self.start.astype(np.float64)
        if math.isinf(over_read):
            excess = np.full(len(holes), -math.inf)
        # Where a run of two lumps is possible; elsewhere each lump that begins a run ends it, too.
        pair = (excess[1:] <= excess0[:-1]) & (self.stop[1:] - self.start[:-1] <= run_nbytes)
        paired: list[int] = np.flatnonzero(pair).tolist()
        begin, at, cuts = 0, 0, list[int]()
        while True:
            while at < len(paired) and paired[at] < begin:
                at += 1
            alone = paired[at] if at < len(paired) else len(excess) - 1
            cuts.extend(range(begin + 1, alone + 1))
            begin = alone
            limit = min(self.start.item(begin) + run_nbytes, INT64_MAX)
            far = int(np.searchsorted(self.stop, limit, side="right"))
            begin = _first_above(excess, begin + 1, max(far, begin + 1), float(excess0[begin]))
            if begin >= len(excess):
                return cuts
            cuts.append(begin)


def _first_above(column: NDArray[np.float64], begin: int, end: int, limit: float) -> int:
    """Find the first place in [begin, end) above `limit`; `end` if there is none.

    In growing steps: what is looked at in vain is in the run that is found, so all searches
    together look at each lump a constant number of times.
    """
    step = 16
    while begin < end:
        above = column[begin : min(begin + step, end)] > limit
        if above.any():
            return begin + int(above.argmax())
        begin, step = begin + step, 2 * step
    return end


def _lumps(file: NDArray[np.intp], start: NDArray[np.int64], stop: NDArray[np.int64]) -> _Lumps:
    """Join the spans that overlap; the columns are sorted by file and offset."""
    n = len(file)
    if n == 0:
        return _Lumps(np.empty(0, np.intp), start, stop, np.empty(0, np.bool_))
    new_file = np.ones(n, np.bool_)
    new_file[1:] = file[1:] != file[:-1]
    # The furthest byte so far within the file: a long span may reach past its successors.
    reach = np.empty_like(stop)
    for begin, end in itertools.pairwise((*np.flatnonzero(new_file).tolist(), n)):
        np.maximum.accumulate(stop[begin:end], out=reach[begin:end])
    apart = new_file.copy()
    apart[1:] |= start[1:] >= reach[:-1]
    first = np.flatnonzero(apart)
    return _Lumps(first, start[first], reach[np.append(first[1:], n) - 1], new_file[first])
