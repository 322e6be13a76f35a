"""A header in columns: what parsing yields when all is well."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from emel_model_format.dtypes import DTYPES, ByteOrder
from emel_model_format.metadata import Metadata


@dataclass(frozen=True, slots=True, eq=False)
class Tensors:
    """The tensors of a header as read-only columns, n tensors in the header's order."""

    names: tuple[str, ...]
    """n names, all different."""
    dtype: NDArray[np.uint8]
    """(n,) uint8: index into `DTYPES`."""
    ndim: NDArray[np.int64]
    """(n,) int64: number of axes."""
    dims: NDArray[np.int64]
    """(total,) int64: the logical shapes one after the other, outermost axis first."""
    start: NDArray[np.int64]
    """(n + 1,) int64: tensor i has the axes `dims[start[i]:start[i + 1]]`."""
    offset: NDArray[np.int64]
    """(n,) int64: byte of the file at which the data begin."""
    nbytes: NDArray[np.int64]
    """(n,) int64: bytes of data."""

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join the tensors of several files, part by part; one part is returned as it is.

        Names are taken as they come: whoever joins parts sees to it that they are all different.
        An offset stays a byte of the file that its part came from.
        """
        if len(parts) == 1:
            return parts[0]
        ndim = _join([part.ndim for part in parts], np.int64)
        start = np.zeros(len(ndim) + 1, np.int64)
        np.cumsum(ndim, out=start[1:])
        start.setflags(write=False)
        return cls(
            names=tuple(chain.from_iterable(part.names for part in parts)),
            dtype=_join([part.dtype for part in parts], np.uint8),
            ndim=ndim,
            dims=_join([part.dims for part in parts], np.int64),
            start=start,
            offset=_join([part.offset for part in parts], np.int64),
            nbytes=_join([part.nbytes for part in parts], np.int64),
        )

    def __len__(self) -> int:
        return len(self.names)

    def shape(self, index: int) -> tuple[int, ...]:
        """Return the logical shape of one tensor, outermost axis first."""
        index = range(len(self.names))[index]
        return tuple(self.dims[self.start[index] : self.start[index + 1]].tolist())

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the logical shapes of all tensors: much faster than one by one."""
        dims: list[int] = self.dims.tolist()
        start: list[int] = self.start.tolist()
        return [tuple(dims[a:b]) for a, b in pairwise(start)]

    def array_shape(self, index: int) -> tuple[int, ...]:
        """Return the shape of the numpy array that holds one tensor.

        The logical shape for plain types. Raw types are uint8: GGUF's are (..., bytes of a row),
        safetensors' types of less than a byte are (bytes of the tensor,).
        """
        dtype = DTYPES[int(self.dtype[index])]
        shape = self.shape(index)
        if not dtype.raw:
            return shape
        if not dtype.by_row:
            return (int(self.nbytes[index]),)
        return (*shape[:-1], shape[-1] // dtype.block * dtype.block_nbytes)

    def array_shapes(self) -> list[tuple[int, ...]]:
        """Return what `array_shape` says of each tensor: much faster than one by one."""
        shapes = self.shapes()
        raw = np.array([dtype.raw for dtype in DTYPES])[self.dtype]
        for index in np.flatnonzero(raw).tolist():
            shapes[index] = self.array_shape(index)
        return shapes


def _join(columns: list[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    joined = np.concatenate([np.empty(0, dtype), *columns])
    joined.setflags(write=False)
    return joined


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """A header that was checked whole: every tensor lies in the file, and none overlaps another.

    It owns everything that it refers to; nothing of the bytes given to `parse` is kept.
    """

    format: Literal["gguf", "safetensors"]
    version: int
    """GGUF's version, 2 or 3; 0 for safetensors, which has none."""
    byteorder: ByteOrder
    """Byte order of the tensor data and of the metadata's numeric arrays."""
    alignment: int
    """GGUF's `general.alignment`, 32 if it is absent; 1 for safetensors."""
    nbytes: int
    """Bytes of the file before the tensor data."""
    metadata: Metadata
    tensors: Tensors
