"""What becomes of a batch, and of closing, all of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_io_file import FileProblem, Sources
from emel_io_loader import BatchOutcome, OnBytes, Places, Spans
from emel_io_read._calls import Calls, Limits, arrange
from emel_io_read._platform import Port
from emel_io_read._reading import Reading
from emel_io_read._workers import Workers, threads_for
from emel_machine import Row, Table, always, effect_none


class State(IntEnum):
    """What the strategy does."""

    READY = 0
    OPENING = 1
    READING = 2
    ENDING = 3
    CLOSED = 4


class Event(IntEnum):
    """What it is asked for."""

    LOAD = 0
    CLOSE = 1
    ATTEMPTED = 2


class BatchEnd(IntEnum):
    """What that comes to, apart from the reason, which the batch has."""

    OK = 0
    PLATFORM_UNSUPPORTED = 1
    REFUSED = 2
    FAILED = 3
    CLOSED = 4


@dataclass(slots=True, eq=False)
class Reader:
    """What outlives a batch: the context of all events."""

    port: Port
    limits: Limits
    threads: int | None
    direct: bool
    state: State = State.READY
    bounces: list[NDArray[np.uint8]] = field(default_factory=list["NDArray[np.uint8]"])
    """Memory for direct reads: at most one a thread of the largest batch so far."""


@dataclass(slots=True, eq=False)
class Batch:
    """One batch of spans, and what it comes to: the request of each event."""

    spans: Spans = field(default_factory=lambda: Spans((), (), (), ()))
    places: Places | None = None
    threads: int | None = None
    progress: OnBytes | None = None
    refusal: BatchOutcome | None = None
    """What is wrong with the request."""
    sources: Sources | None = None
    reading: Reading | None = None
    workers: Workers | None = None
    problem: FileProblem | None = None

    def rescue(self) -> None:
        """After an interrupt, whatever it was doing: wait for the threads, close the files."""
        try:
            if self.workers is not None:
                self.workers.end()
        finally:
            if self.sources is not None:
                self.sources.rescue()


def guard_platform_unsupported(ctx: Reader, req: Batch) -> bool:
    """Files can't be read here."""
    return bool(ctx.port.unavailable)


def guard_batch_refused(ctx: Reader, req: Batch) -> bool:
    """Spans, targets or threads break a rule."""
    return req.refusal is not None


def guard_batch_failed(ctx: Reader, req: Batch) -> bool:
    """A file couldn't be opened, read or closed."""
    return req.problem is not None


def effect_open(ctx: Reader, req: Batch) -> None:
    """Open every file that is needed."""
    req.sources = Sources(ctx.port, req.spans, direct=ctx.direct)
    req.problem = req.sources.open()


def effect_read(ctx: Reader, req: Batch) -> None:
    """Read everything into its place."""
    assert req.sources is not None and req.places is not None, "they are open"  # noqa: S101, PT018
    calls = arrange(req.spans, req.places, ctx.limits, ctx.port.iov_max)
    _advise(ctx, req.sources, calls)
    req.reading = Reading(ctx.port, ctx.limits, req.spans, req.places, calls, req.sources)
    count = min(_threads(ctx, req, calls), max(len(calls), 1))
    req.workers = Workers(
        ctx.port, req.reading, count=count, bounces=ctx.bounces, progress=req.progress
    )
    req.workers.run()
    req.problem = req.reading.problem()


MANY: Final = 1 << 16
"""More threads than anybody asks for."""


def _threads(ctx: Reader, req: Batch, calls: Calls) -> int:
    most = ctx.limits.threads or MANY
    wanted = req.threads or ctx.threads
    if wanted is not None or not len(calls):
        return min(wanted or 1, most)
    path = req.spans.files[calls.file[0]]
    nbytes = int(calls.nbytes.sum())
    return min(threads_for(ctx.port, path, nbytes, ctx.limits, direct=ctx.direct), most)


def _advise(ctx: Reader, sources: Sources, calls: Calls) -> None:
    """Say of each file that is read in large parts that it is read front to back."""
    if calls.nbytes.sum() < ctx.limits.advised:
        return
    file = np.array(calls.file, np.intp)
    nbytes = np.bincount(file, calls.nbytes)
    # Calls that are small lie scattered: to read ahead of those would be in vain.
    enough = nbytes >= np.maximum(ctx.limits.advised, np.bincount(file) * ctx.limits.scattered)
    for number in np.flatnonzero(enough).tolist():
        if sources[number].direct != -1:
            continue  # only edges come through the cache, and reading ahead of those is in vain
        with suppress(OSError, ValueError):  # advice: it is read all the same
            ctx.port.advise_sequential(sources[number].descriptor)


def effect_end(ctx: Reader, req: Batch) -> None:
    """Close the files. What failed before is what is told of."""
    if req.sources is not None:
        left = req.sources.close()
        req.problem = req.problem or left


def effect_forget(ctx: Reader, req: Batch) -> None:
    """Give back the memory that was kept."""
    ctx.bounces.clear()


_S, _E, _O = State, Event, BatchEnd
# fmt: off
_READER_ROWS: tuple[Row[State, Event, BatchEnd, Reader, Batch], ...] = (
    Row(_S.READY,   _E.LOAD,      guard_platform_unsupported, effect_none,   _S.READY,   _O.PLATFORM_UNSUPPORTED),
    Row(_S.READY,   _E.LOAD,      guard_batch_refused,        effect_none,   _S.READY,   _O.REFUSED),
    Row(_S.READY,   _E.LOAD,      always,                     effect_open,   _S.OPENING, _O.OK),
    Row(_S.OPENING, _E.ATTEMPTED, guard_batch_failed,         effect_end,    _S.ENDING,  _O.FAILED),
    Row(_S.OPENING, _E.ATTEMPTED, always,                     effect_read,   _S.READING, _O.OK),
    Row(_S.READING, _E.ATTEMPTED, always,                     effect_end,    _S.ENDING,  _O.OK),
    Row(_S.ENDING,  _E.ATTEMPTED, guard_batch_failed,         effect_none,   _S.READY,   _O.FAILED),
    Row(_S.ENDING,  _E.ATTEMPTED, always,                     effect_none,   _S.READY,   _O.OK),
    Row(_S.READY,   _E.CLOSE,     always,                     effect_forget, _S.CLOSED,  _O.OK),
    Row(_S.CLOSED,  _E.LOAD,      always,                     effect_none,   _S.CLOSED,  _O.CLOSED),
    Row(_S.CLOSED,  _E.CLOSE,     always,                     effect_none,   _S.CLOSED,  _O.OK),
)
# fmt: on
READER: Final[Table[State, Event, BatchEnd, Reader, Batch]] = Table(
    "reader",
    states=State,
    events=Event,
    outcomes=BatchEnd,
    initial=State.READY,
    completion=Event.ATTEMPTED,
    rows=_READER_ROWS,
)
