"""Bytes and numbers of a model's tensors that pass by: nothing of it becomes resident."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from emel.buffers import fit
from emel.described import Described, refuse_no_threads
from emel.errors import raise_failure
from emel.part import Part
from emel.strategies import resolve_dtype
from emel_model_loader import (
    Comparison,
    Digest,
    Failure,
    Piece,
    Progress,
    compare,
    dequantize,
    digest,
    read_into,
    stream,
)


class Readable(Described):
    """A described model whose tensors can be read, in part, as numbers or one after another."""

    def read_into(self, name: str, out: object, *, threads: int | None = None) -> None:
        """Read one tensor's bytes from the file into `out`; nothing becomes resident.

        Parameters
        ----------
        out
            Yours: an array of the tensor's dtype and shape, or a buffer of as many bytes.

        Raises
        ------
        SourceError
            The file can't be read, or isn't what it was; `out` may hold anything.
        TypeError, ValueError
            `out` doesn't fit; it is untouched.
        """
        refuse_no_threads(threads)
        i = self._position(name)
        memory = fit(self._checkpoint, {i: out})[i]
        self._raise(read_into(self._checkpoint, i, memory, threads=threads))

    def part(self, name: str) -> Part:
        """Look at one tensor as something of which slices can be read: `model.part(name)[:8]`."""
        return Part(self._checkpoint, self._position(name))

    def dequantize(
        self, name: str, out: NDArray[Any] | None = None, dtype: DTypeLike | str = "float32"
    ) -> NDArray[Any]:
        """Read one tensor as numbers: quantised blocks are dequantised, other types converted.

        The stored bytes pass through bounded staging memory, whatever the tensor's size; nothing
        becomes resident.

        Parameters
        ----------
        out
            A C-contiguous array of the logical shape to be filled; None makes one.
        dtype
            What the numbers are, if `out` doesn't say it; "bfloat16" and the like too.

        Returns
        -------
        numpy.ndarray
            `out`, or the new array: (logical shape), the caller's.

        Raises
        ------
        UnsupportedError
            Nothing here turns the one type into the other; quantised types need the package gguf
            (`emel[gguf]`).
        SourceError
            The file can't be read, or isn't what it was; `out` may hold anything.
        TypeError, ValueError
            `out` doesn't fit, and is untouched; or there is no type called `dtype`.
        """
        i = self._position(name)
        shape = self._checkpoint.header.tensors.shape(i)
        result = np.empty(shape, resolve_dtype(dtype)) if out is None else out
        if not isinstance(result, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"out is an array, not {type(result).__name__}")
        if result.shape != shape or not result.flags.c_contiguous or not result.flags.writeable:
            raise ValueError(f"out is not a writable C-contiguous array of shape {shape}")
        self._raise(dequantize(self._checkpoint, i, result))
        return result

    def stream(
        self,
        sink: Callable[[str, int, NDArray[np.uint8]], object],
        *,
        progress: Callable[[Progress], object] | None = None,
    ) -> None:
        """Show every byte of every tensor to `sink`, in bounded memory; nothing becomes resident.

        Parameters
        ----------
        sink
            Called as `sink(name, start, chunk)`: bytes of a tensor from `start` on, (n,) uint8,
            read-only, valid during the call only. The chunks of a tensor come in rising order.

        Raises
        ------
        SourceError
            A file can't be read, or isn't what it was.
        """
        names = self._checkpoint.names

        def show(piece: Piece, stored: NDArray[np.uint8]) -> None:
            sink(names[piece.tensor], piece.start, stored)

        self._raise(stream(self._checkpoint, show, progress=progress))

    def compare(
        self, other: Readable, progress: Callable[[Progress], object] | None = None
    ) -> Comparison:
        """Compare every tensor with another model's: name, dtype, shape and bytes.

        The files may differ in format, order, sharding and byte order. Each model is read through
        its own strategy, in bounded memory; of each tensor the first difference is told.

        Raises
        ------
        SourceError
            A file can't be read, or isn't what it was.
        """
        result = compare(self._checkpoint, other._checkpoint, progress)
        if isinstance(result, Failure):
            raise_failure(result)
        return result

    def digest(self, progress: Callable[[Progress], object] | None = None) -> Digest:
        """Digest each tensor and the model: 128 bits of XXH3, in hexadecimal.

        The same for the same weights, whatever the strategy and the layout of the file. Reads every
        byte; what wasn't loaded before is released again.
        """
        result = digest(self._checkpoint, progress)
        if isinstance(result, Failure):
            raise_failure(result)
        return result
