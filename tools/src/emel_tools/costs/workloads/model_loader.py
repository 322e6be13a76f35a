"""What opening a checkpoint costs, and what its tensors do until it is closed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import numpy as np

from emel_tools.costs import indexes, many
from emel_tools.costs.checkpoints import (
    Use,
    compared,
    compared_with,
    digest_and_tell,
    digested,
    every_array,
    into_buffers,
    load_and_release,
    load_and_tell,
    load_touched,
    look_and_release_each,
    nothing,
    opened,
    read_each,
    release_each,
    release_some,
    sliced,
    streamed,
    strided,
    using,
)
from emel_tools.costs.site import GAP, Site
from emel_tools.costs.workload import (
    MIB,
    VOCABULARY,
    Action,
    Held,
    RefusedError,
    Scaled,
    Workload,
    Workloads,
    each,
    whole,
)

_Open = Callable[[], AbstractContextManager[object]]


def safetensors(site: Site) -> Action:
    """Open a safetensors file."""
    return using(site.safetensors(64, 64), nothing)


def long_gguf(site: Site) -> Action:
    """Open a GGUF file with a vocabulary as large as models have."""
    return using(site.gguf(4, 64, tokens=VOCABULARY), nothing)


def long_safetensors(site: Site) -> Action:
    """Open a safetensors file with a header of 4 MiB, nearly all of it spaces."""
    return using(site.safetensors(4, 64, padding=4 * MIB), nothing)


def of_type(dtype: str, site: Site) -> Action:
    """Load tensors of a type, and look at each."""
    return using(site.safetensors(4, 2 * MIB, dtype=dtype), load_and_release)


def split(site: Site, items: int = 64, use: Use = every_array) -> Action:
    """Open a GGUF model in four files."""
    return using(site.split(items, 64, 4), use)


def indexed(site: Site, items: int = 64, use: Use = every_array) -> Action:
    """Open a safetensors model in four files."""
    return using(site.indexed(items, 64, 4), use)


def many_files(site: Site, items: int) -> Action:
    """Open a model of a tensor in each of many files."""
    return using(site.indexed(items, 64, items), nothing)


def differing(site: Site) -> Action:
    """Compare a checkpoint with another, all of whose bytes differ."""
    path = site.gguf(4, 2 * MIB)
    return using(path, compared_with(site.ones(path, 8 * MIB)))


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
    return using(site.safetensors(300, GAP), every_array)


def long_index(site: Site) -> Action:
    """Open a model in four files whose index has 4 MiB, nearly all of it spaces."""
    return using(site.indexed(4, 64, 4, padding=4 * MIB), nothing)


def of_other_types(site: Site, items: int) -> Action:
    """Compare tensors with as many of the same names, all of another type: none is read."""
    path = site.safetensors(items, 64)
    return using(path, compared_with(site.safetensors(items, 64, dtype="BF16")))


def big_endian(site: Site, use: Use, strategy: str) -> Action:
    """Use a big-endian file."""
    return using(site.big_endian(4, 2 * MIB), use, strategy)


def held_open(path: Callable[[Site], str]) -> Callable[[Site], _Open]:
    """Open a checkpoint, and leave it as it is until it is closed."""

    def make(site: Site) -> _Open:
        made = path(site)

        @contextmanager
        def opening() -> Generator[None]:
            checkpoint = opened(made)
            yield
            checkpoint.close()

        return opening

    return make


def _one(count: int, nbytes: int, use: Use, strategy: str = "mmap") -> Callable[[Site], Action]:
    return lambda site: using(site.gguf(count, nbytes), use, strategy)


def _large(name: str, use: Use, strategy: str, *, owned: int = 0) -> Workload:
    # Larger than the memory through which a header is looked at, so that a copy stands out.
    make = _one(4, 2 * MIB, use, strategy)
    return Workload(f"{name}-{strategy}", make, 4, 1, 8 * MIB, owned)


def _many(name: str, use: Use, strategy: str = "mmap") -> Scaled:
    return whole(name, lambda site, items: using(site.gguf(items, 64), use, strategy))


def _each(name: str, use: Use, strategy: str = "mmap") -> Scaled:
    return each(name, lambda site, items: using(site.gguf(items, 64), use, strategy))


def _empty(name: str, use: Use, strategy: str = "mmap") -> Scaled:
    # Nothing is read, so that each takes a few microseconds, and a search through all others shows.
    def make(site: Site, items: int) -> Action:
        return using(site.safetensors(items, 0), use, strategy)

    return Scaled(name, make, sizes=(32, 256))


_STRATEGIES = ("mmap", "read", "staged")

WORKLOADS: Workloads = (
    *(
        Workload(f"open-gguf-of-64-tensors-{name}", _one(64, 64, nothing, name), items=64)
        for name in _STRATEGIES
    ),
    Workload("open-safetensors-of-64-tensors", safetensors, items=64),
    Workload(f"open-gguf-of-{VOCABULARY}-tokens", long_gguf, items=VOCABULARY),
    Workload("open-safetensors-header-of-4-mib", long_safetensors, items=4),
    Workload("open-safetensors-index-of-4-mib", long_index, items=4, files=4),
    Workload("follow-indexes-of-other-names-each-time", indexes.other_names_each_time, items=1024),
    Held("open-512-tensors-in-16-safetensors", held_open(lambda site: site.indexed(512, 64, 16))),
    Held("open-512-tensors-in-16-gguf", held_open(lambda site: site.split(512, 64, 16))),
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
    # Types that numpy itself doesn't know.
    *(
        Workload(f"load-8-mib-of-{dtype.lower()}", partial(of_type, dtype), 4, 1, 8 * MIB)
        for dtype in ("BF16", "F8_E4M3")
    ),
    _large("load-8-mib-with-its-pages", load_touched, "mmap"),
    _large("load-8-mib-into-buffers", into_buffers, "read", owned=8 * MIB),
    *(_large("digest-8-mib", digested, name) for name in _STRATEGIES),
    *(_large("stream-8-mib", streamed, name) for name in _STRATEGIES),
    _large("compare-8-mib", compared, "mmap"),
    Workload("compare-8-mib-that-differ", differing, items=4, files=2, nbytes=8 * MIB),
    *(
        Workload(
            f"{name}-8-mib-of-big-endian", partial(big_endian, use=use, strategy=how), 4, 1, 8 * MIB
        )
        for name, use, how in (("digest", digested, "read"), ("compare", compared, "mmap"))
    ),
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
    _many("load-tensors-and-tell-of-each", load_and_tell),
    _each("load-tensors-copied", load_and_release, "read"),
    _each("load-tensors-into-buffers", into_buffers),
    _each("release-each-of-tensors", release_each),
    # One in four of so many: a look at each copy outweighs what one release takes by itself.
    _each("release-some-of-tensors-copied", release_some, "read")._replace(sizes=(16, 128)),
    _each("digest-tensors-mapped", digested),
    _each("digest-tensors-copied", digested, "read"),
    _each("digest-tensors-staged", digested, "staged"),
    _each("compare-tensors", compared),
    _each("digest-and-compare-tensors-and-tell-of-each", digest_and_tell),
    _each("slice-tensors", sliced),
    _each("read-each-of-tensors", read_each),
    _empty("load-empty-tensors-copied", load_and_release, "read"),
    _empty("load-empty-tensors-into-buffers", into_buffers, "read"),
    _empty("digest-empty-tensors", digested),
    _empty("compare-empty-tensors", compared)._replace(growth=(768, 12_288)),
    Scaled("compare-tensors-of-other-types", of_other_types),
    Scaled("follow-an-index-beside-another-set", indexes.beside_another),
    whole("merge-indexed-tensors", partial(indexed, use=nothing)),
    whole("merge-split-tensors", partial(split, use=nothing)),
    # One in four of so many: what looks through all of them is slower then than one takes.
    Scaled("tell-of-tensors", many.told, growth=(2048, 65_536)),
    Scaled("say-in-which-file-tensors-are", many.located, growth=(1024, 8192)),
    Scaled("miss-files", indexes.missing),
    Scaled("refuse-files-outside", indexes.outside, sizes=(32, 256), growth=(256, 4096)),
    Scaled(
        "merge-files",
        many_files,
        sizes=(8, 32),
        growth=None,
    ),
)
