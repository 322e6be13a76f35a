"""The router: picks the strategy for a request before anything touches the operating system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emel_io_loader._machine import ROUTING, Batch, Context, Event, Offer, State
from emel_io_loader.outcomes import ROUTE_REACTIONS, BatchOutcome, Leases, RouteOutcome
from emel_io_loader.spans import Spans
from emel_io_loader.strategy import Identified, Mode, OnBytes, Strategy, Usage
from emel_io_loader.targets import Targets


class Router:
    """Offers strategies by name.

    Parameters
    ----------
    offers
        Name to `Offer`; the face is the only place that fills it with concrete strategies.
    """

    def __init__(self, offers: Mapping[str, Offer]) -> None:
        self._offers = dict(offers)

    def route(self, requested: str | None) -> Route | BatchOutcome:
        """Pick the strategy for one request; a refusal is an outcome, and touched nothing."""
        ctx = Context(self._offers, requested)
        state, outcome = ROUTING.run(ctx, State.UNROUTED, Event.ROUTE, None)
        if state is State.ROUTED and ctx.strategy is not None:
            return Route(ctx, ctx.strategy)
        return BatchOutcome(
            outcome=outcome,
            reaction=ROUTE_REACTIONS[outcome],
            message=self._explain(outcome, requested),
        )

    def _explain(self, outcome: RouteOutcome, requested: str | None) -> str:
        known = ", ".join(sorted(self._offers)) or "none"
        if outcome is RouteOutcome.STRATEGY_MISSING:
            return f"no strategy was asked for (known: {known})"
        if outcome is RouteOutcome.STRATEGY_UNKNOWN:
            return f"no strategy is called {requested!r} (known: {known})"
        return f"strategy {requested!r}: {self._offers[str(requested)].unavailable()}"


class Route:
    """The way that one request's batches go: itself a `Strategy`, made by `Router.route`.

    Each batch is one dispatch to the one strategy that was picked. `used` is None until a batch has
    succeeded, and a failed batch leaves the route ready for the next.
    """

    def __init__(self, ctx: Context, strategy: Strategy) -> None:
        self._ctx = ctx
        self._strategy = strategy
        self._state = State.ROUTED
        # Looked up once: views are taken for each tensor, and a delegating call costs as much
        # as taking one.
        self.view = strategy.view

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
