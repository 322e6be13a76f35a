"""Which bytes of a tensor a slice needs, and how to read them with few calls. Pure.

A tensor lies in C order. Cut at a level L, the axes before L are taken exactly, one range for each
combination of their indices; of the axes from L on the whole stretch is read, from the first
selected element to the last. Level 0 is one range, the last level reads nothing in vain; between
them the cheapest is chosen, where each range costs as much as some bytes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any, Final, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray

CALL_NBYTES: Final = 4096
"""A range of its own is worth it where it saves more than a page."""

Index: TypeAlias = (
    "SupportsIndex | slice | EllipsisType | tuple[SupportsIndex | slice | EllipsisType, ...]"
)
"""Integers, slices with any step, and an ellipsis: numpy's basic indexing, without new axes."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What is selected of one axis, by rising index."""

    start: int
    count: int
    step: int
    """1 or more."""
    reverse: bool
    """The caller wants it from the last to the first."""
    dropped: bool
    """Selected by an integer: the result lacks the axis."""


@dataclass(frozen=True, slots=True)
class PartPlan:
    """What is read for one slice of a tensor."""

    shape: tuple[int, ...]
    """The shape of the result."""
    nbytes_wanted: int
    """Bytes of the result."""
    nbytes_read: int
    """Bytes that are read for it, at least the wanted ones."""
    nranges: int
    """Stretches of the tensor that they are read in, each of the same size."""
    why: str
    """"exact": nothing is read in vain. "wider": reading some bytes in vain is cheaper than more
    ranges. "whole": reading the whole tensor is cheapest."""
    axes: tuple[Axis, ...]
    level: int
    first: int
    """Byte of the tensor where the first range begins."""
    extent: int
    """Bytes of each range."""
    strides: tuple[int, ...]
    """Of the tensor, in bytes."""
    itemsize: int

    def slices(self) -> tuple[slice, ...]:
        """Index the whole array: the selected elements, axes by rising index, none dropped."""
        return tuple(
            slice(axis.start, axis.start + (axis.count - 1) * axis.step + 1, axis.step)
            for axis in self.axes
        )

    def starts(self) -> NDArray[np.int64]:
        """(nranges,) byte of the tensor where each range begins, rising."""
        starts = np.full(min(self.nranges, 1), self.first, np.int64)
        for axis, stride in zip(self.axes[: self.level], self.strides, strict=False):
            steps = np.arange(axis.count, dtype=np.int64) * (axis.step * stride)
            starts = (starts[:, None] + steps).reshape(-1)
        return starts

    def arrange(self, memory: NDArray[np.uint8], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Look at the ranges in `memory` (nranges * extent,) as the selected elements.

        Axes by rising index, none dropped: a view, of the shape (count of each axis).
        """
        counts = tuple(axis.count for axis in self.axes)
        outer, stride = list[int](), self.extent
        for axis in reversed(self.axes[: self.level]):
            outer.insert(0, stride)
            stride *= axis.count
        inner = [
            axis.step * stride
            for axis, stride in zip(
                self.axes[self.level :], self.strides[self.level :], strict=True
            )
        ]
        return np.ndarray(counts, dtype, memory, strides=(*outer, *inner))

    def finish(self, selected: NDArray[Any]) -> NDArray[Any]:
        """Give the selected elements the caller's order and shape: a view, of no axes too."""
        kept = (slice(None, None, -1 if axis.reverse else 1) for axis in self.axes)
        index = (0 if axis.dropped else k for axis, k in zip(self.axes, kept, strict=True))
        return selected[(*index, ...)]  # with the ellipsis numpy makes no scalar of it

    @property
    def in_order(self) -> bool:
        """Whether the ranges, one after another, are the selected elements in C order."""
        return self.nbytes_read == self.nbytes_wanted

    def slabs(self, nbytes: int) -> Iterator[tuple[tuple[slice, ...], PartPlan]]:
        """Cut the plan into slabs that read at most `nbytes` each, or a single element.

        Yields where each slab's elements go among the selected ones, one slice an axis, and the
        slab's plan; the first slab is the largest. Cut along the first axis of which more than one
        index is selected, and along the next ones where one index of it is still too much.
        """
        at = next((i for i, axis in enumerate(self.axes) if axis.count > 1), None)
        if at is None or self.nbytes_read <= nbytes:
            yield tuple(slice(0, axis.count) for axis in self.axes), self
            return
        axis = self.axes[at]
        step = max(1, axis.count * nbytes // self.nbytes_read)
        for begin in range(0, axis.count, step):
            count = min(step, axis.count - begin)
            part = replace(axis, start=axis.start + begin * axis.step, count=count)
            slab = _at_level(self, (*self.axes[:at], part, *self.axes[at + 1 :]), self.level)
            for where, piece in slab.slabs(nbytes):
                yield (*where[:at], slice(begin, begin + count), *where[at + 1 :]), piece


def plan_part(shape: tuple[int, ...], itemsize: int, index: Index) -> PartPlan:
    """Plan the reading of `tensor[index]`.

    Parameters
    ----------
    shape
        Of the tensor, in elements of `itemsize` bytes.
    index
        As numpy's basic indexing.

    Raises
    ------
    IndexError
        An integer is out of bounds, or there are more indices than axes.
    TypeError
        The index holds something else than integers, slices and one ellipsis.
    ValueError
        The step of a slice is 0.
    """
    axes = _axes(shape, index)
    strides = tuple(itemsize * math.prod(shape[i + 1 :]) for i in range(len(shape)))
    draft = PartPlan(
        shape=tuple(axis.count for axis in axes if not axis.dropped),
        nbytes_wanted=0,
        nbytes_read=0,
        nranges=0,
        why="exact",
        axes=axes,
        level=0,
        first=0,
        extent=0,
        strides=strides,
        itemsize=itemsize,
    )
    if not all(axis.count for axis in axes):
        return draft
    levels = [_at_level(draft, axes, level) for level in range(len(shape) + 1)]
    best = min(levels, key=lambda plan: plan.nbytes_read + plan.nranges * CALL_NBYTES)
    if best.in_order:
        return best
    whole = best.nbytes_read == itemsize * math.prod(shape)
    return replace(best, why="whole" if whole else "wider")


def _at_level(draft: PartPlan, axes: tuple[Axis, ...], level: int) -> PartPlan:
    """Fill in what a plan reads when it is cut at `level`."""
    pairs = list(zip(axes, draft.strides, strict=True))
    first = sum(axis.start * stride for axis, stride in pairs)
    inner = sum((axis.count - 1) * axis.step * stride for axis, stride in pairs[level:])
    nranges = math.prod(axis.count for axis in axes[:level])
    extent = inner + draft.itemsize
    return replace(
        draft,
        shape=tuple(axis.count for axis in axes if not axis.dropped),
        nbytes_wanted=draft.itemsize * math.prod(axis.count for axis in axes),
        nbytes_read=nranges * extent,
        nranges=nranges,
        axes=axes,
        level=level,
        first=first,
        extent=extent,
    )


def _axes(shape: tuple[int, ...], index: Index) -> tuple[Axis, ...]:
    entries: list[Any] = list(index) if isinstance(index, tuple) else [index]
    ellipses = [i for i, entry in enumerate(entries) if entry is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError("an index has a single ellipsis ('...') at most")
    missing = len(shape) - (len(entries) - len(ellipses))
    if missing < 0:
        given = len(entries) - len(ellipses)
        raise IndexError(f"{given} indices are too many for {len(shape)} axes")
    at = ellipses[0] if ellipses else len(entries)
    entries[at : at + len(ellipses)] = [slice(None)] * missing
    return tuple(
        _axis(i, n, entry) for i, (n, entry) in enumerate(zip(shape, entries, strict=True))
    )


def _axis(number: int, n: int, entry: object) -> Axis:
    if isinstance(entry, slice):
        start, stop, step = entry.indices(n)
        indices = range(start, stop, step)
        if not indices:
            return Axis(0, 0, 1, reverse=False, dropped=False)
        low = min(indices[0], indices[-1])
        return Axis(low, len(indices), abs(step), reverse=step < 0, dropped=False)
    kind = type(entry).__name__
    if isinstance(entry, bool | np.bool_) or not isinstance(entry, SupportsIndex):
        raise TypeError(f"a part is selected by integers, slices and '...', not by {kind}")
    chosen = operator.index(entry)
    if not -n <= chosen < n:
        raise IndexError(f"index {chosen} is out of bounds for axis {number} of size {n}")
    return Axis(chosen % n, 1, 1, reverse=False, dropped=True)
