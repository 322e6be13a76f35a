"""The values of metadata: spelled in the oracle's words, and read in each way that a list is."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np

from emel_model_format import Metadata, PackedArrays, PackedStrings

_LONG: Final = 100
"""Elements from which on an array isn't read in every way."""
_SLICES: Final = (
    *(slice(start, stop) for start, stop in ((1, 3), (-2, None), (None, -1), (3, 1), (-99, 99))),
    *(slice(start, stop, step) for start, stop, step in ((2, 0, -1), (None, None, 2))),
    slice(None, None, -1),
)
_SLICES_OF_LONG: Final = (slice(500, -1), slice(None, None, -97))

Unlike: TypeAlias = tuple[str, object, object]
"""What was asked for, what a list answers, and what was answered."""


def spelled(value: object) -> object:
    """Spell one value of metadata: its kind, and its exact bytes."""
    match value:
        case bool():
            found = ("bool", value)
        case int():
            found = ("int", value)
        case float():
            found = ("float", struct.pack("<d", value))
        case str():
            found = ("text", value.encode("utf-8", "surrogateescape"))
        case PackedStrings():
            found = ("strings", tuple(value.raw(i) for i in range(len(value))))
        case PackedArrays():
            found = ("arrays", tuple(spelled(value[i]) for i in range(len(value))))
        case np.ndarray():
            found = ("numbers", value.dtype.str.lstrip("|"), value.tobytes())
        case _:
            found = ("?", repr(value))
    return found


def unlike_lists(metadata: Metadata) -> Unlike | None:
    """Find a packed array that isn't read as the list of its elements would be.

    The elements themselves are those that the oracle has confirmed, one by one.
    """
    if len(metadata) != len([*metadata]):
        return "len(metadata)", len([*metadata]), len(metadata)
    found = (_unlike(metadata[key], f"{key!a:.40}") for key in metadata)
    return next((each for each in found if each is not None), None)


def _unlike(value: object, name: str) -> Unlike | None:
    if isinstance(value, PackedStrings):
        words = (("text", value.raw(i)) for i in range(len(value)))
        return _differs(value, tuple(words), name)
    if not isinstance(value, PackedArrays):
        return None
    arrays = [value[i] for i in range(len(value))]
    found = [_unlike(array, f"{name}[{i}]") for i, array in enumerate(arrays)]
    found.append(_differs(value, tuple(map(spelled, arrays)), name))
    return next((each for each in found if each is not None), None)


def _differs(value: Sequence[object], elements: tuple[object, ...], name: str) -> Unlike | None:
    count = len(elements)
    read = tuple(spelled(each) for each in value)
    if read != elements:
        return f"[*{name}]", elements, read
    for part in _SLICES if count < _LONG else _SLICES_OF_LONG:
        read = tuple(spelled(each) for each in value[part])
        if read != elements[part]:
            return f"{name}[{part}]", elements[part], read
    for index in (-1, -count, -count - 1, count):
        wanted, got = _picked(elements, index), _picked(value, index)
        if got is not wanted and spelled(got) != wanted:
            return f"{name}[{index}]", wanted, got
    return None


def _picked(value: Sequence[object], index: int) -> object:
    try:
        return value[index]
    except IndexError:
        return IndexError
