"""The slots and leases of the strategy in memory."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emel_io_loader.outcomes import Leases
from emel_io_loader.spans import Spans
from emel_io_loader.strategy import Usage


@dataclass(slots=True)
class Held:
    """One leased span, and the array over it that was given out, for as long as it lives."""

    slot: int
    path: str
    stop: int
    content: bytes
    given: weakref.ref[NDArray[np.uint8]] | None = None

    def array(self) -> NDArray[np.uint8] | None:
        """Return the array, if somebody still has it."""
        return None if self.given is None else self.given()

    def show(self) -> NDArray[np.uint8]:
        """Give out the array: the same as before, while somebody has it."""
        array = self.array()
        if array is None:
            array = np.frombuffer(self.content, np.uint8)
            self.given = weakref.ref(array)
        return array


class FakePool:
    """Slots, each shared by the spans of one file and one batch; each lease has its generation.

    Parameters
    ----------
    capacity
        How many slots there are.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: dict[int, Held] = {}
        self._slots: Counter[int] = Counter()  # leases of each slot in use
        self._generations = 0

    def usage(self) -> Usage:
        """See `Strategy.usage`; there are no pages here, and so bytes are just the spans' bytes."""
        nbytes = sum(len(held.content) for held in self._held.values())
        return Usage(len(self._slots), self._capacity, len(self._held), nbytes)

    def lease(self, spans: Spans, content: Callable[[int], bytes]) -> Leases:
        """Lease all spans that have bytes; there are slots enough.

        Parameters
        ----------
        content
            Says what span i is to show.
        """
        leases = Leases.vacant(len(spans))
        free = (slot for slot in range(self._capacity) if slot not in self._slots)
        slots: dict[int, int] = {}
        for i in np.flatnonzero(spans.nbytes > 0).tolist():
            file = int(spans.file[i])
            if file not in slots:
                slots[file] = next(free)
            slot = slots[file]
            self._slots[slot] += 1
            self._generations += 1
            self._held[self._generations] = Held(
                slot=slot,
                path=spans.files[file],
                stop=int(spans.offset[i] + spans.nbytes[i]),
                content=content(i),
            )
            leases.slot[i], leases.generation[i] = slot, self._generations
        return leases

    def leased(self, slot: int, generation: int) -> Held | None:
        """Look up a lease; None if it isn't one, or no longer."""
        held = self._held.get(generation)
        return held if held is not None and held.slot == slot else None

    def let_go(self, generation: int) -> bool:
        """End a lease, unless somebody has its array; say whether it ended."""
        held = self._held[generation]
        if held.array() is not None:
            return False
        del self._held[generation]
        self._slots[held.slot] -= 1
        if not self._slots[held.slot]:
            del self._slots[held.slot]
        return True

    def let_all_go(self) -> list[str]:
        """End all leases that can be; list the paths of the others, sorted, each once."""
        paths = {generation: held.path for generation, held in self._held.items()}
        return sorted({paths[generation] for generation in paths if not self.let_go(generation)})

    def forget(self, leases: Leases, done: NDArray[np.bool_] | None) -> None:
        """End those of some leases that are marked, `done` being (n,) or nothing."""
        for i in [] if done is None else np.flatnonzero(done).tolist():
            if leases.slot[i] != -1 and self.leased(*leases[i]) is not None:
                self.let_go(leases[i].generation)
