"""What the workloads do with an open model."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

import numpy as np

import emel
from emel_tools.costs.workload import MIB, Action

Use = Callable[[emel.Model], object]


def using(
    path: str, use: Use, strategy: str = "mmap", *, memory_limit: int | None = None
) -> Action:
    """Open a model, use it, and close it."""

    def act() -> object:
        with emel.open(path, strategy, memory_limit=memory_limit) as model:
            return use(model)

    return act


def sink(*_: object) -> None:
    """Look away."""


def nothing(_: emel.Model) -> None:
    """Leave it as it is."""


def every_array(model: emel.Model) -> None:
    """Ask for each array."""
    for name in model:
        model[name]


def load_and_release(model: emel.Model) -> None:
    """Load all, look at each array, and release all."""
    model.load(threads=1)
    every_array(model)
    model.release()


def load_touched(model: emel.Model) -> None:
    """Load all, its pages too."""
    model.load(touch=True)


def load_with_2_threads(model: emel.Model) -> None:
    """Load all with two threads."""
    model.load(threads=2)


def into_one_buffer(model: emel.Model) -> None:
    """Load all into one buffer of the caller's, twice."""
    buffer = model.empty_buffer()
    model.load(into=buffer, threads=1)
    model.load(into=buffer, threads=1)
    model.release()


def into_arrays(model: emel.Model) -> None:
    """Load all into arrays of the caller's."""
    model.load(into=model.empty(), threads=1)
    model.release()


def release_each(model: emel.Model) -> None:
    """Load all, and release one after another."""
    model.load()
    for name in model:
        model.release([name])


def read_each(model: emel.Model) -> None:
    """Read each tensor into the same buffer."""
    buffer = np.empty(max(model.info(name).nbytes for name in model), np.uint8)
    for name in model:
        model.read_into(name, buffer[: model.info(name).nbytes], threads=1)


def sliced(model: emel.Model) -> None:
    """Read the first half of each tensor."""
    for name in model:
        part = model.part(name)
        part[: part.shape[0] // 2]


def backwards(model: emel.Model) -> None:
    """Read the first half of each tensor from its end to its beginning."""
    for name in model:
        part = model.part(name)
        part[part.shape[0] // 2 - 1 :: -1]


def whole_parts(model: emel.Model) -> None:
    """Make an array of each tensor by way of its part."""
    for name in model:
        np.asarray(model.part(name))


def typed_parts(model: emel.Model) -> None:
    """Make an array of each tensor by way of its part, of the type that it has."""
    for name in model:
        part = model.part(name)
        np.asarray(part, part.dtype)


def streamed(model: emel.Model) -> None:
    """Show all to a sink."""
    model.stream(sink)


def digested(model: emel.Model) -> None:
    """Digest all."""
    model.digest()


def dequantized(model: emel.Model) -> None:
    """Make numbers of each tensor, in the same array."""
    out = np.empty(model.info(next(iter(model))).shape, np.float32)
    for name in model:
        model.dequantize(name, out)


def dequantized_anew(model: emel.Model) -> None:
    """Make numbers of each tensor, in an array that is made for it."""
    for name in model:
        model.dequantize(name)


def converted(model: emel.Model) -> None:
    """Convert each tensor, in the same array."""
    out = np.empty(model.info(next(iter(model))).shape, np.float16)
    for name in model:
        model.dequantize(name, out)


def verified(model: emel.Model) -> None:
    """Compare with another of the same."""
    with emel.open(model.path, "mmap") as other:
        model.compare(other)


def all_in_turn(model: emel.Model) -> None:
    """Load, digest, compare, slice, convert and show all, one after another, and release all."""
    load_and_release(model)
    digested(model)
    verified(model)
    sliced(model)
    dequantized_anew(model)
    streamed(model)


def left_open(path: str, use: Use, strategy: str) -> Callable[[], AbstractContextManager[object]]:
    """Open a model, use it, and leave it open for a while."""

    @contextmanager
    def opening() -> Generator[None]:
        # Beside a ring of 32 MiB hardly anything else would stand out.
        with emel.open(path, strategy, memory_limit=MIB) as model:
            use(model)
            yield

    return opening


def described(model: emel.Model) -> None:
    """Describe each tensor, and where all are."""
    for name in model:
        model.info(name)
    model.residency()
    model.usage()
    dict(model.metadata)


def placed(model: emel.Model) -> None:
    """Say where all tensors are, at once."""
    model.residency()
