"""From spans and the memory that they go to, to the calls that fill it. Pure."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Places, Runs, Spans, plan

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
    grid: int = 4 * KIB
    """Large spans are cut at multiples of this: a page, as direct reads want it."""
    over_read: float = 0.25
    """Of unwanted bytes, as a share of the wanted ones."""
    direct: int = 64 * KIB
    """Below this a call isn't made around the page cache: what is around it would be much of it."""
    alone: int = 8 * MIB
    """Below this one thread reads a batch: warm, 8 MiB take about a millisecond, and a thread takes
    a tenth of that to start."""
    advised: int = MIB
    """From this many bytes of a file on, the kernel is told that it is read front to back."""
    scattered: int = 128 * KIB
    """Unless its calls are smaller than this, on average: what the kernel reads ahead by itself."""
    threads: int | None = None
    """How many there may be, whoever asks for more."""
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
        return _Segments(
            self.start[index],
            self.stop[index],
            self.buffer[index],
            self.offset[index],
            self.address[index],
            self.head[index],
            self.tail[index],
            self.new[index],
        )


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
    if len(spans) == 1 and 0 < spans.nbytes.item(0) <= limits.call:
        return _alone(spans, places)
    order, new_run = _runs(spans, limits)
    segments = _cut(_joined(spans, places, order, new_run), limits)
    begins = _beginnings(segments.new, iov_max)
    call = np.cumsum(begins)
    unwanted = segments.buffer < 0
    if unwanted.any():  # at either end of a call they needn't be read
        edge = begins.copy()
        edge[:-1] |= begins[1:]
        kept = ~(edge & unwanted)
        segments, call = segments.at(kept), call[kept]
    first = np.flatnonzero(np.diff(call, prepend=0))
    return _calls(spans, order, segments, first)


def _alone(spans: Spans, places: Places) -> Calls:
    """Make the one call of a small span: what numpy would take most of its time for."""
    start, nbytes = spans.offset.item(0), spans.nbytes.item(0)
    return Calls(
        file=spans.file.tolist(),
        start=[start],
        stop=[start + nbytes],
        first=[0, 1],
        head=[0],
        tail=[0],
        foremost=[0],
        nbytes=spans.nbytes,
        order=np.zeros(1, np.intp),
        segment_nbytes=[nbytes],
        segment_buffer=places.buffer.tolist(),
        segment_offset=places.offset.tolist(),
        segment_address=places.address.tolist(),
    )


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
        segment_nbytes=size.tolist(),
        segment_buffer=segments.buffer.tolist(),
        segment_offset=segments.offset.tolist(),
        segment_address=segments.address.tolist(),
    )


def _runs(spans: Spans, limits: Limits) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Order the spans, and say where runs begin; a span that overlaps others is one of its own."""
    runs = _plan(spans, limits)
    order, first = runs.order, runs.first[:-1]
    torn = order[_overlapping(spans, order)]
    if len(torn):
        kept = np.setdiff1d(order, torn)
        runs = _plan(spans.take(kept), limits)
        order = np.concatenate((kept[runs.order], torn))
        first = np.append(runs.first[:-1], np.arange(len(kept), len(order)))
    new = np.zeros(len(order), np.bool_)
    new[first] = True
    return order, new


def _plan(spans: Spans, limits: Limits) -> Runs:
    return plan(spans, gap_nbytes=limits.gap, over_read=limits.over_read, run_nbytes=limits.call)


def _overlapping(spans: Spans, order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which spans, by file and offset, begin before one that comes earlier has ended."""
    overlaps = np.zeros(len(order), np.bool_)
    if len(order) < 2:
        return overlaps
    file, start = spans.file[order], spans.offset[order]
    stop = start + spans.nbytes[order]
    bounds = (0, *(np.flatnonzero(file[1:] != file[:-1]) + 1).tolist(), len(order))
    for begin, end in itertools.pairwise(bounds):
        reach = np.maximum.accumulate(stop[begin : end - 1])
        overlaps[begin + 1 : end] = start[begin + 1 : end] < reach
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
    n = len(after)
    nowhere = np.zeros(n, np.int64)
    return _Segments(
        start=np.insert(joined.start, after, joined.stop[after - 1]),
        stop=np.insert(joined.stop, after, joined.start[after]),
        buffer=np.insert(joined.buffer, after, np.full(n, -1)),
        offset=np.insert(joined.offset, after, nowhere),
        address=np.insert(joined.address, after, nowhere),
        head=np.insert(joined.head, after, joined.head[after]),
        tail=np.insert(joined.tail, after, joined.head[after]),
        new=np.insert(joined.new, after, np.zeros(n, np.bool_)),
    )


def _cut(segments: _Segments, limits: Limits) -> _Segments:
    """Cut the large ones into pieces of about one size, where the file is at a multiple of `grid`.

    So pieces begin and end at whole blocks, and none is a small rest, which would cost as much as
    a large one. Only a run that is one span can be larger than a call: each piece is a call.
    """
    size = segments.stop - segments.start
    large = size > limits.call
    if not large.any():
        return segments
    grid = max(min(limits.grid, limits.call // 8), 1)
    parts = np.where(large, -(-size // (limits.call - grid)), 1)
    cut = segments.at(np.repeat(np.arange(len(parts)), parts))
    nth = np.arange(len(cut.start)) - np.repeat(np.cumsum(parts) - parts, parts)
    of = np.repeat(parts, parts)
    each = (cut.stop - cut.start) // of
    start = np.where(nth > 0, (cut.start + each * nth) // grid * grid, cut.start)
    stop = np.where(nth + 1 < of, (cut.start + each * (nth + 1)) // grid * grid, cut.stop)
    moved = start - cut.start
    return cut._replace(
        start=start,
        stop=stop,
        offset=cut.offset + moved,
        address=cut.address + moved,
        new=cut.new | (of > 1),
    )


def _beginnings(new: NDArray[np.bool_], iov_max: int) -> NDArray[np.bool_]:
    """Where calls begin: where they have to, and after every `iov_max` segments."""
    if len(new) <= iov_max:
        return new.copy()
    places = np.arange(len(new))
    since = places - np.maximum.accumulate(np.where(new, places, 0))
    return new | (since % iov_max == 0)
