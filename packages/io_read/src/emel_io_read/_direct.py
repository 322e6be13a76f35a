"""What becomes of one direct read: it fills its buffer, or leaves the rest to the page cache."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from emel_io_file import ReadPort
from emel_machine import Row, Table, always, effect_none

REFUSALS: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP})
"""What file systems answer that take O_DIRECT when a file is opened, and not when it is read."""


class State(IntEnum):
    """How far the read has come."""

    WAITING = 0
    ASKED = 1
    FINISHED = 2


class Event(IntEnum):
    """What is asked for; ANSWERED is the system's answer."""

    READ = 0
    ANSWERED = 1


class DirectOutcome(IntEnum):
    """What one call comes to; the owner asks again after INTERRUPTED."""

    OK = 0
    INTERRUPTED = 1
    SHORT = 2
    """No failure: what is missing is read through the page cache, where offsets needn't be aligned."""
    REFUSED = 3
    """Nor is this; the file isn't asked again."""
    READ_FAILED = 4


@dataclass(slots=True, eq=False)
class DirectRead:
    """One aligned stretch of a file and its aligned memory: the context of its reading."""

    port: ReadPort
    descriptor: int
    offset: int
    buffers: list[memoryview]
    wanted: int
    """How many bytes make it whole: fewer than the buffers have where those reach past the file."""
    got: int = 0
    error: BaseException | None = None


def guard_interrupted(ctx: DirectRead, req: None) -> bool:
    """A signal came before the first byte."""
    return isinstance(ctx.error, InterruptedError)


def guard_direct_refused(ctx: DirectRead, req: None) -> bool:
    """The file system doesn't read around the page cache, or not like this."""
    return getattr(ctx.error, "errno", None) in REFUSALS


def guard_read_failed(ctx: DirectRead, req: None) -> bool:
    """The call failed."""
    return ctx.error is not None


def guard_short(ctx: DirectRead, req: None) -> bool:
    """Not all bytes came."""
    return ctx.got < ctx.wanted


def effect_read(ctx: DirectRead, req: None) -> None:
    """Ask for everything."""
    ctx.error, ctx.got = None, 0
    try:
        ctx.got = max(ctx.port.preadv(ctx.descriptor, ctx.buffers, ctx.offset), 0)
    except (OSError, ValueError, OverflowError) as error:
        ctx.error = error.with_traceback(None)  # whose frames would keep buffers alive


_S, _E, _O = State, Event, DirectOutcome
# fmt: off
_DIRECT_ROWS: tuple[Row[State, Event, DirectOutcome, DirectRead, None], ...] = (
    Row(_S.WAITING, _E.READ,     always,               effect_read, _S.ASKED,    _O.OK),
    Row(_S.ASKED,   _E.ANSWERED, guard_interrupted,    effect_none, _S.WAITING,  _O.INTERRUPTED),
    Row(_S.ASKED,   _E.ANSWERED, guard_direct_refused, effect_none, _S.FINISHED, _O.REFUSED),
    Row(_S.ASKED,   _E.ANSWERED, guard_read_failed,    effect_none, _S.FINISHED, _O.READ_FAILED),
    Row(_S.ASKED,   _E.ANSWERED, guard_short,          effect_none, _S.FINISHED, _O.SHORT),
    Row(_S.ASKED,   _E.ANSWERED, always,               effect_none, _S.FINISHED, _O.OK),
)
# fmt: on
DIRECT: Final[Table[State, Event, DirectOutcome, DirectRead, None]] = Table(
    "direct",
    states=State,
    events=Event,
    outcomes=DirectOutcome,
    initial=State.WAITING,
    completion=Event.ANSWERED,
    rows=_DIRECT_ROWS,
)


def read_direct(read: DirectRead) -> DirectOutcome:
    """Read once, again if a signal came: OK, SHORT, REFUSED or READ_FAILED."""
    state, outcome = DIRECT.run(read, State.WAITING, Event.READ, None)
    while state is State.WAITING:
        state, outcome = DIRECT.run(read, state, Event.READ, None)
    return outcome
