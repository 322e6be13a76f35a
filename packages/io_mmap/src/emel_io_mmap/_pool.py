"""The slots of one strategy, and the books about them."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Advice, Leases
from emel_io_mmap._leases import LeaseColumns
from emel_io_mmap._machine import SLOT, effect_clear
from emel_io_mmap._platform import Port
from emel_io_mmap._problem import Problem
from emel_io_mmap._slot import Event, Slot, SlotOutcome, State, Task
from emel_io_mmap.outcomes import MmapOutcome

_POOLS: Final = itertools.count()
_GENERATION_BITS: Final = 36
"""A pool gives 2^36 generations and a process has 2^27 pools before one could come twice: a lease
that another pool gave is stale here."""
_PUBLIC: Final = {outcome: MmapOutcome[outcome.name] for outcome in SlotOutcome}
_HOLDING: Final = {
    (False, False): State.FREE,
    (True, False): State.OPENED,
    (False, True): State.DETACHED,
    (True, True): State.MAPPED,
}
"""The state of rest of whoever holds (a descriptor, a mapping)."""


class PoolState(IntEnum):
    """What the pool is doing."""

    OPEN = 0
    PLANNED = 1
    MAPPING = 2
    EMPTYING = 3
    CLOSED = 4


class Located(NamedTuple):
    """Where the leases of one slot stand."""

    slot: Slot
    members: NDArray[np.intp]
    """(n,) places in the batch."""
    positions: NDArray[np.intp]
    """(n,) places in the columns of the slot."""


@dataclass(slots=True, eq=False)
class Pool:
    """The slots of one strategy: the context of its events."""

    port: Port
    capacity: int
    state: PoolState = PoolState.OPEN
    slots: list[Slot] = field(default_factory=list[Slot])
    """Made as they are needed; `Slot.number` is the index here."""
    free: list[int] = field(default_factory=list[int])
    by_path: dict[str, list[Slot]] = field(default_factory=dict[str, list[Slot]])
    """The slots of each path that aren't free."""
    orphans: list[Slot] = field(default_factory=list[Slot])
    """Slots without a lease that a failed batch couldn't give back: tried again at each request."""
    next_generation: int = field(default_factory=lambda: next(_POOLS) << _GENERATION_BITS)

    @property
    def held(self) -> int:
        """Slots that aren't free."""
        return len(self.slots) - len(self.free)

    def covering(self, task: Task) -> Slot | None:
        """Find the mapping that the bytes of a task can share, if it is of that file."""
        for slot in reversed(self.by_path.get(task.path, ())):  # the latest file there
            inside = slot.start <= task.start and task.stop <= slot.stop
            same = all(was == slot.identity for was in task.expected)
            if slot.state is State.MAPPED and inside and same:
                return slot
        return None

    def take(self) -> Slot | None:
        """Take a free slot, if there is one."""
        if self.free:
            return self.slots[self.free.pop()]
        if len(self.slots) == self.capacity:
            return None
        self.slots.append(Slot(len(self.slots), self.port))
        return self.slots[-1]

    def run(self, slot: Slot, event: Event, task: Task) -> MmapOutcome:
        """Run one event of a slot, and keep the pool's books in step with what it holds then."""
        path = slot.path
        try:
            slot.state, outcome = SLOT.run(slot, slot.state, event, task)
        except BaseException:
            # Interrupted between two calls, or a bug of the port's: what it holds is what it is.
            slot.state = _HOLDING[slot.descriptor != -1, slot.mapping is not None]
            if slot.state is State.FREE:
                effect_clear(slot, task)
            raise
        finally:
            if slot.state is State.FREE:
                self.vacate(slot, path)
            elif event is Event.MAP:
                self.by_path.setdefault(slot.path, []).append(slot)
        return _PUBLIC[outcome]

    def vacate(self, slot: Slot, path: str) -> None:
        """Put a slot that holds nothing back among the free ones."""
        self.free.append(slot.number)
        others = [other for other in self.by_path.pop(path, ()) if other is not slot]
        if others:
            self.by_path[path] = others

    def give_back(self, slot: Slot) -> Problem | None:
        """Release everything that a slot holds; what can't be stays with it."""
        path, task = slot.path, Task()
        outcome = self.run(slot, Event.RELEASE, task)
        if outcome is MmapOutcome.OK:
            return None
        return Problem.of(outcome, path=path, task=task)

    def tidy(self) -> list[Problem]:
        """Try again to give back what failed batches left; answers with what still can't be."""
        if not self.orphans:
            return []
        orphans, self.orphans = self.orphans, []
        problems: list[Problem] = []
        for slot in orphans:
            # A later batch may have come to share it.
            if slot.state is not State.FREE and not slot.leases.nalive:
                problem = self.give_back(slot)
                if problem is not None:
                    problems.append(problem)
                    self.orphans.append(slot)
        return problems

    def let_go(
        self, slot: Slot, positions: NDArray[np.intp]
    ) -> tuple[NDArray[np.bool_], Problem | None]:
        """Let go of live leases of one slot.

        Returns
        -------
        tuple
            (n,) bool, which of `positions` are gone, and why the others aren't.
        """
        gone = self._unborrowed(slot, positions)
        going = positions[gone]
        problem = None
        if len(going) < len(positions):
            problem = Problem.of(MmapOutcome.STILL_BORROWED, path=slot.path)
        if not len(going):
            return gone, problem
        if slot.leases.nalive > len(going):
            for low, high in slot.leases.drop(going, self.port.page_nbytes):
                self._give_pages_back(slot, low, high)
            return gone, problem
        problem = self.give_back(slot)
        if problem is not None:
            gone[:] = False
        return gone, problem

    def locate(self, leases: Leases) -> list[Located] | int:
        """Find each lease of more than zero bytes.

        Answers with the place of the first lease that is stale or given twice instead.
        """
        held = np.nonzero((leases.slot != -1) | (leases.generation != -1))[0]
        order = held[np.lexsort((leases.generation[held], leases.slot[held]))]
        slots = leases.slot[order]
        cuts: list[int] = np.nonzero(slots[1:] != slots[:-1])[0].tolist()
        bounds = [0, *(cut + 1 for cut in cuts), len(order)] if len(order) else []
        first_stale = n = len(leases)
        found: list[Located] = []
        for low, high in itertools.pairwise(bounds):
            members = order[low:high]
            number = int(leases.slot[members[0]])
            if not 0 <= number < len(self.slots):
                first_stale = min(first_stale, int(members.min()))
                continue
            slot = self.slots[number]
            positions = slot.leases.find_all(leases.generation[members])
            stale = positions < 0
            stale[1:] |= positions[1:] == positions[:-1]  # the sort kept the first one first
            if stale.any():
                first_stale = min(first_stale, int(members[stale].min()))
            found.append(Located(slot, members, positions))
        return found if first_stale == n else first_stale

    def rescue(self, taken: list[Slot]) -> None:
        """Give back the slots of a batch that was broken off, wherever that was."""
        for slot in taken:
            slot.leases = LeaseColumns()
            if slot.state is not State.FREE:
                if self.give_back(slot) is not None:
                    self.orphans.append(slot)
            elif slot.number not in self.free:
                self.vacate(slot, slot.path)

    @staticmethod
    def _unborrowed(slot: Slot, positions: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell which leases nobody looks at: everything made of a view keeps the view alive."""
        free = np.ones(len(positions), np.bool_)
        if slot.views:
            for i, generation in enumerate(slot.leases.generation_of(positions).tolist()):
                view = slot.views.get(generation)
                if view is None:
                    continue
                if view() is None:
                    del slot.views[generation]
                else:
                    free[i] = False
        return free

    def _give_pages_back(self, slot: Slot, low: int, high: int) -> None:
        """Let the memory of pages go that no lease touches any more; the bytes stay in the file."""
        number, mapping = self.port.advices.get(Advice.DONT_NEED), slot.mapping
        if number is not None and mapping is not None:
            start = low - slot.start
            # Only memory is at stake: a kernel that won't take the advice does no harm.
            with suppress(OSError, ValueError):
                self.port.advise(mapping, number, start, min(high, slot.stop) - low)


def abandon(pool: Pool) -> None:
    """Give back what a strategy that nobody closed still holds, at the latest at exit.

    A mapping that arrays still point into ends with the last of them: Python's own counting does
    that, so only the descriptor is closed here.
    """
    for slot in pool.slots:
        with suppress(BufferError, OSError, ValueError):
            if slot.mapping is not None:
                pool.port.unmap(slot.mapping)
        with suppress(OSError):
            if slot.descriptor >= 0:
                pool.port.close(slot.descriptor)
        slot.descriptor, slot.mapping = -1, None
