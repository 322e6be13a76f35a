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
from dataclasses import dataclass

import numpy as np
import xxhash
from numpy.typing import NDArray

from emel_model_format import DTYPES
from emel_model_loader.checkpoint import Checkpoint
from emel_model_loader.outcomes import Failure
from emel_model_loader.progress import OnProgress
from emel_model_loader.windows import Piece, stream


@dataclass(frozen=True, slots=True)
class Digest:
    """The digests of one checkpoint, in hexadecimal (128 bits)."""

    model: str
    tensors: dict[str, str]
    """Name to digest, in the checkpoint's order."""


def digest(checkpoint: Checkpoint, progress: OnProgress | None = None) -> Digest | Failure:
    """Digest every tensor of `checkpoint`, from its first byte to its last, as the file has them.

    Through the checkpoint's own strategy, in bounded memory: what isn't mapped is mapped in one
    batch and released in the end, and pages that were read are given back as it goes; a strategy
    that copies reads windows into one buffer, or stages.
    """
    sums = _Sums(checkpoint)
    failure = stream(checkpoint, sums.add, progress=progress)
    if failure is not None:
        return failure
    digests = {name: sums.finished[i] for i, name in enumerate(checkpoint.names)}
    return Digest(_of_model(checkpoint, digests), digests)


class _Sums:
    """One running digest for each tensor that is on its way."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.finished: dict[int, str] = {}
        self._checkpoint = checkpoint
        self._sizes = checkpoint.header.tensors.nbytes
        self._running: dict[int, xxhash.xxh3_128] = {}

    def add(self, piece: Piece, stored: NDArray[np.uint8]) -> None:
        hashed = self._running.setdefault(piece.tensor, xxhash.xxh3_128())
        _, dtype = self._checkpoint.array_type(piece.tensor)
        hashed.update(in_little_endian_order(stored, dtype).data)
        if piece.start + piece.nbytes == self._sizes.item(piece.tensor):
            self.finished[piece.tensor] = self._running.pop(piece.tensor).hexdigest()


def in_little_endian_order(
    stored: NDArray[np.uint8], dtype: np.dtype[np.generic]
) -> NDArray[np.uint8]:
    """Swap the bytes (nbytes,) of whole elements that are stored the other way round."""
    big = dtype.byteorder == ">" or (dtype.isnative and sys.byteorder == "big")
    if not big or dtype.itemsize == 1:
        return stored
    return stored.view(dtype).byteswap().view(np.uint8)


def _of_model(checkpoint: Checkpoint, digests: dict[str, str]) -> str:
    columns = checkpoint.header.tensors
    lines = xxhash.xxh3_128()
    order = sorted(range(len(columns)), key=lambda i: columns.names[i].encode())
    for i in order:
        name, dtype = columns.names[i], DTYPES[columns.dtype.item(i)].name
        shape = "x".join(map(str, columns.shape(i)))
        lines.update(f"{name}\0{dtype}\0{shape}\0{digests[name]}\n".encode())
    return lines.hexdigest()
