"""safetensors files, written text by text, so that each piece of the JSON can lie by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from emel_tools.fuzzing.case import some_bytes
from emel_tools.fuzzing.safetensors_rules import BITS

FIELDS: Final = ("dtype", "shape", "data_offsets")


@dataclass(frozen=True)
class Item:
    """One entry of the header: its key and its fields as they stand in the text."""

    key: str
    fields: tuple[tuple[str, str], ...]
    """Keys without quotes, and values."""

    def text(self) -> str:
        """Spell it."""
        inner = ",".join(f'"{key}":{value}' for key, value in self.fields)
        return f'"{self.key}":{{{inner}}}'

    def but(self, key: str, value: str | None) -> Item:
        """Change the value of a field; None leaves it out."""
        fields = ((k, value if k == key else v) for k, v in self.fields)
        return Item(self.key, tuple((k, v) for k, v in fields if v is not None))

    def and_(self, key: str, value: str) -> Item:
        """Add a field."""
        return Item(self.key, (*self.fields, (key, value)))


@dataclass(frozen=True)
class JSONFile:
    """A whole file."""

    items: tuple[str, ...]
    """Entries as they stand in the text, `__metadata__` among them."""
    room: int
    """Bytes of data."""
    padding: str = ""
    length: int | None = None
    """What the first eight bytes claim; None is the truth."""
    seed: int = field(default=0, compare=False)

    def text(self) -> bytes:
        """Spell the header."""
        spelled = "{" + ",".join(self.items) + "}" + self.padding
        return spelled.encode("utf-8", "surrogateescape")

    def data(self, header: bytes | None = None) -> bytes:
        """Write it whole, perhaps with another header."""
        text = self.text() if header is None else header
        length = len(text) if self.length is None else self.length
        return length.to_bytes(8, "little") + text + some_bytes(Random(self.seed), self.room)


def item(name: str, dtype: str, shape: Sequence[int], begin: int, end: int | None = None) -> Item:
    """Make an entry; `end` is what dtype and shape say, unless it is given."""
    bits = BITS.get(dtype, 8)
    for dim in shape:
        bits *= dim
    stop = begin + bits // 8 if end is None else end
    numbers = ",".join(map(str, shape))
    values = (json.dumps(dtype), f"[{numbers}]", f"[{begin},{stop}]")
    return Item(name, tuple(zip(FIELDS, values, strict=True)))


def metadata(values: Mapping[str, str]) -> str:
    """Spell the metadata."""
    return '"__metadata__":' + json.dumps(values, ensure_ascii=False)


def healthy(rng: Random, *, careful: bool = False) -> JSONFile:
    """Make a file that keeps every rule.

    `careful` has something out of the ordinary in it, so that the parser's careful reader reads it.
    """
    shapes = [("F32", (4, 2)), ("BF16", (3,)), ("U8", (0, 3)), ("I64", ()), ("F4", (2, 5))]
    rng.shuffle(shapes)
    items, reached = list[str](), 0
    for i, (dtype, shape) in enumerate(shapes):
        made = item(f"näme.{i}", dtype, shape, reached)
        reached = int(made.fields[2][1].strip("[]").split(",")[1])
        items.append((made.and_("more", "[1.5,null]") if careful and i == 2 else made).text())
    items.insert(rng.randrange(len(items) + 1), metadata({"format": "pt", "k": "", "é": "ü"}))
    return JSONFile(tuple(items), reached, " " * rng.randrange(9), seed=rng.randrange(1 << 30))
