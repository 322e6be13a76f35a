"""What the face costs its users: opening, arrays, loading, releasing, digests, the command."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import emel
from emel_tools.costs import first, named
from emel_tools.costs.command import (
    added_up,
    compared,
    inspected,
    inspected_tokens,
    listed,
    moved,
    recorded,
)
from emel_tools.costs.models import (
    Use,
    all_in_turn,
    backwards,
    converted,
    dequantized,
    dequantized_anew,
    described,
    digested,
    every_array,
    into_arrays,
    into_one_buffer,
    left_open,
    load_and_release,
    load_touched,
    load_with_2_threads,
    nothing,
    placed,
    read_each,
    release_each,
    sliced,
    streamed,
    typed_parts,
    using,
    verified,
    whole_parts,
)
from emel_tools.costs.site import GAP, Site
from emel_tools.costs.workload import (
    MIB,
    Action,
    First,
    Held,
    Scaled,
    Workload,
    Workloads,
    each,
    whole,
)


def auto(site: Site) -> Action:
    """Open a model by whatever speaks for a strategy."""
    return using(site.gguf(64, 4096), nothing, "auto")


def as_large_as_models(site: Site) -> Action:
    """Ask for each array of 16 GiB, keep them, and ask for one again that was let go."""

    def use(model: emel.Model) -> None:
        arrays = dict(model)
        for name in list(model)[::30]:
            del arrays[name]
            model.release([name])
            arrays[name] = model[name]

    return using(site.safetensors(300, GAP), use)


def indexed(site: Site) -> Action:
    """Open a safetensors model in four files, and ask for each array."""
    return using(site.indexed(64, 64, 4), every_array)


def within_a_limit(site: Site, strategy: str) -> Action:
    """Load many small tensors where memory is limited to a little more than they take."""
    return using(site.gguf(256, 512), load_and_release, strategy, memory_limit=MIB)


def quantised(site: Site) -> Action:
    """Make numbers of quantised tensors."""
    return using(site.gguf(4, _BLOCK << 11, kind=_Q8_0), dequantized)


def quantised_within_a_limit(site: Site) -> Action:
    """Make numbers of quantised tensors in new arrays, each larger than the ring."""
    path = site.gguf(2, _BLOCK << 15, kind=_Q8_0)
    return using(path, dequantized_anew, memory_limit=MIB)


def used(site: Site, strategy: str) -> Callable[[], AbstractContextManager[object]]:
    """Do with a model all that can be done with it, and leave it open."""
    return left_open(site.gguf(64, 4096), all_in_turn, strategy)


def _large(
    name: str, use: Use, strategy: str, *, owned: int = 0, items: int = 16, nbytes: int = MIB // 4
) -> Workload:
    # A strategy that copies looks at the header through 1 MiB of memory: where nothing larger is
    # asked for, only tensors that are larger tell a copy of one from that.
    def make(site: Site) -> Action:
        return using(site.gguf(items, nbytes), use, strategy)

    return Workload(f"{name}-{strategy}", make, items, 1, items * nbytes, owned)


def _small(name: str, use: Use, strategy: str = "mmap", items: int = 64) -> Workload:

    def make(site: Site) -> Action:
        return using(site.gguf(items, 4096), use, strategy)

    return Workload(f"{name}-{strategy}", make, items=items)


def _many(name: str, use: Use, strategy: str = "mmap") -> Scaled:
    return whole(name, lambda site, items: using(site.gguf(items, 64), use, strategy))


def _each(name: str, use: Use, strategy: str = "mmap") -> Scaled:
    return each(name, lambda site, items: using(site.gguf(items, 64), use, strategy))


_STRATEGIES = ("mmap", "read", "staged")
_Q8_0, _BLOCK = 8, 34
_OF_THE_MACHINE = ("reads", "read-bytes", "looks")
"""How long the table of mounts is, and how deep the path."""

WORKLOADS: Workloads = (
    *(_small("open-64-tensors", nothing, name) for name in _STRATEGIES),
    Workload(
        "open-64-tensors-auto",
        auto,
        items=64,
        without=_OF_THE_MACHINE,
    ),
    Workload(
        "open-safetensors-in-4-files",
        indexed,
        items=64,
        files=4,
    ),
    _small("every-array-of-64-tensors", every_array),
    Workload("every-array-of-16-gib-mmap", as_large_as_models, items=300),
    _small("every-array-of-16-tensors", every_array, "read", 16),
    _small("release-each-of-16-tensors", release_each, items=16),
    _large("load-4-mib", load_and_release, "mmap"),
    _large("load-4-mib", load_and_release, "read", owned=4 * MIB),
    _large("load-4-mib", load_and_release, "staged", owned=4 * MIB),
    _large("load-4-mib-with-its-pages", load_touched, "mmap"),
    _large("load-16-mib-with-2-threads", load_with_2_threads, "read", owned=16 * MIB, nbytes=MIB),
    _large("load-4-mib-into-one-buffer", into_one_buffer, "mmap", owned=4 * MIB),
    _large("load-16-mib-into-one-buffer", into_one_buffer, "read", owned=16 * MIB, nbytes=MIB),
    _large("load-4-mib-into-one-buffer", into_one_buffer, "staged", owned=4 * MIB),
    _large("load-4-mib-into-arrays", into_arrays, "mmap", owned=4 * MIB),
    _large("read-each-of-4-mib", read_each, "mmap", owned=MIB // 4),
    _large("digest-4-mib", digested, "mmap"),
    _large("digest-16-mib", digested, "read", items=8, nbytes=2 * MIB),
    _large("digest-16-mib", digested, "staged", items=8, nbytes=2 * MIB),
    *(_large("stream-8-mib", streamed, name, items=4, nbytes=2 * MIB) for name in _STRATEGIES),
    _large("slice-4-mib", sliced, "mmap", owned=MIB // 8),
    _large("slice-8-mib", sliced, "read", owned=MIB, items=4, nbytes=2 * MIB),
    _large("slice-4-mib-backwards", backwards, "mmap", owned=MIB // 8),
    _large("slice-8-mib-backwards", backwards, "read", owned=MIB, items=4, nbytes=2 * MIB),
    _large("verify-4-mib", verified, "mmap"),
    _large("convert-4-mib", converted, "mmap", owned=MIB // 8),
    Workload(
        "dequantise-1-mib-of-numbers",
        quantised,
        items=4,
        nbytes=4 * _BLOCK << 11,
        owned=MIB // 4,
    ),
    Workload(
        "dequantise-8-mib-of-numbers-in-new-arrays",
        quantised_within_a_limit,
        items=2,
        nbytes=2 * _BLOCK << 15,
        owned=4 * MIB,
    ),
    *(Held(f"use-64-tensors-{name}", partial(used, strategy=name)) for name in _STRATEGIES),
    Workload(
        "inspect-16-tensors",
        inspected,
        items=16,
        without=_OF_THE_MACHINE,
    ),
    Workload("digest-command-16-tensors", added_up, items=16, without=_OF_THE_MACHINE),
    Workload("verify-command-2-files", compared, items=16, files=2, without=_OF_THE_MACHINE),
    Workload("verify-command-record", recorded, items=16, files=2, without=_OF_THE_MACHINE),
    Workload("load-command-40-tensors", moved, items=40, without=_OF_THE_MACHINE),
    _large("whole-parts-of-8-mib", whole_parts, "read", owned=2 * MIB, items=4, nbytes=2 * MIB),
    _large("typed-parts-of-8-mib", typed_parts, "read", owned=2 * MIB, items=4, nbytes=2 * MIB),
    *(
        Workload(
            f"load-256-tensors-within-1-mib-{name}",
            partial(within_a_limit, strategy=name),
            items=256,
            nbytes=MIB // 8,
            owned=MIB // 8,
        )
        for name in ("read", "staged")
    ),
    _many("open-tensors", nothing),
    _many("load-tensors-and-look-at-each", load_and_release),
    _each("load-tensors-copied", load_and_release, "read"),
    _each("load-tensors-into-one-buffer", into_one_buffer),
    _many("load-tensors-into-arrays", into_arrays)._replace(growth=None),
    _each("release-each-of-tensors", release_each),
    _many("look-up-names", named.look_up),
    _many("load-named-tensors", named.load),
    _many("release-named-tensors", named.release),
    _each("load-named-tensors-into-one-buffer", named.load_into),
    _many("make-buffers-for-named-tensors", named.make_buffers),
    # What is loaded takes so long that a search through all buffers for each drowns in it.
    _many("miss-a-buffer-of-named-tensors", named.miss_a_buffer),
    Scaled("refuse-arrays-that-share-memory", named.share_memory),
    _each("read-each-of-tensors", read_each),
    _each("digest-tensors", digested),
    _each("verify-tensors", verified),
    _many("tell-residency-of-tensors", placed),
    _many("describe-tensors", described),
    _each("slice-tensors", sliced),
    _each("convert-tensors", converted),
    each("inspect-tensors", inspected),
    First("first-look", first.mapped),
    Scaled("inspect-tokens", inspected_tokens, growth=None),
    # Beyond 500 tensors the table isn't rich's.
    Scaled("list-tensors-and-metadata", listed, sizes=(4, 16), growth=(512, 3072)),
)
