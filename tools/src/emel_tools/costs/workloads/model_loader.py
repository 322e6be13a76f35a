"""What opening a checkpoint costs, and what its tensors do until it is closed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

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
from emel_tools.costs.site import GAP, Site
from emel_tools.costs.workload import (
    MIB,
    Action,
    RefusedError,
    Scaled,
    Workload,
    Workloads,
    each,
    whole,
)


def sink(*_: object) -> None:
    """Look away."""


def empty(nbytes: int, _: int) -> NDArray[np.uint8]:
    """Make memory that lies anywhere."""
    return np.empty(nbytes, np.uint8)


def no_transform(*_: object) -> str:
    """Say why nothing is transformed."""
    return "nothing is transformed here"


_OFFERS = {
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
        Router(_OFFERS),
        strategy,
        entries=entries,
        companions=_COMPANIONS,
        limits=_LIMITS,
    )
    if not isinstance(found, Checkpoint):
        raise RefusedError(str(found))
    return found


def _using(path: str, use: Use, strategy: str = "mmap") -> Action:
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


def into_buffers(checkpoint: Checkpoint) -> None:
    """Load all into buffers of the caller's, and release them."""
    sizes = checkpoint.header.tensors.nbytes.tolist()
    memory = np.empty(sum(sizes), np.uint8)
    starts = np.cumsum([0, *sizes[:-1]]).tolist()
    parts = {i: memory[at : at + sizes[i]] for i, at in enumerate(starts)}
    _whole(checkpoint.load_into(parts, threads=1))
    _whole(checkpoint.release())


def release_each(checkpoint: Checkpoint) -> None:
    """Load all, and release one after another."""
    _whole(checkpoint.load())
    for i in range(len(checkpoint.names)):
        _whole(checkpoint.release(np.array([i])))


def digested(checkpoint: Checkpoint) -> None:
    """Digest all."""
    _whole(digest(checkpoint))


def streamed(checkpoint: Checkpoint) -> None:
    """Show all to a sink."""
    _whole(stream(checkpoint, sink))


def compared(checkpoint: Checkpoint) -> None:
    """Compare all with another of the same."""
    other = opened(checkpoint.path)
    _whole(compare(checkpoint, other))
    _whole(other.close())


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
    sizes = checkpoint.header.tensors.nbytes.tolist()
    memory = np.empty(max(sizes), np.uint8)
    for i, size in enumerate(sizes):
        _whole(read_into(checkpoint, i, memory[:size], threads=1))


def safetensors(site: Site) -> Action:
    """Open a safetensors file."""
    return _using(site.safetensors(64, 64), nothing)


def split(site: Site, items: int = 64, use: Use = every_array) -> Action:
    """Open a GGUF model in four files."""
    return _using(site.split(items, 64, 4), use)


def indexed(site: Site, items: int = 64, use: Use = every_array) -> Action:
    """Open a safetensors model in four files."""
    return _using(site.indexed(items, 64, 4), use)


def many_files(site: Site, items: int) -> Action:
    """Open a model of a tensor in each of many files."""
    return _using(site.indexed(items, 64, items), nothing)


def differing(site: Site) -> Action:
    """Compare a checkpoint with another, all of whose bytes differ."""
    path = site.gguf(4, 2 * MIB)
    ones = site.ones(path, 8 * MIB)

    def use(checkpoint: Checkpoint) -> None:
        other = opened(ones)
        _whole(compare(checkpoint, other))
        _whole(other.close())

    return _using(path, use)


def failing(site: Site) -> Action:
    """Load into buffers what a file doesn't hold any more; the checkpoint stays open."""
    path = site.ones(site.gguf(4, MIB // 4), MIB)
    checkpoint = opened(path, "read")
    site.cut(path, MIB // 2)

    def act() -> None:
        into = {i: np.empty(MIB // 4, np.uint8) for i in range(4)}
        if checkpoint.load_into(into, threads=1) is None:
            raise RefusedError("a file that was cut short was read")

    return act


def as_large_as_models(site: Site) -> Action:
    """Ask for each array of 16 GiB."""
    return _using(site.safetensors(300, GAP), every_array)


def missing(_: Site, items: int) -> Action:
    """Ask for a model of which all files but the first and the last are missing."""
    names = [f"m-{i:05}-of-{items:05}.gguf" for i in range(1, items + 1)]
    listed = (names[0], *(f"other-{i}.gguf" for i in range(items)), names[-1])

    def listed_in(folder: str) -> tuple[str, ...] | None:
        return listed if folder == "." else None

    def act() -> None:
        answer = open_checkpoint(names[0], Router(_OFFERS), "mmap", entries=listed_in)
        if getattr(answer, "code", "") != "shards-missing":
            raise RefusedError(str(answer))

    return act


def _one(count: int, nbytes: int, use: Use, strategy: str = "mmap") -> Callable[[Site], Action]:
    return lambda site: _using(site.gguf(count, nbytes), use, strategy)


def _large(name: str, use: Use, strategy: str, *, owned: int = 0) -> Workload:
    # Larger than the memory through which a header is looked at, so that a copy stands out.
    make = _one(4, 2 * MIB, use, strategy)
    return Workload(f"{name}-{strategy}", make, 4, 1, 8 * MIB, owned)


def _many(name: str, use: Use, strategy: str = "mmap") -> Scaled:
    return whole(name, lambda site, items: _using(site.gguf(items, 64), use, strategy))


def _each(name: str, use: Use, strategy: str = "mmap") -> Scaled:
    return each(name, lambda site, items: _using(site.gguf(items, 64), use, strategy))


_STRATEGIES = ("mmap", "read", "staged")

WORKLOADS: Workloads = (
    *(
        Workload(f"open-gguf-of-64-tensors-{name}", _one(64, 64, nothing, name), items=64)
        for name in _STRATEGIES
    ),
    Workload("open-safetensors-of-64-tensors", safetensors, items=64),
    Workload("open-gguf-in-4-files", split, items=64, files=4),
    Workload("open-safetensors-in-4-files", indexed, items=64, files=4),
    Workload("every-array-of-64-tensors", _one(64, 64, every_array), items=64),
    Workload("every-array-of-16-gib", as_large_as_models, items=300),
    Workload("release-each-of-16-tensors", _one(16, 64, release_each), items=16),
    Workload("slices-of-16-tensors-read", _one(16, 4096, sliced, "read"), items=16),
    Workload("read-each-of-16-tensors", _one(16, 4096, read_each), items=16),
    _large("load-8-mib", load_and_release, "mmap"),
    _large("load-8-mib", load_and_release, "read", owned=8 * MIB),
    _large("load-8-mib", load_and_release, "staged", owned=8 * MIB),
    _large("load-8-mib-with-its-pages", load_touched, "mmap"),
    _large("load-8-mib-into-buffers", into_buffers, "read", owned=8 * MIB),
    *(_large("digest-8-mib", digested, name) for name in _STRATEGIES),
    *(_large("stream-8-mib", streamed, name) for name in _STRATEGIES),
    _large("compare-8-mib", compared, "mmap"),
    Workload("compare-8-mib-that-differ", differing, items=4, files=2, nbytes=8 * MIB),
    Workload("fail-to-load-into-buffers", failing, items=4, nbytes=MIB, owned=MIB),
    Workload("look-at-and-release-each-of-40", _one(40, 64, look_and_release_each), items=40),
    Workload(
        "every-second-number-of-20-mib", _one(2, 10 * MIB, strided, "read"), 2, 1, 20 * MIB, 5 * MIB
    ),
    *(
        Workload(f"{name}-2-tensors-of-10-mib-mmap", _one(2, 10 * MIB, use), 2, 1, 20 * MIB)
        for name, use in (("digest", digested), ("stream", streamed), ("compare", compared))
    ),
    _large("slices-of-8-mib", sliced, "mmap"),
    _many("open-tensors", nothing),
    _many("every-array-of-tensors", every_array),
    _many("load-tensors-mapped", load_and_release),
    _each("load-tensors-copied", load_and_release, "read"),
    _each("load-tensors-into-buffers", into_buffers),
    _each("release-each-of-tensors", release_each),
    _each("digest-tensors-mapped", digested),
    _each("digest-tensors-copied", digested, "read"),
    _each("digest-tensors-staged", digested, "staged"),
    _each("compare-tensors", compared),
    _each("slice-tensors", sliced),
    _each("read-each-of-tensors", read_each),
    whole("merge-indexed-tensors", partial(indexed, use=nothing)),
    whole("merge-split-tensors", partial(split, use=nothing)),
    Scaled("miss-files", missing),
    Scaled(
        "merge-files",
        many_files,
        sizes=(8, 32),
        growth=None,
    ),
)
