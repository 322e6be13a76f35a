"""The owner: the mmap strategy as its callers see it.

What can still happen after `view` has found the file long enough: another process truncates the
file while an array points past its new end. The next access to such a page is a SIGBUS that no
Python code can catch; `advise(..., Advice.POPULATE)` brings the pages in beforehand, and reports
one that can't be read. A file that is rewritten in place shows its new bytes through old views.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from emel_io_file import identify
from emel_io_loader import (
    Advice,
    BatchOutcome,
    Identified,
    Leases,
    Mode,
    OnBytes,
    Spans,
    StrategyError,
    Targets,
    Usage,
    validate,
)
from emel_io_mmap._answers import refused, shrunk, stale, succeeded, unsized
from emel_io_mmap._batch import POOL, Batch, PoolEvent, PoolOutcome
from emel_io_mmap._platform import Port
from emel_io_mmap._pool import Pool, abandon
from emel_io_mmap._problem import Problem
from emel_io_mmap._slot import Event, Slot, State, Task
from emel_io_mmap.outcomes import MmapOutcome

_BYTE: Final = np.dtype(np.uint8)
_MAPPED: Final = State.MAPPED
_NOTHING: Final = np.frombuffer(b"", np.uint8)
_VACANT: Final = Slot(
    -1, Port(advices=dict.fromkeys(Advice, 0)), State.MAPPED, path="a span of zero bytes"
)
"""Where spans of zero bytes are: an advice about nothing is refused like any other, or done."""
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
        self._finalizer = weakref.finalize(self, abandon, self._pool)

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
        return identify(self._port, files)

    def load(
        self,
        spans: Spans,
        targets: Targets | None = None,
        *,
        threads: int | None = None,  # noqa: ARG002 - the contract's
        progress: OnBytes | None = None,  # noqa: ARG002 - the contract's
    ) -> BatchOutcome:
        """Map a batch, all of it or nothing.

        Parameters
        ----------
        spans
            In any order, overlapping or not, at any offset. A span of zero bytes takes no slot: its
            lease is (-1, -1), and its file isn't looked at.
        targets
            None: this strategy fills no buffers.
        threads, progress
            Not used: mapping takes a few calls, whatever the size.

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
            self._pool.rescue(batch.taken)  # an interrupt, or a bug of the port's, must not leak
            raise
        if outcome in _REASONS:
            text = self._port.unavailable or "the strategy was closed"
            return refused(Problem(_REASONS[outcome], text))
        if batch.problem is not None:
            return refused(batch.problem)
        return succeeded(nspans=len(spans), nbytes=int(spans.nbytes.sum()), leases=batch.leases)

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
            leases, mapping = held.leases, held.mapping
            i = generation - leases.base  # what `find` tries first, without the cost of a call
            if not (0 <= i < leases.count and leases.generations[i] == generation):
                i = leases.find(generation)
            if i >= 0 and leases.alive[i] and mapping is not None and held.state is _MAPPED:
                start, stop = leases.starts[i], leases.stops[i]
                try:
                    nbytes = self._size(mapping)
                except (OSError, ValueError) as error:
                    raise StrategyError(unsized(held, start, error)) from None
                if nbytes < stop:
                    raise StrategyError(shrunk(held, start, stop, nbytes))
                known = held.views.get(generation)
                view = None if known is None else known()
                if view is None:
                    root = held.root
                    if root is None:
                        root = held.root = memoryview(mapping)
                    view = np.frombuffer(root, _BYTE, stop - start, start - held.start)
                    held.views[generation] = weakref.ref(view)
                return view
        elif slot == generation == -1:
            return _NOTHING
        raise StrategyError(refused(stale()))

    def release(self, leases: Leases) -> BatchOutcome:
        """Let go of leases: `done` (n,) bool says which are gone.

        A lease that is stale, or given twice, refuses the whole batch and changes nothing. What is
        borrowed stays, and so does what the operating system wouldn't take back; each can be
        released again. The last lease of a mapping ends it; before that, a lease gives back the
        pages that no other lease needs.
        """
        pool, n = self._pool, len(leases)
        pool.tidy()
        if len(leases.generation) != n:
            text = f"{n} slots have {len(leases.generation)} generations"
            return refused(Problem(MmapOutcome.LENGTHS_DIFFER, text, 0))
        located = pool.locate(leases)
        if isinstance(located, int):
            return refused(stale(located), done=np.zeros(n, np.bool_))
        done, nbytes, problems = np.ones(n, np.bool_), 0, list[Problem]()
        for slot, members, positions in located:
            sizes = slot.leases.nbytes_of(positions)
            gone, problem = pool.let_go(slot, positions)
            done[members] = gone
            nbytes += int(sizes[gone].sum())
            if problem is not None:
                problems.append(replace(problem, index=int(members[~gone].min())))
        if not problems:
            return succeeded(nspans=n, nbytes=nbytes, done=done)
        first = min(problems, key=lambda problem: problem.index)
        return refused(first, nbytes=nbytes, done=done)

    def advise(
        self, slot: int, generation: int, advice: int, start: int = 0, nbytes: int | None = None
    ) -> BatchOutcome:
        """Say how a window of a lease is used (`Advice`), in bytes from the lease's start.

        Sequential, will-need and populate widen the window to whole pages; don't-need narrows it,
        so that a neighbour's pages stay. Refused before any call: a stale lease, a window outside
        the lease, an unknown kind, and one that this platform lacks.
        """
        held, low, high = _VACANT, 0, 0
        if not slot == generation == -1:
            held = self._slots[slot] if 0 <= slot < len(self._slots) else _VACANT
            i = held.leases.find(generation)
            if i < 0:
                return refused(stale())
            low, high = held.leases.starts[i], held.leases.stops[i]
        begin = low + start
        task = Task(held.path, low, high, advice=advice, low=begin)
        task.high = high if nbytes is None else begin + nbytes
        outcome = self._pool.run(held, Event.ADVISE, task)
        if outcome is MmapOutcome.OK:
            return succeeded(nspans=1)
        problem = Problem.of(
            outcome,
            path=held.path,
            task=task,
            index=0,
            offset=begin,
            wanted=task.high - begin,
            advice=Advice(advice).name if advice in list(Advice) else advice,
        )
        return refused(problem)

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
            return succeeded(nspans=0)
        left = [(s.number, s.leases.generation_of(s.leases.living())) for s in self._slots]
        generation = np.concatenate([g for _, g in left])
        slot = np.repeat([number for number, _ in left], [len(g) for _, g in left])
        paths = ", ".join(sorted({s.path for s in self._slots if s.state is not State.FREE}))
        text = f"{len(slot)} leases are left of {paths}; {batch.problem.message}"
        return refused(replace(batch.problem, message=text), leases=Leases.of(slot, generation))

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
