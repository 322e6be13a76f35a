"""The router: picks the strategy for a request before anything touches the operating system."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from emel_io_loader._machine import (
    ROUTING,
    Batch,
    Context,
    Event,
    State,
    unavailable,
)
from emel_io_loader.choice import Reason, unseen
from emel_io_loader.outcomes import ROUTE_REACTIONS, BatchOutcome, Leases, RouteOutcome, code_of
from emel_io_loader.spans import Spans
from emel_io_loader.strategy import Identified, Mode, Offer, OnBytes, Strategy, Usage
from emel_io_loader.targets import Targets


class Router:
    """Offers strategies by name, or chooses one.

    Parameters
    ----------
    offers
        Name to `Offer`; the face is the only place that fills it with concrete strategies.
    file_system
        Names the kind of file system that a path is on: "ext4", "nfs4", "fuse.sshfs", or "" if that
        isn't known. Asked at most once a request, and only for `auto`.
    found
        Names the offers of third parties (`discover`). Asked only for a name that isn't in
        `offers`, because looking takes milliseconds.
    """

    def __init__(
        self,
        offers: Mapping[str, Offer],
        *,
        file_system: Callable[[str], str] | None = None,
        found: Callable[[], Mapping[str, Offer]] | None = None,
    ) -> None:
        self._offers: Mapping[str, Offer] = dict(offers)
        self._file_system: Callable[[str], str] = file_system or unseen
        self._found: Callable[[], Mapping[str, Offer]] = found or dict

    def route(
        self, requested: str | None, *, path: str | None = None, memory_limit: int | None = None
    ) -> Route | BatchOutcome:
        """Pick the strategy for one request; a refusal is an outcome, and opened nothing.

        Parameters
        ----------
        requested
            A strategy's name, or "auto": "staged" if there is a memory limit; else "read" where
            pages should not be faulted in one at a time (`SLOW_KINDS`), and "mmap" where nothing
            speaks against it. What can't be used here gives way to the next.
        path
            Where the bytes are, for `auto`.
        memory_limit
            Bytes that loading may take beside the caller's own buffers, for `auto`; None for as
            many as it takes.
        """
        ctx = Context(self._offers, requested, path, memory_limit, self._file_system, self._found)
        state, outcome = ROUTING.run(ctx, State.UNROUTED, Event.ROUTE, None)
        if state is State.ROUTED and ctx.strategy is not None:
            return Route(ctx, ctx.strategy)
        return BatchOutcome(
            outcome=outcome,
            reaction=ROUTE_REACTIONS[outcome],
            message=_explained(ctx, outcome),
            cause=None if ctx.broken is None else _bare(ctx.broken.__cause__),
        )


def _explained(ctx: Context, outcome: RouteOutcome) -> str:
    known = ", ".join(sorted(ctx.offers)) or "none"
    if outcome is RouteOutcome.STRATEGY_MISSING:
        return f"no strategy was asked for (known: {known})"
    if outcome is RouteOutcome.STRATEGY_UNKNOWN:
        return f"no strategy is called {ctx.requested!r} (known: {known})"
    if outcome is RouteOutcome.STRATEGY_BROKEN:
        return f"strategy {ctx.requested!r} breaks the contract: {ctx.broken}"
    if ctx.choice.reason is Reason.ASKED_FOR:
        return f"strategy {ctx.requested!r}: {unavailable(ctx, str(ctx.requested))}"
    reasons = "; ".join(f"{name}: {unavailable(ctx, name)}" for name in ctx.choice.names)
    return f"{ctx.choice.sentence}, and none can be used here: {reasons} (known: {known})"


def _bare(error: BaseException | None) -> BaseException | None:
    return error and error.with_traceback(None)


class _View(Protocol):
    """`Strategy.view`, once it is bound to a strategy."""

    def __call__(self, slot: int, generation: int) -> NDArray[np.uint8]: ...


class Route:
    """The way that one request's batches go: itself a `Strategy`, made by `Router.route`.

    Each batch is one dispatch to the one strategy that was picked. `used` is None until a batch has
    succeeded, and a failed batch leaves the route ready for the next.
    """

    def __init__(self, ctx: Context, strategy: Strategy) -> None:
        self._ctx: Context = ctx
        self._strategy: Strategy = strategy
        self._state: State = State.ROUTED
        # Looked up once: views are taken for each tensor, and a delegating call costs as much
        # as taking one.
        self.view: _View = strategy.view

    @property
    def strategy(self) -> Strategy:
        """What serves, for what a `Strategy` may do beyond the contract."""
        return self._strategy

    @property
    def requested(self) -> str:
        """What was asked for."""
        return str(self._ctx.requested)

    @property
    def used(self) -> str | None:
        """Which strategy has served, once one has."""
        return self._ctx.used

    @property
    def reason(self) -> str:
        """Why this strategy was picked, as a sentence."""
        return self._ctx.choice.sentence

    @property
    def reason_code(self) -> str:
        """Why, as a stable code: "asked-for", "memory-limit", "local-file-system", ..."""
        return code_of(self._ctx.choice.reason)

    @property
    def name(self) -> str:
        """The strategy's name."""
        return self._strategy.name

    @property
    def mode(self) -> Mode:
        """Whether it maps or copies."""
        return self._strategy.mode

    def identify(self, files: Sequence[str]) -> Identified:
        """See `Strategy.identify`."""
        return self._strategy.identify(files)

    def load(
        self,
        spans: Spans,
        targets: Targets | None = None,
        *,
        threads: int | None = None,
        progress: OnBytes | None = None,
    ) -> BatchOutcome:
        """Dispatch one batch, and report the strategy as used if it succeeded."""
        batch = Batch(spans, targets, threads, progress)
        self._state, _ = ROUTING.run(self._ctx, self._state, Event.LOAD, batch)
        assert batch.answer is not None, "the table dispatches every batch"  # noqa: S101 - a proof
        return batch.answer

    def release(self, leases: Leases) -> BatchOutcome:
        """See `Strategy.release`."""
        return self._strategy.release(leases)

    def advise(
        self, slot: int, generation: int, advice: int, start: int = 0, nbytes: int | None = None
    ) -> BatchOutcome:
        """See `Strategy.advise`."""
        return self._strategy.advise(slot, generation, advice, start, nbytes)

    def usage(self) -> Usage:
        """See `Strategy.usage`."""
        return self._strategy.usage()

    def close(self) -> BatchOutcome:
        """See `Strategy.close`."""
        return self._strategy.close()
