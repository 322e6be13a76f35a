"""What the workloads do with an open checkpoint."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from emel_io_file import entries
from emel_io_loader import Offer, Router
from emel_io_mmap import MmapStrategy
from emel_io_read import ReadStrategy
from emel_io_staged import StagedStrategy
from emel_model_loader import (
    Checkpoint,
    Companions,
    Limits,
    compare,
    digest,
    open_checkpoint,
    plan,
    read_into,
    read_part,
    stream,
)
from emel_tools.costs.workload import MIB, Action, RefusedError


def sink(*_: object) -> None:
    """Look away."""


def empty(nbytes: int, _: int) -> NDArray[np.uint8]:
    """Make memory that lies anywhere."""
    return np.empty(nbytes, np.uint8)


def no_transform(*_: object) -> str:
    """Say why nothing is transformed."""
    return "nothing is transformed here"


OFFERS = {
    "mmap": Offer(MmapStrategy, MmapStrategy.unavailable),
    "read": Offer(lambda: ReadStrategy(threads=1), ReadStrategy.unavailable),
    "staged": Offer(
        lambda: StagedStrategy(chunk_nbytes=2 * MIB, stages=2), StagedStrategy.unavailable
    ),
}
_COMPANIONS = Companions(
    copying=lambda: ReadStrategy(threads=1),
    staging=lambda: StagedStrategy(chunk_nbytes=2 * MIB, stages=2),
    transform=no_transform,
    allocate=empty,
)
_LIMITS = Limits(window=4 * MIB)
Use = Callable[[Checkpoint], object]


def opened(path: str, strategy: str = "mmap") -> Checkpoint:
    """Open a checkpoint."""
    found = open_checkpoint(
        path,
        Router(OFFERS),
        strategy,
        entries=entries,
        companions=_COMPANIONS,
        limits=_LIMITS,
    )
    if not isinstance(found, Checkpoint):
        raise RefusedError(str(found))
    return found


def using(path: str, use: Use, strategy: str = "mmap") -> Action:
    """Open a checkpoint, use it, and close it."""

    def act() -> None:
        checkpoint = opened(path, strategy)
        _whole(use(checkpoint))
        _whole(checkpoint.close())

    return act


def _whole(answer: object) -> None:
    if hasattr(answer, "reaction"):
        raise RefusedError(str(answer))


def nothing(_: Checkpoint) -> None:
    """Leave it as it is."""


def every_array(checkpoint: Checkpoint) -> None:
    """Ask for each array."""
    for i in range(len(checkpoint.names)):
        array = checkpoint.array(i)
        _whole(array)
        del array


def load_and_release(checkpoint: Checkpoint) -> None:
    """Load all in one batch, look at each, and release all."""
    _whole(checkpoint.load(threads=1))
    every_array(checkpoint)
    _whole(checkpoint.release())


def load_touched(checkpoint: Checkpoint) -> None:
    """Load all, pages too, and hear of it."""
    _whole(checkpoint.load(touch=True, progress=lambda _: None))


def load_and_tell(checkpoint: Checkpoint) -> None:
    """Load all, and hear of each."""
    _whole(checkpoint.load(threads=1, progress=sink))
    _whole(checkpoint.release())


def digest_and_tell(checkpoint: Checkpoint) -> None:
    """Digest all, and compare all with another of the same, and hear of each."""
    other = opened(checkpoint.path)
    _whole(digest(checkpoint, sink))
    _whole(compare(checkpoint, other, sink))
    _whole(other.close())


def into_buffers(checkpoint: Checkpoint) -> None:
    """Load all into buffers of the caller's, and release them."""
    sizes: list[int] = checkpoint.header.tensors.nbytes.tolist()
    memory = np.empty(sum(sizes), np.uint8)
    starts: list[int] = np.cumsum([0, *sizes[:-1]]).tolist()
    parts = {i: memory[at : at + sizes[i]] for i, at in enumerate(starts)}
    _whole(checkpoint.load_into(parts, threads=1))
    _whole(checkpoint.release())


def release_each(checkpoint: Checkpoint) -> None:
    """Load all, and release one after another."""
    _whole(checkpoint.load())
    for i in range(len(checkpoint.names)):
        _whole(checkpoint.release(np.array([i])))


def release_some(checkpoint: Checkpoint) -> None:
    """Load all, and release every fourth, one after another."""
    _whole(checkpoint.load(threads=1))
    for i in range(0, len(checkpoint.names), 4):
        _whole(checkpoint.release(np.array([i])))


def digested(checkpoint: Checkpoint) -> None:
    """Digest all."""
    _whole(digest(checkpoint))


def streamed(checkpoint: Checkpoint) -> None:
    """Show all to a sink."""
    _whole(stream(checkpoint, sink))


def compared(checkpoint: Checkpoint) -> None:
    """Compare all with another of the same."""
    compared_with(checkpoint.path)(checkpoint)


def compared_with(path: str) -> Use:
    """Make a use that compares all with what lies at a path."""

    def use(checkpoint: Checkpoint) -> None:
        other = opened(path)
        _whole(compare(checkpoint, other))
        _whole(other.close())

    return use


def look_and_release_each(checkpoint: Checkpoint) -> None:
    """Ask for each array, and release it before the next."""
    for i in range(len(checkpoint.names)):
        array = checkpoint.array(i)
        _whole(array)
        del array
        _whole(checkpoint.release(np.array([i])))


def strided(checkpoint: Checkpoint) -> None:
    """Read every second number of tensors that are larger than a window."""
    for i in range(len(checkpoint.names)):
        _whole(read_part(checkpoint, i, plan(checkpoint, i, slice(None, None, 2))))


def sliced(checkpoint: Checkpoint) -> None:
    """Read every eighth number of the first half of each tensor."""
    for i in range(len(checkpoint.names)):
        (size,) = checkpoint.array_type(i)[0]
        _whole(read_part(checkpoint, i, plan(checkpoint, i, slice(0, size // 2, 8))))


def read_each(checkpoint: Checkpoint) -> None:
    """Read each tensor into the same buffer."""
    sizes: list[int] = checkpoint.header.tensors.nbytes.tolist()
    memory = np.empty(max(sizes), np.uint8)
    for i, size in enumerate(sizes):
        _whole(read_into(checkpoint, i, memory[:size], threads=1))
