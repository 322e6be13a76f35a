"""The index of safetensors shards: which file has which tensor, and what that has to keep to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from emel_model_loader.outcomes import Failure
from emel_model_loader.shards import HINT, Located, absent, leads_outside, numbered, refuse_missing

INDEX_LIMIT: Final = 256 << 20
"""Bytes: some 2,000,000 tensors. A file that is larger is not read at all."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index as it was read; nothing of it is trusted yet."""

    files: dict[str, str]
    """Tensor to file name, `weight_map`."""
    metadata: dict[str, str]
    """What of its metadata is text; numbers such as `total_size` are not believed, nor needed."""


def follow_index(index: Index, located: Located) -> Located | Failure:
    """Hold an index's file names to the rules, and to what lies beside it."""
    path = located.index or ""
    names = tuple(sorted(set(index.files.values())))
    outside = tuple(name for name in names if leads_outside(name))
    if outside:
        tensors = tuple(t for t, name in index.files.items() if leads_outside(name))
        message = "an index names plain files beside it, and nothing else"
        return Failure.of_shards("name-escapes", path, message, tensors=tensors, files=outside)
    missing = absent(names, names if located.listed is None else located.listed)
    failure = refuse_missing(path, missing)
    if failure is not None:
        return failure
    names = tuple(sorted({*names, *_siblings(names, located.listed or ())}))
    if located.asked is not None and located.asked not in names:
        message = f"the index does not name the shard that was asked for ({HINT})"
        return Failure.of_shards("shard-unindexed", path, message, files=(located.asked,))
    return replace(located, names=names)


def _siblings(names: tuple[str, ...], listed: tuple[str, ...]) -> Iterator[str]:
    """Find whole shards that the index passes over: what they hold will be seen to be unindexed."""
    sets = {shard._replace(number=1) for name in names if (shard := numbered(name))}
    for name in listed:
        shard = numbered(name)
        if shard is not None and shard._replace(number=1) in sets:
            yield name
