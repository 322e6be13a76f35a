"""An oracle for safetensors: the JSON by Python's own reader, the rules by the format's README.

Where this project is stricter than the reference reader (equal keys, null metadata, 32 axes,
nesting), README of model_format says so, and so does this.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple, NoReturn, cast

from emel_tools.fuzzing.facts import (
    INT64_MAX,
    BrokenError,
    Facts,
    Tensor,
    demand,
    demand_apart,
    elements,
)

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


class _Object(list[tuple[str, Any]]):
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
    demand(data[8:9] == b"{", "the header doesn't begin with {")
    nbytes = int.from_bytes(data[:8], "little")
    demand(nbytes <= _HEADER, "a header over the limit")
    begins = 8 + nbytes
    demand(begins <= len(data), "a header that ends behind the file")
    header = _decoded(data[8:begins])
    demand(isinstance(header, _Object), "no object")
    demand(len({key for key, _ in header}) == len(header), "a key twice")
    metadata, entries = dict[str, str](), list[tuple[str, Any]]()
    for key, value in header:
        if key == "__metadata__":
            metadata = _metadata(value)
        else:
            entries.append((key, value))
    tensors = [_entry(name, value, begins) for name, value in entries]
    spans = [(t.offset, t.offset + t.nbytes) for t in tensors]
    for _, end in spans:
        demand(end <= len(data), "data behind the file")
    demand_apart(spans)
    reached = begins
    for begin, end in sorted(spans):
        demand(begin == reached, "a hole")
        reached = end
    demand(reached == len(data), "bytes behind the last tensor")
    spelled = tuple((key, ("text", value.encode())) for key, value in metadata.items())
    return Facts("safetensors", 0, "little", 1, begins, spelled, tuple(tensors))


def _decoded(text: bytes) -> Any:  # JSON
    try:
        return json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_Object,
            parse_float=_Float,
            parse_int=_integer,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        raise BrokenError(f"no JSON: {error}") from None


def _metadata(value: object) -> dict[str, str]:
    demand(isinstance(value, _Object), "metadata that is no object")
    assert isinstance(value, _Object)  # noqa: S101 - for the checker
    found: dict[str, str] = {}
    for key, text in value:
        demand(_is_text(key) and _is_text(text), "metadata that isn't text")
        demand(key not in found, "a metadata key twice")
        found[key] = text
    return found


def _is_text(value: object) -> bool:
    # Half a surrogate pair is no text.
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _integers(value: object) -> list[int]:
    demand(isinstance(value, list) and not isinstance(value, _Object), "no array")
    numbers = cast("list[int]", value)
    for number in numbers:
        demand(type(number) is int, "no integer")
        demand(0 <= number <= INT64_MAX, "a number below zero, or of 2**63 or more")
    return numbers


def _entry(name: str, value: object, begins: int) -> Tensor:
    demand(_is_text(name), "a name that is no text")
    demand(isinstance(value, _Object), "an entry that is no object")
    assert isinstance(value, _Object)  # noqa: S101 - for the checker
    fields = dict(value)
    demand(len(fields) == len(value), "a field twice")
    demand({"dtype", "shape", "data_offsets"} <= fields.keys(), "a field is missing")
    for key, other in value:
        demand(_is_text(key), "a key that is no text")
        if key not in ("dtype", "shape", "data_offsets"):
            _skipped(other, 0)
    dtype, shape = fields["dtype"], tuple(_integers(fields["shape"]))
    demand(isinstance(dtype, str) and dtype in BITS, "an unknown type")
    span = _integers(fields["data_offsets"])
    demand(len(span) == 2, "not two offsets")
    demand(len(shape) <= _AXES, "more than 32 axes")
    full = elements(tuple(dim or 1 for dim in shape)) * BITS[dtype]
    demand(full // 8 <= INT64_MAX, "2**63 bytes or more")
    bits = elements(shape) * BITS[dtype]
    demand(bits % 8 == 0 and bits // BITS[dtype] % _together(dtype) == 0, "a byte that isn't full")
    begin, end = span
    demand(begin <= end, "offsets that go backwards")
    demand(end - begin == bits // 8, "offsets that don't fit the shape")
    return Tensor(name, dtype, shape, begins + begin, bits // 8)


def _together(dtype: str) -> int:
    """How many elements fill whole bytes: what no reader may split."""
    return {4: 2, 6: 4}.get(BITS[dtype], 1)


def _skipped(value: object, depth: int) -> None:
    """Look into a value that means nothing: it has to be JSON, and not too deep."""
    if isinstance(value, str):
        demand(_is_text(value), "a string that is no text")
    if not isinstance(value, list):
        return
    demand(depth < _DEEPEST, "nested too deep")
    if isinstance(value, _Object):
        for key, inner in value:
            demand(_is_text(key), "a key that is no text")
            _skipped(inner, depth + 1)
        return
    for inner in cast("list[object]", value):
        _skipped(inner, depth + 1)
