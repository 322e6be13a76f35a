"""Tensors that are copied: into buffers of the caller's, or into ones that are made here."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Reaction, Strategy, Targets
from emel_model_loader.blame import Blame
from emel_model_loader.outcomes import Failure
from emel_model_loader.progress import OnProgress, report_bytes
from emel_model_tensor import TensorSet


@dataclass(slots=True, eq=False)
class _Copy:
    """The bytes of one tensor."""

    memory: NDArray[np.uint8]
    """(nbytes,) where they are."""
    ours: bool
    """Made here, so that it is here that it is let go; else a buffer of the caller's."""
    lent: weakref.ref[NDArray[np.uint8]] | None = None

    @property
    def borrowed(self) -> bool:
        return self.lent is not None and self.lent() is not None


class Copied:
    """The copied side of a checkpoint: its buffers, by tensor number.

    What was made here is lent out read-only, and is borrowed for as long as an array made of it
    lives: dropping such a buffer would not give its memory back. Buffers of the caller's are looked
    at as they are, and forgotten on request.

    Parameters
    ----------
    allocate
        (nbytes, offset): make an array (nbytes,) for bytes of a file from `offset` on.
    limit
        Bytes that the buffers made here may have together; None: no limit.
    """

    def __init__(
        self,
        tensors: TensorSet,
        blame: Blame,
        allocate: Callable[[int, int], NDArray[np.uint8]],
        limit: int | None,
    ) -> None:
        self._tensors: TensorSet = tensors
        self._blame: Blame = blame
        self._allocate: Callable[[int, int], NDArray[np.uint8]] = allocate
        self._limit: int | None = limit
        self._copies: dict[int, _Copy] = {}
        self.nbytes: int = 0
        """Bytes of the buffers that were made here."""

    def lend(self, tensor: int) -> NDArray[np.uint8] | None:
        """Look at the bytes (nbytes,) of a tensor; None if there is no copy of it."""
        copy = self._copies.get(tensor)
        if copy is None or not copy.ours:
            return None if copy is None else copy.memory
        view = None if copy.lent is None else copy.lent()
        if view is None:
            # Of a memoryview, and not of the array itself: numpy's chain of bases then ends here,
            # and everything made of the view keeps the view alive.
            view = np.frombuffer(copy.memory.data.toreadonly(), np.uint8)
            copy.lent = weakref.ref(view)
        return view

    def load(
        self,
        index: NDArray[np.intp],
        strategy: Strategy,
        *,
        threads: int | None = None,
        progress: OnProgress | None = None,
    ) -> Failure | None:
        """Copy tensors that aren't resident, at `index` (m,), into buffers that are made here.

        Refused, before anything is made, if the limit doesn't allow for them.
        """
        spans = self._tensors.spans(index)
        wanted, held = int(spans.nbytes.sum()), self.nbytes
        if self._limit is not None and wanted + held > self._limit:
            text = (
                f"{wanted} bytes of copies are wanted and {held} are held, and the memory limit "
                f"leaves {self._limit} for them"
            )
            first = self._first_too_much(index, spans.nbytes, self._limit - held)
            return self._blame.refused(Reaction.BUSY, "memory-limit", text, (first,))
        places = zip(spans.nbytes.tolist(), spans.offset.tolist(), strict=True)
        buffers = [self._allocate(nbytes, offset) for nbytes, offset in places]
        return self._fill(index, buffers, strategy, threads, progress, ours=True)

    def load_into(
        self,
        into: Mapping[int, NDArray[np.uint8]],
        strategy: Strategy,
        *,
        threads: int | None = None,
        progress: OnProgress | None = None,
    ) -> Failure | None:
        """Copy tensors into the caller's buffers: by tensor number, (nbytes,) each.

        Those that are copied already are evicted first.
        """
        index = np.array(sorted(into), np.intp)
        failure = self.release(self._tensors.copied(index))
        if failure is not None:
            return failure
        buffers = [into[i] for i in index.tolist()]
        return self._fill(index, buffers, strategy, threads, progress, ours=False)

    def release(self, index: NDArray[np.intp]) -> Failure | None:
        """Let go of the copies of the tensors at `index` (m,), but for what is borrowed."""
        if not index.size:
            return None
        going = index[~self._is_borrowed(index)]
        # Before they are evicted: whatever interrupts this, nothing is looked at that isn't there.
        dropped = {i: self._copies.pop(i) for i in going.tolist() if i in self._copies}
        freed = sum(copy.memory.nbytes for copy in dropped.values() if copy.ours)
        self.nbytes -= freed
        failure = self._blame.report(self._tensors.evict(going)) if going.size else None
        if failure is not None:
            self._copies |= dropped
            self.nbytes += freed
            return failure
        return self.still_borrowed(index)

    def still_borrowed(self, index: NDArray[np.intp]) -> Failure | None:
        """Name the tensors at `index` (m,) whose copies are borrowed; None if there are none."""
        borrowed = index[self._is_borrowed(index)].tolist()
        text = "still borrowed by an array or a memoryview"
        refused = self._blame.refused
        return refused(Reaction.BUSY, "still-borrowed", text, borrowed) if borrowed else None

    def _is_borrowed(self, index: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell (m,) which of the tensors at `index` (m,) have copies that are borrowed."""
        numbers: list[int] = index.tolist()
        copies = [self._copies.get(i) for i in numbers]
        return np.array([copy is not None and copy.borrowed for copy in copies], np.bool_)

    def _fill(
        self,
        index: NDArray[np.intp],
        buffers: list[NDArray[np.uint8]],
        strategy: Strategy,
        threads: int | None,
        progress: OnProgress | None,
        *,
        ours: bool,
    ) -> Failure | None:
        sizes = self._tensors.spans(index).nbytes
        told = report_bytes(sizes, progress)
        if not index.size:
            return None
        report = self._tensors.load(
            index, strategy, Targets.each(buffers), threads=threads, progress=told
        )
        if report.ok:
            for tensor, memory in zip(index.tolist(), buffers, strict=True):
                self._copies[tensor] = _Copy(memory, ours)
            self.nbytes += int(sizes.sum()) if ours else 0
            if told is not None:
                told(int(sizes.sum()))  # tensors of no bytes, and what the strategy has not told
        return self._blame.report(report)

    @staticmethod
    def _first_too_much(index: NDArray[np.intp], nbytes: NDArray[np.int64], room: int) -> int:
        return index.item(int((np.cumsum(nbytes) > room).argmax()))
