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
    start = len(replace(bare, keys=((b"k", TEXT, bare.text(b"")),)).header()[0])
    rule, at = "header-over-limit", start - 8  # where the length of the string is
    for length in (limit, TERA // 2):
        file = replace(bare, keys=((b"k", TEXT, bare.text(b"", length)),))
        yield refused(rule, f"a string of {length} bytes", file.header()[0], TERA, at)
    fits = replace(bare, keys=((b"k", TEXT, bare.text(b"", limit - start)),)).header()[0]
    yield Case(NEED_MORE, "a string that ends at the limit", fits, TERA)
    over = replace(bare, keys=((b"k", TEXT, bare.text(b"", limit - start + 1)),)).header()[0]
    yield refused(rule, "a string that ends behind the limit", over, TERA, at)
    for count in (1 << 30, TERA // 24 - 1):
        many = replace(bare, entry_count=count).header()[0] + bytes(40)
        yield refused(rule, f"{count} tensors", many, TERA, 24 + 24 * count)


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
    wide = replace(base, entries=base.entries[:2])
    for number in (8192, 1 << 16, 1 << 20):
        value = base.number("I", number)
        for file in list(with_key(replace(wide, alignment=number), 4, value, key))[::2]:
            yield accepted(f"the alignment {number}", file.data())
    bare = GGUFFile(base.order, alignment=2**31, keys=((key, 4, base.number("I", 2**31)),))
    yield accepted("the alignment 2**31, and no data", bare.header()[0])


FAMILIES: Final[tuple[Callable[[GGUFFile], Iterator[Case]], ...]] = (
    versions,
    counts,
    lengths,
    headers_over_limit,
    truncations,
    texts,
    alignments,
)
