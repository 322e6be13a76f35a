"""An index as JSON: read, and held to what JSON readers let pass. Imported when there is one."""

from __future__ import annotations

import json
from collections import Counter
from typing import Final, TypeAlias

import msgspec

from emel_model_format import Refusal, parse
from emel_model_loader.index import Index
from emel_model_loader.outcomes import Failure, show_names

MISTAKEN: Final = frozenset(
    ("empty-file", "git-lfs-pointer", "gzip-file", "html-page", "xml-file", "zip-archive")
)
"""What the parser of headers knows by its first bytes, and people take for an index."""

Json: TypeAlias = "bytes | bytearray | memoryview | msgspec.Raw"


_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NAMES: Final = msgspec.json.Decoder(dict[str, str])
_METADATA: Final = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)


def read_index(data: Json, path: str) -> Index | Failure:
    """Read an index's bytes; nothing refers to them afterwards."""
    with memoryview(data) as view:
        mistaken = parse(view, len(view))
        if isinstance(mistaken, Refusal) and mistaken.rule in MISTAKEN:
            return Failure.of_shards(mistaken.rule, path, mistaken.message)
        try:
            return _read(view, path)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            why = f"this is no index of shards: {error}"
    return Failure.of_shards("index-invalid", path, why)


def _read(view: memoryview, path: str) -> Index | Failure:
    fields = _FIELDS.decode(view)
    if "weight_map" not in fields:
        return Failure.of_shards("index-invalid", path, "this is no index: it has no weight_map")
    inner = sum(bytes(value).count(b'"') for value in fields.values())
    twice = _repeated(view, inner + 2 * len(fields))
    if twice:
        message = f"fields of the index occur twice ({show_names(twice)})"
        return Failure.of_shards("index-duplicate-fields", path, message)
    weight_map = fields["weight_map"]
    files = _NAMES.decode(weight_map)
    twice = _repeated(weight_map, 4 * len(files))
    if twice:
        message = "the index names tensors twice"
        return Failure.of_shards("index-duplicate-tensors", path, message, tensors=twice)
    if not files:
        return Failure.of_shards("index-empty", path, "the index names no tensor")
    metadata = _METADATA.decode(fields["metadata"]) if "metadata" in fields else None
    return Index(files, _texts(metadata or {}))


def _texts(metadata: dict[str, msgspec.Raw]) -> dict[str, str]:
    texts = {key: raw for key, raw in metadata.items() if bytes(raw).startswith(b'"')}
    return {key: msgspec.json.decode(raw, type=str) for key, raw in texts.items()}


def _repeated(data: Json, quotes: int) -> list[str]:
    """Name the keys of a JSON object that occur more than once.

    msgspec keeps the last of two equal keys without a word. But `quotes` are those around the keys
    and in the values that it kept: where there are no more, there is no room for another key.
    """
    text = bytes(data)
    if text.count(b'"') == quotes:
        return []
    pairs: list[tuple[str, object]] = json.loads(text, object_pairs_hook=list)
    return [key for key, n in Counter(key for key, _ in pairs).items() if n > 1]
