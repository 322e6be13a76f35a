"""How far a long request has got."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

STEP_NBYTES: Final = 16 << 20
"""Long work goes on in steps of 16 MiB, so that progress moves."""


class Progress(NamedTuple):
    """How far a long request has got; handed to the caller's callback."""

    nbytes_done: int
    nbytes_total: int
    tensors_done: int
    tensors_total: int


OnProgress: TypeAlias = Callable[[Progress], object]
"""Called from the loading thread; what it returns is not looked at."""


def report_bytes(
    nbytes: NDArray[np.int64], progress: OnProgress | None
) -> Callable[[int], object] | None:
    """Tell `progress` of one batch, as a strategy counts it: by bytes, in whatever order.

    Tensors are counted as if their bytes came one tensor after another; nothing is told twice.
    """
    if progress is None:
        return None
    ends = np.cumsum(nbytes)
    total, tensors = int(nbytes.sum()), len(nbytes)
    told = Progress(0, total, 0, tensors)
    progress(told)

    def tell(done: int) -> None:
        nonlocal told
        now = Progress(done, total, int(np.searchsorted(ends, done, side="right")), tensors)
        if now != told:
            told = now
            progress(now)

    return tell


class Meter:
    """Adds up what is done and tells whoever wants to know."""

    def __init__(self, nbytes: NDArray[np.int64], progress: OnProgress | None) -> None:
        self._nbytes: list[int] = nbytes.tolist()
        self._total: int = sum(self._nbytes)
        self._done: int = 0
        self._before: int = 0
        self._tensors: int = 0
        self._progress: OnProgress | None = progress
        self._tell()

    def advance(self, nbytes: int) -> None:
        """Count bytes of the current tensor."""
        self._done += nbytes
        self._tell()

    def finish_tensor(self) -> None:
        """Count the current tensor, and what of it was not counted on the way."""
        self._before += self._nbytes[self._tensors]
        self._tensors += 1
        if self._done != self._before or self._tensors == len(self._nbytes):
            self._done = self._before
            self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            done = Progress(self._done, self._total, self._tensors, len(self._nbytes))
            self._progress(done)
