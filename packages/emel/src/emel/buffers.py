"""The caller's buffers, held to the tensors that they are to take."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from emel.strategies import placed
from emel_model_loader import Checkpoint

ALIGNMENT: Final = 64
"""In one buffer for many tensors each begins at a multiple of this: a cache line, and what BLAS
libraries like."""


def layout(checkpoint: Checkpoint, tensors: Iterable[int]) -> tuple[dict[int, int], int]:
    """Place tensors one after another in one buffer: where each begins, and the bytes of all."""
    sizes = checkpoint.header.tensors.nbytes
    starts, stop = dict[int, int](), 0
    for tensor in tensors:
        starts[tensor] = -(-stop // ALIGNMENT) * ALIGNMENT
        stop = starts[tensor] + sizes.item(tensor)
    return starts, stop


def cut(checkpoint: Checkpoint, tensors: Iterable[int], buffer: object) -> dict[int, NDArray[Any]]:
    """Cut one buffer of the caller's into the bytes of each tensor, (nbytes,) uint8.

    Raises
    ------
    TypeError
        It is no buffer.
    ValueError
        It is read-only, not contiguous, or too small.
    """
    memory = _bytes_of(buffer)
    starts, stop = layout(checkpoint, tensors)
    if len(memory) < stop:
        raise ValueError(f"the buffer has {len(memory)} bytes, and {stop} are needed")
    sizes = checkpoint.header.tensors.nbytes
    return {i: memory[start : start + sizes.item(i)] for i, start in starts.items()}


def empty_buffer(checkpoint: Checkpoint, tensors: list[int]) -> NDArray[np.uint8]:
    """Make a buffer for tensors in this order, that lies as the first of them does in its file."""
    _, nbytes = layout(checkpoint, tensors)
    offset = checkpoint.header.tensors.offset.item(tensors[0]) if tensors else 0
    return placed(nbytes, offset)


def fit(checkpoint: Checkpoint, arrays: Mapping[int, object]) -> dict[int, NDArray[Any]]:
    """Look at an array for each tensor as bytes, (nbytes,) uint8.

    An array has the tensor's own dtype and shape, or is uint8 of as many bytes.

    Raises
    ------
    TypeError
        It is no array or buffer.
    ValueError
        It has another dtype, shape or size, is read-only, or isn't C-contiguous; or two of them
        share memory.
    """
    fitting = {i: _fitting(checkpoint, i, array) for i, array in arrays.items()}
    _refuse_sharing(checkpoint, fitting)
    return fitting


def _refuse_sharing(checkpoint: Checkpoint, arrays: Mapping[int, NDArray[np.uint8]]) -> None:
    """Name the first tensor whose array shares memory, and the first that it shares it with.

    Where arrays lie differs from run to run, and what is said does not.
    """
    places = sorted(
        (array.__array_interface__["data"][0], len(array), tensor)
        for tensor, array in arrays.items()
        if len(array)
    )
    reached, sharing = 0, list[tuple[int, int, int]]()
    for place, (start, _, _) in itertools.pairwise([*places, (sys.maxsize, 0, 0)]):
        stop = place[0] + place[1]
        if place[0] < reached or start < stop:
            sharing.append((place[2], place[0], stop))
        reached = max(reached, stop)
    if sharing:
        first, *others = sorted(sharing)
        second = next(other for other in others if other[1] < first[2] and first[1] < other[2])
        names = f"{checkpoint.names[first[0]]} and {checkpoint.names[second[0]]}"
        raise ValueError(f"the arrays of {names} share memory")


def _fitting(checkpoint: Checkpoint, tensor: int, array: object) -> NDArray[Any]:
    name = checkpoint.names[tensor]
    shape, dtype = checkpoint.array_type(tensor)
    nbytes = checkpoint.header.tensors.nbytes.item(tensor)
    if isinstance(array, np.ndarray):
        known = cast("NDArray[Any]", array)
        same = known.dtype == dtype and known.shape == shape
        if not same and not (known.dtype == np.uint8 and known.nbytes == nbytes):
            given = f"{known.dtype} of shape {known.shape}"
            raise ValueError(f"{name} is {dtype} of shape {shape}, and the array is {given}")
    memory = _bytes_of(cast("object", array))
    if len(memory) != nbytes:
        raise ValueError(f"{name} has {nbytes} bytes, and the buffer {len(memory)}")
    return memory


def _bytes_of(buffer: object) -> NDArray[Any]:
    if isinstance(buffer, np.ndarray):
        array = np.asarray(cast("NDArray[Any]", buffer))  # no matrix, whose rows stay rows
        if not array.flags.c_contiguous:
            raise ValueError("the array is not C-contiguous")
        memory = array.reshape(-1).view(np.uint8)
    else:
        view = memoryview(buffer)  # pyright: ignore[reportArgumentType] - refused by TypeError
        if not view.c_contiguous:
            raise ValueError("the buffer is not contiguous")
        memory = np.frombuffer(view, np.uint8)
    if not memory.flags.writeable:
        raise ValueError("the buffer is read-only")
    return memory
