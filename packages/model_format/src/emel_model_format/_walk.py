"""Walks over GGUF values: checks them, and finds where each ends.

Source: GGUF spec, ggml `docs/gguf.md`, "File Structure", `gguf_metadata_value_type_t` and
`gguf_metadata_value_t`. The parser walks over bytes that may be anything; `Metadata` walks again
over the copy of a section that was accepted, when someone asks for a nested array.
"""

from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emel_model_format._refuse import StoppedError, refuse
from emel_model_format._strings import string_ends
from emel_model_format.dtypes import ByteOrder
from emel_model_format.outcomes import NeedMore

BOOL: Final = 7
STRING: Final = 8
ARRAY: Final = 9

# GGUF value type -> struct code and numpy type of the scalars; STRING and ARRAY are neither.
SCALARS: Final = {
    0: ("B", "u1"),
    1: ("b", "i1"),
    2: ("H", "u2"),
    3: ("h", "i2"),
    4: ("I", "u4"),
    5: ("i", "i4"),
    6: ("f", "f4"),
    BOOL: ("?", "?"),
    10: ("Q", "u8"),
    11: ("q", "i8"),
    12: ("d", "f8"),
}
SCALAR_NBYTES: Final = {kind: np.dtype(code).itemsize for kind, (_, code) in SCALARS.items()}
# Fewest bytes that a value can take: a string is a length, an array is a type and a length.
LEAST_NBYTES: Final = {**SCALAR_NBYTES, STRING: 8, ARRAY: 12}

HEADER_LIMIT: Final = 256 << 20
"""No header is read further than this. The format sets no limit; a vocabulary of 262,144 tokens
takes 7 MB, and without a limit a sparse file of a few bytes could ask for any amount of memory."""
NESTING_LIMIT: Final = 8
"""Arrays within arrays. The specification sets no limit; files nest two deep at most."""


class ArrayEnd(NamedTuple):
    """Where an array lies, and what it holds."""

    kind: int
    length: int
    """Elements."""
    start: int
    end: int
    offsets: NDArray[np.uint32] | NDArray[np.int64] | None


class Walker:
    """Reads at positions of a view, and stops the parse where that is not possible."""

    __slots__ = ("byteorder", "file_nbytes", "limit", "order", "u32", "u64", "view")

    def __init__(self, view: memoryview, file_nbytes: int, byteorder: ByteOrder) -> None:
        self.view: memoryview = view
        self.limit: int = len(view)
        self.file_nbytes: int = file_nbytes
        self.byteorder: ByteOrder = byteorder
        self.order: str = "<" if byteorder == "little" else ">"
        self.u32: Callable[[memoryview, int], tuple[int]] = Struct(self.order + "I").unpack_from
        self.u64: Callable[[memoryview, int], tuple[int]] = Struct(self.order + "Q").unpack_from

    def need(self, end: int, what: str, at: int | None = None) -> None:
        """Stop unless the view reaches `end`: for more bytes if the file has them.

        `at` is the byte of the length that claims so, if there is one.
        """
        if end <= self.limit:
            return
        if end <= self.file_nbytes:
            if end > HEADER_LIMIT:
                message = (
                    f"the header goes on to byte {end}, past the limit of {HEADER_LIMIT} bytes"
                )
                refuse("header-over-limit", end if at is None else at, message)
            raise StoppedError(NeedMore(end))
        size = f"the file has {self.file_nbytes} bytes"
        if at is None:
            refuse("truncated", self.file_nbytes, f"{size}, but its {what} needs {end} at least")
        refuse("length-beyond-file", at, f"{size}, but a {what} claims to end at byte {end}")

    def need_entries(self, pos: int, count: int, nbytes: int, at: int, what: str) -> None:
        """Stop unless `count` entries of at least `nbytes` bytes can follow `pos`.

        A count that the rest of the file can't hold is refused at once, at byte `at`, however few
        bytes were given so far.
        """
        if count * nbytes > self.file_nbytes - pos:
            refuse(
                "count-beyond-file",
                at,
                f"{count} {what} need {count * nbytes} bytes at least, but the file has "
                f"{max(self.file_nbytes - pos, 0)} left",
            )
        self.need(pos + count * nbytes, what)

    def string_end(self, pos: int, what: str) -> int:
        """Return the end of the string whose length is at `pos`."""
        self.need(pos + 8, what)
        end: int = pos + 8 + self.u64(self.view, pos)[0]
        self.need(end, what, pos)
        return end

    def text(self, pos: int, what: str) -> tuple[str, int]:
        """Return the key or tensor name at `pos`, which must be UTF-8, and its end."""
        end = self.string_end(pos, what)
        try:
            return str(self.view[pos + 8 : end], "utf-8"), end
        except UnicodeDecodeError as error:
            refuse("invalid-utf8", pos + 8 + error.start, f"a {what} is not valid UTF-8")

    def value_end(self, kind: int, pos: int) -> int:
        """Check the scalar or string of type `kind` at `pos`, and return its end."""
        if kind == STRING:
            return self.string_end(pos, "string")
        end = pos + SCALAR_NBYTES[kind]
        self.need(end, "value")
        if kind == BOOL:
            self._check_bools(pos, end)
        return end

    def array_end(self, pos: int, depth: int = 0) -> ArrayEnd:
        """Check the array at `pos`: its element type, its length, and each element."""
        if depth == NESTING_LIMIT:
            refuse("nested-too-deep", pos, f"arrays are nested more than {NESTING_LIMIT} deep")
        self.need(pos + 12, "array")
        kind: int = self.u32(self.view, pos)[0]
        count: int = self.u64(self.view, pos + 4)[0]
        if kind not in LEAST_NBYTES:
            refuse("unknown-value-type", pos, f"no value type is {kind}", supported=False)
        start = pos + 12
        self.need_entries(start, count, LEAST_NBYTES[kind], pos + 4, "array elements")
        if kind == STRING:
            offsets = string_ends(self.view, start, count, self.byteorder, self.need)
            return ArrayEnd(kind, count, start, start + int(offsets[-1]), offsets)
        if kind != ARRAY:
            end = start + count * SCALAR_NBYTES[kind]
            if kind == BOOL:
                self._check_bools(start, end)
            return ArrayEnd(kind, count, start, end, None)
        end = start
        for left in range(count - 1, -1, -1):
            end = self.array_end(end, depth + 1).end
            self.need(end + left * 12, "nested array")
        return ArrayEnd(kind, count, start, end, None)

    def _check_bools(self, start: int, end: int) -> None:
        # docs/gguf.md: 0 is false and 1 is true, and "Anything else is invalid".
        bools = np.frombuffer(self.view[start:end], np.uint8)
        if bools.size and bools.max() > 1:
            at = start + int(np.argmax(bools > 1))
            refuse("invalid-bool", at, f"a bool is {self.view[at]}, and neither 0 nor 1")
