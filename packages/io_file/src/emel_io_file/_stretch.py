"""What becomes of one stretch of a file: read until it is whole, or until that can't be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from emel_io_file._platform import ReadPort
from emel_io_file.outcomes import bare
from emel_machine import Row, Table, always, effect_none


class State(IntEnum):
    """How far a stretch of bytes has come."""

    WAITING = 0
    ASKED = 1
    FINISHED = 2


class Event(IntEnum):
    """What is asked for; ANSWERED is the system's answer."""

    READ = 0
    ANSWERED = 1


class StretchOutcome(IntEnum):
    """What one call comes to; the owner asks again after INTERRUPTED and SHORT."""

    OK = 0
    INTERRUPTED = 1
    SHORT = 2
    READ_FAILED = 3
    END_OF_FILE = 4


@dataclass(slots=True, eq=False)
class Stretch:
    """A stretch of a file, and the buffers that it goes to: the context of its reading."""

    port: ReadPort
    descriptor: int
    offset: int
    """The byte of the file that comes next."""
    buffers: list[memoryview]
    """What is still to be filled, in turn."""
    nbytes: int
    """Bytes of all buffers when the reading began."""
    got: int = 0
    count: int = 0
    """What the last call answered."""
    error: BaseException | None = None


def guard_complete(ctx: Stretch, req: None) -> bool:
    """Nothing is missing: it was a stretch of no bytes."""
    return ctx.got == ctx.nbytes


def guard_interrupted(ctx: Stretch, req: None) -> bool:
    """A signal came before the first byte."""
    return isinstance(ctx.error, InterruptedError)


def guard_read_failed(ctx: Stretch, req: None) -> bool:
    """The call failed."""
    return ctx.error is not None


def guard_file_ended(ctx: Stretch, req: None) -> bool:
    """There are no more bytes."""
    return ctx.count <= 0


def guard_short(ctx: Stretch, req: None) -> bool:
    """Bytes came, and not all."""
    return ctx.got + ctx.count < ctx.nbytes


def effect_read(ctx: Stretch, req: None) -> None:
    """Ask for what is still missing, as far as one call takes buffers."""
    ctx.error, ctx.count = None, 0
    try:
        ctx.count = ctx.port.preadv(ctx.descriptor, ctx.buffers[: ctx.port.iov_max], ctx.offset)
    except (OSError, ValueError, OverflowError) as error:
        ctx.error = bare(error)


def effect_advance(ctx: Stretch, req: None) -> None:
    """Leave what is filled, and go on behind it."""
    ctx.got += ctx.count
    ctx.offset += ctx.count
    left, full = ctx.count, 0
    while full < len(ctx.buffers) and left >= len(ctx.buffers[full]):
        left -= len(ctx.buffers[full])
        full += 1
    del ctx.buffers[:full]
    if left:
        ctx.buffers[0] = ctx.buffers[0][left:]


_S, _E, _O = State, Event, StretchOutcome
# fmt: off
_STRETCH_ROWS: tuple[Row[State, Event, StretchOutcome, Stretch, None], ...] = (
    Row(_S.WAITING, _E.READ,     guard_complete,    effect_none,    _S.FINISHED, _O.OK),
    Row(_S.WAITING, _E.READ,     always,            effect_read,    _S.ASKED,    _O.OK),
    Row(_S.ASKED,   _E.ANSWERED, guard_interrupted, effect_none,    _S.WAITING,  _O.INTERRUPTED),
    Row(_S.ASKED,   _E.ANSWERED, guard_read_failed, effect_none,    _S.FINISHED, _O.READ_FAILED),
    Row(_S.ASKED,   _E.ANSWERED, guard_file_ended,  effect_none,    _S.FINISHED, _O.END_OF_FILE),
    Row(_S.ASKED,   _E.ANSWERED, guard_short,       effect_advance, _S.WAITING,  _O.SHORT),
    Row(_S.ASKED,   _E.ANSWERED, always,            effect_advance, _S.FINISHED, _O.OK),
)
# fmt: on
STRETCH: Final[Table[State, Event, StretchOutcome, Stretch, None]] = Table(
    "stretch",
    states=State,
    events=Event,
    outcomes=StretchOutcome,
    initial=State.WAITING,
    completion=Event.ANSWERED,
    rows=_STRETCH_ROWS,
)


def read_fully(stretch: Stretch) -> StretchOutcome:
    """Read until every buffer is full: OK, READ_FAILED or END_OF_FILE."""
    state, outcome = STRETCH.run(stretch, State.WAITING, Event.READ, None)
    while state is State.WAITING:
        state, outcome = STRETCH.run(stretch, state, Event.READ, None)
    return outcome
