"""Reads a safetensors header key by key, and says where it goes wrong.

Slower than msgspec by an order of magnitude, and asked only when that was not enough: for repeated
keys, escapes in names, unknown fields, and headers that must be refused. No recursion and nothing
built from what is skipped, so hostile headers cost no more than their length.

Source: RFC 8259 for JSON; safetensors' `tensor.rs` (`HashMetadata`, `TensorInfo`, whose unknown
fields serde ignores) for what is expected in it.
"""

import re
from collections.abc import Iterator
from typing import Final, NoReturn

import msgspec
import numpy as np

from emel_model_format._columns import INT64_MAX, Claims
from emel_model_format._refuse import refuse, show
from emel_model_format.dtypes import SAFETENSORS_CODES

NESTING_LIMIT: Final = 64
"""Depth of brackets in values that are skipped; what a header needs is three."""

_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
_STRING: Final = re.compile(rb'"((?:[^"\\\x00-\x1f]++|\\[^\x00-\x1f])*+)"')
_INTEGER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*+)(?![0-9.eE])")
_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_WORD: Final = re.compile(rb"true|false|null")


def scan(json: bytes, base: int) -> Claims:
    """Read the header `json`, which stands at byte `base` of the file, or stop."""
    return _Scan(json, base).header()


class _Scan:
    __slots__ = ("base", "json", "pos")

    def __init__(self, json: bytes, base: int) -> None:
        self.json: bytes = json
        self.base: int = base
        self.pos: int = 0

    def header(self) -> Claims:
        """Read the whole header."""
        try:
            str(self.json, "utf-8")
        except UnicodeDecodeError as error:
            self.refuse("invalid-utf8", "the header is not valid UTF-8", error.start)
        seen: set[str] = set()
        metadata: dict[str, str] = {}
        names: list[str] = []
        at: list[int] = []
        dtypes: list[int] = []
        ndim: list[int] = []
        dims: list[int] = []
        spans: list[int] = []
        for key, pos in self.keys("the header"):
            if key in seen and key == "__metadata__":
                message = "the header has __metadata__ twice"
                self.refuse("duplicate-metadata-key", message, pos)
            if key in seen:
                message = f"two tensors have the name {show(key)}"
                self.refuse("duplicate-tensor-name", message, pos, key)
            seen.add(key)
            if key == "__metadata__":
                metadata = self.metadata()
                continue
            dtype, shape, span = self.entry(key, pos)
            names.append(key)
            at.append(self.base + pos)
            dtypes.append(dtype)
            ndim.append(len(shape))
            dims += shape
            spans += span
        self.space()
        if self.pos < len(self.json):
            self.refuse("invalid-json", "something follows the header's JSON object")
        return Claims(
            names,
            dtypes,
            np.array(ndim, np.int64),
            np.array(dims, np.int64),
            np.array(spans, np.int64),
            metadata,
            at,
        )

    def entry(self, name: str, at: int) -> tuple[int, list[int], list[int]]:
        """Read one tensor's entry: dtype, shape, data_offsets."""
        what = f"tensor {show(name)}"
        dtype, shape, span = -1, None, None
        seen: set[str] = set()
        for key, pos in self.keys(what):
            if key in seen:
                self.refuse("duplicate-field", f"{what} has the field {show(key)} twice", pos, name)
            seen.add(key)
            if key == "dtype":
                dtype = self.dtype(name)
            elif key == "shape":
                shape = self.integers(f"the shape of {what}", name)
            elif key == "data_offsets":
                begin = self.pos
                span = self.integers(f"the data_offsets of {what}", name)
                if len(span) != 2:
                    message = f"the data_offsets of {what} are {len(span)} numbers, not 2"
                    self.refuse("wrong-type", message, begin, name)
            else:
                self.skip()
        for field, missing in (
            ("dtype", dtype < 0),
            ("shape", shape is None),
            ("data_offsets", span is None),
        ):
            if missing:
                self.refuse("missing-field", f"{what} has no {field}", at, name)
        return dtype, shape or [], span or []

    def metadata(self) -> dict[str, str]:
        """Read the map of strings to strings."""
        values: dict[str, str] = {}
        for key, pos in self.keys("__metadata__"):
            if key in values:
                message = f"the metadata key {show(key)} occurs twice"
                self.refuse("duplicate-metadata-key", message, pos)
            values[key] = self.string(f"the metadata value of {show(key)}")
        return values

    def keys(self, what: str) -> Iterator[tuple[str, int]]:
        """Yield an object's keys, each with its position, and stand before its value."""
        self.space()
        if self.peek() != b"{":
            self.wrong_type(what, "a JSON object")
        self.pos += 1
        self.space()
        if self.peek() == b"}":
            self.pos += 1
            return
        while True:
            yield self.key()
            self.space()
            if self.peek() == b"}":
                self.pos += 1
                return
            self.take(b",", "a comma or the end of an object")

    def key(self) -> tuple[str, int]:
        """Read a key and the colon behind it; return it with its position."""
        self.space()
        pos = self.pos
        if self.peek() != b'"':  # no look at what it is instead: that would recurse
            self.refuse("invalid-json", "a key is expected")
        key = self.string("a key")
        self.space()
        self.take(b":", "a colon")
        self.space()
        return key, pos

    def dtype(self, name: str) -> int:
        pos = self.pos
        text = self.string(f"the dtype of tensor {show(name)}")
        if text not in SAFETENSORS_CODES:
            message = f"tensor {show(name)} has the dtype {show(text)}, which is not known"
            at = self.base + pos
            refuse("unknown-tensor-type", at, message, supported=False, tensor=name)
        return SAFETENSORS_CODES[text]

    def integers(self, what: str, name: str) -> list[int]:
        """Read an array of sizes or offsets."""
        if self.peek() != b"[":
            self.wrong_type(what, "an array of integers", name)
        self.pos += 1
        self.space()
        numbers: list[int] = []
        if self.peek() == b"]":
            self.pos += 1
            return numbers
        while True:
            self.space()
            numbers.append(self.integer(what, name))
            self.space()
            if self.peek() == b"]":
                self.pos += 1
                return numbers
            self.take(b",", "a comma or the end of an array")

    def integer(self, what: str, name: str) -> int:
        match = _INTEGER.match(self.json, self.pos)
        if match is None:
            self.wrong_type(what, "made of integers", name)
        digits = match.group()
        # No conversion of endless digits: it takes quadratic time, or raises.
        value = int(digits) if len(digits) <= 20 else INT64_MAX + 1
        if digits.startswith(b"-") and value:
            self.refuse("negative-number", f"{what} has a number below zero", self.pos, name)
        if value > INT64_MAX:
            message = f"{what} has a number of 2**63 or more"
            self.refuse("number-out-of-range", message, self.pos, name)
        self.pos = match.end()
        return value

    def string(self, what: str) -> str:
        if self.peek() != b'"':
            self.wrong_type(what, "a string")
        match = _STRING.match(self.json, self.pos)
        if match is None:
            self.refuse("invalid-json", f"{what} is not a valid JSON string")
        try:
            text = msgspec.json.decode(match.group(), type=str)
        except msgspec.DecodeError:
            self.refuse("invalid-json", f"{what} has an invalid escape")
        self.pos = match.end()
        return text

    def skip(self) -> None:
        """Step over a value of any type, keeping nothing of it but the open brackets."""
        opened = bytearray()
        while True:
            self.space()
            char = self.peek()
            if char in (b"{", b"["):
                if len(opened) == NESTING_LIMIT:
                    message = f"the header is nested more than {NESTING_LIMIT} deep"
                    self.refuse("nested-too-deep", message)
                opened += char
                self.pos += 1
                self.space()
                if not self.closes(opened):
                    if char == b"{":
                        self.key()
                    continue
            else:
                self.skip_scalar()
            while opened:
                self.space()
                if not self.closes(opened):
                    self.take(b",", "a comma or a closing bracket")
                    if opened.endswith(b"{"):
                        self.key()
                    break
            else:
                return

    def skip_scalar(self) -> None:
        """Step over a string, a number or a word."""
        if self.peek() == b'"':
            self.string("a value")
            return
        match = _NUMBER.match(self.json, self.pos) or _WORD.match(self.json, self.pos)
        if match is None:
            self.refuse("invalid-json", "a JSON value is expected")
        self.pos = match.end()

    def closes(self, opened: bytearray) -> bool:
        """Take the bracket that closes the innermost open one, if it is next."""
        if self.peek() != (b"}" if opened.endswith(b"{") else b"]"):
            return False
        opened.pop()
        self.pos += 1
        return True

    def space(self) -> None:
        match = _SPACE.match(self.json, self.pos)
        if match is not None:
            self.pos = match.end()

    def peek(self) -> bytes:
        return self.json[self.pos : self.pos + 1]

    def take(self, char: bytes, what: str) -> None:
        if self.peek() != char:
            self.refuse("invalid-json", f"{what} is expected")
        self.pos += 1

    def wrong_type(self, what: str, expected: str, name: str | None = None) -> NoReturn:
        """Refuse the value here: as nested too deep or invalid if it is that as well."""
        pos = self.pos
        self.skip()
        self.refuse("wrong-type", f"{what} is not {expected}", pos, name)

    def refuse(
        self, rule: str, message: str, pos: int | None = None, name: str | None = None
    ) -> NoReturn:
        refuse(rule, self.base + (self.pos if pos is None else pos), message, tensor=name)
