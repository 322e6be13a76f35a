"""Which bytes go through one stage together: spans in, chunks out. Pure, and lazy.

Chunks are made one at a time, because their number is that of the bytes and not that of the spans.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Spans, plan

OVER_READ: Final = 0.25
"""At most 5 bytes are read for 4 that are wanted; a hole is worth what a call costs."""
GAP_NBYTES: Final = 1 << 18


class Chunk(NamedTuple):
    """The bytes [start, start + nbytes) of one file: a piece of one span, or whole spans."""

    file: int
    start: int
    nbytes: int
    spans: NDArray[np.intp]
    """The spans that lie in it, by rising offset."""
    at: int = 0
    """The byte of its span at which a piece begins; 0 for whole spans."""

    def pieces(self, spans: Spans) -> Iterator[tuple[int, int, int, int]]:
        """List (span, byte within the span, byte within the chunk, nbytes)."""
        if len(self.spans) == 1:
            yield self.spans.item(), self.at, 0, self.nbytes
            return
        begin: list[int] = (spans.offset[self.spans] - self.start).tolist()
        nbytes: list[int] = spans.nbytes[self.spans].tolist()
        for span, first, size in zip(self.spans.tolist(), begin, nbytes, strict=True):
            yield span, 0, first, size

    def wanted_nbytes(self, spans: Spans) -> int:
        """Count the bytes of the spans in it."""
        return self.nbytes if len(self.spans) == 1 else int(spans.nbytes[self.spans].sum())

    def failing_span(self, spans: Spans, got: int) -> int:
        """Find the first span, in request order, that `got` bytes of the chunk leave unfinished."""
        if len(self.spans) == 1:
            return self.spans.item()
        stop = spans.offset[self.spans] + spans.nbytes[self.spans]
        return int(self.spans[stop > self.start + got].min())


def chunks_of(spans: Spans, block_nbytes: NDArray[np.int64], chunk_nbytes: int) -> Iterator[Chunk]:
    """Cut and join spans into chunks of at most `chunk_nbytes`, by file and rising offset.

    Parameters
    ----------
    spans
        Valid spans.
    block_nbytes
        (n,) 1 or more and at most `chunk_nbytes`: a span is cut at multiples of it.

    Yields
    ------
    Chunk
        Each byte of each span is in exactly one chunk, and those of one span in rising order.
    """
    runs = plan(spans, gap_nbytes=GAP_NBYTES, over_read=OVER_READ, run_nbytes=chunk_nbytes)
    for run in range(len(runs)):
        start, stop = runs.start.item(run), runs.stop.item(run)
        file, members = runs.file.item(run), runs.members(run)
        if stop - start <= chunk_nbytes:
            yield Chunk(file, start, stop - start, members)
            continue
        for group in _groups(spans, members, chunk_nbytes):
            yield from _cut(spans, group, block_nbytes, chunk_nbytes)


def _groups(
    spans: Spans, members: NDArray[np.intp], chunk_nbytes: int
) -> Iterator[NDArray[np.intp]]:
    """Part spans that overlap into as many as a chunk holds together; one that none holds alone.

    A hole parts them too: what spans it is in another group.
    """
    start: list[int] = spans.offset[members].tolist()
    stop: list[int] = (spans.offset[members] + spans.nbytes[members]).tolist()
    first = 0
    reach = stop[0]
    for i in range(1, len(members)):
        if start[i] > reach or max(reach, stop[i]) - start[first] > chunk_nbytes:
            yield members[first:i]
            first, reach = i, stop[i]
        reach = max(reach, stop[i])
    yield members[first:]


def _cut(
    spans: Spans, group: NDArray[np.intp], block_nbytes: NDArray[np.int64], chunk_nbytes: int
) -> Iterator[Chunk]:
    file, start = int(spans.file[group[0]]), int(spans.offset[group[0]])
    stop = int((spans.offset[group] + spans.nbytes[group]).max())
    if len(group) > 1:
        yield Chunk(file, start, stop - start, group)
        return
    step = chunk_nbytes - chunk_nbytes % int(block_nbytes[group[0]])
    for begin in range(start, stop, step):
        yield Chunk(file, begin, min(step, stop - begin), group, begin - start)
