"""GGUF files, written field by field, so that each field can lie by itself."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from emel_tools.fuzzing.case import some_bytes

TEXT: Final = 8
ARRAY: Final = 9
FAR: Final = 1 << 24
"""No data are written from here on, whatever a header says."""
CODES: Final = {
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


@dataclass(frozen=True)
class Entry:
    """What the header says of one tensor."""

    name: bytes = b"t"
    dims: tuple[int, ...] = (8,)
    """Innermost first, as in the file."""
    kind: int = 0
    offset: int | None = None
    """None: behind the entry before, at the next multiple of the alignment."""
    nbytes: int = 32
    """What it takes of the data."""
    axes: int | None = None


@dataclass(frozen=True)
class GGUFFile:
    """A whole file; what is None is the truth."""

    order: str = "<"
    version: int = 3
    keys: tuple[tuple[bytes, int, bytes], ...] = ()
    """Key, value type, and the value as it stands in the file."""
    entries: tuple[Entry, ...] = ()
    key_count: int | None = None
    entry_count: int | None = None
    alignment: int = 32
    """Where the data go; writing `general.alignment` is for `keys`."""
    tail: bytes = b""
    seed: int = field(default=0, compare=False)

    def number(self, code: str, value: float) -> bytes:
        """Write one number."""
        return struct.pack(self.order + code, value)

    def text(self, stored: bytes, length: int | None = None) -> bytes:
        """Write a string."""
        return self.number("Q", len(stored) if length is None else length) + stored

    def array(self, kind: int, elements: Sequence[bytes], count: int | None = None) -> bytes:
        """Write an array of values that are written already."""
        size = len(elements) if count is None else count
        return self.number("I", kind) + self.number("Q", size) + b"".join(elements)

    def header(self) -> tuple[bytes, list[int]]:
        """Write all but the data, and say where those of each entry go."""
        counts = (
            len(self.entries) if self.entry_count is None else self.entry_count,
            len(self.keys) if self.key_count is None else self.key_count,
        )
        parts = [b"GGUF", self.number("I", self.version), *(self.number("Q", n) for n in counts)]
        for key, kind, value in self.keys:
            parts += (self.text(key), self.number("I", kind), value)
        begins, reached = list[int](), 0
        for entry in self.entries:
            begin = entry.offset
            if begin is None:
                begin = -(-reached // self.alignment) * self.alignment
            begins.append(begin)
            if begin < FAR:
                reached = max(reached, begin + entry.nbytes)
            axes = len(entry.dims) if entry.axes is None else entry.axes
            parts += (self.text(entry.name), self.number("I", axes))
            parts += (self.number("Q", dim) for dim in entry.dims)
            parts += (self.number("I", entry.kind), self.number("Q", begin))
        return b"".join(parts), begins

    def data(self) -> bytes:
        """Write it whole."""
        header, begins = self.header()
        ends = (b + e.nbytes for b, e in zip(begins, self.entries, strict=True) if b < FAR)
        room = max(ends, default=0)
        padding = bytes(-len(header) % self.alignment) if self.alignment <= 1 << 20 else b""
        return header + padding + some_bytes(Random(self.seed), room) + self.tail


def healthy(rng: Random, order: str = "<", version: int = 3) -> GGUFFile:
    """Make a file that keeps every rule, with some of everything in it."""
    plain = GGUFFile(order, version)
    scalars = [
        (b"k%d" % kind, kind, plain.number(code, rng.randrange(2)))
        for kind, code in CODES.items()
        if rng.random() < 0.3
    ]
    words = [plain.text(rng.choice((b"", b"word", "Ω".encode()))) for _ in range(3)]
    keys = [
        (b"general.name", TEXT, plain.text(b"model")),
        (b"words", ARRAY, plain.array(TEXT, words)),
        (b"flags", ARRAY, plain.array(7, [b"\0", b"\1"])),
        (b"deep", ARRAY, plain.array(ARRAY, [plain.array(5, [plain.number("i", -7)])])),
        *scalars,
    ]
    rng.shuffle(keys)
    entries = (
        Entry(b"plain", (4, 2), 0, None, 32),
        Entry(b"blocks", (32, 2), 2, None, 36),
        Entry("näme".encode(), (3,), 30, None, 6),
        Entry(b"empty", (0, 4), 0, None, 0),
        Entry(b"scalar", (), 26, None, 4),
    )
    return replace(plain, keys=tuple(keys), entries=entries, seed=rng.randrange(1 << 30))
