"""The router's behaviour, all of it: which strategy a request gets, and what its batches come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from emel_io_loader.choice import (
    AUTO,
    UNDECIDED,
    Choice,
    Reason,
    as_asked,
    by_kind,
    by_limit,
    unseen,
)
from emel_io_loader.discovery import BrokenStrategyError
from emel_io_loader.outcomes import BatchOutcome, Reaction, RouteOutcome
from emel_io_loader.spans import Spans
from emel_io_loader.strategy import Offer, OnBytes, Strategy
from emel_io_loader.targets import Targets
from emel_machine import Row, Table, always, effect_none


class State(IntEnum):
    """Where one request's route stands."""

    UNROUTED = 0
    LOOKING = 1
    FINDING = 2
    CHOSEN = 3
    CREATING = 4
    ROUTED = 5
    DISPATCHING = 6


class Event(IntEnum):
    """What happens to it."""

    ROUTE = 0
    LOAD = 1
    ANSWERED = 2


@dataclass(slots=True)
class Context:
    """One request's route: what was asked for, and what serves it."""

    offers: Mapping[str, Offer]
    requested: str | None
    path: str | None = None
    memory_limit: int | None = None
    file_system: Callable[[str], str] = unseen
    found: Callable[[], Mapping[str, Offer]] = dict
    kind: str = ""
    """What kind of file system the path is on, if somebody has looked and it is known."""
    choice: Choice = UNDECIDED
    broken: BrokenStrategyError | None = None
    """Why the strategy that was chosen can't be used, if it is somebody else's and broken."""
    strategy: Strategy | None = None
    used: str | None = None


@dataclass(slots=True)
class Batch:
    """One batch and its answer."""

    spans: Spans
    targets: Targets | None
    threads: int | None = None
    progress: OnBytes | None = None
    answer: BatchOutcome | None = None


def unavailable(ctx: Context, name: str) -> str:
    """Say why a strategy can't be had; empty if it can."""
    return ctx.offers[name].unavailable() if name in ctx.offers else "nobody offers it"


def guard_strategy_missing(ctx: Context, req: Batch | None) -> bool:
    """Nothing was asked for."""
    return not ctx.requested


def guard_memory_limited(ctx: Context, req: Batch | None) -> bool:
    """The choice is the router's, within a limit of memory."""
    return ctx.requested == AUTO and ctx.memory_limit is not None


def guard_auto(ctx: Context, req: Batch | None) -> bool:
    """The choice is the router's."""
    return ctx.requested == AUTO


def guard_strategy_known(ctx: Context, req: Batch | None) -> bool:
    """What was asked for is built in."""
    return ctx.requested in ctx.offers


def guard_strategy_unknown(ctx: Context, req: Batch | None) -> bool:
    """Nobody offers a strategy of this name, third parties included."""
    return ctx.requested not in ctx.offers


def guard_first_available(ctx: Context, req: Batch | None) -> bool:
    """What suits best can be used on this platform."""
    return not unavailable(ctx, ctx.choice.names[0])


def guard_strategy_unavailable(ctx: Context, req: Batch | None) -> bool:
    """Nothing that suits can be used on this platform."""
    return all(unavailable(ctx, name) for name in ctx.choice.names)


def guard_strategy_broken(ctx: Context, req: Batch | None) -> bool:
    """What somebody else has registered breaks the contract."""
    return ctx.broken is not None


def guard_answer_broken(ctx: Context, req: Batch | None) -> bool:
    """The strategy answered with something that is no outcome."""
    return req is None or not isinstance(req.answer, BatchOutcome)


def guard_batch_failed(ctx: Context, req: Batch | None) -> bool:
    """The strategy answered with anything but success."""
    return req is None or req.answer is None or not req.answer.ok


def effect_look(ctx: Context, req: Batch | None) -> None:
    """Look at the kind of file system; where that can't be seen, it is unknown."""
    try:
        ctx.kind = "" if ctx.path is None else ctx.file_system(ctx.path)
    except (OSError, ValueError):
        ctx.kind = ""


def effect_find(ctx: Context, req: Batch | None) -> None:
    """Look for the strategies of third parties; none takes the place of a built-in one."""
    ctx.offers = {**ctx.found(), **ctx.offers}


def effect_choose_staged(ctx: Context, req: Batch | None) -> None:
    """Choose what keeps to the limit."""
    ctx.choice = by_limit(ctx.memory_limit or 0)


def effect_choose_by_kind(ctx: Context, req: Batch | None) -> None:
    """Choose what suits the file system."""
    ctx.choice = by_kind(ctx.kind, ctx.path)


def effect_choose_as_asked(ctx: Context, req: Batch | None) -> None:
    """Choose what was asked for."""
    ctx.choice = as_asked(str(ctx.requested))


def effect_create_first(ctx: Context, req: Batch | None) -> None:
    """Make the strategy; it touches nothing until its first batch."""
    try:
        ctx.strategy = ctx.offers[ctx.choice.names[0]].create()
    except BrokenStrategyError as error:
        ctx.broken = error


def effect_create_next(ctx: Context, req: Batch | None) -> None:
    """Pass over what can't be used, and say so."""
    first, *others = ctx.choice.names
    name = next(name for name in others if not unavailable(ctx, name))
    why = f"{ctx.choice.sentence}; {first} would suit, but {unavailable(ctx, first)}"
    ctx.choice = Choice((name,), Reason.ONLY_AVAILABLE, why)
    effect_create_first(ctx, req)


def effect_dispatch(ctx: Context, req: Batch | None) -> None:
    """Hand the whole batch to the one strategy, once."""
    if req is not None and ctx.strategy is not None:
        req.answer = ctx.strategy.load(
            req.spans, req.targets, threads=req.threads, progress=req.progress
        )


def effect_refuse_answer(ctx: Context, req: Batch | None) -> None:
    """Put an outcome in the place of what is none."""
    if req is not None and ctx.strategy is not None:
        answered = type(req.answer).__name__
        req.answer = BatchOutcome(
            outcome=RouteOutcome.STRATEGY_BROKEN,
            reaction=Reaction.UNSUPPORTED,
            message=f"strategy {ctx.strategy.name!r}: its load answered with a {answered}",
        )


def effect_report_used(ctx: Context, req: Batch | None) -> None:
    """Say which strategy served, now that it has."""
    if ctx.strategy is not None:
        ctx.used = ctx.strategy.name


_S, _E, _O = State, Event, RouteOutcome
# fmt: off
_ROWS = (
    Row(_S.UNROUTED,    _E.ROUTE,    guard_strategy_missing,     effect_none,            _S.UNROUTED,    _O.STRATEGY_MISSING),
    Row(_S.UNROUTED,    _E.ROUTE,    guard_memory_limited,       effect_choose_staged,   _S.CHOSEN,      _O.OK),
    Row(_S.UNROUTED,    _E.ROUTE,    guard_auto,                 effect_look,            _S.LOOKING,     _O.OK),
    Row(_S.UNROUTED,    _E.ROUTE,    guard_strategy_known,       effect_choose_as_asked, _S.CHOSEN,      _O.OK),
    Row(_S.UNROUTED,    _E.ROUTE,    always,                     effect_find,            _S.FINDING,     _O.OK),
    Row(_S.LOOKING,     _E.ANSWERED, always,                     effect_choose_by_kind,  _S.CHOSEN,      _O.OK),
    Row(_S.FINDING,     _E.ANSWERED, guard_strategy_unknown,     effect_none,            _S.UNROUTED,    _O.STRATEGY_UNKNOWN),
    Row(_S.FINDING,     _E.ANSWERED, always,                     effect_choose_as_asked, _S.CHOSEN,      _O.OK),
    Row(_S.CHOSEN,      _E.ANSWERED, guard_strategy_unavailable, effect_none,            _S.UNROUTED,    _O.STRATEGY_UNAVAILABLE),
    Row(_S.CHOSEN,      _E.ANSWERED, guard_first_available,      effect_create_first,    _S.CREATING,    _O.OK),
    Row(_S.CHOSEN,      _E.ANSWERED, always,                     effect_create_next,     _S.CREATING,    _O.OK),
    Row(_S.CREATING,    _E.ANSWERED, guard_strategy_broken,      effect_none,            _S.UNROUTED,    _O.STRATEGY_BROKEN),
    Row(_S.CREATING,    _E.ANSWERED, always,                     effect_none,            _S.ROUTED,      _O.OK),
    Row(_S.ROUTED,      _E.LOAD,     always,                     effect_dispatch,        _S.DISPATCHING, _O.OK),
    Row(_S.DISPATCHING, _E.ANSWERED, guard_answer_broken,        effect_refuse_answer,   _S.ROUTED,      _O.STRATEGY_BROKEN),
    Row(_S.DISPATCHING, _E.ANSWERED, guard_batch_failed,         effect_none,            _S.ROUTED,      _O.STRATEGY_FAILED),
    Row(_S.DISPATCHING, _E.ANSWERED, always,                     effect_report_used,     _S.ROUTED,      _O.OK),
)
# fmt: on
ROUTING: Final[Table[State, Event, RouteOutcome, Context, Batch | None]] = Table(
    "routing",
    states=State,
    events=Event,
    outcomes=RouteOutcome,
    initial=State.UNROUTED,
    completion=Event.ANSWERED,
    rows=_ROWS,
)
