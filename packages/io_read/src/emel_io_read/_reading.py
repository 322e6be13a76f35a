"""Reading the calls of one batch, one at a time, from any of its threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emel_io_file import (
    FileOutcome,
    FileProblem,
    ReadPort,
    Source,
    Sources,
    Stretch,
    StretchOutcome,
    read_fully,
)
from emel_io_loader import Places, Spans
from emel_io_read._calls import Calls, Limits
from emel_io_read._direct import DirectOutcome, DirectRead, read_direct
from emel_io_read.memory import congruent_empty


class End(NamedTuple):
    """How the reading of a stretch ended."""

    outcome: StretchOutcome
    offset: int
    """The byte of the file that would have come next."""
    error: BaseException | None = None
    direct_nbytes: int = 0


class Failure(NamedTuple):
    """A span that failed. The least one is the batch's: the first span, and its first byte."""

    span: int
    start: int
    """Where the call began: a large span has several."""
    end: End


class Room:
    """The memory of one thread: what takes unwanted bytes, and what direct reads bounce off."""

    def __init__(self, gap_nbytes: int, bounces: list[NDArray[np.uint8]]) -> None:
        self.scratch: memoryview = memoryview(bytearray(gap_nbytes))
        self._bounces: list[NDArray[np.uint8]] = bounces
        self._bounce: NDArray[np.uint8] | None = None

    def bounce(self, nbytes: int) -> NDArray[np.uint8]:
        """Give (nbytes,) uint8 that lies at a page; it is kept, as new memory is slow."""
        if self._bounce is None:
            with suppress(IndexError):  # there is none, or another thread was faster
                self._bounce = self._bounces.pop()
        if self._bounce is None or len(self._bounce) < nbytes:
            self._bounce = congruent_empty(nbytes, 0)
        return self._bounce

    def hand_back(self) -> None:
        """Keep the memory for the next batch."""
        if self._bounce is not None:
            self._bounces.append(self._bounce)


@dataclass(slots=True, eq=False)
class Reading:
    """One batch that is read; what its threads share."""

    port: ReadPort
    limits: Limits
    spans: Spans
    places: Places
    calls: Calls
    sources: Sources
    failures: list[Failure] = field(default_factory=list[Failure])
    refused: set[int] = field(default_factory=set[int])
    """Files that don't read around the page cache after all."""
    touched: bool = False
    """Whether anything was asked for, so that targets may have changed."""

    @property
    def worst(self) -> Failure | None:
        """The failure that is told of, as far as is known."""
        return min(self.failures, key=lambda failure: failure[:2], default=None)

    def matters(self, call: int) -> bool:
        """Whether the call can still change what is told: there is no failure, or one behind it."""
        worst = self.worst if self.failures else None
        return worst is None or (self.calls.foremost[call], self.calls.start[call]) < worst[:2]

    def read(self, call: int, room: Room) -> int:
        """Make one call; answers how many bytes came around the page cache."""
        self.touched = True
        calls = self.calls
        file = calls.file[call]
        source = self.sources[file]
        nbytes = calls.stop[call] - calls.start[call]
        if source.direct == -1 or file in self.refused or nbytes < self.limits.direct:
            end = self._read(source, calls.start[call], self._buffers(call, room), nbytes)
        else:
            end = self._read_direct(call, source, room)
        if end.outcome is not StretchOutcome.OK:
            self._blame(call, source, end)
        return end.direct_nbytes

    def problem(self) -> FileProblem | None:
        """Put the first span that failed into words."""
        if (worst := self.worst) is None:
            return None
        index, _, end = worst
        offset: int = self.spans.offset.item(index)
        file: int = self.spans.file.item(index)
        return FileProblem.of(
            FileOutcome[end.outcome.name],
            self.spans.files[file],
            index=index,
            offset=offset,
            error=end.error,
            wanted=self.spans.nbytes.item(index),
            got=max(end.offset - offset, 0),
        )

    def _read(self, source: Source, start: int, buffers: list[memoryview], nbytes: int = -1) -> End:
        """Read a stretch of a file, of `nbytes` bytes if they are counted already."""
        nbytes = sum(map(len, buffers)) if nbytes < 0 else nbytes
        stretch = Stretch(self.port, source.descriptor, start, buffers, nbytes)
        outcome = read_fully(stretch)
        return End(outcome, stretch.offset, stretch.error)

    def _segments(self, call: int) -> Iterator[tuple[int, int, memoryview | None]]:
        """The segments of a call: where each begins and ends in it, and where it goes."""
        calls, views = self.calls, self.places.views
        at = slice(calls.first[call], calls.first[call + 1])
        begin = 0
        columns = calls.segment_buffer[at], calls.segment_offset[at], calls.segment_nbytes[at]
        for buffer, offset, nbytes in zip(*columns, strict=True):
            view = None if buffer < 0 else views[buffer][offset : offset + nbytes]
            yield begin, begin + nbytes, view
            begin += nbytes

    def _buffers(self, call: int, room: Room) -> list[memoryview]:
        calls, views, scratch = self.calls, self.places.views, room.scratch
        first, last = calls.first[call], calls.first[call + 1]
        if last - first == 1:  # most calls, and there may be one for each row of a matrix
            offset = calls.segment_offset[first]
            view = views[calls.segment_buffer[first]]
            return [view[offset : offset + calls.segment_nbytes[first]]]
        at = slice(first, last)
        columns = calls.segment_buffer[at], calls.segment_offset[at], calls.segment_nbytes[at]
        return [
            scratch[:nbytes] if buffer < 0 else views[buffer][offset : offset + nbytes]
            for buffer, offset, nbytes in zip(*columns, strict=True)
        ]

    def _read_direct(self, call: int, source: Source, room: Room) -> End:
        calls, page = self.calls, self.port.alignment
        first = calls.first[call]
        away = calls.segment_address[first] - calls.start[call]
        one = calls.first[call + 1] == first + 1
        if one and away % page == 0 and calls.stop[call] - calls.start[call] >= 2 * page:
            return self._read_in_place(call, source, room)
        return self._read_bounced(call, source, room)

    def _read_in_place(self, call: int, source: Source, room: Room) -> End:
        """Read whole blocks: right into the target, and by way of a page each at its two ends."""
        page, start, stop = self.port.alignment, self.calls.start[call], self.calls.stop[call]
        low = start // page * page
        begin = low if low == start else low + page  # where whole blocks of the target begin, and
        end = stop // page * page  # where they end
        target = self._buffers(call, room)[0]
        edges = room.bounce(self.limits.call + 2 * page).data[: 2 * page]
        buffers = [target[begin - start : end - start]]
        if low < start:
            buffers.insert(0, edges[:page])
        if end < stop:
            buffers.append(edges[page:])
        outcome, read = self._ask(call, source, buffers, low, stop - low)
        if outcome is DirectOutcome.READ_FAILED:
            return End(StretchOutcome.READ_FAILED, start, read.error)
        came = min(max(low + read.got, start), stop)  # up to this byte of the file
        if low < start:
            head = min(came, begin) - start
            target[:head] = edges[start - low : start - low + head]
        if came > end:
            target[end - start : came - start] = edges[page : page + came - end]
        rest = End(StretchOutcome.OK, stop)
        if came < stop:
            rest = self._read(source, came, [target[came - start :]])
        return rest._replace(direct_nbytes=came - start)

    def _read_bounced(self, call: int, source: Source, room: Room) -> End:
        """Read whole blocks into memory that lies as they do, and copy what is wanted."""
        page = self.port.alignment
        start, stop = self.calls.start[call], self.calls.stop[call]
        low, high = start // page * page, -(-stop // page) * page
        bounce = room.bounce(max(high - low, self.limits.call + 2 * page))
        outcome, read = self._ask(call, source, [bounce.data[: high - low]], low, stop - low)
        if outcome is DirectOutcome.READ_FAILED:
            return End(StretchOutcome.READ_FAILED, start, read.error)
        came = min(max(low + read.got, start), stop)  # up to this byte of the file
        if came == start:
            return self._read(source, start, self._buffers(call, room))
        end = End(StretchOutcome.OK, stop)
        if came < stop:
            end = self._read(source, came, [bounce.data[came - low : stop - low]])
        direct_nbytes = 0
        content = bounce[start - low : end.offset - low]
        for begin, until, view in self._segments(call):
            if view is not None:
                piece = content[begin:until]
                # np.copyto lets other threads run, as slice assignment doesn't.
                np.copyto(np.frombuffer(view, np.uint8)[: len(piece)], piece)
                direct_nbytes += max(min(until, came - start) - begin, 0)
        return end._replace(direct_nbytes=direct_nbytes)

    def _ask(
        self, call: int, source: Source, buffers: list[memoryview], offset: int, wanted: int
    ) -> tuple[DirectOutcome, DirectRead]:
        read = DirectRead(self.port, source.direct, offset, buffers, wanted)
        outcome = read_direct(read)
        if outcome is DirectOutcome.REFUSED:
            self.refused.add(self.calls.file[call])
        return outcome, read

    def _blame(self, call: int, source: Source, end: End) -> None:
        """Find which span of a failed call it is that failed.

        The end of the file is behind all spans that lie before it. Of those that a failed read
        didn't reach, each is read by itself, in request order, until one fails: a neighbour's bad
        block isn't held against a span. Where all come now, the failure was a passing one, and is
        the first's, as a failure is never kept quiet; but bytes that nobody wants may fail.
        """
        calls, start = self.calls, self.calls.start[call]
        members = np.sort(calls.order[calls.head[call] : calls.tail[call] + 1])
        begin = self.spans.offset[members]
        until = begin + self.spans.nbytes[members]
        missing: list[int] = members[until > end.offset].tolist()
        hit = bool(((begin <= end.offset) & (end.offset < until)).any())
        if end.outcome is StretchOutcome.READ_FAILED and not (hit and len(missing) == 1):
            for index in missing:
                target = self.places.view(index, self.spans.nbytes.item(index))
                again = self._read(source, self.spans.offset.item(index), [target])
                if again.outcome is not StretchOutcome.OK:
                    self.failures.append(Failure(index, start, again))
                    return
            if not hit:
                return
        self.failures.append(Failure(missing[0], start, end))
