"""For each rule of GGUF's values, files that break just this one, and twins that just don't."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Final

import numpy as np

from emel_tools.fuzzing.case import Case, accepted, places, refused
from emel_tools.fuzzing.gguf_families import with_key
from emel_tools.fuzzing.gguf_files import ARRAY, CODES, TEXT, GGUFFile


def values(base: GGUFFile) -> Iterator[Case]:
    """Types of metadata, bools, and arrays in arrays."""
    for kind in (13, 14, 16, 255, 256, 2**31, 2**32 - 1):
        for file in with_key(base, kind, bytes(16)):
            yield refused("unknown-value-type", f"the value type {kind}", file.data())
        for count in (0, 1):
            for file in with_key(base, ARRAY, base.array(kind, [bytes(8)] * count)):
                yield refused("unknown-value-type", f"an array of type {kind}", file.data())
    for byte in (2, 3, 128, 254, 255):
        for file in with_key(base, 7, bytes([byte])):
            yield refused("invalid-bool", f"the bool {byte}", file.data())
        for _, flags in places([b"\0", b"\1", b"\1"], bytes([byte])):
            nested = base.array(ARRAY, [base.array(7, flags)])
            for value in (base.array(7, flags), nested):
                for file in with_key(base, ARRAY, value):
                    yield refused("invalid-bool", f"the bool {byte} in an array", file.data())
    for count, at in ((n, at) for n in (65, 300, 5000) for at in (n // 2, n - 1)):
        flags = [b"\1"] * count
        for file in with_key(base, ARRAY, base.array(7, flags)):
            yield accepted(f"{count} bools", file.data())
        flags[at] = b"\2"
        for file in with_key(base, ARRAY, base.array(7, flags)):
            yield refused("invalid-bool", f"bool {at} of {count}", file.data())
    for count in (70_000, 200_000):
        flags = [b"\1"] * count
        long = replace(base, keys=((b"long", ARRAY, base.array(7, flags)),))
        yield accepted(f"{count} bools", long.data())
        flags[-1] = b"\2"
        lying = replace(base, keys=((b"long", ARRAY, base.array(7, flags)),))
        yield refused("invalid-bool", f"the last of {count} bools", lying.data())
    for inner in (base.array(0, [b"\1"]), base.array(TEXT, []), base.array(ARRAY, [])):
        value = inner
        for depth in range(2, 12):
            value = base.array(ARRAY, [base.array(0, []), value, base.array(4, [])])
            for file in with_key(base, ARRAY, value):
                if depth <= 8:
                    yield accepted(f"arrays nested {depth} deep", file.data())
                else:
                    yield refused("nested-too-deep", f"arrays nested {depth} deep", file.data())
    for kind, code in CODES.items():
        number = base.number(code, 1)
        for elements in ([], [number], [number] * 5):
            for file in with_key(base, ARRAY, base.array(kind, elements)):
                yield accepted(f"{len(elements)} elements of type {kind}", file.data())
        edges = [base.number(code, edge) for edge in _edges(kind)]
        ends = replace(base, keys=tuple((b"end %d" % i, kind, end) for i, end in enumerate(edges)))
        yield accepted(f"the ends of type {kind}", ends.data())
        for file in with_key(base, ARRAY, base.array(kind, edges)):
            yield accepted(f"an array of the ends of type {kind}", file.data())


def _edges(kind: int) -> tuple[float, ...]:
    """List where the numbers of a type end."""
    match CODES[kind]:
        case "f" | "d" as code:
            largest = np.finfo(code)
            least = float(largest.smallest_subnormal)
            most = float(largest.max)
            return (most, -most, least, -least, 0.0, -0.0, math.inf, -math.inf, math.nan)
        case "B" if kind == 7:
            return (0, 1)
        case code:
            ends = np.iinfo(code)
            return (int(ends.min), int(ends.min) + 1, int(ends.max) - 1, int(ends.max))


def arrays(base: GGUFFile) -> Iterator[Case]:
    """Arrays of strings and of arrays, of which no two elements are alike."""
    for count in (*range(8), 20):
        words = [base.text(b"%c" % (97 + i) * (i % 5) + b"%d" % i) for i in range(count)]
        inner = [_inner(base, i, words) for i in range(count)]
        for file in with_key(base, ARRAY, base.array(TEXT, words)):
            yield accepted(f"{count} strings", file.data())
        for file in with_key(base, ARRAY, base.array(ARRAY, inner)):
            yield accepted(f"{count} arrays", file.data())


def _inner(base: GGUFFile, number: int, words: list[bytes]) -> bytes:
    """Make an array that is different for each number."""
    match number % 3:
        case 0:
            return base.array(2, [base.number("H", number)] * (number + 1))
        case 1:
            return base.array(TEXT, words[:number])
        case _:
            return base.array(
                ARRAY, [base.array(0, [bytes([number])]), base.array(TEXT, words[:3])]
            )


def strings(base: GGUFFile) -> Iterator[Case]:
    """Arrays of many strings, which are found by a guess that is proved."""
    rng = Random(base.seed)
    lengths = (0, 1, 2, 7, 8, 9, 40, 254, 255, 256, 257, 300)
    for count in (511, 512, 513, 700, 2000):
        for kind in ("short", "any", "zeros", "looks like lengths"):
            size = rng.choice((3, 5, 12)) if kind == "short" else 0
            words = [_word(rng, kind, size or rng.choice(lengths)) for _ in range(count)]
            value = base.array(TEXT, [base.text(word) for word in words])
            file = replace(base, keys=((b"many", ARRAY, value), *base.keys[:1]), entries=())
            yield accepted(f"{count} strings ({kind})", file.data())
    words = [base.text(rng.randbytes(rng.randrange(24))) for _ in range(9000)]
    file = replace(base, keys=((b"words", ARRAY, base.array(TEXT, words)),), entries=())
    yield accepted("strings of more than one block", file.data())
    for at in (0, 512, 8999):
        lying = [*words]
        lying[at] = base.text(b"", 1 << 63)
        many = replace(file, keys=((b"words", ARRAY, base.array(TEXT, lying)),))
        yield refused("length-beyond-file", f"string {at} of many lies", many.data())


def _word(rng: Random, kind: str, size: int) -> bytes:
    if kind == "zeros":
        return bytes(size)
    if kind == "looks like lengths":
        return (bytes([rng.randrange(4)]) + bytes(7)) * (size // 8)
    return rng.randbytes(size)


FAMILIES: Final[tuple[Callable[[GGUFFile], Iterator[Case]], ...]] = (values, arrays, strings)
