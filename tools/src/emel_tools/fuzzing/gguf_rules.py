"""An oracle for GGUF: reads a whole file value by value, as ggml's docs/gguf.md has it.

Slow, and simple enough to be believed. Types and block sizes are gguf-py's. Where this project is
laxer than ggml (holes between tensors, bytes behind the last one, offsets that are no multiple of
the alignment, long names) or stricter (bools, nesting, equal keys), README of model_format says so,
and so does this.
"""

from __future__ import annotations

import struct
from typing import Final, Literal, NamedTuple

import gguf

from emel_tools.fuzzing.facts import (
    INT64_MAX,
    BrokenError,
    Facts,
    Tensor,
    demand,
    demand_apart,
    elements,
)

_SCALARS: Final = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "B",
    10: "Q",
    11: "q",
    12: "d",
}
_NUMPY: Final = {
    0: "u1",
    1: "i1",
    2: "u2",
    3: "i2",
    4: "u4",
    5: "i4",
    6: "f4",
    7: "b1",
    10: "u8",
    11: "i8",
    12: "f8",
}
_TYPES: Final = {
    int(kind): (kind.name, block, nbytes) for kind, (block, nbytes) in gguf.GGML_QUANT_SIZES.items()
}
_DEEPEST: Final = 8
_AXES: Final = 4


class _Bytes:
    """A file that is read from front to back."""

    def __init__(self, data: bytes, order: str) -> None:
        self.data, self.order, self.pos = data, order, 4
        self.byteorder: Literal["little", "big"] = "little" if order == "<" else "big"

    def take(self, nbytes: int, place: int = -1) -> bytes:
        """Take the next bytes; `place` is what says how many, if anything does."""
        at = len(self.data) if place < 0 else place
        demand(nbytes <= len(self.data) - self.pos, "a value ends behind the file", at)
        self.pos += nbytes
        return self.data[self.pos - nbytes : self.pos]

    def number(self, code: str) -> int:
        """Take one integer."""
        number: int = struct.unpack(self.order + code, self.take(struct.calcsize("=" + code)))[0]
        return number

    def string(self) -> bytes:
        """Take a length and as many bytes."""
        at = self.pos
        return self.take(self.number("Q"), at)

    def text(self) -> str:
        """Take a string that has to be UTF-8."""
        at = self.pos + 8
        stored = self.string()
        try:
            return stored.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BrokenError("a name that isn't UTF-8", at + error.start) from None

    def value(self, kind: int) -> object:
        """Take one value of metadata, whose type has just been read."""
        if kind == 8:
            return ("text", self.string())
        if kind == 9:
            return self.array(1)
        at = self.pos
        demand(kind in _SCALARS, f"value type {kind} is none", at - 4)
        if kind in (6, 12):
            stored = self.take(4 if kind == 6 else 8)
            return ("float", struct.pack("<d", *struct.unpack(self.order + _SCALARS[kind], stored)))
        number = self.number(_SCALARS[kind])
        if kind == 7:
            demand(number <= 1, "a bool that is neither 0 nor 1", at)
            return ("bool", bool(number))
        return ("int", number)

    def array(self, depth: int) -> object:
        """Take an array, which may hold arrays."""
        at = self.pos
        demand(depth <= _DEEPEST, "arrays nested too deep", at)
        kind, count = self.number("I"), self.number("Q")
        room = len(self.data) - self.pos
        if kind == 8:
            demand(count * 8 <= room, "more strings than the file can hold", at + 4)
            return ("strings", tuple(self.string() for _ in range(count)))
        if kind == 9:
            demand(count * 12 <= room, "more arrays than the file can hold", at + 4)
            return ("arrays", tuple(self.array(depth + 1) for _ in range(count)))
        demand(kind in _SCALARS, f"value type {kind} is none", at)
        stored = self.take(count * struct.calcsize("=" + _SCALARS[kind]), at + 4)
        if kind == 7 and max(stored, default=0) > 1:
            first = next(i for i, byte in enumerate(stored) if byte > 1)
            raise BrokenError("a bool that is neither 0 nor 1", at + 12 + first)
        return ("numbers", ("" if kind in (0, 1, 7) else self.order) + _NUMPY[kind], stored)


def read_gguf(data: bytes) -> Facts:
    """Read a file that begins with GGUF.

    Raises
    ------
    BrokenError
        It has to be refused.
    """
    demand(len(data) >= 24, "too short for a header", len(data))
    little, big = (int.from_bytes(data[4:8], order) for order in ("little", "big"))
    demand(little in (2, 3) or big in (2, 3), "neither version 2 nor 3", 4)
    order = "<" if little in (2, 3) else ">"
    file = _Bytes(data, order)
    version, tensors, keys = file.number("I"), file.number("Q"), file.number("Q")
    room = len(data) - file.pos
    demand(keys * 13 <= room, "more keys than the file can hold", 16)
    demand(keys * 13 + tensors * 24 <= room, "more tensors than the file can hold", 8)
    metadata, alignment = _metadata(file, keys)
    entries = [_entry(file) for _ in range(tensors)]
    data_begins = -(-file.pos // alignment) * alignment
    begins = min(data_begins, len(data))  # a file without data may end before its padding
    try:
        found = _tensors(entries, begins, len(data))
    except BrokenError as error:
        error.names |= {entry.at: entry.name for entry in entries}
        raise
    return Facts(
        "gguf",
        version,
        file.byteorder,
        alignment,
        begins,
        tuple(metadata.items()),
        tuple(found),
    )


def _metadata(file: _Bytes, keys: int) -> tuple[dict[str, object], int]:
    """Take all keys with their values; and the alignment, which is one of them."""
    metadata: dict[str, object] = {}
    alignment = 32
    for _ in range(keys):
        at = file.pos
        key = file.text()
        demand(key not in metadata, "a key twice", at)
        kind, at = file.number("I"), file.pos
        metadata[key] = file.value(kind)
        if key == "general.alignment":
            demand(kind == 4, "an alignment that isn't uint32", at - 4)
            alignment = int.from_bytes(file.data[at : at + 4], file.byteorder)
            demand(alignment.bit_count() == 1, "an alignment that is no power of two", at)
    return metadata, alignment


class _Entry(NamedTuple):
    """What the file says of a tensor."""

    at: int
    name: str
    dims: list[int]
    kind: int
    offset: int


def _entry(file: _Bytes) -> _Entry:
    at, name, axes = file.pos, file.text(), file.number("I")
    demand(axes <= _AXES, "more than four axes", file.pos - 4)
    dims = [file.number("Q") for _ in range(axes)]
    return _Entry(at, name, dims, file.number("I"), file.number("Q"))


def _tensors(entries: list[_Entry], begins: int, file_nbytes: int) -> list[Tensor]:
    names: set[str] = set()
    for entry in entries:
        demand(entry.name not in names, "a name twice", entry.at)
        names.add(entry.name)
    found = [_placed(entry, begins, file_nbytes - begins) for entry in entries]
    demand_apart([(t.offset, t.offset + t.nbytes) for t in found], [entry.at for entry in entries])
    return found


def _placed(entry: _Entry, begins: int, room: int) -> Tensor:
    at, name, dims, kind, offset = entry
    demand(kind in _TYPES, f"tensor type {kind} is none", at)
    dtype, block, block_nbytes = _TYPES[kind]
    count = elements(tuple(dims), at)
    full = elements(tuple(dim or 1 for dim in dims), at) // block * block_nbytes
    demand(full <= INT64_MAX, "2**63 bytes or more", at)
    demand((dims[0] if dims else 1) % block == 0, "a row that isn't whole blocks", at)
    nbytes = count // block * block_nbytes
    demand(offset <= room and nbytes <= room - offset, "data behind the file", at)
    return Tensor(name, dtype, tuple(reversed(dims)), begins + offset, nbytes)
