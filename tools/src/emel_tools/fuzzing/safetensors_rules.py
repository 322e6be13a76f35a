"""An oracle for safetensors: the JSON by Python's own reader, the rules by the format's README.

Where this project is stricter than the reference reader (equal keys, null metadata, 32 axes,
nesting), README of model_format says so, and so does this.
"""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Final, NamedTuple, NoReturn, cast

from emel_tools.fuzzing.facts import (
    INT64_MAX,
    BrokenError,
    Facts,
    Tensor,
    demand,
    demand_apart,
    elements,
)
from emel_tools.fuzzing.json_places import KEY, byte_of, bytes_near

BITS: Final = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
_HEADER: Final = 100_000_000
_AXES: Final = 32
_DEEPEST: Final = 64


class _Object(list[tuple[str, object]]):
    """A JSON object with all its keys, equal ones too."""


class _Float(NamedTuple):
    """A number that is no integer."""

    text: str


def _integer(digits: str) -> int:
    # Endless digits take quadratic time, and are out of every range.
    return int(digits) if len(digits) <= 20 else INT64_MAX + 1


def _no_constant(text: str) -> NoReturn:
    raise BrokenError(f"{text} is no JSON")


def read_safetensors(data: bytes) -> Facts:
    """Read a file that doesn't begin with GGUF.

    Raises
    ------
    BrokenError
        It has to be refused.
    """
    demand(data[8:9] == b"{", "the header doesn't begin with {", 0)
    nbytes = int.from_bytes(data[:8], "little")
    demand(nbytes <= _HEADER, "a header over the limit", 0)
    begins = 8 + nbytes
    demand(begins <= len(data), "a header that ends behind the file", 0)
    text = _text(data[8:begins])
    header = _decoded(text)
    try:
        metadata, tensors = _header(header, begins, len(data))
    except BrokenError as error:
        raise _with_bytes(error, text, header) from None
    reached = max((t.offset + t.nbytes for t in tensors), default=begins)
    demand(reached == len(data), "bytes behind the last tensor", reached)
    spelled = tuple((key, ("text", value.encode())) for key, value in metadata.items())
    return Facts("safetensors", 0, "little", 1, begins, spelled, tuple(tensors))


def _with_bytes(error: BrokenError, text: str, header: object) -> BrokenError:
    """Turn paths into bytes, and say whose entry is at each."""
    paths = {8 + byte_of(text, p): p for p in error.places if isinstance(p, tuple)}
    told = BrokenError(str(error), *paths)
    keys = [key for key, _ in header] if isinstance(header, _Object) else []
    at_keys = {place: keys[p[0]] for place, p in paths.items() if p[1:] == (KEY,)}
    told.names |= {place: key for place, key in at_keys.items() if key != "__metadata__"}
    return told


def _text(stored: bytes) -> str:
    try:
        return stored.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenError("no UTF-8", 8 + error.start) from None


def _decoded(text: str) -> object:
    try:
        decoded: object = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_float=_Float,
            parse_int=_integer,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        # Where brackets are nested too deep besides, how far a reader comes is its own matter.
        places = bytes_near(text, error.pos) if _depth(text) <= _DEEPEST else ()
        raise BrokenError(f"no JSON: {error}", *(8 + place for place in places)) from None
    except (ValueError, RecursionError) as error:
        raise BrokenError(f"no JSON: {error}") from None
    return decoded


def _depth(text: str) -> int:
    """Count how deep brackets are nested at the most, also those that nobody closes."""
    steps = ((char in "[{") - (char in "]}") for char in text)
    return max(accumulate(steps), default=0)


def _header(header: object, begins: int, file_nbytes: int) -> tuple[dict[str, str], list[Tensor]]:
    """Hold JSON to the rules; the places that this tells of are paths."""
    pairs = _object(header, "no object", ())
    _demand_once(pairs, (), "a key twice")
    metadata, tensors, paths = dict[str, str](), list[Tensor](), list[tuple[int, ...]]()
    for i, (key, value) in enumerate(pairs):
        if key == "__metadata__":
            metadata = _metadata(value, i)
            continue
        tensors.append(_entry(i, key, value, begins))
        paths.append((i, KEY))
    spans = [(t.offset, t.offset + t.nbytes) for t in tensors]
    for (_, end), path in zip(spans, paths, strict=True):
        demand(end <= file_nbytes, "data behind the file", path)
    demand_apart(spans, paths)
    chain = sorted((*span, path) for span, path in zip(spans, paths, strict=True))
    ends = [begins, *(end for _, end, _ in chain)]
    holes = [path for (begin, _, path), end in zip(chain, ends, strict=False) if begin != end]
    demand(not holes, "a hole", *holes)
    return metadata, tensors


def _object(value: object, rule: str, path: tuple[int, ...]) -> _Object:
    if not isinstance(value, _Object):
        raise BrokenError(rule, path)
    return value


def _demand_once(pairs: _Object, path: tuple[int, ...], rule: str) -> None:
    keys = [key for key, _ in pairs]
    if len({*keys}) < len(keys):
        again = next(i for i, key in enumerate(keys) if key in keys[:i])
        raise BrokenError(rule, (*path, again, KEY))


def _metadata(value: object, at: int) -> dict[str, str]:
    pairs = _object(value, "metadata that is no object", (at,))
    found: dict[str, str] = {}
    for i, (key, text) in enumerate(pairs):
        demand(_is_text(key), "a metadata key that isn't text", (at, i, KEY))
        demand(key not in found, "a metadata key twice", (at, i, KEY))
        demand(_is_text(text), "metadata that isn't text", (at, i))
        found[key] = str(text)
    return found


def _is_text(value: object) -> bool:
    # Half a surrogate pair is no text.
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _integers(value: object, path: tuple[int, ...]) -> list[int]:
    demand(isinstance(value, list) and not isinstance(value, _Object), "no array", path)
    numbers = cast("list[int]", value)
    for i, number in enumerate(numbers):
        if type(number) is not int:
            raise BrokenError("no integer", (*path, i))
        if not 0 <= number <= INT64_MAX:
            raise BrokenError("a number below zero, or of 2**63 or more", (*path, i))
    return numbers


def _entry(at: int, name: str, value: object, begins: int) -> Tensor:
    path = (at, KEY)
    demand(_is_text(name), "a name that is no text", path)
    pairs = _object(value, "an entry that is no object", (at,))
    _demand_once(pairs, (at,), "a field twice")
    fields, places = dict(pairs), {key: (at, i) for i, (key, _) in enumerate(pairs)}
    demand({"dtype", "shape", "data_offsets"} <= fields.keys(), "a field is missing", path)
    for i, (key, other) in enumerate(pairs):
        demand(_is_text(key), "a key that is no text", (at, i, KEY))
        if key not in ("dtype", "shape", "data_offsets"):
            _skipped(other, 0, (at, i))
    shape = tuple(_integers(fields["shape"], places["shape"]))
    dtype = str(fields["dtype"])
    known = isinstance(fields["dtype"], str) and dtype in BITS
    demand(known, "an unknown type", places["dtype"])
    span = _integers(fields["data_offsets"], places["data_offsets"])
    demand(len(span) == 2, "not two offsets", places["data_offsets"])
    demand(len(shape) <= _AXES, "more than 32 axes", path)
    full = elements(tuple(dim or 1 for dim in shape), path) * BITS[dtype]
    demand(full // 8 <= INT64_MAX, "2**63 bytes or more", path)
    bits = elements(shape, path) * BITS[dtype]
    whole = bits % 8 == 0 and bits // BITS[dtype] % _together(dtype) == 0
    demand(whole, "a byte that isn't full", path)
    begin, end = span
    demand(begin <= end, "offsets that go backwards", path)
    demand(end - begin == bits // 8, "offsets that don't fit the shape", path)
    return Tensor(name, dtype, shape, begins + begin, bits // 8)


def _together(dtype: str) -> int:
    """How many elements fill whole bytes: what no reader may split."""
    return {4: 2, 6: 4}.get(BITS[dtype], 1)


def _skipped(value: object, depth: int, path: tuple[int, ...]) -> None:
    """Look into a value that means nothing: it has to be JSON, and not too deep."""
    if isinstance(value, str):
        demand(_is_text(value), "a string that is no text", path)
    if not isinstance(value, list):
        return
    demand(depth < _DEEPEST, "nested too deep", path)
    if isinstance(value, _Object):
        for i, (key, inner) in enumerate(value):
            demand(_is_text(key), "a key that is no text", (*path, i, KEY))
            _skipped(inner, depth + 1, (*path, i))
        return
    for i, inner in enumerate(cast("list[object]", value)):
        _skipped(inner, depth + 1, (*path, i))
