"""What can be done to bytes on their way: conversion, dequantisation, a running digest."""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from emel_io_loader import BatchOutcome, StrategyError
from emel_io_staged._gguf import Dequantiser, dequantiser

STEP_NBYTES: Final = 1 << 16
"""Stored bytes that go through temporaries at a time: they stay in the cache, and stay few."""

_NUMBERS: Final = "biufc"


class Identity:
    """Leave the bytes as they are."""

    block_nbytes = 1

    def result_nbytes(self, nbytes: int) -> int:
        """As many as are stored."""
        return nbytes

    def apply(self, stored: NDArray[np.uint8], result: NDArray[np.uint8]) -> None:
        """See `Transform.apply`."""
        result[:] = stored


class Conversion:
    """Convert numbers as `numpy.ndarray.astype` does, silently where they don't fit.

    Parameters
    ----------
    source
        The stored type, of either byte order; ml_dtypes' types too.
    target
        The type of the results.
    bits
        What the stored integers are the bits of, for types that numpy can't swap: big-endian
        bfloat16 is `Conversion(">u2", target, bits=ml_dtypes.bfloat16)`.

    Raises
    ------
    ValueError
        A type isn't one of plain numbers, complex numbers would lose their imaginary parts, or
        `bits` is as long as `source` isn't.
    """

    def __init__(
        self, source: DTypeLike, target: DTypeLike, *, bits: DTypeLike | None = None
    ) -> None:
        self._source, self._target = _number(source), _number(target)
        self._bits = None if bits is None else _number(bits)
        of = self._bits or self._source
        if of.itemsize != self._source.itemsize:
            raise ValueError(f"{self._source} can't hold the bits of {of}")
        if of.kind == "c" and self._target.kind != "c":
            raise ValueError(f"{of} as {self._target} would lose imaginary parts")
        self.block_nbytes: int = self._source.itemsize

    def result_nbytes(self, nbytes: int) -> int:
        """Count the bytes of as many numbers of the target type."""
        return nbytes // self._source.itemsize * self._target.itemsize

    def apply(self, stored: NDArray[np.uint8], result: NDArray[np.uint8]) -> None:
        """See `Transform.apply`."""
        numbers, out = stored.view(self._source), result.view(self._target)
        with np.errstate(all="ignore"):
            if self._bits is None:
                np.copyto(out, numbers, casting="unsafe")  # in small pieces by itself
                return
            native = self._source.newbyteorder("=")
            step = STEP_NBYTES // self._source.itemsize
            for at in range(0, len(numbers), step):
                swapped = numbers[at : at + step].astype(native).view(self._bits)
                np.copyto(out[at : at + step], swapped, casting="unsafe")


def _number(dtype: DTypeLike) -> np.dtype[Any]:
    found = np.dtype(dtype)
    # ml_dtypes' types are scalars of kind V; structures and subarrays are of that kind as well.
    extended = found.kind == "V" and found.type is not np.void
    if not (found.kind in _NUMBERS or extended):
        raise ValueError(f"{found} is no type of plain numbers")
    return found


class Dequantisation:
    """Turn blocks of a quantised GGUF type into numbers, by the package gguf.

    Parameters
    ----------
    kind
        The type's name in the format: "Q4_K".
    target
        The type of the results. Numbers are float32 first, whatever it is.

    Raises
    ------
    StrategyError
        What `refusal(kind)` answers.
    ValueError
        `target` is no type of plain numbers.
    """

    def __init__(self, kind: str, target: DTypeLike = np.float32) -> None:
        found = dequantiser(kind)
        if not isinstance(found, Dequantiser):
            raise StrategyError(found)
        self._how, self._target = found, _number(target)
        self.block_nbytes: int = found.block_nbytes

    @staticmethod
    def refusal(kind: str) -> BatchOutcome | None:
        """Say why `kind` can't be dequantised; None if it can.

        DEQUANTISER_MISSING: the package gguf, this package's extra "gguf", isn't installed.
        DEQUANTISER_UNKNOWN: there is no such type, or gguf can't dequantise it.
        """
        found = dequantiser(kind)
        return None if isinstance(found, Dequantiser) else found

    def result_nbytes(self, nbytes: int) -> int:
        """Count the bytes of the numbers in as many blocks."""
        return nbytes // self.block_nbytes * self._how.block * self._target.itemsize

    def apply(self, stored: NDArray[np.uint8], result: NDArray[np.uint8]) -> None:
        """See `Transform.apply`."""
        blocks = stored.reshape(-1, self.block_nbytes)
        out = result.view(self._target).reshape(-1, self._how.block)
        step = max(1, STEP_NBYTES // self.block_nbytes)
        with np.errstate(all="ignore"):
            for at in range(0, len(blocks), step):
                numbers = self._how.dequantise(blocks[at : at + step])
                np.copyto(out[at : at + step], numbers, casting="unsafe")


class Hasher(Protocol):
    """What hashlib and xxhash make."""

    def update(self, data: Any, /) -> object:  # any buffer
        """Take more bytes."""
        ...


class Digest:
    """Let a hasher see the bytes; nothing is written.

    Parameters
    ----------
    hasher
        The caller's. One a span digests each; one for several sees them in the order of files and
        offsets.
    """

    block_nbytes = 1

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher

    def result_nbytes(self, nbytes: int) -> int:  # noqa: ARG002 - the contract's
        """None."""
        return 0

    def apply(self, stored: NDArray[np.uint8], result: NDArray[np.uint8]) -> None:  # noqa: ARG002 - the contract's
        """See `Transform.apply`."""
        self._hasher.update(stored)
