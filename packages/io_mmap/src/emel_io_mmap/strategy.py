"""The owner: the mmap strategy as its callers see it.

What can still happen after `view` has found the file long enough: another process truncates the
file while an array points past its new end. The next access to such a page is a SIGBUS that no
Python code can catch; `advise(..., Advice.POPULATE)` brings the pages in beforehand, and reports
one that can't be read. A file that is rewritten in place shows its new bytes through old views.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import (
    Advice,
    BatchOutcome,
    FileIdentity,
    Identified,
    Leases,
    Mode,
    Reaction,
    Spans,
    StrategyError,
    Usage,
    validate,
)
from emel_io_mmap._batch import POOL, Batch, PoolEvent, PoolOutcome, effect_roll_back
from emel_io_mmap._machine import Event, Slot, State, Task
from emel_io_mmap._platform import Port
from emel_io_mmap._pool import Pool
from emel_io_mmap._problem import MESSAGES, Problem
from emel_io_mmap.outcomes import REACTIONS, MmapOutcome

_NOTHING: Final = np.frombuffer(b"", np.uint8)
_REASONS: Final = {
    PoolOutcome.CLOSED: MmapOutcome.CLOSED,
    PoolOutcome.PLATFORM_UNSUPPORTED: MmapOutcome.PLATFORM_UNSUPPORTED,
}


class MmapStrategy:
    """Map spans of files read-only, through a bounded pool of slots.

    One slot maps one file, and its spans share it. Each span has a lease; the mapping ends when its
    last lease does. A strategy is used by one thread at a time.

    Parameters
    ----------
    slots
        Mappings that can be held at once; each takes two descriptors (Python's `mmap` keeps one of
        its own).
    port
        The operating system; by default the real one.

    Raises
    ------
    ValueError
        `slots` is less than 1.
    """

    def __init__(self, *, slots: int = 256, port: Port | None = None) -> None:
        if slots < 1:
            raise ValueError(f"a pool has at least 1 slot, not {slots}")
        self._port = port or Port()
        self._pool = Pool(self._port, slots)
        # Looked up once: a view is taken for each tensor.
        self._slots = self._pool.slots
        self._size = self._port.size
        self._finalizer = weakref.finalize(self, _abandon, self._pool)

    @property
    def name(self) -> str:
        """What callers ask for: "mmap"."""
        return "mmap"

    @property
    def mode(self) -> Mode:
        """It maps."""
        return Mode.MAPS

    @staticmethod
    def unavailable(port: Port | None = None) -> str:
        """Say why this strategy can't be used on this platform; empty if it can."""
        return (port or Port()).unavailable

    def identify(self, files: Sequence[str]) -> Identified:
        """Look at each file without opening it; links are followed.

        Returns
        -------
        Identified
            Identities in the order of `files`; or the outcome of the first file, by `index`, that
            is missing, can't be looked at or isn't a regular file.
        """
        n = len(files)
        refusal = validate(Spans(files, np.arange(n), np.zeros(n, np.int64), np.zeros(n, np.int64)))
        if refusal is not None:
            outcome = MmapOutcome[refusal.outcome.name]
            return Identified(_refused(Problem(outcome, refusal.message, refusal.span)))
        identities: list[FileIdentity] = []
        for i, path in enumerate(files):
            task = Task(path)
            try:
                facts = self._port.stat(path)
            except (OSError, ValueError) as error:
                task.error = _bare(error)
                problem = Problem.of(MmapOutcome.STAT_FAILED, path=path, task=task, index=i)
                return Identified(_refused(problem))
            if not facts.regular:
                problem = Problem.of(MmapOutcome.NOT_REGULAR, path=path, index=i)
                return Identified(_refused(problem))
            identities.append(facts.identity)
        return Identified(_done(nspans=n), tuple(identities))

    def load(self, spans: Spans, targets: Sequence[memoryview] | None = None) -> BatchOutcome:
        """Map a batch, all of it or nothing.

        Parameters
        ----------
        spans
            In any order, overlapping or not, at any offset. A span of zero bytes takes no slot: its
            lease is (-1, -1), and its file isn't looked at.
        targets
            None: this strategy fills no buffers.

        Returns
        -------
        BatchOutcome
            With `leases`, one a span, which the caller owns and gives to `release`. After a refusal
            or failure nothing is held that wasn't before.
        """
        batch = Batch(spans)
        if targets is not None:
            batch.problem = Problem(MmapOutcome.TARGETS_GIVEN, "mapping fills no target buffers")
        elif (refusal := validate(spans)) is not None:
            outcome = MmapOutcome[refusal.outcome.name]
            batch.problem = Problem(outcome, refusal.message, refusal.span)
        try:
            self._pool.state, outcome = POOL.run(
                self._pool, self._pool.state, PoolEvent.LOAD, batch
            )
        except BaseException:
            effect_roll_back(self._pool, batch)  # a bug of the port's must not leak
            raise
        if outcome in _REASONS:
            text = self._port.unavailable or "the strategy was closed"
            return _refused(Problem(_REASONS[outcome], text))
        if batch.problem is not None:
            return _refused(batch.problem)
        return _done(nspans=len(spans), nbytes=int(spans.nbytes.sum()), leases=batch.leases)

    def view(self, slot: int, generation: int) -> NDArray[np.uint8]:
        """Look at a leased span: (nbytes,) uint8, read-only, borrowed from the mapping.

        Every array made of it keeps it alive, and while it is alive the lease can't be released.
        The same lease answers with the same array for as long as somebody holds it.

        Raises
        ------
        StrategyError
            STALE_LEASE, or FILE_SHRANK with the path and the span's offset: the file no longer
            reaches to the end of the span. The lease is as it was.
        """
        if 0 <= slot < len(self._slots):
            held = self._slots[slot]
            i = held.leases.find(generation)
            mapping = held.mapping
            if i >= 0 and held.state is State.MAPPED and mapping is not None:
                start, stop = held.leases.starts[i], held.leases.stops[i]
                try:
                    nbytes = self._size(mapping)
                except (OSError, ValueError) as error:
                    raise StrategyError(_unsized(held, start, error)) from None
                if nbytes < stop:
                    raise StrategyError(_shrunk(held, start, stop, nbytes))
                known = held.views.get(generation)
                view = None if known is None else known()
                if view is None:
                    view = np.frombuffer(mapping, np.uint8, stop - start, start - held.start)
                    held.views[generation] = weakref.ref(view)
                return view
        elif slot == generation == -1:
            return _NOTHING
        raise StrategyError(_refused(_stale()))

    def release(self, leases: Leases) -> BatchOutcome:
        """Let go of leases: `done` (n,) bool says which are gone.

        A lease that is stale, or given twice, refuses the whole batch and changes nothing. What is
        borrowed stays, and so does what the operating system wouldn't take back; each can be
        released again. The last lease of a mapping ends it; before that, a lease gives back the
        pages that no other lease needs.
        """
        by_slot = self._locate(leases)
        if isinstance(by_slot, int):
            return _refused(_stale(by_slot))
        done = np.ones(len(leases), np.bool_)
        worst: Problem | None = None
        for slot, (members, positions) in by_slot.items():
            done[members], problem = self._pool.let_go(self._slots[slot], positions)
            worst = worst or problem
        left = np.flatnonzero(~done)
        if worst is None or not left.size:
            return _done(nspans=len(leases), done=done)
        return _refused(worst, index=int(left[0]), done=done)

    def advise(
        self, slot: int, generation: int, advice: int, start: int = 0, nbytes: int | None = None
    ) -> BatchOutcome:
        """Say how a window of a lease is used (`Advice`), in bytes from the lease's start.

        Sequential, will-need and populate widen the window to whole pages; don't-need narrows it,
        so that a neighbour's pages stay. Refused before any call: a stale lease, a window outside
        the lease, an unknown kind, and one that this platform lacks.
        """
        if slot == generation == -1:
            known = advice in list(Advice)
            task, path, held = Task(advice=advice), "", None
            outcome = MmapOutcome.OK if known else MmapOutcome.ADVICE_UNKNOWN
            inside = start == 0 and not nbytes
            outcome = outcome if inside else MmapOutcome.ADVICE_OUTSIDE
        else:
            held = self._slots[slot] if 0 <= slot < len(self._slots) else None
            i = -1 if held is None else held.leases.find(generation)
            if held is None or i < 0:
                return _refused(_stale())
            low, high = held.leases.starts[i], held.leases.stops[i]
            begin = low + start
            task = Task(held.path, low, high, advice=advice, low=begin)
            task.high = high if nbytes is None else begin + nbytes
            path, outcome = held.path, self._pool.run(held, Event.ADVISE, task)
        if outcome is MmapOutcome.OK:
            return _done(nspans=1)
        return _refused(
            Problem.of(
                outcome,
                path=path,
                task=task,
                index=0,
                offset=task.low,
                wanted=task.high - task.low,
                advice=Advice(advice).name if advice in list(Advice) else advice,
            )
        )

    def usage(self) -> Usage:
        """Count what is held now."""
        page = self._port.page_nbytes
        held = [slot for slot in self._slots if slot.state is not State.FREE]
        mapped = [slot.stop - slot.start for slot in held if slot.mapping is not None]
        return Usage(
            slots=len(held),
            capacity=self._pool.capacity,
            leases=sum(slot.leases.nalive for slot in held),
            nbytes=sum(-(-nbytes // page) * page for nbytes in mapped),
        )

    def close(self) -> BatchOutcome:
        """Release everything, and take no more spans.

        What is still borrowed stays usable, and is reported: `leases` holds what is left. Call
        again once it is let go.
        """
        batch = Batch()
        self._pool.state, outcome = POOL.run(self._pool, self._pool.state, PoolEvent.CLOSE, batch)
        if outcome is PoolOutcome.OK or batch.problem is None:
            return _done(nspans=0)
        left = [(s.number, s.leases.generation_of(s.leases.living())) for s in self._slots]
        generation = np.concatenate([np.empty(0, np.int64), *(g for _, g in left)])
        slot = np.repeat([number for number, _ in left], [len(g) for _, g in left])
        return _refused(batch.problem, leases=Leases.of(slot, generation))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        closed = self.close()
        if not closed.ok and error is None:
            raise StrategyError(closed)

    def _locate(self, leases: Leases) -> dict[int, tuple[NDArray[np.intp], NDArray[np.intp]]] | int:
        """Find each lease: by slot, its places in the batch and in the slot's columns.

        Answers with the place of the first lease that is stale or given twice instead.
        """
        n = len(leases)
        vacant = (leases.slot == -1) & (leases.generation == -1)
        stale = ~vacant & ((leases.slot < 0) | (leases.slot >= len(self._slots)))
        order = np.argsort(leases.generation, kind="stable")
        ordered = leases.generation[order]
        again = np.zeros(n, np.bool_)
        again[order[1:]] = ordered[1:] == ordered[:-1]
        stale |= again & ~vacant
        found: dict[int, tuple[NDArray[np.intp], NDArray[np.intp]]] = {}
        slots: list[int] = np.unique(leases.slot[~vacant & ~stale]).tolist()
        for slot in slots:
            members = np.flatnonzero((leases.slot == slot) & ~stale & ~vacant)
            positions = self._slots[slot].leases.find_all(leases.generation[members])
            stale[members[positions < 0]] = True
            found[slot] = members, positions
        return int(np.flatnonzero(stale)[0]) if stale.any() else found


def _abandon(pool: Pool) -> None:
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


def _stale(index: int = -1) -> Problem:
    return Problem(MmapOutcome.STALE_LEASE, MESSAGES[MmapOutcome.STALE_LEASE], index)


def _unsized(slot: Slot, offset: int, error: BaseException) -> BatchOutcome:
    task = Task(slot.path, error=_bare(error))
    problem = Problem.of(MmapOutcome.STAT_FAILED, path=slot.path, task=task, index=0, offset=offset)
    return _refused(problem)


def _shrunk(slot: Slot, start: int, stop: int, nbytes: int) -> BatchOutcome:
    task = Task(slot.path, nbytes=nbytes)
    problem = Problem.of(
        MmapOutcome.FILE_SHRANK,
        path=slot.path,
        task=task,
        index=0,
        offset=start,
        wanted=stop - start,
    )
    return _refused(problem)


def _bare(error: BaseException) -> BaseException:
    """An exception without its frames, which would keep buffers alive."""
    error.__context__ = None
    return error.with_traceback(None)


def _done(
    *,
    nspans: int,
    nbytes: int = 0,
    leases: Leases | None = None,
    done: NDArray[np.bool_] | None = None,
) -> BatchOutcome:
    return BatchOutcome(
        outcome=MmapOutcome.OK,
        reaction=Reaction.NONE,
        nspans=nspans,
        nbytes=nbytes,
        leases=leases or Leases.vacant(),
        done=done,
    )


def _refused(
    problem: Problem,
    *,
    index: int | None = None,
    leases: Leases | None = None,
    done: NDArray[np.bool_] | None = None,
) -> BatchOutcome:
    return BatchOutcome(
        outcome=problem.outcome,
        reaction=REACTIONS[problem.outcome],
        message=problem.message,
        index=problem.index if index is None else index,
        offset=problem.offset,
        errno=problem.errno,
        cause=problem.error,
        nspans=0 if done is None else int(done.sum()),
        leases=leases or Leases.vacant(),
        done=done,
    )
