"""Targets as columns: where the bytes of each span go, and the rules that they keep."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emel_io_loader.spans import INT64_MAX, IntColumn, int_column

Buffer: TypeAlias = "NDArray[Any] | bytearray | memoryview[Any]"
"""What the caller owns and wants filled: a numpy array of any type, or a writable buffer."""


class Targets:
    """Columns: span i goes to the bytes of `buffers[buffer[i]]` that begin at `offset[i]`.

    Built from whatever a caller has, right or wrong: `validate_targets` says what is wrong. The
    buffers stay the caller's: they are filled, and neither kept after a call nor replaced.

    Parameters
    ----------
    buffers
        Of any type and shape; a span sees the bytes, in C order.
    buffer, offset
        n integers each: the index into `buffers`, and bytes from its start.
    """

    __slots__ = ("buffer", "buffers", "offset")

    def __init__(self, buffers: Sequence[Buffer], buffer: ArrayLike, offset: ArrayLike) -> None:
        self.buffers: tuple[Buffer, ...] = tuple(buffers)
        self.buffer: IntColumn = _within(int_column(buffer))
        self.offset: IntColumn = _within(int_column(offset))

    @classmethod
    def each(cls, buffers: Sequence[Buffer]) -> Targets:
        """Give each span a buffer of its own."""
        return cls(buffers, np.arange(len(buffers)), np.zeros(len(buffers), np.int64))

    @classmethod
    def one_after_another(cls, buffer: Buffer, nbytes: ArrayLike) -> Targets:
        """Fill one buffer with spans of `nbytes` (n,) bytes, without gaps."""
        sizes = _within(int_column(nbytes))
        return cls((buffer,), np.zeros(len(sizes), np.int64), np.cumsum(sizes) - sizes)

    def __len__(self) -> int:
        return len(self.buffer)

    def take(self, index: NDArray[np.intp]) -> Targets:
        """Select the targets at `index`, (m,) intp, as new columns over the same buffers."""
        return Targets(self.buffers, self.buffer[index], self.offset[index])


class TargetOutcome(IntEnum):
    """What validation says of targets before any call to the operating system."""

    OK = 0
    TARGETS_MISSING = 1
    """A strategy that copies needs somewhere to copy to."""
    TARGETS_DIFFER = 2
    """There are more targets than spans, or fewer, or one names no buffer."""
    TARGET_READ_ONLY = 3
    TARGET_NOT_CONTIGUOUS = 4
    TARGET_TOO_SMALL = 5
    TARGETS_OVERLAP = 6
    TARGET_NOT_BYTES = 7
    """It holds references to objects, which bytes must not overwrite, or is no buffer at all."""


class TargetRefusal(NamedTuple):
    """The first rule that the first bad target breaks."""

    span: int
    outcome: TargetOutcome
    message: str


class Places(NamedTuple):
    """Targets that keep every rule: the memory that spans go to."""

    views: tuple[memoryview, ...]
    """The bytes of each buffer, one dimension; empty for one that no span needs."""
    buffer: NDArray[np.int64]
    offset: NDArray[np.int64]
    address: NDArray[np.int64]
    """(n,) where each span's first byte lies in memory."""

    def view(self, span: int, nbytes: int) -> memoryview:
        """Look at the bytes of one target."""
        start = self.offset.item(span)
        return self.views[self.buffer.item(span)][start : start + nbytes]


class _Memory(NamedTuple):
    """One buffer as bytes, with what speaks against filling it."""

    view: memoryview
    address: int
    outcome: TargetOutcome


_BYTE: Final = np.dtype(np.uint8)
_NO_BYTES: Final = memoryview(bytearray())


def validate_targets(targets: Targets | None, nbytes: NDArray[np.int64]) -> Places | TargetRefusal:
    """Hold `targets` to the rules. Makes no call to the outside.

    Parameters
    ----------
    targets
        One a span.
    nbytes
        (n,) how many bytes each span's result takes. A target may be larger; the rest of it stays
        as it is.
    """
    n = len(nbytes)
    if targets is None:
        return TargetRefusal(-1, TargetOutcome.TARGETS_MISSING, "it copies, and needs targets")
    if not len(targets.buffer) == len(targets.offset) == n:
        text = f"{n} spans have {len(targets.buffer)} targets at {len(targets.offset)} offsets"
        return TargetRefusal(-1, TargetOutcome.TARGETS_DIFFER, text)
    unknown = (targets.buffer < 0) | (targets.buffer >= len(targets.buffers))
    if unknown.any():
        i = int(unknown.argmax())
        text = f"span {i}: its target is in buffer {targets.buffer[i]}"
        return TargetRefusal(
            i, TargetOutcome.TARGETS_DIFFER, f"{text} of {len(targets.buffers)} buffers"
        )
    memory = [_memory(buffer) for buffer in targets.buffers]
    room = np.array([len(m.view) for m in memory], np.int64)[targets.buffer]
    fits = (targets.offset >= 0) & (nbytes <= room - targets.offset)
    if not fits.all() or any(m.outcome for m in memory):
        problem = np.array([m.outcome for m in memory], np.uint8)[targets.buffer]
        outcome = np.where(problem > 0, problem, np.where(fits, 0, TargetOutcome.TARGET_TOO_SMALL))
        outcome[nbytes == 0] = 0  # a span of zero bytes writes nothing anywhere
        if outcome.any():
            i = int((outcome > 0).argmax())
            return _refused(i, TargetOutcome(int(outcome[i])), targets, nbytes, room)
    address = np.array([m.address for m in memory], np.int64)[targets.buffer] + targets.offset
    twice = _overlapping(address, nbytes)
    if twice is not None:
        text = f"span {max(twice)}: its target overlaps that of span {min(twice)}"
        return TargetRefusal(max(twice), TargetOutcome.TARGETS_OVERLAP, text)
    return Places(tuple(m.view for m in memory), targets.buffer, targets.offset, address)


def _refused(
    i: int,
    outcome: TargetOutcome,
    targets: Targets,
    nbytes: NDArray[np.int64],
    room: NDArray[np.int64],
) -> TargetRefusal:
    reasons = {
        TargetOutcome.TARGET_READ_ONLY: "is read-only",
        TargetOutcome.TARGET_NOT_BYTES: "is no buffer of bytes",
        TargetOutcome.TARGET_NOT_CONTIGUOUS: "is not contiguous (C order)",
        TargetOutcome.TARGET_TOO_SMALL: (
            f"has {room[i]} bytes, and {nbytes[i]} are to go to byte {targets.offset[i]}"
        ),
    }
    return TargetRefusal(i, outcome, f"span {i}: its target {reasons[outcome]}")


def _memory(buffer: Buffer) -> _Memory:
    try:
        if isinstance(buffer, np.ndarray):
            array: NDArray[Any] = np.asarray(buffer)  # no matrix, whose rows stay rows
            if not array.flags.c_contiguous:
                return _Memory(_NO_BYTES, 0, TargetOutcome.TARGET_NOT_CONTIGUOUS)
            plain = array.ndim == 1 and array.dtype is _BYTE  # often, and there may be 50,000
            # bfloat16 and the like are no buffers themselves.
            flat = array if plain else array.reshape(-1).view(np.uint8)
        else:
            view = memoryview(buffer)
            if not view.c_contiguous:
                return _Memory(_NO_BYTES, 0, TargetOutcome.TARGET_NOT_CONTIGUOUS)
            flat = np.frombuffer(view, np.uint8)
    except (TypeError, ValueError, BufferError):
        return _Memory(_NO_BYTES, 0, TargetOutcome.TARGET_NOT_BYTES)
    outcome = TargetOutcome.OK if flat.flags.writeable else TargetOutcome.TARGET_READ_ONLY
    return _Memory(flat.data, _address(flat), outcome)


def _within(column: NDArray[Any]) -> NDArray[np.int64]:
    """Bring integers of any size into int64: what is past its ends is past every buffer's, too."""
    if column.dtype == np.int64:
        return column
    return np.clip(column, -INT64_MAX, INT64_MAX).astype(np.int64)


_address: Final[Callable[[NDArray[Any]], int]] = lambda array: array.__array_interface__["data"][0]  # noqa: E731
"""Half the price of `array.ctypes.data`, and there may be 50,000 arrays."""


def _overlapping(address: NDArray[np.int64], nbytes: NDArray[np.int64]) -> tuple[int, int] | None:
    """Find the first target that shares a byte with one before it, wherever they lie in memory."""
    if len(address) < 2:
        return None
    order = np.argsort(address, kind="stable")
    order = order[nbytes[order] > 0]
    if len(order) < 2 or not _meet(address, nbytes, order):
        return None
    spans = range(len(address))
    later = bisect_left(spans, 1, key=lambda i: _meet(address, nbytes, order[order <= i]))
    stop = address + nbytes
    before = order[order < later]
    shared = (address[before] < stop[later]) & (address[later] < stop[before])
    return int(before[shared].min()), later


def _meet(
    address: NDArray[np.int64], nbytes: NDArray[np.int64], order: NDArray[np.intp]
) -> np.bool_:
    """Whether any two share a byte of the targets in `order`, by address and none of them empty."""
    # Whatever a target meets further on starts after the one next to it, which it meets as well.
    return (np.diff(address[order]) < nbytes[order[:-1]]).any()
