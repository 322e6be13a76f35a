"""From spans and the memory that they go to, to the calls that fill it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Places, Spans, plan

KIB: Final = 1024
MIB: Final = 1024 * KIB
_Ints = NDArray[np.int64]


class Limits(NamedTuple):
    """Sizes in bytes that decide how a batch is read."""

    call: int = 8 * MIB
    """Of one call: large enough that a call's own price vanishes, small enough that the threads
    end together and a failure is noticed soon."""
    gap: int = 16 * KIB
    """Of unwanted bytes between two spans that share a call. To copy them away (about 2 us) costs
    what a call of its own would; cold, they lie within what the kernel reads ahead anyway."""
    over_read: float = 0.25
    """Of unwanted bytes, as a share of the wanted ones."""
    direct: int = 64 * KIB
    """Below this a call isn't made around the page cache: its head and tail would be most of it."""
    alone: int = 8 * MIB
    """Below this one thread reads a batch: warm, 8 MiB take about a millisecond, and a thread takes
    a tenth of that to start."""
    advised: int = MIB
    """From this many bytes of a file on, the kernel is told that it is read front to back."""
    scattered: int = 128 * KIB
    """Unless its calls are smaller than this, on average: what the kernel reads ahead by itself."""
    asked: int = 64 * MIB
    """From this many bytes of a batch on, it is worth asking on which file system they lie."""


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """Columns: call c is the bytes [start[c], stop[c]) of one file.

    They go to the segments `first[c]` to `first[c + 1]`, in turn, and belong to the spans
    `order[head[c]]` to `order[tail[c]]`. Lists, because each is read once, one at a time.
    """

    file: list[int]
    start: list[int]
    stop: list[int]
    first: list[int]
    head: list[int]
    tail: list[int]
    foremost: list[int]
    """The smallest index of its spans: what the call can say about the batch's outcome."""
    nbytes: _Ints
    """(calls,) wanted bytes."""
    order: NDArray[np.intp]
    """Indices of the spans by run and offset; those of one call lie together."""
    segment_start: list[int]
    segment_nbytes: list[int]
    segment_buffer: list[int]
    """The buffer that the segment goes to; -1 for bytes that nobody wants."""
    segment_offset: list[int]
    segment_address: list[int]

    def __len__(self) -> int:
        return len(self.file)


class _Segments(NamedTuple):
    """Columns of stretches that lie together in the file and in memory, by run and offset."""

    start: _Ints
    stop: _Ints
    buffer: _Ints
    offset: _Ints
    address: _Ints
    head: NDArray[np.intp]
    """The first of its spans, as a place in the order."""
    tail: NDArray[np.intp]
    new: NDArray[np.bool_]
    """Where a call has to begin."""

    def at(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> _Segments:
        return _Segments(*(column[index] for column in self))


def arrange(spans: Spans, places: Places, limits: Limits, iov_max: int) -> Calls:
    """Make the calls of one batch: each of at most `limits.call` bytes and `iov_max` buffers.

    Parameters
    ----------
    spans
        Valid ones; they may overlap and come in any order.
    places
        The memory of each span; no two overlap.

    Returns
    -------
    Calls
        By file and offset, but for spans that overlap others before them, which come last.
    """
    order, new_run = _runs(spans, limits)
    segments = _cut(_joined(spans, places, order, new_run), limits.call)
    begins = _beginnings(segments.new, iov_max)
    # Bytes that nobody wants, at either end of a call, needn't be read.
    edge = begins.copy()
    edge[:-1] |= begins[1:]
    edge[-1:] = True
    kept = ~(edge & (segments.buffer < 0))
    call = (np.cumsum(begins) - 1)[kept]
    segments = segments.at(kept)
    first = np.flatnonzero(np.diff(call, prepend=-1))
    return _calls(spans, order, segments, first)


def _calls(
    spans: Spans, order: NDArray[np.intp], segments: _Segments, first: NDArray[np.intp]
) -> Calls:
    ends = np.append(first[1:], len(segments.start))[: len(first)]
    head, tail = segments.head[first], segments.tail[ends - 1]
    size = segments.stop - segments.start
    wanted = np.where(segments.buffer < 0, 0, size)
    # reduceat takes (begin, end) pairs; every other answer is of what lies between two pairs.
    pairs = np.stack((head, tail + 1), axis=1).ravel()
    foremost = np.minimum.reduceat(np.append(order, 0), pairs)[::2]
    return Calls(
        file=spans.file[order[head]].tolist(),
        start=segments.start[first].tolist(),
        stop=segments.stop[ends - 1].tolist(),
        first=[*first.tolist(), len(size)],
        head=head.tolist(),
        tail=tail.tolist(),
        foremost=foremost.tolist(),
        nbytes=np.add.reduceat(wanted, first),
        order=order,
        segment_start=segments.start.tolist(),
        segment_nbytes=size.tolist(),
        segment_buffer=segments.buffer.tolist(),
        segment_offset=segments.offset.tolist(),
        segment_address=segments.address.tolist(),
    )


def _runs(spans: Spans, limits: Limits) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Order the spans, and say where runs begin; a span that overlaps others is one of its own."""
    sizes = {"gap_nbytes": limits.gap, "run_nbytes": limits.call}
    runs = plan(spans, over_read=limits.over_read, **sizes)
    order, first = runs.order, runs.first[:-1]
    torn = order[_overlapping(spans, order)]
    if len(torn):
        kept = np.setdiff1d(order, torn)
        runs = plan(spans.take(kept), over_read=limits.over_read, **sizes)
        order = np.concatenate((kept[runs.order], torn))
        first = np.append(runs.first[:-1], np.arange(len(kept), len(order)))
    new = np.zeros(len(order), np.bool_)
    new[first] = True
    return order, new


def _overlapping(spans: Spans, order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which spans, by file and offset, begin before one that comes earlier has ended."""
    file, start = spans.file[order], spans.offset[order]
    overlaps = np.zeros(len(order), np.bool_)
    bounds = np.flatnonzero(np.diff(file)) + 1
    for at in np.split(np.arange(len(order)), bounds):
        reach = np.maximum.accumulate(start[at] + spans.nbytes[order[at]])
        overlaps[at[1:]] = start[at[1:]] < reach[:-1]
    return overlaps


def _joined(
    spans: Spans, places: Places, order: NDArray[np.intp], new_run: NDArray[np.bool_]
) -> _Segments:
    """Lay out spans and the gaps between them, and join what also lies together in memory."""
    n = len(order)
    start = spans.offset[order]
    stop = start + spans.nbytes[order]
    buffer, offset = places.buffer[order], places.offset[order]
    gap = np.zeros(n, np.bool_)
    together = np.zeros(n, np.bool_)  # with the span before
    if n > 1:
        gap[1:] = ~new_run[1:] & (start[1:] > stop[:-1])
        beside = offset[1:] == offset[:-1] + spans.nbytes[order[:-1]]
        together[1:] = ~new_run[1:] & ~gap[1:] & (buffer[1:] == buffer[:-1]) & beside
    head = np.flatnonzero(~together)
    tail = np.append(head[1:], n)[: len(head)] - 1
    joined = _Segments(
        start=start[head],
        stop=stop[tail],
        buffer=buffer[head],
        offset=offset[head],
        address=places.address[order[head]],
        head=head,
        tail=tail,
        new=new_run[head],
    )
    if not gap.any():
        return joined
    return _with_gaps(joined, np.flatnonzero(gap[head]))


def _with_gaps(joined: _Segments, after: NDArray[np.intp]) -> _Segments:
    """Put a segment that nobody wants before each of those at `after`."""
    gaps = _Segments(
        start=joined.stop[after - 1],
        stop=joined.start[after],
        buffer=np.full(len(after), -1),
        offset=np.zeros(len(after), np.int64),
        address=np.zeros(len(after), np.int64),
        head=joined.head[after],
        tail=joined.head[after],
        new=np.zeros(len(after), np.bool_),
    )
    return _Segments(
        *(np.insert(column, after, more) for column, more in zip(joined, gaps, strict=True))
    )


def _cut(segments: _Segments, call_nbytes: int) -> _Segments:
    """Cut the large ones where the file is at a multiple of `call_nbytes`: those fit direct reads.

    Only a run that is one span can be larger than a call, so each piece is a call of its own.
    """
    large = segments.stop - segments.start > call_nbytes
    if not large.any():
        return segments
    low = segments.start // call_nbytes
    parts = np.where(large, (segments.stop - 1) // call_nbytes - low + 1, 1)
    cut = segments.at(np.repeat(np.arange(len(parts)), parts))
    nth = np.arange(len(cut.start)) - np.repeat(np.cumsum(parts) - parts, parts)
    split = np.repeat(large, parts)
    grid = (np.repeat(low, parts) + nth) * call_nbytes
    start = np.where(split, np.maximum(cut.start, grid), cut.start)
    moved = start - cut.start
    return cut._replace(
        start=start,
        stop=np.where(split, np.minimum(cut.stop, grid + call_nbytes), cut.stop),
        offset=cut.offset + moved,
        address=cut.address + moved,
        new=cut.new | split,
    )


def _beginnings(new: NDArray[np.bool_], iov_max: int) -> NDArray[np.bool_]:
    """Where calls begin: where they have to, and after every `iov_max` segments."""
    places = np.arange(len(new))
    since = places - np.maximum.accumulate(np.where(new, places, 0))
    return new | (since % iov_max == 0)
