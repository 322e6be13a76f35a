"""What becomes of one opened file, all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeVar

from emel_io_file._platform import FileFacts, ReadPort
from emel_io_file.outcomes import bare
from emel_io_loader import FileIdentity
from emel_machine import Row, Table, always, effect_none

_T = TypeVar("_T")


class State(IntEnum):
    """What is held of a file."""

    CLOSED = 0
    OPENING = 1
    MEASURING = 2
    OPENED = 3
    TRYING_DIRECT = 4
    CLOSING = 5


class Event(IntEnum):
    """What happens to it."""

    OPEN = 0
    OPEN_DIRECT = 1
    CLOSE = 2
    ATTEMPTED = 3


class SourceOutcome(IntEnum):
    """What it comes to; `FileOutcome` has each under the same name, but for DIRECT_REFUSED."""

    OK = 0
    OPEN_FAILED = 1
    STAT_FAILED = 2
    NOT_REGULAR = 3
    SPAN_BEYOND_END = 4
    FILE_SHRANK = 5
    FILE_CHANGED = 6
    CLOSE_FAILED = 7
    DIRECT_REFUSED = 8
    """No failure: it is read through the page cache then."""


@dataclass(slots=True, eq=False)
class Source:
    """One file of a batch: the context of its events."""

    port: ReadPort
    path: str
    expected: tuple[FileIdentity, ...] = ()
    """What the file was when it was first looked at, as far as anybody said."""
    reach: int = 0
    """The end of the last byte that is wanted of it."""
    state: State = State.CLOSED
    descriptor: int = -1
    direct: int = -1
    """A second descriptor, that reads around the page cache; -1 if there is none."""
    facts: FileFacts | None = None
    direct_facts: FileFacts | None = None
    error: BaseException | None = None
    """What the first call that failed raised."""
    failed: bool = False
    """Whether the last call failed."""


def _attempt(ctx: Source, call: Callable[[], _T]) -> _T | None:
    """Make one call to the outside and record how it went; the rows decide what it means."""
    ctx.failed = False
    try:
        return call()
    # ValueError, OverflowError: Python refuses some paths before it asks the kernel.
    except (OSError, ValueError, OverflowError, NotImplementedError) as error:
        ctx.failed, ctx.error = True, bare(error)
        return None


def guard_call_failed(ctx: Source, req: None) -> bool:
    """The call that the effect made has failed."""
    return ctx.failed


def guard_file_not_regular(ctx: Source, req: None) -> bool:
    """A directory, FIFO, socket or device was opened."""
    return ctx.facts is not None and not ctx.facts.regular


def guard_span_beyond_end(ctx: Source, req: None) -> bool:
    """The file ends before the spans do."""
    return ctx.facts is not None and ctx.facts.identity.nbytes < ctx.reach


def guard_file_shrank(ctx: Source, req: None) -> bool:
    """The file ends before the spans do, and somebody saw it when it didn't."""
    return guard_span_beyond_end(ctx, req) and any(was.nbytes >= ctx.reach for was in ctx.expected)


def guard_file_changed(ctx: Source, req: None) -> bool:
    """The file isn't what somebody says it was."""
    return ctx.facts is not None and any(was != ctx.facts.identity for was in ctx.expected)


def guard_direct_refused(ctx: Source, req: None) -> bool:
    """The file can't be opened around the page cache, or another one stands at the path now."""
    return ctx.failed or ctx.direct_facts != ctx.facts


def guard_something_open(ctx: Source, req: None) -> bool:
    """A descriptor couldn't be closed."""
    return ctx.descriptor != -1 or ctx.direct != -1


def effect_open(ctx: Source, req: None) -> None:
    """Open the path."""

    def open_and_keep() -> None:  # in one line, so that an interrupt finds it opened and kept
        ctx.descriptor = ctx.port.open(ctx.path)

    ctx.facts = ctx.error = None
    _attempt(ctx, open_and_keep)


def effect_measure(ctx: Source, req: None) -> None:
    """Look at what was opened."""
    ctx.facts = _attempt(ctx, lambda: ctx.port.fstat(ctx.descriptor))


def effect_open_direct(ctx: Source, req: None) -> None:
    """Open the path once more, around the page cache, if it is still the same file."""

    def open_and_keep() -> None:
        ctx.direct = ctx.port.open_direct(ctx.path)

    ctx.direct_facts = None
    _attempt(ctx, open_and_keep)
    if not ctx.failed:
        ctx.direct_facts = _attempt(ctx, lambda: ctx.port.fstat(ctx.direct))


def effect_forget_direct(ctx: Source, req: None) -> None:
    """Do without: it is no failure, and leaves none behind."""
    if ctx.direct != -1:
        _attempt(ctx, lambda: ctx.port.close(ctx.direct))
        ctx.direct = ctx.direct if ctx.failed else -1
    ctx.error = None


def effect_close(ctx: Source, req: None) -> None:
    """Close what is open; a descriptor that can't be closed stays, to be tried again."""
    first = ctx.error = None
    if ctx.direct != -1:
        _attempt(ctx, lambda: ctx.port.close(ctx.direct))
        ctx.direct = ctx.direct if ctx.failed else -1
        first = ctx.error
    if ctx.descriptor != -1:
        _attempt(ctx, lambda: ctx.port.close(ctx.descriptor))
        ctx.descriptor = ctx.descriptor if ctx.failed else -1
    ctx.error = first or ctx.error


_S, _E, _O = State, Event, SourceOutcome
# fmt: off
_SOURCE_ROWS: tuple[Row[State, Event, SourceOutcome, Source, None], ...] = (
    Row(_S.CLOSED,        _E.OPEN,        always,                 effect_open,        _S.OPENING,       _O.OK),
    Row(_S.OPENING,       _E.ATTEMPTED,   guard_call_failed,      effect_none,        _S.CLOSED,        _O.OPEN_FAILED),
    Row(_S.OPENING,       _E.ATTEMPTED,   always,                 effect_measure,     _S.MEASURING,     _O.OK),
    Row(_S.MEASURING,     _E.ATTEMPTED,   guard_call_failed,      effect_none,        _S.OPENED,        _O.STAT_FAILED),
    Row(_S.MEASURING,     _E.ATTEMPTED,   guard_file_not_regular, effect_none,        _S.OPENED,        _O.NOT_REGULAR),
    Row(_S.MEASURING,     _E.ATTEMPTED,   guard_file_shrank,      effect_none,        _S.OPENED,        _O.FILE_SHRANK),
    Row(_S.MEASURING,     _E.ATTEMPTED,   guard_span_beyond_end,  effect_none,        _S.OPENED,        _O.SPAN_BEYOND_END),
    Row(_S.MEASURING,     _E.ATTEMPTED,   guard_file_changed,     effect_none,        _S.OPENED,        _O.FILE_CHANGED),
    Row(_S.MEASURING,     _E.ATTEMPTED,   always,                 effect_none,        _S.OPENED,        _O.OK),
    Row(_S.OPENED,        _E.OPEN_DIRECT, always,                 effect_open_direct, _S.TRYING_DIRECT, _O.OK),
    Row(_S.TRYING_DIRECT, _E.ATTEMPTED,   guard_direct_refused,   effect_forget_direct, _S.OPENED,        _O.DIRECT_REFUSED),
    Row(_S.TRYING_DIRECT, _E.ATTEMPTED,   always,                 effect_none,        _S.OPENED,        _O.OK),
    Row(_S.OPENED,        _E.CLOSE,       always,                 effect_close,       _S.CLOSING,       _O.OK),
    Row(_S.CLOSED,        _E.CLOSE,       always,                 effect_none,        _S.CLOSED,        _O.OK),
    Row(_S.CLOSING,       _E.ATTEMPTED,   guard_something_open,   effect_none,        _S.OPENED,        _O.CLOSE_FAILED),
    Row(_S.CLOSING,       _E.ATTEMPTED,   always,                 effect_none,        _S.CLOSED,        _O.OK),
)
# fmt: on
SOURCE: Final[Table[State, Event, SourceOutcome, Source, None]] = Table(
    "source",
    states=State,
    events=Event,
    outcomes=SourceOutcome,
    initial=State.CLOSED,
    completion=Event.ATTEMPTED,
    rows=_SOURCE_ROWS,
)
