"""The planner: spans in, runs out. Pure; it knows no file, no strategy and no system call."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emel_io_loader.spans import Spans


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


def plan(spans: Spans, *, gap_nbytes: int, run_nbytes: int) -> Runs:
    """Join spans of a file that lie close.

    Parameters
    ----------
    spans
        Valid spans (`validate` answered None); they may overlap and come in any order.
    gap_nbytes
        Two neighbours share a run if at most this many unwanted bytes lie between them.
    run_nbytes
        A run doesn't grow past this many bytes; a single span that is larger is a run of its own,
        and overlapping spans are never torn apart.

    Returns
    -------
    Runs
        Every span of more than zero bytes lies in exactly one run.
    """
    wanted = np.flatnonzero(spans.nbytes > 0)
    if len(wanted) == 1:  # one span is one run: the common case of tensors that are asked for alone
        start = spans.offset[wanted]
        stop = start + spans.nbytes[wanted]
        return Runs(spans.file[wanted].astype(np.intp), start, stop, wanted, np.array([0, 1]))
    offset = spans.offset[wanted]
    order = wanted[np.lexsort((offset, spans.file[wanted]))]
    file, start = spans.file[order].astype(np.intp), spans.offset[order]
    stop = start + spans.nbytes[order]
    cuts = _cuts(file, start, stop, gap_nbytes, run_nbytes)
    first = np.append(cuts, len(order)).astype(np.intp)
    return Runs(
        file=file[cuts],
        start=start[cuts],
        stop=np.maximum.reduceat(stop, cuts) if len(cuts) else stop,
        order=order,
        first=first,
    )


def _cuts(
    file: NDArray[np.intp],
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    gap_nbytes: int,
    run_nbytes: int,
) -> NDArray[np.intp]:
    """Where runs begin, as positions in the sorted columns."""
    if len(file) == 0:
        return np.empty(0, np.intp)
    new_file = np.append(True, file[1:] != file[:-1])
    # The furthest byte so far within the file: a long span may reach past its successors.
    reach = np.empty_like(stop)
    for begin, end in _pairs(np.flatnonzero(new_file), len(file)):
        np.maximum.accumulate(stop[begin:end], out=reach[begin:end])
    gap = start[1:] - reach[:-1]
    far = new_file.copy()
    far[1:] |= gap > gap_nbytes
    cuts: list[int] = []
    may_cut = new_file.copy()
    may_cut[1:] |= gap >= 0
    for begin, end in _pairs(np.flatnonzero(far), len(file)):
        cuts.append(begin)
        if reach[end - 1] - start[begin] > run_nbytes:
            cuts.extend(_split(start, reach, may_cut, begin, end, run_nbytes))
    return np.array(cuts, np.intp)


def _split(
    start: NDArray[np.int64],
    reach: NDArray[np.int64],
    may_cut: NDArray[np.bool_],
    begin: int,
    end: int,
    run_nbytes: int,
) -> list[int]:
    """Cut [begin, end) so that no part is longer than `run_nbytes`, where a cut is possible."""
    cuts: list[int] = []
    allowed = begin + 1 + np.flatnonzero(may_cut[begin + 1 : end])
    limit = int(start[begin]) + run_nbytes
    # Each step jumps to the first span that reaches past the limit, so steps count runs, not spans.
    while True:
        over = begin + int(np.searchsorted(reach[begin:end], limit, side="right"))
        if over >= end:
            return cuts
        at = int(np.searchsorted(allowed, over, side="right")) - 1
        if at < 0 or allowed[at] <= begin:  # one span alone is longer: cut after it, if anywhere
            at = int(np.searchsorted(allowed, begin, side="right"))
            if at >= len(allowed):
                return cuts
        begin = int(allowed[at])
        cuts.append(begin)
        limit = int(start[begin]) + run_nbytes


def _pairs(begins: NDArray[np.intp], end: int) -> list[tuple[int, int]]:
    return list(itertools.pairwise((*begins.tolist(), end)))
