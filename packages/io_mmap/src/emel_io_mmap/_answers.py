"""Answers: problems and successes as outcomes of batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import BatchOutcome, Leases, Reaction
from emel_io_mmap._problem import MESSAGES, Problem, bare
from emel_io_mmap._slot import Slot, Task
from emel_io_mmap.outcomes import REACTIONS, MmapOutcome


def stale(index: int = -1) -> Problem:
    """The lease at `index` isn't one of this strategy."""
    return Problem(MmapOutcome.STALE_LEASE, MESSAGES[MmapOutcome.STALE_LEASE], index)


def unsized(slot: Slot, offset: int, error: BaseException) -> BatchOutcome:
    """The size of a mapped file couldn't be asked for."""
    task = Task(slot.path, error=bare(error))
    problem = Problem.of(MmapOutcome.STAT_FAILED, path=slot.path, task=task, index=0, offset=offset)
    return refused(problem)


def shrunk(slot: Slot, start: int, stop: int, nbytes: int) -> BatchOutcome:
    """A mapped file has `nbytes` bytes now, and the lease [start, stop) ends past them."""
    task = Task(slot.path, nbytes=nbytes)
    problem = Problem.of(
        MmapOutcome.FILE_SHRANK,
        path=slot.path,
        task=task,
        index=0,
        offset=start,
        wanted=stop - start,
    )
    return refused(problem)


def succeeded(
    *,
    nspans: int,
    nbytes: int = 0,
    leases: Leases | None = None,
    done: NDArray[np.bool_] | None = None,
) -> BatchOutcome:
    """All of it was done."""
    return BatchOutcome(
        outcome=MmapOutcome.OK,
        reaction=Reaction.NONE,
        nspans=nspans,
        nbytes=nbytes,
        leases=leases or Leases.vacant(),
        done=done,
    )


def refused(
    problem: Problem,
    *,
    nbytes: int = 0,
    leases: Leases | None = None,
    done: NDArray[np.bool_] | None = None,
) -> BatchOutcome:
    """Why it wasn't done, or not all of it."""
    return BatchOutcome(
        outcome=problem.outcome,
        reaction=REACTIONS[problem.outcome],
        message=problem.message,
        index=problem.index,
        offset=problem.offset,
        errno=problem.errno,
        cause=problem.error,
        nspans=0 if done is None else int(done.sum()),
        nbytes=nbytes,
        leases=leases or Leases.vacant(),
        done=done,
    )
