"""For each rule of GGUF, files that break just this one, and twins that just don't."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Final

import gguf

from emel_tools.fuzzing.case import EDGES, NEED_MORE, Case, accepted, places, refused
from emel_tools.fuzzing.gguf_files import ARRAY, CODES, TEXT, Entry, GGUFFile, healthy

I8: Final = int(gguf.GGMLQuantizationType.I8)
SIZES: Final = {int(kind): size for kind, size in gguf.GGML_QUANT_SIZES.items()}
NOT_UTF8: Final = (
    b"\xff",
    b"\xc3(",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
)
TERA: Final = 1 << 40


def with_key(base: GGUFFile, kind: int, value: bytes, key: bytes = b"bad") -> Iterator[GGUFFile]:
    """Put a key at three places."""
    for _, keys in places(list(base.keys), (key, kind, value)):
        yield replace(base, keys=tuple(keys))


def with_entry(base: GGUFFile, entry: Entry) -> Iterator[GGUFFile]:
    """Put a tensor at three places."""
    for _, entries in places(list(base.entries), entry):
        yield replace(base, entries=tuple(entries))


def versions(base: GGUFFile) -> Iterator[Case]:
    """Versions, in either byte order."""
    little, big = replace(base, order="<"), replace(base, order=">")
    for file in (little, big):
        for version in (2, 3):
            yield accepted(f"version {version}", healthy(Random(1), file.order, version).data())
    for version in (0, 0x12345678, 2**32 - 1, 0x01000001):
        yield refused("bad-version", f"version {version}", replace(little, version=version).data())
    for version in (1, 4, 5, 2**16 - 1):
        yield refused(
            "unsupported-version", f"version {version}", replace(little, version=version).data()
        )
        yield refused(
            "wrong-endian-version", f"version {version}", replace(big, version=version).data()
        )


def counts(base: GGUFFile) -> Iterator[Case]:
    """Numbers of entries that the file can't hold."""
    room = len(base.data())
    for count in (room // 13 + 1, TERA, 2**61, *EDGES):
        yield refused("count-beyond-file", f"{count} keys", replace(base, key_count=count).data())
        yield refused(
            "count-beyond-file", f"{count} tensors", replace(base, entry_count=count).data()
        )
    bare = GGUFFile(base.order)
    for count in (1, 2):
        yield refused(
            "count-beyond-file", "a key that isn't there", replace(bare, key_count=count).data()
        )
        yield refused(
            "count-beyond-file",
            "a tensor that isn't there",
            replace(bare, entry_count=count).data()[:24],
        )
    for kind, least in ((0, 1), (3, 2), (4, 4), (10, 8), (7, 1), (TEXT, 8), (ARRAY, 12)):
        for count in (TERA, 2**64 // least, *EDGES):
            value = base.array(kind, [], min(count, 2**64 - 1))
            for file in with_key(base, ARRAY, value):
                yield refused("count-beyond-file", f"{count} elements of type {kind}", file.data())
        last = replace(bare, keys=((b"k", ARRAY, bare.array(kind, [], 1)),))
        yield refused(
            "count-beyond-file", f"one element of type {kind}, and no byte", last.header()[0]
        )
        short = replace(bare, keys=((b"k", ARRAY, bare.array(kind, [bytes(least)], 2)),))
        yield refused(
            "count-beyond-file", f"two elements of type {kind}, and one there", short.header()[0]
        )


def lengths(base: GGUFFile) -> Iterator[Case]:
    """Strings that go on behind the file."""
    for length in (1 << 20, TERA, 2**63 - 9, 2**64 - 8, *EDGES):
        text = base.text(b"", length)
        for file in with_key(base, TEXT, text):
            yield refused("length-beyond-file", f"a value of {length} bytes", file.data())
        for _, words in places([base.text(b"a"), base.text(b"")], text):
            for file in with_key(base, ARRAY, base.array(TEXT, words)):
                yield refused("length-beyond-file", f"an element of {length} bytes", file.data())
        for file in with_entry(base, Entry(b"NAME")):
            lying = file.data().replace(base.text(b"NAME"), base.text(b"NAME", length))
            yield refused("length-beyond-file", f"a name of {length} bytes", lying)
        for file in with_key(base, 4, base.number("I", 0), b"KEYS"):
            lying = file.data().replace(base.text(b"KEYS"), base.text(b"KEYS", length))
            yield refused("length-beyond-file", f"a key of {length} bytes", lying)
    bare = replace(GGUFFile(base.order), keys=((b"k", TEXT, base.text(b"to the end")),))
    yield accepted("a string that ends with the file", bare.header()[0])
    yield refused("length-beyond-file", "a string one byte too long", bare.header()[0][:-1])


def headers_over_limit(base: GGUFFile) -> Iterator[Case]:
    """Headers that are too long to be read, in files that have as much."""
    bare = GGUFFile(base.order)
    limit = 256 << 20
    for length in (limit, TERA // 2):
        file = replace(bare, keys=((b"k", TEXT, bare.text(b"", length)),))
        yield refused("header-over-limit", f"a string of {length} bytes", file.header()[0], TERA)
    start = len(replace(bare, keys=((b"k", TEXT, bare.text(b"")),)).header()[0])
    fits = replace(bare, keys=((b"k", TEXT, bare.text(b"", limit - start)),)).header()[0]
    yield Case(NEED_MORE, "a string that ends at the limit", fits, TERA)
    over = replace(bare, keys=((b"k", TEXT, bare.text(b"", limit - start + 1)),)).header()[0]
    yield refused("header-over-limit", "a string that ends behind the limit", over, TERA)
    for count in (1 << 30, TERA // 24 - 1):
        many = replace(bare, entry_count=count).header()[0] + bytes(40)
        yield refused("header-over-limit", f"{count} tensors", many, TERA)


def truncations(base: GGUFFile) -> Iterator[Case]:
    """Files that end early."""
    data = base.data()
    for nbytes in (1, 2, 3, 4, 8, 20, 23):
        yield refused("truncated bad-version", f"the first {nbytes} bytes", data[:nbytes])
    header = len(base.header()[0])
    rules = "truncated length-beyond-file count-beyond-file"
    for cut in sorted({24, 25, 31, 40, *range(50, header, 7), *range(header - 34, header)}):
        yield refused(rules, f"the first {cut} of {header} bytes of header", data[:cut])


def texts(base: GGUFFile) -> Iterator[Case]:
    """Names and keys: UTF-8, each once."""
    for stored in NOT_UTF8:
        for name in (stored, b"abc" + stored, stored + b"abc"):
            for file in with_entry(base, Entry(name)):
                yield refused("invalid-utf8", f"the name {name!r}", file.data())
            for file in with_key(base, 4, base.number("I", 0), name):
                yield refused("invalid-utf8", f"the key {name!r}", file.data())
        for file in with_key(base, TEXT, base.text(stored)):
            yield accepted(f"the value {stored!r}", file.data())
    for name in (entry.name for entry in base.entries):
        for file in with_entry(base, Entry(name, (8,))):
            yield refused("duplicate-tensor-name", f"the name {name!r} twice", file.data())
    for name in (b"", b" ", b"n", "é".encode(), b"x" * 64):
        for file in with_entry(base, Entry(name, (8,))):
            yield accepted(f"the name {name!r}", file.data())
            for twice in with_entry(file, Entry(name, (4,), nbytes=16)):
                yield refused("duplicate-tensor-name", f"the name {name!r} twice", twice.data())
        for file in with_entry(base, Entry(name + b"\0")):
            yield accepted(f"the name {name!r} and a NUL", file.data())
    for key, *_ in base.keys:
        for file in with_key(base, 0, b"\0", key):
            yield refused("duplicate-metadata-key", f"the key {key!r} twice", file.data())
        for file in with_key(base, 0, b"\0", key.upper() + b" "):
            yield accepted(f"the key {key!r} in other letters", file.data())


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


def alignments(base: GGUFFile) -> Iterator[Case]:
    """general.alignment: uint32, a power of two."""
    key = b"general.alignment"
    for kind, code in CODES.items():
        if kind != 4:
            for file in with_key(base, kind, base.number(code, 1), key):
                yield refused("alignment-type", f"an alignment of type {kind}", file.data())
    for kind, value in ((TEXT, base.text(b"32")), (ARRAY, base.array(4, [base.number("I", 32)]))):
        for file in with_key(base, kind, value, key):
            yield refused("alignment-type", f"an alignment of type {kind}", file.data())
    between = {(1 << more) + (1 << less) for more in range(32) for less in range(more)}
    for number in (0, 33, 95, 2**32 - 1, *sorted(between)):
        for file in with_key(base, 4, base.number("I", number), key):
            yield refused("bad-alignment", f"the alignment {number}", file.data())
    for number in (1, 2, 8, 16, 32, 64, 128, 4096):
        for file in with_key(replace(base, alignment=number), 4, base.number("I", number), key):
            yield accepted(f"the alignment {number}", file.data())
    bare = GGUFFile(base.order, alignment=2**31, keys=((key, 4, base.number("I", 2**31)),))
    yield accepted("the alignment 2**31, and no data", bare.header()[0])


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
        lying[at] = base.text(b"", 2**63)
        many = replace(file, keys=((b"words", ARRAY, base.array(TEXT, lying)),))
        yield refused("length-beyond-file", f"string {at} of many lies", many.data())


def _word(rng: Random, kind: str, size: int) -> bytes:
    if kind == "zeros":
        return bytes(size)
    if kind == "looks like lengths":
        return (bytes([rng.randrange(4)]) + bytes(7)) * (size // 8)
    return rng.randbytes(size)


FAMILIES: Final[tuple[Callable[[GGUFFile], Iterator[Case]], ...]] = (
    versions,
    counts,
    lengths,
    headers_over_limit,
    truncations,
    texts,
    values,
    alignments,
    strings,
)
