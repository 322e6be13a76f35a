"""The tensor columns while they are being checked, and what is computed from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_model_format.dtypes import BLOCK, BLOCK_NBYTES, BY_ROW
from emel_model_format.header import Tensors

INT64_MAX: Final = (1 << 63) - 1


def no_position(_index: int) -> int:
    """Stand in for positions that nobody has looked for."""
    return 0


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """What a header claims of n tensors, before anything is checked against the file."""

    names: list[str]
    dtypes: list[int]
    """Indices into DTYPES."""
    ndim: NDArray[np.int64]
    dims: NDArray[np.int64]
    spans: NDArray[np.int64]
    """(2 n,) begins and ends of the data by turns."""
    metadata: dict[str, str]
    at: list[int]
    """Where the entries stand in the file; empty if nobody looked."""


def as_written(number: int) -> int:
    """Return a number as it stands in the file: one of 2**63 or more is negative in a column."""
    return number % 2**64


@dataclass(slots=True, eq=False)
class Columns:
    """n tensors as a header claims them: shapes (n,) unless stated otherwise."""

    names: Sequence[str]
    dtype: NDArray[np.uint8]
    """Index into DTYPES, or UNKNOWN."""
    ndim: NDArray[np.int64]
    dims: NDArray[np.int64]
    """(total,) Logical shapes, outermost axis first. Negative: 2**63 or more in the file."""
    start: NDArray[np.int64]
    """(n + 1,)"""
    begin: NDArray[np.int64]
    """First byte of the data, counted from where the file's data begin. Negative: as for dims."""
    end: NDArray[np.int64] | None
    """Where the data end, for formats that say so."""
    data: int
    """Byte of the file from which `begin` counts."""
    data_nbytes: int
    """Bytes of the file from there on."""
    type_name: Callable[[int], str]
    """What the type of tensor i is called; its number in the header, if that is none of ours."""
    at: Callable[[int], int] = no_position
    """The byte of the file where the entry of tensor i stands."""

    count: NDArray[np.int64] = field(init=False)
    """Elements."""
    nbytes: NDArray[np.int64] = field(init=False)
    """Bytes that dtype and shape take."""
    overflow: NDArray[np.bool_] = field(init=False)
    """True where a product passes 2**63: count and nbytes mean nothing there."""
    ragged: NDArray[np.bool_] = field(init=False)
    """True where the type's blocks don't fit the shape."""

    def __post_init__(self) -> None:
        self._measure()

    def _measure(self) -> None:
        # Axis by axis over the tensors that have it, so shapes of mixed length need no padding.
        # Zero is left out of the products: numpy, too, refuses (0, 2**62, 2**62).
        n = len(self.names)
        count = np.ones(n, np.int64)
        empty = np.zeros(n, np.bool_)
        overflow = np.zeros(n, np.bool_)
        for axis in range(int(self.ndim.max(initial=0))):
            (has,) = (self.ndim > axis).nonzero()
            dim = self.dims[self.start[has] + axis]
            empty[has] |= dim == 0
            factor = np.maximum(dim, 1)
            overflow[has] |= (dim < 0) | (count[has] > INT64_MAX // factor)
            count[has] *= factor
        block = BLOCK[self.dtype]
        row = np.ones(n, np.int64)
        (has,) = (self.ndim > 0).nonzero()
        row[has] = self.dims[self.start[has + 1] - 1]
        overflow |= count // block > INT64_MAX // BLOCK_NBYTES[self.dtype]
        self.overflow = overflow
        self.count = np.where(empty, 0, count)
        self.nbytes = self.count // block * BLOCK_NBYTES[self.dtype]
        self.ragged = np.where(BY_ROW[self.dtype], row, self.count) % block != 0

    def shape(self, index: int) -> tuple[int, ...]:
        """Return the shape of tensor `index` for a message."""
        return tuple(map(as_written, self.dims[self.start[index] : self.start[index + 1]].tolist()))

    def tensors(self) -> Tensors:
        """Return the columns as they are published, read-only."""
        # A file that ends without padding has its tensors without bytes at its end.
        data = min(self.data, self.data + self.data_nbytes)
        offset = self.begin + data
        columns = (self.dtype, self.ndim, self.dims, self.start, offset, self.nbytes)
        for column in columns:
            column.setflags(write=False)
        return Tensors(tuple(self.names), *columns)
