"""The router's behaviour, all of it: which strategy a request gets, and what its batches come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from emel_io_loader.outcomes import BatchOutcome, RouteOutcome
from emel_io_loader.spans import Spans
from emel_io_loader.strategy import OnBytes, Strategy
from emel_io_loader.targets import Targets
from emel_machine import Row, Table, always, effect_none


class Offer(NamedTuple):
    """One strategy that the router can give out."""

    create: Callable[[], Strategy]
    """Make an instance, without any call to the operating system."""
    unavailable: Callable[[], str]
    """Why it can't be used on this platform, as a sentence; empty if it can."""


class State(IntEnum):
    """Where one request's route stands."""

    UNROUTED = 0
    ROUTED = 1
    DISPATCHING = 2


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


def guard_strategy_missing(ctx: Context, req: Batch | None) -> bool:
    """Nothing was asked for."""
    return not ctx.requested


def guard_strategy_unknown(ctx: Context, req: Batch | None) -> bool:
    """Nobody offers a strategy of this name."""
    return ctx.requested not in ctx.offers


def guard_strategy_unavailable(ctx: Context, req: Batch | None) -> bool:
    """It is known, and can't be used on this platform."""
    return bool(ctx.offers[str(ctx.requested)].unavailable())


def guard_batch_failed(ctx: Context, req: Batch | None) -> bool:
    """The strategy answered with anything but success; nothing at all isn't success either."""
    return req is None or req.answer is None or not req.answer.ok


def effect_create_strategy(ctx: Context, req: Batch | None) -> None:
    """Make the strategy; it touches nothing until its first batch."""
    ctx.strategy = ctx.offers[str(ctx.requested)].create()


def effect_dispatch(ctx: Context, req: Batch | None) -> None:
    """Hand the whole batch to the one strategy, once."""
    if req is not None and ctx.strategy is not None:
        req.answer = ctx.strategy.load(
            req.spans, req.targets, threads=req.threads, progress=req.progress
        )


def effect_report_used(ctx: Context, req: Batch | None) -> None:
    """Say which strategy served, now that it has."""
    if ctx.strategy is not None:
        ctx.used = ctx.strategy.name


_S, _E, _O = State, Event, RouteOutcome
# fmt: off
_ROWS = (
    Row(_S.UNROUTED,    _E.ROUTE,    guard_strategy_missing,     effect_none,            _S.UNROUTED,    _O.STRATEGY_MISSING),
    Row(_S.UNROUTED,    _E.ROUTE,    guard_strategy_unknown,     effect_none,            _S.UNROUTED,    _O.STRATEGY_UNKNOWN),
    Row(_S.UNROUTED,    _E.ROUTE,    guard_strategy_unavailable, effect_none,            _S.UNROUTED,    _O.STRATEGY_UNAVAILABLE),
    Row(_S.UNROUTED,    _E.ROUTE,    always,                     effect_create_strategy, _S.ROUTED,      _O.OK),
    Row(_S.ROUTED,      _E.LOAD,     always,                     effect_dispatch,        _S.DISPATCHING, _O.OK),
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
