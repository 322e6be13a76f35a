"""The metadata of a header: packed as in the file until someone asks for a value."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from emel_model_format._walk import ARRAY, SCALARS, ArrayEnd, Walker
from emel_model_format.dtypes import ByteOrder

Offsets: TypeAlias = NDArray[np.uint32] | NDArray[np.int64]


class PackedText(NamedTuple):
    """A string of the section that nobody has asked for yet."""

    start: int
    end: int


class PackedStrings(Sequence[str]):
    """An array of strings that stays packed: bytes and offsets, no object per string.

    One entry decodes in about a microsecond; a slice is a list. The format says that strings are
    UTF-8, but files don't always keep to it, so bytes that are not decode to lone surrogates
    (`errors="surrogateescape"`) and can be encoded back to the same bytes; `raw` returns them as
    they are.
    """

    __slots__ = ("_base", "_offsets", "_section")

    def __init__(self, section: bytes, base: int, offsets: Offsets) -> None:
        self._section: bytes = section
        self._base: int = base
        self._offsets: Offsets = offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if not isinstance(index, slice):
            return self.raw(index).decode("utf-8", "surrogateescape")
        picked = range(len(self))[index]
        if picked.step == 1:
            return list(self._decoded(picked.start, picked.stop))
        return [self[i] for i in picked]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), 4096):  # so that few offsets are Python ints at a time
            yield from self._decoded(start, min(start + 4096, len(self)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} strings>"

    def raw(self, index: int) -> bytes:
        """Return the bytes of one string.

        Raises
        ------
        IndexError
            If there is no such string.
        """
        index = range(len(self))[index]
        start, end = int(self._offsets[index]), int(self._offsets[index + 1])
        return self._section[self._base + start + 8 : self._base + end]

    def _decoded(self, start: int, stop: int) -> Iterator[str]:
        section, base = self._section, self._base
        ends: list[int] = self._offsets[start : stop + 1].tolist()
        for here, end in pairwise(ends):
            yield section[base + here + 8 : base + end].decode("utf-8", "surrogateescape")


class PackedArrays(Sequence[object]):
    """An array of arrays that stays packed. Its elements are what `Metadata` yields for arrays."""

    __slots__ = ("_array", "_section", "_starts", "_walker")

    def __init__(self, section: bytes, walker: Walker, array: ArrayEnd) -> None:
        self._section: bytes = section
        self._walker: Walker = walker
        self._array: ArrayEnd = array
        self._starts: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return self._array.length

    @overload
    def __getitem__(self, index: int) -> object: ...
    @overload
    def __getitem__(self, index: slice) -> list[object]: ...
    def __getitem__(self, index: int | slice) -> object:
        picked = range(len(self))[index]
        if isinstance(picked, range):
            return [self[i] for i in picked]
        if self._starts is None:
            self._starts = self._find_starts()
        element = self._walker.array_end(int(self._starts[picked]))
        return _unpack_array(self._section, self._walker, element)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} arrays>"

    def _find_starts(self) -> NDArray[np.int64]:
        starts = np.empty(len(self), np.int64)
        pos = self._array.start
        for i in range(len(self)):
            starts[i] = pos
            pos = self._walker.array_end(pos).end
        return starts


def _unpack_array(section: bytes, walker: Walker, array: ArrayEnd) -> object:
    if array.offsets is not None:
        return PackedStrings(section, array.start, array.offsets)
    if array.kind == ARRAY:
        return PackedArrays(section, walker, array)
    dtype = np.dtype(SCALARS[array.kind][1]).newbyteorder(walker.byteorder)
    return np.frombuffer(section, dtype, array.length, array.start)


class Metadata(Mapping[str, object]):
    """A header's metadata in the order of the file; values are made when they are asked for.

    ==================  =====================================================================
    value in the file   value here
    ==================  =====================================================================
    integer, float      int, float
    bool                bool
    string              str (see `PackedStrings` for bytes that are not UTF-8)
    array of numbers    read-only numpy array without copying, in the file's byte order
    array of strings    `PackedStrings`
    array of arrays     `PackedArrays`
    ==================  =====================================================================

    safetensors has strings only (`__metadata__`, which itself is not a key here).
    """

    __slots__ = ("_section", "_values", "_walker")

    def __init__(
        self, values: Mapping[str, object], section: bytes = b"", byteorder: ByteOrder = "little"
    ) -> None:
        self._values: Mapping[str, object] = values
        self._section: bytes = section
        self._walker: Walker = Walker(memoryview(section), len(section), byteorder)

    def __getitem__(self, key: str) -> object:
        value = self._values[key]
        if isinstance(value, PackedText):
            return self._section[value.start : value.end].decode("utf-8", "surrogateescape")
        if isinstance(value, ArrayEnd):
            return _unpack_array(self._section, self._walker, value)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} keys>"
