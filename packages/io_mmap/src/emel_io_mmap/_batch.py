"""What becomes of a batch, and of closing: the table of the pool.

All or nothing: a batch is refused before any call to the operating system where that can be known,
and a batch that fails on the way gives back every slot that it took.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np

from emel_io_loader import FileIdentity, Leases, Runs, Spans, plan
from emel_io_mmap._pool import Pool, PoolState
from emel_io_mmap._problem import Problem
from emel_io_mmap._slot import Event, Slot, State, Task
from emel_io_mmap.outcomes import MmapOutcome
from emel_machine import Row, Table, always, effect_none


class PoolEvent(IntEnum):
    """What it is asked for."""

    LOAD = 0
    CLOSE = 1
    ATTEMPTED = 2


class PoolOutcome(IntEnum):
    """What that comes to, apart from the reason, which the batch's problem has."""

    OK = 0
    PLATFORM_UNSUPPORTED = 1
    BATCH_REFUSED = 2
    POOL_FULL = 3
    RUN_FAILED = 4
    CLOSED = 5
    SOMETHING_LEFT = 6


@dataclass(slots=True, eq=False)
class Batch:
    """One batch of spans, and what it comes to: the request of the pool's events."""

    spans: Spans = field(default_factory=lambda: Spans((), (), (), ()))
    problem: Problem | None = None
    expected: dict[str, tuple[FileIdentity, ...]] = field(
        default_factory=dict[str, tuple[FileIdentity, ...]]
    )
    """What each path was said to be; one that is named twice has to be both."""
    runs: Runs | None = None
    order: list[int] = field(default_factory=list[int])
    """The runs, by the first span in request order that each holds."""
    homes: dict[int, Slot] = field(default_factory=dict[int, Slot])
    """The slot of each run."""
    taken: list[Slot] = field(default_factory=list[Slot])
    """The slots that weren't held before the batch."""
    leases: Leases = field(default_factory=Leases.vacant)


def _failing_span(batch: Batch, run: int, task: Task, outcome: MmapOutcome) -> int:
    """The first span, in request order, that is to blame for the failure of a run."""
    assert batch.runs is not None, "a run failed"  # noqa: S101 - a proof for the checker
    members = batch.runs.members(run)
    if outcome in (MmapOutcome.SPAN_BEYOND_END, MmapOutcome.FILE_SHRANK) and task.facts:
        stop = batch.spans.offset[members] + batch.spans.nbytes[members]
        beyond = members[stop > task.facts.identity.nbytes]
        members = beyond if len(beyond) else members
    return int(members.min())


def _map_run(pool: Pool, batch: Batch, run: int, task: Task) -> MmapOutcome:
    """Find a slot for one run, or take one."""
    shared = pool.covering(task)
    if shared is not None:
        outcome = pool.run(shared, Event.SHARE, task)
        if outcome is not MmapOutcome.FILE_CHANGED:
            batch.homes[run] = shared
            return outcome
        task.facts = None
    slot = pool.take()
    if slot is None:
        return MmapOutcome.POOL_FULL
    batch.taken.append(slot)
    batch.homes[run] = slot
    return pool.run(slot, Event.MAP, task)


def guard_platform_unsupported(ctx: Pool, req: Batch) -> bool:
    """Files can't be mapped here."""
    return bool(ctx.port.unavailable)


def guard_batch_refused(ctx: Pool, req: Batch) -> bool:
    """The spans break a rule."""
    return req.problem is not None


def guard_pool_full(ctx: Pool, req: Batch) -> bool:
    """More runs need a slot of their own than there are, whatever the files turn out to be."""
    return len(_homeless(ctx, req)) > _room(ctx)


def guard_run_failed(ctx: Pool, req: Batch) -> bool:
    """A run couldn't be mapped."""
    return req.problem is not None


def guard_something_left(ctx: Pool, req: Batch) -> bool:
    """A slot isn't free."""
    return ctx.held > 0


def _room(pool: Pool) -> int:
    orphaned = sum(slot.state is not State.FREE and not slot.leases.nalive for slot in pool.orphans)
    return pool.capacity - pool.held + orphaned


def _facts_of_run(batch: Batch, run: int) -> Task:
    """What a run asks of its slot."""
    assert batch.runs is not None, "the batch is planned"  # noqa: S101 - a proof for the checker
    path = batch.spans.files[batch.runs.file.item(run)]
    expected = batch.expected.get(path, ())
    return Task(path, int(batch.runs.start[run]), int(batch.runs.stop[run]), expected)


def _homeless(pool: Pool, batch: Batch) -> list[int]:
    """The runs that no mapping covers."""
    tasks = ((run, _facts_of_run(batch, run)) for run in batch.order)
    return [run for run, task in tasks if pool.covering(task) is None]


def effect_plan(ctx: Pool, req: Batch) -> None:
    """Join the spans of each path into runs: as few as one mapping's size allows."""
    files = req.spans.files
    first = {path: i for i, path in reversed(list(enumerate(files)))}
    spans = req.spans
    if len(first) < len(files):  # the same path twice is the same run
        same = np.array([first[path] for path in files], np.intp)
        spans = Spans(files, same[spans.file], spans.offset, spans.nbytes)
    for path, was in zip(files, req.spans.identities, strict=False):
        if was is not None:
            req.expected[path] = (*req.expected.get(path, ()), was)
    window = ctx.port.window_nbytes
    req.runs = plan(spans, gap_nbytes=window, over_read=math.inf, run_nbytes=window)
    if len(req.runs):
        req.order = np.argsort(np.minimum.reduceat(req.runs.order, req.runs.first[:-1])).tolist()


def effect_refuse_full(ctx: Pool, req: Batch) -> None:
    """Name the first span that there is no slot for."""
    run = _homeless(ctx, req)[_room(ctx)]
    task = _facts_of_run(req, run)
    index = _failing_span(req, run, task, MmapOutcome.POOL_FULL)
    req.problem = Problem.of(
        MmapOutcome.POOL_FULL, path=task.path, index=index, capacity=ctx.capacity
    )


def effect_map_runs(ctx: Pool, req: Batch) -> None:
    """Find or make a mapping for each run, up to the first span that fails."""
    ctx.tidy()
    for run in req.order:
        # A run whose spans all come after the one that failed can't change what is reported.
        task = _facts_of_run(req, run)
        if req.problem and req.problem.index < _failing_span(req, run, task, MmapOutcome.OK):
            break
        outcome = _map_run(ctx, req, run, task)
        if outcome is MmapOutcome.OK:
            continue
        index = _failing_span(req, run, task, outcome)
        if req.problem is None or index < req.problem.index:
            offset, wanted = int(req.spans.offset[index]), int(req.spans.nbytes[index])
            req.problem = Problem.of(
                outcome,
                path=task.path,
                task=task,
                index=index,
                offset=offset,
                wanted=wanted,
                capacity=ctx.capacity,
            )


def effect_roll_back(ctx: Pool, req: Batch) -> None:
    """Give back every slot that the batch took."""
    for slot in req.taken:
        if slot.state is not State.FREE and ctx.give_back(slot) is not None:
            ctx.orphans.append(slot)


def effect_give_leases(ctx: Pool, req: Batch) -> None:
    """Give each span of more than zero bytes a lease."""
    runs, spans = req.runs, req.spans
    assert runs is not None, "the batch is planned"  # noqa: S101 - a proof for the checker
    first, order = ctx.next_generation, runs.order
    req.leases = Leases.vacant(len(spans))
    req.leases.generation[order] = np.arange(first, first + len(order))
    start = spans.offset[order]
    stop = start + spans.nbytes[order]
    bounds = runs.first.tolist()
    for run in range(len(runs)):
        low, high = bounds[run], bounds[run + 1]
        slot = req.homes[run]
        req.leases.slot[order[low:high]] = slot.number
        slot.leases.give(first + low, start[low:high], stop[low:high])
    ctx.next_generation += len(order)


def effect_release_all(ctx: Pool, req: Batch) -> None:
    """Let go of everything that nothing points into, and remember why the rest stays."""
    for slot in list(ctx.slots):
        slot.leases.recount()
        if slot.leases.nalive:
            _, problem = ctx.let_go(slot, slot.leases.living())
            req.problem = req.problem or problem
        elif slot.state is not State.FREE and slot not in ctx.orphans:
            ctx.orphans.append(slot)  # a release was interrupted before its mapping could end
    for problem in ctx.tidy():
        req.problem = req.problem or problem


_S, _E, _O = PoolState, PoolEvent, PoolOutcome
# fmt: off
_POOL_ROWS = (
    Row(_S.OPEN,     _E.LOAD,      guard_platform_unsupported, effect_none,        _S.OPEN,     _O.PLATFORM_UNSUPPORTED),
    Row(_S.OPEN,     _E.LOAD,      guard_batch_refused,        effect_none,        _S.OPEN,     _O.BATCH_REFUSED),
    Row(_S.OPEN,     _E.LOAD,      always,                     effect_plan,        _S.PLANNED,  _O.OK),
    Row(_S.PLANNED,  _E.ATTEMPTED, guard_pool_full,            effect_refuse_full, _S.OPEN,     _O.POOL_FULL),
    Row(_S.PLANNED,  _E.ATTEMPTED, always,                     effect_map_runs,    _S.MAPPING,  _O.OK),
    Row(_S.MAPPING,  _E.ATTEMPTED, guard_run_failed,           effect_roll_back,   _S.OPEN,     _O.RUN_FAILED),
    Row(_S.MAPPING,  _E.ATTEMPTED, always,                     effect_give_leases, _S.OPEN,     _O.OK),
    Row(_S.CLOSED,   _E.LOAD,      always,                     effect_none,        _S.CLOSED,   _O.CLOSED),
    Row(_S.OPEN,     _E.CLOSE,     always,                     effect_release_all, _S.EMPTYING, _O.OK),
    Row(_S.CLOSED,   _E.CLOSE,     always,                     effect_release_all, _S.EMPTYING, _O.OK),
    Row(_S.EMPTYING, _E.ATTEMPTED, guard_something_left,       effect_none,        _S.CLOSED,   _O.SOMETHING_LEFT),
    Row(_S.EMPTYING, _E.ATTEMPTED, always,                     effect_none,        _S.CLOSED,   _O.OK),
)
# fmt: on
POOL: Final[Table[PoolState, PoolEvent, PoolOutcome, Pool, Batch]] = Table(
    "pool",
    states=PoolState,
    events=PoolEvent,
    outcomes=PoolOutcome,
    initial=PoolState.OPEN,
    completion=PoolEvent.ATTEMPTED,
    rows=_POOL_ROWS,
)
