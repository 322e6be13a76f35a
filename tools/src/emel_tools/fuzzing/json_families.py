"""For each rule of safetensors' JSON, files that break just this one, and twins that just don't."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from emel_tools.fuzzing.case import EDGES, NEED_MORE, Case, accepted, places, refused
from emel_tools.fuzzing.json_files import FIELDS, Item, JSONFile, item, metadata

LIMIT: Final = 100_000_000


def with_item(base: JSONFile, added: Item | str) -> Iterator[JSONFile]:
    """Put an entry at three places; its data are none, unless it claims some."""
    text = added if isinstance(added, str) else added.text()
    for _, items in places(list(base.items), text):
        yield replace(base, items=tuple(items))


def none_at(base: JSONFile, name: str = "bad") -> Item:
    """Make a tensor without bytes, at the end of all others."""
    return item(name, "U8", (0,), base.room)


def lengths(base: JSONFile) -> Iterator[Case]:
    """What the first eight bytes claim; some lengths begin as JSON does, with the byte of {."""
    size = len(base.text())
    for length in (LIMIT + 1, 2**32, 2**40 + size, *EDGES):
        data = replace(base, length=length).data()
        rules, label = "header-over-limit json-file", f"a header of {length} bytes"
        yield refused(rules, label, data)
        yield refused(rules, label, data, 2**63 - 1, 0)
    yield Case(NEED_MORE, "a header at the limit", replace(base, length=LIMIT).data(), 2**40)
    for more in (1, 2, 1000):
        data = replace(base, length=size + base.room + more).data()
        yield refused("length-beyond-file", f"a header {more} bytes too long", data)
    yield refused("length-beyond-file", "half a header", base.data()[: 8 + size - 1])
    yield refused(
        "invalid-json invalid-utf8",
        "a header one byte short",
        replace(base, length=size - len(base.padding) - 1).data(),
    )
    for start in (" ", "\n", "\t", "[", '"', "0", "\N{ZERO WIDTH NO-BREAK SPACE}", "}"):
        data = base.data(start.encode() + base.text())
        yield refused("bad-header-start json-file", f"a header that begins with {start!r}", data)
    for nbytes in range(1, 9):
        yield refused("truncated json-file", f"{nbytes} bytes", base.data()[:nbytes])
    yield refused("empty-file", "no bytes", b"")


def texts(base: JSONFile) -> Iterator[Case]:
    """JSON that is none."""
    text = base.text()
    comma = text.index(b",", text.index(b'"shape"'))
    breaks = {
        "a comma too many": text.replace(b'},"', b'},,"', 1),
        "a comma at the end": text.rstrip().removesuffix(b"}") + b",}",
        "a comma at the start": b"{," + text[1:],
        "no comma": text.replace(b'},"', b'}"', 1),
        "no colon": text.replace(b'":', b'"', 1),
        "two colons": text.replace(b'":', b'"::', 1),
        "no end": text.rstrip()[:-1],
        "another end": text.rstrip() + b"}",
        "another object": text + b"{}",
        "a word behind it": text + b" null",
        "a NUL behind it": text + b"\0",
        "a form feed": text.replace(b",", b",\f", 1),
        "a comment": text.replace(b",", b",/**/", 1),
        "a wrong bracket": text[:comma] + b"}" + text[comma:],
        "a key without quotes": b"{a" + text[1:].replace(b'"', b"", 1),
        "a number as a key": b"{1:{}," + text[1:],
        "a single quote": text.replace(b'"', b"'", 1),
    }
    for label, broken in breaks.items():
        # A bracket too early also ends the object before its last field: either may be heard first.
        behind = label.startswith("another") or label.endswith("behind it")
        rules = "invalid-json" if behind else "invalid-json wrong-type missing-field"
        yield refused(rules, label, base.data(broken))
    for space in (" ", "\t", "\n", "\r", " \n\t\r "):
        for mark in (",", ":", "{"):
            wide = text.replace(mark.encode(), (mark + space).encode())
            yield accepted(f"{space!r} behind each {mark}", base.data(wide))
        yield accepted(f"{space!r} at the end", base.data(text + space.encode()))
    for stored in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82"):
        spelled = stored.decode("utf-8", "surrogateescape")
        for file in with_item(base, none_at(base, spelled)):
            yield refused("invalid-utf8", f"the name {stored!r}", file.data())
        for file in with_item(base, none_at(base).and_("x", f'"{spelled}"')):
            yield refused("invalid-utf8", f"the unknown field {stored!r}", file.data())
        lying = base.text().replace(b'"format"', b'"for' + stored + b'mat"')
        yield refused("invalid-utf8", f"a metadata key with {stored!r}", base.data(lying))


def skipped(base: JSONFile) -> Iterator[Case]:
    """Values of fields that mean nothing: JSON all the same."""
    broken = (
        "NaN", "Infinity", "-Infinity", "01", "-01", "+1", ".5", "1.", "1e", "1e+", "- 1", "0x1",
        "tru", "True", "nul", "'a'", '"', '"\\x"', '"\\u12"', '"\\ud800"', '"\\udc00x"', '"\t"',
        '"\x00"', "[1,]", "[,1]", "[1 2]", '{"a"}', '{"a":}', '{"a":1,}', "{1:2}", "[", "{", "]",
        '{"\\ud800":1}', "[1}", '{"a":1]', "undefined", "1_0",
    )  # fmt: skip
    fine = (
        "0", "-0", "1.5", "-1.5e-3", "1E9", "true", "false", "null", '""', '"\\u0041\\n\\/"', "[]",
        '"\\ud83d\\ude00"', "{}", '{"a":{"a":1,"a":2}}', "[[],{},[null]]", "9" * 5000, '"\x7f"',
    )  # fmt: skip
    for value in broken:
        for nested in (value, f"[{value}]", f'{{"x":{value}}}'):
            for file in with_item(base, none_at(base).and_("x", nested)):
                yield refused("invalid-json", f"the value {nested!a:.40}", file.data())
    for value in fine:
        for nested in (value, f"[{value}]", f'{{"x":{value}}}'):
            for file in with_item(base, none_at(base).and_("x", nested)):
                yield accepted(f"the value {nested!a:.40}", file.data())
    for depth in (1, 32, 63, 64, 65, 66, 1000, 50_000):
        mixed = (
            '[{"":' * (depth // 2)
            + "[" * (depth % 2)
            + "1"
            + "]" * (depth % 2)
            + "}]" * (depth // 2)
        )
        for value in ("[" * depth + "]" * depth, '{"":' * depth + "1" + "}" * depth, mixed):
            for file in list(with_item(base, none_at(base).and_("x", value)))[
                : 3 if depth < 99 else 1
            ]:
                if depth <= 64:
                    yield accepted(f"brackets {depth} deep", file.data())
                else:
                    yield refused("nested-too-deep", f"brackets {depth} deep", file.data())
    for open_ in ("[", '{"":', '[{"":'):
        file = replace(base, items=(*base.items, '"bad":{"x":' + open_ * 5000))
        yield refused("nested-too-deep", "brackets that nobody closes", file.data(file.text()[:-1]))


def keys(base: JSONFile) -> Iterator[Case]:
    """Each key once, each field there."""
    for name in ("n", "é", "", "a.b", "\\u0061", "x" * 300):
        plain = none_at(base, name)
        for file in with_item(base, plain):
            yield accepted(f"the name {name!r:.20}", file.data())
            for twice in with_item(file, plain.but("shape", "[0,1]")):
                yield refused("duplicate-tensor-name", f"the name {name!r:.20} twice", twice.data())
            for near in with_item(file, replace(plain, key=name + " ")):
                yield accepted(f"the name {name!r:.20} and a space", near.data())
    for file in with_item(base, none_at(base, "a")):
        for twice in with_item(file, none_at(base, "\\u0061")):
            yield refused("duplicate-tensor-name", "one name, spelled twice", twice.data())
    for key, value in none_at(base).fields:
        for again in (key, f"\\u{ord(key[0]):04x}{key[1:]}"):
            for file in with_item(base, none_at(base).and_(again, value)):
                yield refused("duplicate-field", f"{key} twice", file.data())
        for file in with_item(base, none_at(base).but(key, None)):
            yield refused("missing-field", f"no {key}", file.data())
        for file in with_item(base, none_at(base).but(key, None).and_(key.upper(), value)):
            yield refused("missing-field", f"{key.upper()} for {key}", file.data())
    for file in with_item(base, none_at(base).and_("x", "1").and_("x", "2")):
        yield refused("duplicate-field", "an unknown field twice", file.data())
    for value in ("{}", '{"k":"v"}'):
        for file in with_item(base, f'"__metadata__":{value}'):
            yield refused("duplicate-metadata-key", "metadata twice", file.data())
    bare = replace(base, items=tuple(i for i in base.items if "__metadata__" not in i))
    for twice in ('"k":"1","k":"2"', '"k":"1","j":"","\\u006b":"2"', '"":"","":""'):
        for file in with_item(bare, f'"__metadata__":{{{twice}}}'):
            yield refused("duplicate-metadata-key", f"{twice} in the metadata", file.data())
    for fine in ('"k":"1","K":"2"', '"":""', "", '"k":"\\"\\\\"', '"dtype":"F32"'):
        for file in with_item(bare, f'"__metadata__":{{{fine}}}'):
            yield accepted(f"the metadata {fine!r}", file.data())
    yield accepted("no metadata", bare.data())


def kinds(base: JSONFile) -> Iterator[Case]:
    """Values of another type than they should be."""
    wrong = ("1", "null", "true", '"x"', "[]", "{}", "1.5", "[0]", '["0"]', '{"a":1}')
    lists = ("[0.0]", "[0e0]", "[1e-1]", "[true]", "[null]", '["0"]', "[[0]]", "[{}]", "[0,0.0]")
    plain = none_at(base)
    for value in wrong:
        if not value.startswith("{"):
            for file in with_item(base, f'"bad":{value}'):
                yield refused("wrong-type", f"the entry {value}", file.data())
        if not value.startswith('"'):
            for file in with_item(base, plain.but("dtype", value)):
                yield refused("wrong-type", f"the dtype {value}", file.data())
        if value not in ("[]", "[0]"):
            for key in FIELDS[1:]:
                for file in with_item(base, plain.but(key, value)):
                    yield refused("wrong-type", f"the {key} {value}", file.data())
    for value in lists:
        for key in FIELDS[1:]:
            for file in with_item(base, plain.but(key, value)):
                yield refused("wrong-type", f"the {key} {value}", file.data())
    for value in ("[]", "[0]", "[0,0,0]", f"[{base.room}]", f"[{base.room},{base.room},0]"):
        for file in with_item(base, plain.but("data_offsets", value)):
            yield refused("wrong-type", f"the data_offsets {value}", file.data())
    bare = replace(base, items=tuple(i for i in base.items if "__metadata__" not in i))
    for value in ("null", "[]", "1", '"x"', '{"k":1}', '{"k":null}', '{"k":{}}', '{"k":["v"]}'):
        for file in with_item(bare, f'"__metadata__":{value}'):
            yield refused("wrong-type", f"the metadata {value}", file.data())


def numbers(base: JSONFile) -> Iterator[Case]:
    """Numbers of shapes and offsets."""
    plain = none_at(base)
    for value in ("-1", "-9", f"-{2**63}", f"-{2**64}", "-" + "9" * 400):
        for key, spelled in (
            ("shape", f"[{value}]"),
            ("shape", f"[0,{value}]"),
            ("data_offsets", f"[{value},0]"),
            ("data_offsets", f"[0,{value}]"),
        ):
            for file in with_item(base, plain.but(key, spelled)):
                yield refused("negative-number", f"the {key} {spelled:.40}", file.data())
    for value in (2**63, 2**64 - 1, 2**64, 2**64 + 1, 10**30, 10**400):
        for key, spelled in (
            ("shape", f"[{value}]"),
            ("shape", f"[0,{value}]"),
            ("data_offsets", f"[0,{value}]"),
            ("data_offsets", f"[{value},{value}]"),
        ):
            for file in with_item(base, plain.but(key, spelled)):
                yield refused("number-out-of-range", f"the {key} {spelled:.40}", file.data())
    for spelled in ("[-0]", "[0,1]", "[ 0 , 7 ]", f"[0,{2**62}]"):
        for file in with_item(base, plain.but("shape", spelled)):
            yield accepted(f"the shape {spelled}", file.data())
    for spelled in ("[00]", "[01]", "[+0]", "[0", "[0}", "[0,]", "[,0]", "[0 0]", "[--0]", "[]0"):
        for file in with_item(base, plain.but("shape", spelled)):
            yield refused("invalid-json wrong-type", f"the shape {spelled}", file.data())


FAMILIES: Final[tuple[Callable[[JSONFile], Iterator[Case]], ...]] = (
    lengths,
    texts,
    skipped,
    keys,
    kinds,
    numbers,
)
__all__ = ["FAMILIES", "metadata", "none_at", "with_item"]
