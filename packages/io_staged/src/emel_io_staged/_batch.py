"""What becomes of a batch, and of closing: the table of the whole strategy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_io_file import FileOutcome, FileProblem, Sources
from emel_io_loader import BatchOutcome, OnBytes, Spans
from emel_io_staged._chunks import Chunk, chunks_of
from emel_io_staged._machine import Delivery, Stage
from emel_io_staged._ring import Ring
from emel_io_staged.outcomes import StagedOutcome, answer, bare
from emel_machine import Row, Table, always, effect_none


class BatchState(IntEnum):
    """What a batch is at; OPEN and CLOSED are the strategy's own."""

    OPEN = 0
    ALLOCATING = 1
    OPENING = 2
    STREAMING = 3
    CLOSING = 4
    CLOSED = 5


class BatchEvent(IntEnum):
    """What is asked for."""

    MOVE = 0
    CLOSE = 1
    ATTEMPTED = 2


class MoveOutcome(IntEnum):
    """What that comes to, apart from the reason, which the batch's problem has."""

    OK = 0
    STILL_WORKING = 1
    PLATFORM_UNSUPPORTED = 2
    BATCH_REFUSED = 3
    STAGING_FAILED = 4
    BATCH_FAILED = 5
    CLOSED = 6


@dataclass(slots=True, eq=False, weakref_slot=True)
class Batch:
    """One batch of spans, and what it comes to: the request of the strategy's events."""

    spans: Spans
    problem: BatchOutcome | None = None
    block_nbytes: NDArray[np.int64] | int = 1
    delivery: Delivery | None = None
    progress: OnBytes | None = None
    alone: bool = False
    """Whether the thread that asked has to do everything."""
    sources: Sources | None = None
    over: bool = False
    """Whether it has ended, in whatever way."""
    nbytes: int = 0
    """Bytes that are delivered."""

    def done(self, chunk: Chunk) -> None:
        """Count what was delivered, and tell."""
        self.nbytes += chunk.wanted_nbytes(self.spans)
        if self.progress is not None:
            self.progress(self.nbytes)


def _problem_of(batch: Batch, stage: Stage) -> BatchOutcome:
    """Put the failure of a stage into words, at the first span that it concerns."""
    chunk, spans = stage.chunk, batch.spans
    assert chunk is not None, "a stage fails with a chunk"  # noqa: S101 - a proof for the checker
    path = spans.files[chunk.file]
    if stage.failure is not None:
        span, error = stage.failure
        text = f"{path}: the transform of span {span} failed: {type(error).__name__}: {error}"
        where = spans.offset.item(span)
        failed = StagedOutcome.TRANSFORM_FAILED
        return answer(failed, text, index=span, offset=where, cause=error)
    span = chunk.failing_span(spans, stage.got)
    offset, wanted = spans.offset.item(span), spans.nbytes.item(span)
    return FileProblem.of(
        FileOutcome[stage.read.name],
        path,
        index=span,
        offset=offset,
        error=stage.error,
        wanted=wanted,
        got=max(0, chunk.start + stage.got - offset),
    ).answer()


def guard_still_working(ctx: Ring, req: Batch) -> bool:
    """A sink, a transform or a progress of this strategy's has called it."""
    return ctx.at_work


def guard_platform_unsupported(ctx: Ring, req: Batch) -> bool:
    """Files can't be read here."""
    return bool(ctx.port.unavailable)


def guard_batch_refused(ctx: Ring, req: Batch) -> bool:
    """The request breaks a rule."""
    return req.problem is not None


def guard_nothing_wanted(ctx: Ring, req: Batch) -> bool:
    """No span has a byte."""
    return not req.spans.nbytes.any()


def guard_problem_known(ctx: Ring, req: Batch) -> bool:
    """Something has failed."""
    return req.problem is not None


def effect_allocate(ctx: Ring, req: Batch) -> None:
    """Take the ring's memory, unless it is there; a batch that was broken off left it as it was."""
    ctx.work_for(req)
    ctx.discard()
    try:
        ctx.allocate()
    except (MemoryError, OSError, ValueError) as error:
        text = f"no memory for {ctx.nstages} stages of {ctx.chunk_nbytes} bytes: {error}"
        req.problem = answer(StagedOutcome.STAGING_FAILED, text, cause=bare(error))


def effect_open_files(ctx: Ring, req: Batch) -> None:
    """Open each file, and hold it to what is known of it."""
    req.sources = Sources(ctx.port, req.spans)
    problem = req.sources.open()
    req.problem = None if problem is None else problem.answer()


def effect_stream(ctx: Ring, req: Batch) -> None:
    """Move every chunk through the ring."""
    assert req.sources is not None, "the files are open"  # noqa: S101 - a proof for the checker
    assert req.delivery is not None, "a batch goes somewhere"  # noqa: S101 - the same
    blocks = np.broadcast_to(req.block_nbytes, (len(req.spans),))
    chunks = chunks_of(req.spans, blocks, ctx.chunk_nbytes)
    stage = ctx.move(chunks, req.sources, req.delivery, req.done, alone=req.alone)
    req.problem = None if stage is None else _problem_of(req, stage)


def effect_close_files(ctx: Ring, req: Batch) -> None:
    """Close what is open; what had failed before matters more."""
    assert req.sources is not None, "the files are open"  # noqa: S101 - a proof for the checker
    problem = req.sources.close()
    if req.problem is None and problem is not None:
        req.problem = problem.answer()
    if req.problem is not None and req.delivery is not None:
        req.problem = replace(req.problem, touched=req.delivery.touched)


def effect_free(ctx: Ring, req: Batch) -> None:
    """Give the ring's memory back."""
    ctx.free()


_S, _E, _O = BatchState, BatchEvent, MoveOutcome
# fmt: off
_BATCH_ROWS: tuple[Row[BatchState, BatchEvent, MoveOutcome, Ring, Batch], ...] = (
    Row(_S.OPEN,       _E.MOVE,      guard_still_working,        effect_none,        _S.OPEN,       _O.STILL_WORKING),
    Row(_S.OPEN,       _E.MOVE,      guard_platform_unsupported, effect_none,        _S.OPEN,       _O.PLATFORM_UNSUPPORTED),
    Row(_S.OPEN,       _E.MOVE,      guard_batch_refused,        effect_none,        _S.OPEN,       _O.BATCH_REFUSED),
    Row(_S.OPEN,       _E.MOVE,      guard_nothing_wanted,       effect_none,        _S.OPEN,       _O.OK),
    Row(_S.OPEN,       _E.MOVE,      always,                     effect_allocate,    _S.ALLOCATING, _O.OK),
    Row(_S.ALLOCATING, _E.ATTEMPTED, guard_problem_known,        effect_none,        _S.OPEN,       _O.STAGING_FAILED),
    Row(_S.ALLOCATING, _E.ATTEMPTED, always,                     effect_open_files,  _S.OPENING,    _O.OK),
    Row(_S.OPENING,    _E.ATTEMPTED, guard_problem_known,        effect_close_files, _S.CLOSING,    _O.OK),
    Row(_S.OPENING,    _E.ATTEMPTED, always,                     effect_stream,      _S.STREAMING,  _O.OK),
    Row(_S.STREAMING,  _E.ATTEMPTED, always,                     effect_close_files, _S.CLOSING,    _O.OK),
    Row(_S.CLOSING,    _E.ATTEMPTED, guard_problem_known,        effect_none,        _S.OPEN,       _O.BATCH_FAILED),
    Row(_S.CLOSING,    _E.ATTEMPTED, always,                     effect_none,        _S.OPEN,       _O.OK),
    Row(_S.CLOSED,     _E.MOVE,      always,                     effect_none,        _S.CLOSED,     _O.CLOSED),
    Row(_S.OPEN,       _E.CLOSE,     guard_still_working,        effect_none,        _S.OPEN,       _O.STILL_WORKING),
    Row(_S.OPEN,       _E.CLOSE,     always,                     effect_free,        _S.CLOSED,     _O.OK),
    Row(_S.CLOSED,     _E.CLOSE,     always,                     effect_none,        _S.CLOSED,     _O.OK),
)
# fmt: on
BATCH: Final[Table[BatchState, BatchEvent, MoveOutcome, Ring, Batch]] = Table(
    "batch",
    states=BatchState,
    events=BatchEvent,
    outcomes=MoveOutcome,
    initial=BatchState.OPEN,
    completion=BatchEvent.ATTEMPTED,
    rows=_BATCH_ROWS,
)
