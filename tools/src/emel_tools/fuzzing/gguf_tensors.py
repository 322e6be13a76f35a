"""For each rule of GGUF's tensors, files that break just this one, and twins that just don't."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import permutations, product
from typing import Final

from emel_tools.fuzzing.case import EDGES, Case, accepted, arrangements, refused, wrapped
from emel_tools.fuzzing.gguf_families import I8, SIZES, with_entry
from emel_tools.fuzzing.gguf_files import Entry, GGUFFile


def axes(base: GGUFFile) -> Iterator[Case]:
    """Four axes, and no more."""
    for count in (5, 6, 32, 2**31, 2**32 - 1):
        dims = (1,) * min(count, 6)
        for file in with_entry(base, Entry(b"bad", dims, axes=count)):
            yield refused("too-many-dimensions", f"{count} axes", file.data())
    for count in range(5):
        for file in with_entry(base, Entry(b"fine", (2,) * count, nbytes=4 * 2**count)):
            yield accepted(f"{count} axes", file.data())


def types(base: GGUFFile) -> Iterator[Case]:
    """Types of tensors, and rows of whole blocks."""
    far = (254, 255, 256, 257, 512, 2**16, 2**31, 2**32 - 1)
    for kind in (*(kind for kind in range(64) if kind not in SIZES), *far):
        for file in _one(base, Entry(b"bad", kind=kind)):
            yield refused("unknown-tensor-type", f"the type {kind}", file.data())
    for kind, (block, nbytes) in SIZES.items():
        for dims in ((block,), (2 * block, 3), (block, 1, 2, 1)):
            rows = 1
            for dim in dims:
                rows *= dim
            file = replace(base, entries=(Entry(b"t", dims, kind, nbytes=rows // block * nbytes),))
            yield accepted(f"type {kind} of shape {dims}", file.data())
            short = replace(base, entries=(*base.entries, *file.entries))
            yield refused("data-beyond-file", f"type {kind}, one byte short", short.data()[:-1])
        if block > 1:
            for dims in ((block - 1,), (block + 1,), (block // 2, 2), (1, block), ()):
                for file in _one(base, Entry(b"bad", dims, kind, nbytes=2 * nbytes)):
                    yield refused("row-not-whole-blocks", f"type {kind}: {dims}", file.data())
            for file in _one(base, Entry(b"none", (0, block + 1), kind, nbytes=0)):
                yield accepted(f"type {kind}, rows of nothing", file.data())


def _one(base: GGUFFile, entry: Entry) -> Iterator[GGUFFile]:
    """Put a tensor at one of the three places: by turns, since there are many types."""
    files = list(with_entry(base, entry))
    yield files[(entry.kind + len(entry.dims)) % len(files)]


def overflows(base: GGUFFile) -> Iterator[Case]:
    """Shapes that pass 2**63."""
    shapes = [
        *((edge,) for edge in EDGES),
        *((1, edge) for edge in EDGES),
        (2**62,),
        (2**61,),
        (2**32, 2**31),
        (2**32, 2**32),
        (2**16, 2**16, 2**16, 2**16),
        (2**32, 2**31, 0),
        (0, 2**63),
        (3, 2**62, 1),
        (2**31, 2**31, 4),
        ((2**63 - 1) // 7, 8),
    ]
    for dims in shapes:
        for file in with_entry(base, Entry(b"bad", dims, 0)):
            yield refused("dimensions-overflow", f"F32 of {dims}", file.data())
    for dims in ((2**32, 2**31), (2**63,), (2**40, 2**24)):
        for kind in (I8, 2, 12, 39):
            for file in with_entry(base, Entry(b"bad", dims, kind)):
                yield refused("dimensions-overflow", f"type {kind} of {dims}", file.data())
    for shape, left in wrapped():
        for dims, (kind, size) in product((shape, shape[::-1]), ((I8, 1), (0, 4))):
            for file in _one(base, Entry(b"bad", dims, kind, nbytes=left * size)):
                yield refused(
                    "dimensions-overflow", f"type {kind} of {dims}, which comes around", file.data()
                )
    for dims, kind in (((0, 2**63 - 1), I8), ((2**60, 0), 0), ((2**30, 0, 2**30), 0)):
        for file in with_entry(base, Entry(b"fine", dims, kind, nbytes=0)):
            yield accepted(f"nothing, of shape {dims}", file.data())
    for dims in ((2**63 - 1,), (2**62,), (2**31, 2**31)):
        for file in with_entry(base, Entry(b"bad", dims, I8)):
            yield refused("data-beyond-file", f"I8 of {dims}", file.data())


def spans(base: GGUFFile) -> Iterator[Case]:
    """Data within the file."""
    for offset in (2**62, 2**63 - 1, 2**63 - 32, 2**64 - 32, 2**64 - 1, 2**63):
        for nbytes in (32, 0):
            entry = Entry(b"bad", (nbytes // 4,), 0, offset, 0)
            for file in with_entry(base, entry):
                yield refused("data-beyond-file", f"{nbytes} bytes at {offset}", file.data())
    room = len(base.data()) - _data_begins(base)
    for more, nbytes in ((1, 0), (32, 0), (-3, 4), (0, 4)):
        # An entry of its own makes the header longer, and the data stay as they are.
        entry = Entry(b"bad", (nbytes // 4,), 0, room + more, 0)
        file = replace(base, entries=(*base.entries, entry))
        data = file.data()[: _data_begins(file) + room]
        yield refused("data-beyond-file", f"{nbytes} bytes, {more} behind the end", data)
    at_end = replace(base, entries=(*base.entries, Entry(b"none", (0,), 0, room, 0)))
    yield accepted("no bytes, at the end", at_end.data())
    bare = GGUFFile(base.order, entries=(Entry(b"none", (0,), 0, 0, 0),))
    yield accepted("no bytes, in a file without padding", bare.header()[0])
    small = replace(bare, entries=(Entry(b"one", (1,), I8, 0, 1),)).header()[0]
    yield refused("data-beyond-file", "one byte, in a file without data", small)


def _data_begins(file: GGUFFile) -> int:
    return -(-len(file.header()[0]) // file.alignment) * file.alignment


def overlaps(base: GGUFFile) -> Iterator[Case]:
    """Each byte is one tensor's."""
    shared = {
        "the same bytes": [(0, 8), (0, 8)],
        "one byte shared": [(0, 8), (7, 8)],
        "one within another": [(0, 32), (8, 4)],
        "one byte within another": [(0, 32), (31, 1)],
        "a third within the first": [(0, 64), (4, 4), (40, 4)],
        "apart but for the last": [(0, 8), (8, 8), (16, 8), (23, 9)],
        "the first byte shared": [(0, 1), (0, 9)],
    }
    apart = {
        "touching": [(0, 8), (8, 8), (16, 1)],
        "with holes": [(0, 8), (9, 8), (40, 1)],
        "nothing within something": [(0, 32), (8, 0), (0, 0), (32, 0)],
        "at odd places": [(1, 7), (8, 1), (11, 3)],
    }
    for label, placed in (*shared.items(), *apart.items()):
        for order in list(permutations(placed))[:6]:
            entries = tuple(
                Entry(b"s%d" % i, (nbytes,), I8, begin, nbytes)
                for i, (begin, nbytes) in enumerate(order)
            )
            data = replace(base, entries=entries).data()
            if label in shared:
                yield refused("overlapping-data", label, data)
            else:
                yield accepted(label, data)
                yield accepted(f"{label}, and more behind", data + b"tail")


def arranged() -> Iterator[Case]:
    """Each byte is one tensor's, however they lie."""
    for placed in arrangements():
        entries = (Entry(b"s%d" % i, (n,), I8, begin, n) for i, (begin, n) in enumerate(placed))
        data = GGUFFile(entries=tuple(entries)).data()
        taken = [at for begin, nbytes in placed for at in range(begin, begin + nbytes)]
        if len(taken) > len(set(taken)):
            yield refused("overlapping-data", f"tensors at {placed}", data)
        else:
            yield accepted(f"tensors at {placed}", data)


def many(base: GGUFFile) -> Iterator[Case]:
    """Shapes of every length, in one file."""
    entries = tuple(
        Entry(b"t%03d" % i, tuple(range(1, i % 5 + 1)), 0, nbytes=4 * _product(i % 5))
        for i in range(120)
    )
    yield accepted("120 tensors", replace(base, entries=entries).data())
    for at in (0, 59, 119):
        twice = list(entries)
        twice[at] = replace(twice[at], name=b"t%03d" % (119 - at))
        file = replace(base, entries=tuple(twice))
        yield refused("duplicate-tensor-name", f"tensor {at} of 120", file.data())


def _product(count: int) -> int:
    product = 1
    for number in range(1, count + 1):
        product *= number
    return product


FAMILIES: Final[tuple[Callable[[GGUFFile], Iterator[Case]], ...]] = (
    axes,
    types,
    overflows,
    spans,
    overlaps,
    many,
)
