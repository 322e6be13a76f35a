"""What tensors must satisfy, as tables: the first rule that the first bad tensor breaks is heard.

Sources. GGUF: ggml `docs/gguf.md`, `gguf_tensor_info_t`, and the checks of ggml's `gguf.cpp`.
safetensors: README, "Format", and `Metadata::validate` in its `tensor.rs`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_model_format._columns import Columns, as_written
from emel_model_format._refuse import show
from emel_model_format.dtypes import DTYPES, UNKNOWN
from emel_model_format.outcomes import Refusal

AXES_LIMIT: Final = 32
"""Axes of a numpy array, in every version of numpy that is supported."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a table."""

    name: str
    broken: Callable[[Columns], NDArray[np.bool_]]
    """(n,) bool. Where a rule above is broken the answer is of no consequence."""
    message: Callable[[Columns, int], str]
    supported: bool = True


def first_refusal(columns: Columns, tables: tuple[tuple[Rule, ...], ...]) -> Refusal | None:
    """Return what is wrong with the columns; a table counts only once all before it hold."""
    for table in tables:
        first = len(columns.names)
        found: Rule | None = None
        for rule in table:
            broken = rule.broken(columns)
            if broken.any() and (index := int(np.argmax(broken))) < first:
                first, found = index, rule
        if found is not None:
            name = columns.names[first]
            message = f"tensor {show(name)} {found.message(columns, first)}"
            at = columns.at(first)
            return Refusal(found.name, at, message, found.supported, name)
    return None


def _beyond_file(c: Columns) -> NDArray[np.bool_]:
    room = max(c.data_nbytes, 0)
    return (c.begin < 0) | (c.begin > room) | (c.nbytes > room - c.begin)


def _in_file_order(c: Columns) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """Return the order of the data in the file, and begins and ends in this order."""
    begin, end = c.begin, c.begin + c.nbytes
    if bool(np.all(begin[1:] >= begin[:-1])) and bool(np.all(end[1:] >= end[:-1])):
        return np.arange(len(begin)), begin, end
    order = np.lexsort((end, begin))
    return order, begin[order], end[order]


def _overlapping(c: Columns) -> NDArray[np.bool_]:
    order, begin, end = _in_file_order(c)
    filled = end > begin  # tensors without bytes overlap nothing, wherever they stand
    order, begin, end = order[filled], begin[filled], end[filled]
    reached = np.maximum.accumulate(end)
    broken = np.zeros(len(c.names), np.bool_)
    broken[order[1:]] = begin[1:] < reached[:-1]
    return broken


def _unchained(c: Columns) -> NDArray[np.bool_]:
    order, begin, end = _in_file_order(c)
    broken = np.zeros(len(c.names), np.bool_)
    broken[order] = begin != np.append(0, end[:-1])
    return broken


def _claimed(c: Columns) -> NDArray[np.int64]:
    return c.begin + c.nbytes if c.end is None else c.end


def _says_shape(c: Columns, i: int) -> str:
    return f"of type {c.type_name(i)} and shape {c.shape(i)}"


def _says_span(c: Columns, i: int) -> str:
    begin = c.data + as_written(int(c.begin[i]))
    return f"takes the bytes {begin} to {begin + int(c.nbytes[i])}"


_OVERFLOW: Final = Rule(
    "dimensions-overflow",
    lambda c: c.overflow,
    lambda c, i: f"{_says_shape(c, i)} has 2**63 elements or bytes or more",
)
_BEYOND_FILE: Final = Rule(
    "data-beyond-file",
    _beyond_file,
    lambda c, i: f"{_says_span(c, i)}, but the file has {c.data + c.data_nbytes}",
)
_OVERLAP: Final = Rule(
    "overlapping-data",
    _overlapping,
    lambda c, i: f"{_says_span(c, i)}, and another tensor has some of them",
)

GGUF_RULES: Final = (
    (
        Rule(
            "unknown-tensor-type",
            lambda c: c.dtype == UNKNOWN,
            lambda c, i: f"has the type {c.type_name(i)}, which is not known",
            supported=False,
        ),
        _OVERFLOW,
        Rule(
            "row-not-whole-blocks",
            lambda c: c.ragged,
            lambda c, i: (
                f"{_says_shape(c, i)} has rows that are no multiple of the type's block of "
                f"{DTYPES[int(c.dtype[i])].block} elements"
            ),
        ),
        _BEYOND_FILE,
    ),
    (_OVERLAP,),
)

SAFETENSORS_RULES: Final = (
    (
        Rule(
            "too-many-axes",
            lambda c: c.ndim > AXES_LIMIT,
            lambda c, i: f"has {c.ndim[i]} axes, and no array has more than {AXES_LIMIT}",
            supported=False,
        ),
        _OVERFLOW,
        Rule(
            "not-whole-bytes",
            lambda c: c.ragged,
            lambda c, i: f"{_says_shape(c, i)} does not fill its last byte",
        ),
        Rule(
            "offsets-reversed",
            lambda c: _claimed(c) < c.begin,
            lambda c, i: f"has data_offsets that end, at {_claimed(c)[i]}, before they begin",
        ),
        Rule(
            "shape-mismatch",
            lambda c: _claimed(c) - c.begin != c.nbytes,
            lambda c, i: (
                f"{_says_shape(c, i)} takes {c.nbytes[i]} bytes, but its data_offsets span "
                f"{int(_claimed(c)[i]) - int(c.begin[i])}"
            ),
        ),
        _BEYOND_FILE,
    ),
    (_OVERLAP,),
    (
        Rule(
            "hole-in-data",
            _unchained,
            lambda c, i: f"{_says_span(c, i)}, which do not follow another tensor's or the header",
        ),
    ),
)
