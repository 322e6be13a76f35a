"""Whether the headers of several files make one checkpoint, and the one header that they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from emel_model_format import Header, Metadata, Tensors
from emel_model_loader.index import Index
from emel_model_loader.outcomes import Failure
from emel_model_loader.shards import (
    HINT,
    SHARDS_MAX,
    Kind,
    Located,
    Numbered,
    absent,
    counted,
    numbered,
    numbered_name,
    refuse_missing,
    whole_set,
)

_NO: Final = "split.no"
_COUNT: Final = "split.count"
_TOTAL: Final = "split.tensors.count"


def merge(located: Located, headers: Sequence[Header], index: Index | None) -> Header | Failure:
    """Join the headers of `located.files`, one each, or say why they are not one checkpoint.

    The first file gives everything but the tensors, and an index what the first file's metadata
    lacks.
    """
    if located.kind is Kind.ALONE:
        return headers[0]
    failure = (
        _partial(located)
        or _unlike(located, headers, index)
        or _misnumbered(located, headers)
        or _repeated(located, headers)
        or (None if index is None else _misindexed(located, headers, index))
    )
    if failure is not None:
        return failure
    first = headers[0]
    metadata = first.metadata
    if index is not None and index.metadata:
        metadata = Metadata({**index.metadata, **metadata})
    tensors = Tensors.concatenate([header.tensors for header in headers])
    return replace(first, metadata=metadata, tensors=tensors)


def _partial(located: Located) -> Failure | None:
    """Find a shard that is there although it isn't listed: its names don't lead to the others."""
    shard = numbered(located.names[0]) if located.kind is Kind.NUMBERED else None
    others = () if shard is None else absent(whole_set(shard), located.names)
    return refuse_missing(located.files[0], others)


def _unlike(located: Located, headers: Sequence[Header], index: Index | None) -> Failure | None:
    kinds = [(header.format, header.version, header.byteorder) for header in headers]
    wanted = kinds[0] if index is None else ("safetensors", 0, "little")
    others = [i for i, kind in enumerate(kinds) if kind != wanted]
    if not others:
        return None
    found, expected = (" ".join(map(str, kind)) for kind in (kinds[others[0]], wanted))
    message = f"shards of different kinds: this one is {found}, where {expected} is expected"
    names = [located.names[i] for i in others]
    return Failure.of_shards("shards-differ", located.files[others[0]], message, files=names)


def _misnumbered(located: Located, headers: Sequence[Header]) -> Failure | None:
    """Hold what GGUF shards say of themselves to their names."""
    if headers[0].format != "gguf":
        return None
    if located.kind is Kind.SINGLE:
        return _renamed(located, headers[0])
    if len(headers) == 1 and _COUNT not in headers[0].metadata:
        return None  # one of one, by a writer that says nothing of splits then
    for i, header in enumerate(headers):
        for key, code, expected in (
            (_NO, "split-number-differs", i),
            (_COUNT, "split-count-differs", len(headers)),
        ):
            said = _integer(header, key)
            if said != expected:
                found = "absent" if said is None else str(said)
                message = f"{key} is {found}, where its name says {expected} ({HINT})"
                return Failure.of_shards(code, located.files[i], message, files=(located.names[i],))
    return _mistotalled(located, headers)


def _mistotalled(located: Located, headers: Sequence[Header]) -> Failure | None:
    total = sum(len(header.tensors) for header in headers)
    for i, header in enumerate(headers):
        said = _integer(header, _TOTAL)
        if said != total and (i == 0 or _TOTAL in header.metadata):
            found = "absent" if said is None else str(said)
            message = f"{_TOTAL} is {found}, but {len(headers)} shards have {total} tensors"
            name = (located.names[i],)
            return Failure.of_shards("split-total-differs", located.files[i], message, files=name)
    return None


def _renamed(located: Located, header: Header) -> Failure | None:
    """Find a shard whose name doesn't lead to the others."""
    count = _integer(header, _COUNT) or 0
    if count < 2:
        return None
    number = (_integer(header, _NO) or 0) + 1
    stem = located.names[0].removesuffix(".gguf")
    first = Numbered(stem, number, min(count, SHARDS_MAX), ".gguf", (5, 5))
    message = (
        f"it is part {number} of {count} of a split model, and its name doesn't lead to the "
        f"others ({HINT}); expected is a name like"
    )
    expected = (numbered_name(first),)
    return Failure.of_shards("shard-renamed", located.files[0], message, files=expected)


def _integer(header: Header, key: str) -> int | None:
    """Look up a number, of whatever integer type: writers differ."""
    value = header.metadata.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _repeated(located: Located, headers: Sequence[Header]) -> Failure | None:
    seen: set[str] = set()
    total = 0
    for header in headers:
        seen.update(header.tensors.names)
        total += len(header.tensors)
    if len(seen) == total:
        return None
    counts = Counter(name for header in headers for name in header.tensors.names)
    twice = {name for name, n in counts.items() if n > 1}
    having = [i for i, header in enumerate(headers) if not twice.isdisjoint(header.tensors.names)]
    return Failure.of_shards(
        "duplicate-tensors",
        located.files[having[-1]],
        f"{counted(len(twice), 'tensor lies', 'tensors lie')} in several shards",
        tensors=sorted(twice),
        files=[located.names[i] for i in having],
    )


def _misindexed(located: Located, headers: Sequence[Header], index: Index) -> Failure | None:
    """Compare what the index says with what the shards have; no name occurs twice in either."""
    found: dict[str, str] = {}
    for name, header in zip(located.names, headers, strict=True):
        found.update(dict.fromkeys(header.tensors.names, name))
    if found == index.files:
        return None
    strangers = found.keys() - index.files.keys()
    lost = index.files.keys() - found.keys()
    if strangers:
        code, message, tensors, where = "tensors-unindexed", "not in the index", strangers, found
    elif lost:
        code, message = "tensors-missing", "not where the index says"
        tensors, where = lost, index.files
    else:
        tensors = {name for name, file in found.items() if index.files[name] != file}
        code, message, where = "tensors-misplaced", "in another shard than the index says", found
    files = sorted({where[name] for name in tensors})
    return Failure.of_shards(
        code,
        located.folder + files[0],
        f"{counted(len(tensors), 'tensor is', 'tensors are')} {message}",
        tensors=sorted(tensors),
        files=files,
    )
