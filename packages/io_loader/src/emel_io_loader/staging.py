"""Strategies that can do something to bytes on their way, in bounded memory."""

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
"""(span, byte within the span, chunk): the chunk is read-only, and valid during the call only."""


class Transform(Protocol):
    """What is done to the bytes of one span on their way, whole blocks at a time."""

    @property
    def block_nbytes(self) -> int:
        """Stored bytes that belong together; 1 if any cut will do."""
        ...

    def result_nbytes(self, nbytes: int) -> int:
        """Say what `nbytes` stored bytes (whole blocks) become."""
        ...

    def apply(self, stored: NDArray[np.uint8], result: NDArray[np.uint8]) -> None:
        """Transform whole blocks into `result`, (result_nbytes,) of the caller's target.

        `stored` is valid during the call only.
        """
        ...


@runtime_checkable
class Staging(Strategy, Protocol):
    """A strategy that moves bytes through bounded memory of its own."""

    def load_through(
        self,
        spans: Spans,
        targets: Targets,
        transforms: Sequence[Transform],
        *,
        progress: OnBytes | None = None,
    ) -> BatchOutcome:
        """Copy one batch, each span through its transform (n,)."""
        ...

    def stream(
        self,
        spans: Spans,
        sink: OnChunk,
        *,
        block_nbytes: ArrayLike = 1,
        progress: OnBytes | None = None,
    ) -> BatchOutcome:
        """Hand the bytes of each span to `sink` chunk by chunk, rising within a span.

        Chunks are whole blocks of `block_nbytes`, one for all or (n,). What `sink` raises is raised
        here, with nothing left behind.
        """
        ...
