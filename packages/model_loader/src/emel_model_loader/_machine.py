"""How a file is opened: routed, identified, its header read and parsed, its tensors bound.

Every failure on the way ends in CLOSED with nothing held. The header is read through the routed
strategy in windows that grow, because only parsing tells how long it is: HEADER_INCOMPLETE is a
state of rest, from which the owner asks for a larger window.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from emel_io_loader import (
    Advice,
    BatchOutcome,
    FileIdentity,
    Identified,
    Lease,
    Mode,
    Reaction,
    Route,
    Router,
    Spans,
    StrategyError,
    Targets,
)
from emel_machine import Row, Table, always, effect_none
from emel_model_format import Header, NeedMore, Refusal, parse
from emel_model_loader.outcomes import LoadOutcome
from emel_model_tensor import Report, TensorSet

WINDOW_NBYTES: Final = 1 << 20
"""The first look at a file: most headers are shorter than 1 MiB."""
WINDOW_GROWTH: Final = 16
"""A header that is longer is looked at again from its start, so few looks are better than small
ones: a vocabulary of 262,144 tokens takes two."""

WINDOW_STEP_NBYTES: Final = 64 << 20
"""A window grows by no more than this at once: its pages are read, and headers rarely are so long."""


class State(IntEnum):
    """How far the opening has got."""

    CLOSED = 0
    ROUTING = 1
    IDENTIFYING = 2
    READING = 3
    PARSING = 4
    INCOMPLETE = 5
    BINDING = 6
    OPENED = 7


class Event(IntEnum):
    """What is asked for, or has been done."""

    OPEN = 0
    EXTEND = 1
    DONE = 2


@dataclass(slots=True)
class Opening:
    """One opening: what was asked, and what each step left for the next."""

    router: Router
    requested: str | None
    path: str
    route: Route | None = None
    identity: FileIdentity | None = None
    window: int = WINDOW_NBYTES
    buffer: bytearray | None = None
    """The window's bytes, for a strategy that copies."""
    answer: BatchOutcome | None = None
    """What the router or the strategy said last."""
    parsed: Header | NeedMore | Refusal | None = None
    tensors: TensorSet | None = None
    report: Report | None = None


def guard_route_refused(ctx: Opening, req: None) -> bool:
    """The router has no strategy for the request."""
    return ctx.route is None


def guard_io_failed(ctx: Opening, req: None) -> bool:
    """The strategy's last answer is not success."""
    return ctx.answer is not None and not ctx.answer.ok


def guard_header_refused(ctx: Opening, req: None) -> bool:
    """The bytes are no header, or none that anything here handles."""
    return isinstance(ctx.parsed, Refusal)


def guard_header_incomplete(ctx: Opening, req: None) -> bool:
    """The header goes on after the window."""
    return isinstance(ctx.parsed, NeedMore)


def guard_binding_refused(ctx: Opening, req: None) -> bool:
    """The model's state doesn't take the header's columns."""
    return ctx.report is None or not ctx.report.ok


def effect_route(ctx: Opening, req: None) -> None:
    """Pick the strategy, before anything touches the operating system."""
    routed = ctx.router.route(ctx.requested)
    if isinstance(routed, Route):
        ctx.route = routed
    else:
        ctx.answer = routed


def effect_identify(ctx: Opening, req: None) -> None:
    """Learn the file's size and what tells it from another."""
    found: Identified = _route(ctx).identify((ctx.path,))
    ctx.answer = found.result
    if found.identities:
        ctx.identity = found.identities[0]
        ctx.window = min(WINDOW_NBYTES, ctx.identity.nbytes)


def effect_read_window(ctx: Opening, req: None) -> None:
    """Bring the first bytes of the file to where they can be looked at."""
    spans = Spans((ctx.path,), (0,), (0,), (ctx.window,), (ctx.identity,))
    if _route(ctx).mode is Mode.MAPS:
        ctx.answer = _route(ctx).load(spans)
    else:
        ctx.buffer = bytearray(ctx.window)
        ctx.answer = _route(ctx).load(spans, Targets.each([ctx.buffer]))


def effect_parse(ctx: Opening, req: None) -> None:
    """Parse the window and let go of it: a header keeps nothing of the bytes it was made from."""
    assert ctx.identity is not None, "it was identified"  # noqa: S101 - a proof
    assert ctx.answer is not None, "it was read"  # noqa: S101 - a proof
    if _route(ctx).mode is not Mode.MAPS:
        ctx.parsed, ctx.buffer = parse(ctx.buffer or b"", ctx.identity.nbytes), None
        return
    leases = ctx.answer.leases
    ctx.answer = _parse_mapped(ctx, leases[0], ctx.identity.nbytes)
    released = _route(ctx).release(leases)
    ctx.answer = ctx.answer or released


def _parse_mapped(ctx: Opening, lease: Lease, file_nbytes: int) -> BatchOutcome | None:
    # Pages that can't be read are an outcome here; without it they would be a signal below.
    populated = _route(ctx).advise(*lease, Advice.POPULATE)
    if populated.reaction is Reaction.SOURCE:
        return populated
    try:
        ctx.parsed = parse(_route(ctx).view(*lease).data, file_nbytes)
    except StrategyError as error:
        return error.result
    return None


def effect_widen_window(ctx: Opening, req: None) -> None:
    """Look further next time, and at least as far as parsing asked for."""
    assert isinstance(ctx.parsed, NeedMore), "the guard before saw it"  # noqa: S101 - a proof
    assert ctx.identity is not None, "it was identified"  # noqa: S101 - a proof
    grown = min(ctx.window * WINDOW_GROWTH, ctx.window + WINDOW_STEP_NBYTES)
    wanted = max(ctx.parsed.nbytes, grown)
    ctx.window = min(wanted, ctx.identity.nbytes)


def effect_bind(ctx: Opening, req: None) -> None:
    """Hand the header's columns to the owner of residency."""
    assert isinstance(ctx.parsed, Header), "the guards before saw it"  # noqa: S101 - a proof
    columns = ctx.parsed.tensors
    file = np.zeros(len(columns), np.int64)
    spans = Spans((ctx.path,), file, columns.offset, columns.nbytes, (ctx.identity,))
    ctx.tensors = TensorSet()
    ctx.report = ctx.tensors.bind(spans, columns.dtype)


def effect_abandon(ctx: Opening, req: None) -> None:
    """Let go of everything that was acquired on the way."""
    ctx.tensors = None
    if ctx.route is not None:
        ctx.route.close()


def _route(ctx: Opening) -> Route:
    assert ctx.route is not None, "the table routes first"  # noqa: S101 - a proof
    return ctx.route


_S, _E, _O = State, Event, LoadOutcome
# fmt: off
_ROWS: tuple[Row[State, Event, LoadOutcome, Opening, None], ...] = (
    Row(_S.CLOSED,      _E.OPEN,   always,                  effect_route,        _S.ROUTING,     _O.OK),
    Row(_S.ROUTING,     _E.DONE,   guard_route_refused,     effect_abandon,      _S.CLOSED,      _O.STRATEGY_REFUSED),
    Row(_S.ROUTING,     _E.DONE,   always,                  effect_identify,     _S.IDENTIFYING, _O.OK),
    Row(_S.IDENTIFYING, _E.DONE,   guard_io_failed,         effect_abandon,      _S.CLOSED,      _O.IO_FAILED),
    Row(_S.IDENTIFYING, _E.DONE,   always,                  effect_read_window,  _S.READING,     _O.OK),
    Row(_S.READING,     _E.DONE,   guard_io_failed,         effect_abandon,      _S.CLOSED,      _O.IO_FAILED),
    Row(_S.READING,     _E.DONE,   always,                  effect_parse,        _S.PARSING,     _O.OK),
    Row(_S.PARSING,     _E.DONE,   guard_io_failed,         effect_abandon,      _S.CLOSED,      _O.IO_FAILED),
    Row(_S.PARSING,     _E.DONE,   guard_header_refused,    effect_abandon,      _S.CLOSED,      _O.PARSE_FAILED),
    Row(_S.PARSING,     _E.DONE,   guard_header_incomplete, effect_widen_window, _S.INCOMPLETE,  _O.HEADER_INCOMPLETE),
    Row(_S.PARSING,     _E.DONE,   always,                  effect_bind,         _S.BINDING,     _O.OK),
    Row(_S.INCOMPLETE,  _E.EXTEND, always,                  effect_read_window,  _S.READING,     _O.OK),
    Row(_S.BINDING,     _E.DONE,   guard_binding_refused,   effect_abandon,      _S.CLOSED,      _O.MODEL_FAILED),
    Row(_S.BINDING,     _E.DONE,   always,                  effect_none,         _S.OPENED,      _O.OK),
)
# fmt: on
OPENING: Final[Table[State, Event, LoadOutcome, Opening, None]] = Table(
    "opening",
    states=State,
    events=Event,
    outcomes=LoadOutcome,
    initial=State.CLOSED,
    completion=Event.DONE,
    rows=_ROWS,
)
