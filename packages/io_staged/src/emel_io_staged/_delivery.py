"""Where the bytes of a chunk go: into targets as they are, through transforms, or to a sink."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import OnChunk, Places, Spans, Transform
from emel_io_staged._chunks import Chunk
from emel_io_staged._machine import Failure
from emel_io_staged.outcomes import bare

_NOTHING: Final = np.empty(0, np.uint8)


class Copying:
    """Copy the bytes as they are. Neighbours in the file that are neighbours in memory go as one.

    Parameters
    ----------
    spans, places
        Valid ones.
    """

    def __init__(self, spans: Spans, places: Places) -> None:
        self._spans: Spans = spans
        self._places: Places = places
        self.touched: bool = False

    def deliver(self, chunk: Chunk, stored: NDArray[np.uint8]) -> None:
        """See `Delivery.deliver`."""
        self.touched = True
        places, members = self._places, chunk.spans
        if len(members) == 1:
            _copy(places, members.item(), chunk.at, stored)
            return
        begin = self._spans.offset[members] - chunk.start
        stop = begin + self._spans.nbytes[members]
        buffer, shift = places.buffer[members], places.address[members] - begin
        apart = (buffer[1:] != buffer[:-1]) | (shift[1:] != shift[:-1]) | (begin[1:] != stop[:-1])
        first = np.flatnonzero(np.concatenate(([True], apart)))
        last = np.append(first[1:], len(members)) - 1
        for span, low, high in zip(
            members[first].tolist(), begin[first].tolist(), stop[last].tolist(), strict=True
        ):
            _copy(places, span, 0, stored[low:high])


def _copy(places: Places, span: int, at: int, stored: NDArray[np.uint8]) -> None:
    view = places.views[places.buffer.item(span)]
    # numpy lets other threads run while it copies, which a memoryview doesn't.
    np.frombuffer(view, np.uint8, len(stored), places.offset.item(span) + at)[:] = stored


class Transforming:
    """Let each span's transform fill its target.

    Parameters
    ----------
    spans, places
        Valid ones; None where no transform writes any.
    transforms
        One a span.
    result_nbytes
        (n,) bytes of each span's whole result.
    """

    def __init__(
        self,
        spans: Spans,
        places: Places | None,
        transforms: Sequence[Transform],
        result_nbytes: NDArray[np.int64],
    ) -> None:
        self._spans: Spans = spans
        self._places: Places | None = places
        self._transforms: Sequence[Transform] = transforms
        self._result_nbytes: NDArray[np.int64] = result_nbytes
        self.touched: bool = False

    def deliver(self, chunk: Chunk, stored: NDArray[np.uint8]) -> Failure | None:
        """See `Delivery.deliver`."""
        for span, at, begin, nbytes in chunk.pieces(self._spans):
            transform = self._transforms[span]
            try:
                result = self._result(transform, span, at, nbytes)
                transform.apply(stored[begin : begin + nbytes], result)
            except Exception as error:
                return Failure(span, bare(error))
        return None

    def _result(self, transform: Transform, span: int, at: int, nbytes: int) -> NDArray[np.uint8]:
        start = transform.result_nbytes(at) if at else 0
        size, whole = transform.result_nbytes(nbytes), self._result_nbytes.item(span)
        if not 0 <= start <= start + size <= whole:
            text = f"the result of bytes {at} to {at + nbytes} lies at {start} to {start + size}"
            raise ValueError(f"{text}, and the whole span's has {whole} bytes")
        if not size or self._places is None:
            return _NOTHING
        self.touched = True
        places = self._places
        view = places.views[places.buffer.item(span)]
        return np.frombuffer(view, np.uint8, size, places.offset.item(span) + start)


class Showing:
    """Show the bytes to a sink; what it raises goes through.

    Parameters
    ----------
    spans
        Valid ones.
    sink
        Told (span, byte within the span, chunk).
    """

    touched = False

    def __init__(self, spans: Spans, sink: OnChunk) -> None:
        self._spans: Spans = spans
        self._sink: OnChunk = sink

    def deliver(self, chunk: Chunk, stored: NDArray[np.uint8]) -> None:
        """See `Delivery.deliver`."""
        for span, at, begin, nbytes in chunk.pieces(self._spans):
            self._sink(span, at, stored[begin : begin + nbytes])
