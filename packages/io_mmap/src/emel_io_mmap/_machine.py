"""What becomes of one mapping of one file, all of it.

A slot keeps its descriptor for as long as its mapping, so each can be taken back alone when the
other can't, and the file stays the one that was looked at, whatever happens to its path.

A mapping covers the whole file, whatever was asked for. That costs address space and nothing else
(memory is taken page by page, as bytes are touched), and it lets every later batch of the same file
share the mapping: tensors that are loaded one by one take one slot, and not one each. Only a file
larger than `Port.window_nbytes` is mapped in parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from emel_io_loader import Advice
from emel_io_mmap._leases import LeaseColumns
from emel_io_mmap._platform import EFAULT, REFUSED_ADVICE
from emel_io_mmap._problem import bare
from emel_io_mmap._slot import Event, Slot, SlotOutcome, State, Task
from emel_machine import Row, Table, always, effect_none

_T = TypeVar("_T")


def _attempt(req: Task, call: Callable[[], _T]) -> _T | None:
    """Make one call to the outside and record how it went; the rows decide what it means."""
    req.failed = False
    try:
        return call()
    # ValueError, OverflowError: Python refuses some paths and lengths before it asks the kernel.
    except (OSError, ValueError, OverflowError, BufferError, NotImplementedError) as error:
        req.failed = True
        if req.error is None:
            req.error = bare(error)
        return None


def _whole_pages(ctx: Slot, req: Task) -> tuple[int, int]:
    """The pages that an advice is for, [low, high) in bytes of the mapping."""
    page, low, high = ctx.port.page_nbytes, req.low - ctx.start, req.high - ctx.start
    if low == high:
        return low, low
    if req.advice == Advice.DONT_NEED:  # a page that is partly a neighbour's stays
        # No neighbour comes after the last page of a mapping.
        return -(-low // page) * page, high if req.high == ctx.stop else high // page * page
    return low // page * page, min(-(-high // page) * page, ctx.stop - ctx.start)


def guard_call_failed(ctx: Slot, req: Task) -> bool:
    """The call that the effect made has failed."""
    return req.failed


def guard_file_not_regular(ctx: Slot, req: Task) -> bool:
    """A directory, FIFO, socket or device was opened."""
    return req.facts is not None and not req.facts.regular


def guard_span_beyond_end(ctx: Slot, req: Task) -> bool:
    """The file ends before the spans do."""
    return req.facts is not None and req.facts.identity.nbytes < req.stop


def guard_file_shrank(ctx: Slot, req: Task) -> bool:
    """The file ends before the spans do, and somebody saw it when it didn't."""
    return guard_span_beyond_end(ctx, req) and any(was.nbytes >= req.stop for was in req.expected)


def guard_file_changed(ctx: Slot, req: Task) -> bool:
    """The file isn't what somebody says it was."""
    return req.facts is not None and any(was != req.facts.identity for was in req.expected)


def guard_file_replaced(ctx: Slot, req: Task) -> bool:
    """What stands at the path isn't, or isn't any more, what is mapped here."""
    return req.facts is not None and req.facts.identity != ctx.identity


def guard_length_refused(ctx: Slot, req: Task) -> bool:
    """Python found that the file is shorter than it was a moment ago."""
    return req.failed and isinstance(req.error, ValueError)


def guard_still_borrowed(ctx: Slot, req: Task) -> bool:
    """Something points into the mapping, so that it can't be ended."""
    return req.failed and isinstance(req.error, BufferError)


def guard_advice_unknown(ctx: Slot, req: Task) -> bool:
    """It is no kind of advice."""
    return req.advice not in list(Advice)


def guard_window_outside(ctx: Slot, req: Task) -> bool:
    """The window doesn't lie within the lease."""
    return not req.start <= req.low <= req.high <= req.stop


def guard_advice_unsupported(ctx: Slot, req: Task) -> bool:
    """The platform has no such advice."""
    return req.advice not in ctx.port.advices


def guard_window_vacant(ctx: Slot, req: Task) -> bool:
    """No whole page is left to give an advice about."""
    low, high = _whole_pages(ctx, req)
    return low >= high


def guard_page_unreadable(ctx: Slot, req: Task) -> bool:
    """The kernel couldn't read a page: the file is shorter now, or its device failed."""
    return req.failed and getattr(req.error, "errno", 0) == EFAULT


def guard_advice_refused(ctx: Slot, req: Task) -> bool:
    """The kernel, or the kind of file, has no such advice."""
    return req.failed and getattr(req.error, "errno", 0) in REFUSED_ADVICE


def guard_file_reaches(ctx: Slot, req: Task) -> bool:
    """The file still reaches to the end of the window."""
    return req.nbytes >= req.high


def effect_open(ctx: Slot, req: Task) -> None:
    """Open the path."""

    def open_and_keep() -> None:  # in one line, so that an interrupt finds it opened and kept
        ctx.descriptor = ctx.port.open(req.path)

    ctx.path = req.path
    _attempt(req, open_and_keep)


def effect_measure(ctx: Slot, req: Task) -> None:
    """Look at what was opened."""
    req.facts = _attempt(req, lambda: ctx.port.fstat(ctx.descriptor))


def effect_map(ctx: Slot, req: Task) -> None:
    """Map the whole file, or as much of it as one mapping may cover."""
    assert req.facts is not None, "the file was measured"  # noqa: S101 - a proof for the checker
    ctx.identity = req.facts.identity
    nbytes, window = ctx.identity.nbytes, ctx.port.window_nbytes
    ctx.start = 0 if nbytes <= window else req.start // ctx.port.granularity * ctx.port.granularity
    ctx.stop = min(nbytes, max(req.stop, ctx.start + window))
    ctx.mapping = _attempt(
        req, lambda: ctx.port.map(ctx.descriptor, ctx.stop - ctx.start, ctx.start)
    )


def effect_look(ctx: Slot, req: Task) -> None:
    """Look at what stands at the path now."""
    req.facts = _attempt(req, lambda: ctx.port.stat(req.path))


def effect_advise(ctx: Slot, req: Task) -> None:
    """Tell the kernel."""
    low, high = _whole_pages(ctx, req)
    number, mapping = ctx.port.advices[Advice(req.advice)], ctx.mapping
    if mapping is not None:
        _attempt(req, lambda: ctx.port.advise(mapping, number, low, high - low))


def effect_size(ctx: Slot, req: Task) -> None:
    """Ask how large the mapped file is now."""
    mapping = ctx.mapping
    if mapping is not None:
        nbytes = _attempt(req, lambda: ctx.port.size(mapping))
        req.nbytes = -1 if nbytes is None else nbytes


def effect_unmap(ctx: Slot, req: Task) -> None:
    """End the mapping; Python refuses while anything points into it."""
    mapping = ctx.mapping
    if ctx.root is not None:
        ctx.root.release()
        ctx.root = None
    if mapping is not None:
        _attempt(req, lambda: ctx.port.unmap(mapping))
        if not req.failed:
            ctx.mapping = None


def effect_close(ctx: Slot, req: Task) -> None:
    """Close the descriptor."""
    _attempt(req, lambda: ctx.port.close(ctx.descriptor))
    if not req.failed:
        ctx.descriptor = -1


def effect_clear(ctx: Slot, req: Task) -> None:
    """Forget the file: nothing of it is held."""
    ctx.path, ctx.identity, ctx.start, ctx.stop = "", None, 0, 0
    ctx.leases = LeaseColumns()
    ctx.views = {}


_S, _E, _O = State, Event, SlotOutcome
# fmt: off
_SLOT_ROWS = (
    Row(_S.FREE,      _E.MAP,       always,                   effect_open,    _S.OPENING,   _O.OK),
    Row(_S.OPENING,   _E.ATTEMPTED, guard_call_failed,        effect_clear,   _S.FREE,      _O.OPEN_FAILED),
    Row(_S.OPENING,   _E.ATTEMPTED, always,                   effect_measure, _S.MEASURING, _O.OK),
    Row(_S.MEASURING, _E.ATTEMPTED, guard_call_failed,        effect_none,    _S.OPENED,    _O.STAT_FAILED),
    Row(_S.MEASURING, _E.ATTEMPTED, guard_file_not_regular,   effect_none,    _S.OPENED,    _O.NOT_REGULAR),
    Row(_S.MEASURING, _E.ATTEMPTED, guard_file_shrank,        effect_none,    _S.OPENED,    _O.FILE_SHRANK),
    Row(_S.MEASURING, _E.ATTEMPTED, guard_span_beyond_end,    effect_none,    _S.OPENED,    _O.SPAN_BEYOND_END),
    Row(_S.MEASURING, _E.ATTEMPTED, guard_file_changed,       effect_none,    _S.OPENED,    _O.FILE_CHANGED),
    Row(_S.MEASURING, _E.ATTEMPTED, always,                   effect_map,     _S.MAPPING,   _O.OK),
    Row(_S.MAPPING,   _E.ATTEMPTED, guard_length_refused,     effect_none,    _S.OPENED,    _O.SPAN_BEYOND_END),
    Row(_S.MAPPING,   _E.ATTEMPTED, guard_call_failed,        effect_none,    _S.OPENED,    _O.MAP_FAILED),
    Row(_S.MAPPING,   _E.ATTEMPTED, always,                   effect_none,    _S.MAPPED,    _O.OK),
    Row(_S.MAPPED,    _E.SHARE,     always,                   effect_look,    _S.LOOKING,   _O.OK),
    Row(_S.LOOKING,   _E.ATTEMPTED, guard_call_failed,        effect_none,    _S.MAPPED,    _O.STAT_FAILED),
    Row(_S.LOOKING,   _E.ATTEMPTED, guard_file_replaced,      effect_none,    _S.MAPPED,    _O.FILE_CHANGED),
    Row(_S.LOOKING,   _E.ATTEMPTED, always,                   effect_none,    _S.MAPPED,    _O.OK),
    Row(_S.MAPPED,    _E.ADVISE,    guard_advice_unknown,     effect_none,    _S.MAPPED,    _O.ADVICE_UNKNOWN),
    Row(_S.MAPPED,    _E.ADVISE,    guard_window_outside,     effect_none,    _S.MAPPED,    _O.ADVICE_OUTSIDE),
    Row(_S.MAPPED,    _E.ADVISE,    guard_advice_unsupported, effect_none,    _S.MAPPED,    _O.ADVICE_UNSUPPORTED),
    Row(_S.MAPPED,    _E.ADVISE,    guard_window_vacant,      effect_none,    _S.MAPPED,    _O.OK),
    Row(_S.MAPPED,    _E.ADVISE,    always,                   effect_advise,  _S.ADVISING,  _O.OK),
    Row(_S.ADVISING,  _E.ATTEMPTED, guard_page_unreadable,    effect_size,    _S.SIZING,    _O.OK),
    Row(_S.ADVISING,  _E.ATTEMPTED, guard_advice_refused,     effect_none,    _S.MAPPED,    _O.ADVICE_UNSUPPORTED),
    Row(_S.ADVISING,  _E.ATTEMPTED, guard_call_failed,        effect_none,    _S.MAPPED,    _O.ADVICE_FAILED),
    Row(_S.ADVISING,  _E.ATTEMPTED, always,                   effect_none,    _S.MAPPED,    _O.OK),
    Row(_S.SIZING,    _E.ATTEMPTED, guard_call_failed,        effect_none,    _S.MAPPED,    _O.ADVICE_FAILED),
    Row(_S.SIZING,    _E.ATTEMPTED, guard_file_reaches,       effect_none,    _S.MAPPED,    _O.ADVICE_FAILED),
    Row(_S.SIZING,    _E.ATTEMPTED, always,                   effect_none,    _S.MAPPED,    _O.FILE_SHRANK),
    Row(_S.MAPPED,    _E.RELEASE,   always,                   effect_unmap,   _S.UNMAPPING, _O.OK),
    Row(_S.UNMAPPING, _E.ATTEMPTED, guard_still_borrowed,     effect_none,    _S.MAPPED,    _O.STILL_BORROWED),
    Row(_S.UNMAPPING, _E.ATTEMPTED, guard_call_failed,        effect_close,   _S.DETACHING, _O.UNMAP_FAILED),
    Row(_S.UNMAPPING, _E.ATTEMPTED, always,                   effect_close,   _S.CLOSING,   _O.OK),
    Row(_S.DETACHING, _E.ATTEMPTED, guard_call_failed,        effect_none,    _S.MAPPED,    _O.UNMAP_FAILED),
    Row(_S.DETACHING, _E.ATTEMPTED, always,                   effect_none,    _S.DETACHED,  _O.UNMAP_FAILED),
    Row(_S.CLOSING,   _E.ATTEMPTED, guard_call_failed,        effect_none,    _S.OPENED,    _O.CLOSE_FAILED),
    Row(_S.CLOSING,   _E.ATTEMPTED, always,                   effect_clear,   _S.FREE,      _O.OK),
    Row(_S.OPENED,    _E.RELEASE,   always,                   effect_close,   _S.CLOSING,   _O.OK),
    Row(_S.OPENED,    _E.ADVISE,    always,                   effect_none,    _S.OPENED,    _O.STALE_LEASE),
    Row(_S.DETACHED,  _E.RELEASE,   always,                   effect_unmap,   _S.FINISHING, _O.OK),
    Row(_S.DETACHED,  _E.ADVISE,    always,                   effect_none,    _S.DETACHED,  _O.STALE_LEASE),
    Row(_S.FINISHING, _E.ATTEMPTED, guard_still_borrowed,     effect_none,    _S.DETACHED,  _O.STILL_BORROWED),
    Row(_S.FINISHING, _E.ATTEMPTED, guard_call_failed,        effect_none,    _S.DETACHED,  _O.UNMAP_FAILED),
    Row(_S.FINISHING, _E.ATTEMPTED, always,                   effect_clear,   _S.FREE,      _O.OK),
)
# fmt: on
SLOT: Final[Table[State, Event, SlotOutcome, Slot, Task]] = Table(
    "slot",
    states=State,
    events=Event,
    outcomes=SlotOutcome,
    initial=State.FREE,
    completion=Event.ATTEMPTED,
    rows=_SLOT_ROWS,
)
