"""The contract of strategies that do something to bytes on their way: transforms and streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emel_io_loader.outcomes import BatchOutcome
from emel_io_loader.spans import Spans
from emel_io_loader.strategy import OnBytes, Strategy
from emel_io_loader.targets import Targets

OnChunk: TypeAlias = Callable[[int, int, NDArray[np.uint8]], object]
"""Told (span, byte within the span, chunk): the chunk is (nbytes,) uint8, read-only, and lent for
the time of the call. What it returns is not looked at; what it raises ends the request."""


class Transform(Protocol):
    """What is done to the bytes of a span on their way, whole blocks at a time.

    One object may serve many spans; it is used by the thread that made the request. The bytes of a
    span come in rising order, each once.
    """

    @property
    def block_nbytes(self) -> int:
        """Bytes that belong together, 1 or more; 1 if any cut will do."""
        ...

    def result_nbytes(self, nbytes: int) -> int:
        """Say what `nbytes` stored bytes, whole blocks, become; 0 if nothing is written.

        The result of two pieces is as long as the results of each together.
        """
        ...

    def apply(self, stored: NDArray[np.uint8], result: NDArray[np.uint8]) -> None:
        """Turn whole blocks into their result.

        What it raises fails the batch, with this as its cause.

        Parameters
        ----------
        stored
            (nbytes,) uint8, read-only, at any address, lent for the time of the call.
        result
            (result_nbytes(nbytes),) uint8 at any address: a part of the caller's target, to be
            filled.
        """
        ...


@runtime_checkable
class Staging(Strategy, Protocol):
    """A strategy whose bytes come by chunk by chunk, and can be changed or looked at meanwhile."""

    def load_through(
        self,
        spans: Spans,
        targets: Targets | None,
        transforms: Sequence[Transform],
        *,
        progress: OnBytes | None = None,
    ) -> BatchOutcome:
        """Fill targets with what the transforms make of the spans, all of it or an outcome.

        Parameters
        ----------
        spans
            In any order; each is whole blocks of its transform.
        targets
            Where the results go, in buffers that the caller owns; None if no transform writes any.
        transforms
            One a span.
        progress
            Told how many stored bytes are done.

        Returns
        -------
        BatchOutcome
            `nbytes` counts stored bytes. After a failure, `touched` says whether targets may hold
            other bytes than before.
        """
        ...

    def stream(
        self,
        spans: Spans,
        sink: OnChunk,
        *,
        block_nbytes: ArrayLike = 1,
        progress: OnBytes | None = None,
    ) -> BatchOutcome:
        """Show the bytes of the spans to `sink`, and keep nothing.

        Spans come by file, and within a file by offset, whatever the order of the request; the
        chunks of one span come in rising order and without gaps, those of others may come between
        where spans overlap. A span of zero bytes has no chunk.

        Parameters
        ----------
        spans
            In any order; each is whole blocks.
        sink
            Called by the thread that made the request. What it raises is raised here, and nothing
            is left behind.
        block_nbytes
            1 or n integers: bytes of each span that come together.
        progress
            Told how many bytes are done.
        """
        ...
