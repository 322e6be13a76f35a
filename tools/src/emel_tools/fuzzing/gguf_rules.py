"""An oracle for GGUF: reads a whole file value by value, as ggml's docs/gguf.md has it.

Slow, and simple enough to be believed. Types and block sizes are gguf-py's. Where this project is
laxer than ggml (holes between tensors, bytes behind the last one, offsets that are no multiple of
the alignment, long names) or stricter (bools, nesting, equal keys), README of model_format says so,
and so does this.
"""

from __future__ import annotations

import struct
from typing import Any, Final, cast

import gguf

from emel_tools.fuzzing.facts import INT64_MAX, Facts, Tensor, demand, demand_apart, elements

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

    def take(self, nbytes: int) -> bytes:
        """Take the next bytes."""
        demand(nbytes <= len(self.data) - self.pos, "a value ends behind the file")
        self.pos += nbytes
        return self.data[self.pos - nbytes : self.pos]

    def number(self, code: str) -> Any:  # what the code says
        """Take one number."""
        return struct.unpack(self.order + code, self.take(struct.calcsize("=" + code)))[0]

    def string(self) -> bytes:
        """Take a length and as many bytes."""
        return self.take(self.number("Q"))

    def text(self) -> str:
        """Take a string that has to be UTF-8."""
        stored = self.string()
        try:
            return stored.decode("utf-8")
        except UnicodeDecodeError:
            demand(False, "a name that isn't UTF-8")  # noqa: FBT003
            raise

    def value(self, kind: int) -> object:
        """Take one value of metadata."""
        if kind == 8:
            return ("text", self.string())
        if kind == 9:
            return self.array(1)
        demand(kind in _SCALARS, f"value type {kind} is none")
        number = self.number(_SCALARS[kind])
        if kind == 7:
            demand(number <= 1, "a bool that is neither 0 nor 1")
            return ("bool", bool(number))
        return ("float", struct.pack("<d", number)) if kind in (6, 12) else ("int", number)

    def array(self, depth: int) -> object:
        """Take an array, which may hold arrays."""
        demand(depth <= _DEEPEST, "arrays nested too deep")
        kind, count = self.number("I"), self.number("Q")
        if kind == 8:
            demand(count * 8 <= len(self.data), "more strings than the file can hold")
            return ("strings", tuple(self.string() for _ in range(count)))
        if kind == 9:
            demand(count * 12 <= len(self.data), "more arrays than the file can hold")
            return ("arrays", tuple(self.array(depth + 1) for _ in range(count)))
        demand(kind in _SCALARS, f"value type {kind} is none")
        stored = self.take(count * struct.calcsize("=" + _SCALARS[kind]))
        if kind == 7:
            demand(max(stored, default=0) <= 1, "a bool that is neither 0 nor 1")
        return ("numbers", ("" if kind in (0, 1, 7) else self.order) + _NUMPY[kind], stored)


def read_gguf(data: bytes) -> Facts:
    """Read a file that begins with GGUF.

    Raises
    ------
    BrokenError
        It has to be refused.
    """
    demand(len(data) >= 24, "too short for a header")
    little, big = (int.from_bytes(data[4:8], order) for order in ("little", "big"))
    demand(little in (2, 3) or big in (2, 3), "neither version 2 nor 3")
    order = "<" if little in (2, 3) else ">"
    file = _Bytes(data, order)
    version, tensors, keys = file.number("I"), file.number("Q"), file.number("Q")
    demand(keys * 13 + tensors * 24 <= len(data), "more entries than the file can hold")
    metadata: dict[str, object] = {}
    alignment = 32
    for _ in range(keys):
        key = file.text()
        demand(key not in metadata, "a key twice")
        kind = file.number("I")
        value = metadata[key] = file.value(kind)
        if key == "general.alignment":
            demand(kind == 4, "an alignment that isn't uint32")
            alignment = int(cast("tuple[str, int]", value)[1])
            demand(alignment.bit_count() == 1, "an alignment that is no power of two")
    entries = [_entry(file) for _ in range(tensors)]
    names = {name for name, *_ in entries}
    demand(len(names) == len(entries), "a name twice")
    data_begins = -(-file.pos // alignment) * alignment
    begins = min(data_begins, len(data))  # a file without data may end before its padding
    found = [_placed(entry, begins, len(data) - begins) for entry in entries]
    demand_apart([(t.offset, t.offset + t.nbytes) for t in found])
    return Facts(
        "gguf",
        version,
        "little" if order == "<" else "big",
        alignment,
        begins,
        tuple(metadata.items()),
        tuple(found),
    )


def _entry(file: _Bytes) -> tuple[str, list[int], int, int]:
    name = file.text()
    axes = file.number("I")
    demand(axes <= _AXES, "more than four axes")
    dims = [file.number("Q") for _ in range(axes)]
    return name, dims, file.number("I"), file.number("Q")


def _placed(entry: tuple[str, list[int], int, int], begins: int, room: int) -> Tensor:
    name, dims, kind, offset = entry
    demand(kind in _TYPES, f"tensor type {kind} is none")
    dtype, block, block_nbytes = _TYPES[kind]
    count = elements(tuple(dims))
    full = elements(tuple(dim or 1 for dim in dims)) // block * block_nbytes
    demand(full <= INT64_MAX, "2**63 bytes or more")
    demand((dims[0] if dims else 1) % block == 0, "a row that isn't whole blocks")
    nbytes = count // block * block_nbytes
    demand(offset <= room and nbytes <= room - offset, "data behind the file")
    return Tensor(name, dtype, tuple(reversed(dims)), begins + offset, nbytes)
