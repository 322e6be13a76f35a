"""What parsing costs: no call to the system, a few steps for each tensor, no copy of the header."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from emel_model_format import Header, Metadata, PackedArrays, PackedStrings, Tensors, parse
from emel_tools.costs.site import Site
from emel_tools.costs.workload import (
    MIB,
    VOCABULARY,
    Action,
    RefusedError,
    Scaled,
    Workload,
    Workloads,
)

_Q8_0 = 8
_BLOCK = 34


def _parsed(site: Site, path: str) -> Action:
    data = site.bytes_of(path)
    return lambda: _header(data)


def _header(data: NDArray[np.uint8]) -> Header:
    header = parse(data.data, data.nbytes)
    if not isinstance(header, Header):
        raise RefusedError(repr(header))
    return header


def gguf(site: Site, items: int = 64) -> Action:
    """Parse a GGUF header."""
    return _parsed(site, site.gguf(items, 64))


def vocabulary(site: Site, items: int = 64) -> Action:
    """Parse a GGUF header with many tokens, which stay packed."""
    return _parsed(site, site.gguf(4, 64, tokens=items))


def keys(site: Site, items: int) -> Action:
    """Parse a GGUF header with many keys, and look at each."""
    data = site.bytes_of(site.keyed(items))
    return lambda: dict(_header(data).metadata)


def safetensors(site: Site, items: int = 64) -> Action:
    """Parse a safetensors header."""
    return _parsed(site, site.safetensors(items, 64))


def safetensors_of_torch(site: Site, items: int = 64, origin: str = "pt") -> Action:
    """Parse a safetensors header as most are, with a word on its origin."""
    return _parsed(site, site.safetensors(items, 64, origin=origin))


def escaped(site: Site, items: int) -> Action:
    """Parse a safetensors header with an escape in its metadata."""
    return safetensors_of_torch(site, items, origin="\t")


def long_gguf(site: Site) -> Action:
    """Parse a GGUF header with a vocabulary as large as models have: 3.5 MiB."""
    return _parsed(site, site.gguf(4, 64, tokens=VOCABULARY))


def long_safetensors(site: Site, origin: str = "pt") -> Action:
    """Parse a safetensors header of 4 MiB, nearly all of it spaces at its end."""
    return _parsed(site, site.safetensors(4, 64, origin=origin, padding=4 * MIB))


def nested(site: Site, items: int) -> Action:
    """Look at each array of an array of arrays."""
    metadata = _header(site.bytes_of(site.nested(items))).metadata

    def act() -> None:
        found = metadata["nested"]
        if not isinstance(found, PackedArrays):
            raise RefusedError("it isn't read as arrays")
        for i in range(items):
            found[i]

    return act


def with_payload(path: Callable[[Site], str]) -> Callable[[Site], Action]:
    """Parse a header that 16 MiB of data follow, which aren't looked at."""
    return lambda site: _parsed(site, path(site))


def tokens(site: Site, items: int) -> Action:
    """Look at every token of a vocabulary."""
    packed = _vocabulary(site, items)
    return lambda: list(packed)


def some_tokens(site: Site, items: int) -> Action:
    """Look at half of a vocabulary, in one slice."""
    packed = _vocabulary(site, items)
    return lambda: packed[items // 4 : items // 4 * 3]


def _vocabulary(site: Site, items: int) -> PackedStrings:
    header = _header(site.bytes_of(site.gguf(4, 64, tokens=items)))
    packed = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(packed, PackedStrings)  # noqa: S101 - a proof for the checker
    return packed


def truths(site: Site, items: int) -> Action:
    """Parse a GGUF header with an array of truth values, and look at them."""
    data = site.bytes_of(site.truths(items))
    return lambda: _header(data).metadata["truths"]


def shapes(site: Site, items: int) -> Action:
    """Say the shape of each tensor, logical and as an array, all at once and one by one."""
    data = site.bytes_of(site.gguf(items, _BLOCK, kind=_Q8_0))
    tensors = _header(data).tensors

    def act() -> None:
        tensors.array_shapes()
        for i in range(len(tensors)):
            tensors.shape(i)
            tensors.array_shape(i)

    return act


def joined(site: Site, items: int) -> Action:
    """Join the tensors of many files, 64 in each."""
    parts = [_header(site.bytes_of(site.gguf(64, 64))).tensors] * (items // 64)
    return lambda: Tensors.concatenate(parts)


def metadata(_: Site, items: int) -> Action:
    """Make metadata of many keys, and look at each."""
    pairs = {f"key.{i}": str(i) for i in range(items)}

    def act() -> None:
        made = Metadata(pairs)
        for key in made:
            made[key]

    return act


WORKLOADS: Workloads = (
    Workload("parse-gguf-of-64-tensors", gguf, items=64),
    Workload("parse-safetensors-of-64-tensors", safetensors, items=64),
    Workload(
        "parse-gguf-of-16-mib",
        with_payload(lambda site: site.gguf(16, MIB)),
        items=16,
        nbytes=16 * MIB,
    ),
    Workload(
        "parse-safetensors-of-16-mib",
        with_payload(lambda site: site.safetensors(16, MIB)),
        items=16,
        nbytes=16 * MIB,
    ),
    # What is as long as this shows each copy of a header, on every Python.
    Workload(f"parse-gguf-of-{VOCABULARY}-tokens", long_gguf, items=VOCABULARY),
    Workload("parse-safetensors-header-of-4-mib", long_safetensors, items=4),
    Workload(
        "parse-safetensors-header-of-4-mib-with-an-escape",
        partial(long_safetensors, origin="\t"),
        items=4,
    ),
    Scaled("parse-gguf-tensors", gguf),
    Scaled("parse-gguf-tokens", vocabulary),
    Scaled("parse-gguf-keys", keys),
    Scaled("look-at-gguf-truth-values", truths),
    Scaled("parse-safetensors-tensors", safetensors),
    Scaled("parse-safetensors-tensors-of-torch", safetensors_of_torch),
    # What is read key by key, an order of magnitude slower: as many as show a search among names.
    Scaled("parse-safetensors-tensors-with-an-escape", escaped, (8, 32), (512, 6144)),
    Scaled("look-at-gguf-tokens", tokens),
    Scaled("slice-gguf-tokens", some_tokens),
    Scaled("look-at-nested-arrays", nested, growth=(128, 1024)),
    Scaled("shape-tensors", shapes),
    Scaled("join-tensors", joined),
    Scaled("look-at-metadata", metadata),
)
