"""Digests of tensors and of whole checkpoints, the same for the same weights.

A tensor's digest is xxh3_128 over its bytes in C order, as they are stored, in little-endian order.
A model's digest is xxh3_128 over one line a tensor, sorted by name (as UTF-8):
``name NUL dtype NUL shape NUL digest NEWLINE``, with the logical dtype ("Q4_K", "F32"), the logical
shape outermost first joined by "x", and the tensor's digest in hexadecimal. So neither the order of
tensors, the padding between them, the sharding nor the strategy plays a part. It tells corruption
from identity; it is not a cryptographic signature.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from emel_model_format import DTYPES
from emel_model_loader.checkpoint import Checkpoint
from emel_model_loader.outcomes import Failure
from emel_model_loader.progress import STEP_NBYTES, Meter, OnProgress


@dataclass(frozen=True, slots=True)
class Digest:
    """The digests of one checkpoint, in hexadecimal (128 bits)."""

    model: str
    tensors: dict[str, str]
    """Name to digest, in the checkpoint's order."""


def digest(checkpoint: Checkpoint, progress: OnProgress | None = None) -> Digest | Failure:
    """Digest every tensor of `checkpoint`, from its first byte to its last.

    What isn't loaded is loaded in one batch and released in the end; pages that were read are given
    back as it goes, so resident memory stays bounded whatever the size of the model.
    """
    absent = checkpoint.absent()
    failure = checkpoint.load()
    if failure is not None:
        return failure
    try:
        digests = _of_tensors(checkpoint, progress)
    finally:
        released = checkpoint.release(absent, withhold=False)
    if isinstance(digests, Failure):
        return digests
    return released or Digest(_of_model(checkpoint, digests), digests)


def _of_tensors(checkpoint: Checkpoint, progress: OnProgress | None) -> dict[str, str] | Failure:
    meter = Meter(checkpoint.header.tensors.nbytes, progress)
    digests: dict[str, str] = {}
    for tensor, name in enumerate(checkpoint.names):
        array = checkpoint.array(tensor)
        if isinstance(array, Failure):
            return array
        hashed = xxhash.xxh3_128()
        for stored in _chunks(array):
            hashed.update(stored.data)
            meter.advance(stored.nbytes)
        digests[name] = hashed.hexdigest()
        checkpoint.give_pages_back(tensor)
        meter.finish_tensor()
    return digests


def _chunks(array: NDArray[Any]) -> Iterator[NDArray[np.uint8]]:
    """Cut an array into steps of bytes in little-endian order."""
    flat = array.reshape(-1)
    step = STEP_NBYTES // max(flat.itemsize, 1)
    for start in range(0, flat.size, step):
        part = flat[start : start + step]
        big = part.dtype.byteorder == ">" or (part.dtype.isnative and sys.byteorder == "big")
        yield (part.byteswap() if big and part.itemsize > 1 else part).view(np.uint8)


def _of_model(checkpoint: Checkpoint, digests: dict[str, str]) -> str:
    columns = checkpoint.header.tensors
    lines = xxhash.xxh3_128()
    order = sorted(range(len(columns)), key=lambda i: columns.names[i].encode())
    for i in order:
        name, dtype = columns.names[i], DTYPES[columns.dtype.item(i)].name
        shape = "x".join(map(str, columns.shape(i)))
        lines.update(f"{name}\0{dtype}\0{shape}\0{digests[name]}\n".encode())
    return lines.hexdigest()
