"""What becomes of one stage: filled by the reading thread, drained by whoever asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from emel_io_file import Stretch, StretchOutcome, read_fully
from emel_io_staged._chunks import Chunk
from emel_io_staged._platform import Port
from emel_machine import Row, Table, always, effect_none


class State(IntEnum):
    """What is in a stage, and who works on it."""

    FREE = 0
    FILLING = 1
    FILLED = 2
    DRAINING = 3


class Event(IntEnum):
    """What is asked of it."""

    FILL = 0
    DRAIN = 1
    DISCARD = 2
    ATTEMPTED = 3


class StageOutcome(IntEnum):
    """What it comes to."""

    OK = 0
    READ_FAILED = 1
    END_OF_FILE = 2
    DELIVERY_FAILED = 3


class Failure(NamedTuple):
    """What a transform raised, at which span."""

    span: int
    error: BaseException


class Delivery(Protocol):
    """Where the bytes of a chunk go."""

    touched: bool
    """Whether a target may hold other bytes than before."""

    def deliver(self, chunk: Chunk, stored: NDArray[np.uint8]) -> Failure | None:
        """Take the bytes of a chunk, (nbytes,) uint8, read-only, within the call."""
        ...


class Task(NamedTuple):
    """What a stage is filled with, or drained into: the request of its events."""

    chunk: Chunk
    descriptor: int = -1
    delivery: Delivery | None = None


@dataclass(slots=True, eq=False)
class Stage:
    """One stretch of the ring: the context of its events."""

    port: Port
    memory: memoryview
    stored: NDArray[np.uint8]
    """The same bytes, as transforms and sinks see them: read-only."""
    state: State = State.FREE
    outcome: StageOutcome = StageOutcome.OK
    """What the last event came to."""
    chunk: Chunk | None = None
    got: int = 0
    """Bytes that were read of it."""
    read: StretchOutcome = StretchOutcome.OK
    error: BaseException | None = None
    failure: Failure | None = None

    def run(self, event: Event, task: Task) -> StageOutcome:
        """Do what is asked."""
        self.state, self.outcome = STAGE.run(self, self.state, event, task)
        return self.outcome


def guard_file_ended(ctx: Stage, req: Task) -> bool:
    """The file ended before the chunk did."""
    return ctx.read is StretchOutcome.END_OF_FILE


def guard_read_failed(ctx: Stage, req: Task) -> bool:
    """The bytes couldn't be read."""
    return ctx.read is not StretchOutcome.OK


def guard_delivery_failed(ctx: Stage, req: Task) -> bool:
    """A transform didn't take its bytes."""
    return ctx.failure is not None


def effect_read(ctx: Stage, req: Task) -> None:
    """Read the chunk, to its end or to an error."""
    chunk = ctx.chunk = req.chunk
    stretch = Stretch(
        ctx.port, req.descriptor, chunk.start, [ctx.memory[: chunk.nbytes]], chunk.nbytes
    )
    ctx.read = read_fully(stretch)
    ctx.got, ctx.error = stretch.got, stretch.error


def effect_deliver(ctx: Stage, req: Task) -> None:
    """Hand the chunk over."""
    assert req.delivery is not None, "what drains says where to"  # noqa: S101 - for the checker
    ctx.failure = req.delivery.deliver(req.chunk, ctx.stored[: req.chunk.nbytes])


_S, _E, _O = State, Event, StageOutcome
# fmt: off
_STAGE_ROWS: tuple[Row[State, Event, StageOutcome, Stage, Task], ...] = (
    Row(_S.FREE,     _E.FILL,      always,                effect_read,    _S.FILLING,  _O.OK),
    Row(_S.FILLING,  _E.ATTEMPTED, guard_file_ended,      effect_none,    _S.FREE,     _O.END_OF_FILE),
    Row(_S.FILLING,  _E.ATTEMPTED, guard_read_failed,     effect_none,    _S.FREE,     _O.READ_FAILED),
    Row(_S.FILLING,  _E.ATTEMPTED, always,                effect_none,    _S.FILLED,   _O.OK),
    Row(_S.FILLED,   _E.DRAIN,     always,                effect_deliver, _S.DRAINING, _O.OK),
    Row(_S.DRAINING, _E.ATTEMPTED, guard_delivery_failed, effect_none,    _S.FREE,     _O.DELIVERY_FAILED),
    Row(_S.DRAINING, _E.ATTEMPTED, always,                effect_none,    _S.FREE,     _O.OK),
    Row(_S.FILLED,   _E.DISCARD,   always,                effect_none,    _S.FREE,     _O.OK),
    Row(_S.FREE,     _E.DISCARD,   always,                effect_none,    _S.FREE,     _O.OK),
)
# fmt: on
STAGE: Final[Table[State, Event, StageOutcome, Stage, Task]] = Table(
    "stage",
    states=State,
    events=Event,
    outcomes=StageOutcome,
    initial=State.FREE,
    completion=Event.ATTEMPTED,
    rows=_STAGE_ROWS,
)
