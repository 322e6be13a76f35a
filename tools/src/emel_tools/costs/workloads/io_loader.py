"""What planning, validation and routing cost; none of it makes a call to the system."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from emel_io_loader import (
    Offer,
    Route,
    Router,
    Runs,
    Spans,
    Targets,
    discover,
    plan,
    validate,
    validate_targets,
)
from emel_io_mmap import MmapStrategy
from emel_tools.costs.site import Site
from emel_tools.costs.workload import Action, RefusedError, Scaled, Workload, Workloads, fine


def _spans(items: int, *, files: int = 4, step: int = 96) -> Spans:
    """Make spans of 64 bytes, `step` bytes apart; they overlap where that is less."""
    number = np.arange(items)
    paths = [f"part{i}.bin" for i in range(files)]
    return Spans(paths, number % files, number // files * step, np.full(items, 64))


def planned(items: int, *, step: int = 96, gap: int = 64, over_read: float = 1.0) -> Action:
    """Join spans into runs."""
    spans = _spans(items, step=step)

    def act() -> Runs:
        return plan(spans, gap_nbytes=gap, over_read=over_read, run_nbytes=1 << 20)

    return act


def plan_thousand(_: Site) -> Action:
    """Join a thousand spans into runs."""
    return planned(1000)


def shuffled(items: int) -> Action:
    """Join spans that come in any order, in runs that are cut by the unwanted bytes in them."""
    order = np.random.default_rng(0).permutation(items)
    step = np.where(np.arange(items) % 3 == 0, 4096, 80)
    spans = Spans(["a"], np.zeros(items, int), np.cumsum(step)[order], np.full(items, 64))

    def act() -> list[int]:
        runs = plan(spans, gap_nbytes=1 << 16, over_read=0.25, run_nbytes=1 << 16)
        return [len(runs.members(run)) for run in range(len(runs))]

    return act


def validated(items: int) -> Action:
    """Hold spans to the rules, and so their targets."""
    spans = _spans(items)
    targets = Targets.one_after_another(np.zeros(items * 64, np.uint8), spans.nbytes)

    def act() -> None:
        if validate(spans) or not hasattr(validate_targets(targets, spans.nbytes), "views"):
            raise RefusedError("valid spans were refused")

    return act


def validated_alone(site: Site, items: int) -> Action:
    """Hold span after span of a model, each a batch of its own, to the rules."""
    spans = site.spans(1, 64)
    found = MmapStrategy().identify(spans.files)
    fine(found.result)
    alone = Spans(spans.files, [0], [0], [64], found.identities)

    def act() -> None:
        for _ in range(items):
            if validate(alone):
                raise RefusedError("a valid span was refused")

    return act


def placed(items: int) -> Action:
    """Hold a buffer for each span to the rules."""
    buffers = [np.zeros(64, np.uint8) for _ in range(items)]
    nbytes = np.full(items, 64)

    def act() -> None:
        places = validate_targets(Targets.each(buffers), nbytes)
        if not hasattr(places, "views"):
            raise RefusedError("valid targets were refused")

    return act


def listed(items: int) -> Action:
    """Make spans and targets of lists, take some, and look at each path and place."""
    number = list(range(items))
    paths, memory = [f"{i}.bin" for i in number], np.zeros(items * 8, np.uint8)

    def act() -> None:
        spans = Spans(paths, number, number, [8] * items)
        half = spans.take(np.arange(0, items, 2))
        targets = Targets.one_after_another(memory, spans.nbytes).take(np.arange(0, items, 2))
        if validate(half) or not hasattr(validate_targets(targets, half.nbytes), "views"):
            raise RefusedError("valid spans were refused")

    return act


def _router() -> Router:
    return Router({"mmap": Offer(MmapStrategy, MmapStrategy.unavailable)}, file_system=lambda _: "")


def route(_: Site) -> Action:
    """Pick a strategy, by name and by what speaks for it."""

    def act() -> None:
        for name in ("mmap", "auto"):
            found = _router().route(name, path="a.bin")
            if not isinstance(found, Route):
                raise RefusedError(found.message)
            found.close()

    return act


def dispatch(site: Site, items: int = 64) -> Action:
    """Send a batch the way that was picked."""
    spans = site.spans(items, 64)

    def act() -> None:
        found = _router().route("mmap")
        if not isinstance(found, Route):
            raise RefusedError(found.message)
        fine(found.release(fine(found.load(spans)).leases))
        fine(found.close())

    return act


def discovered(_: Site) -> Action:
    """Look for strategies where there are none."""
    return lambda: discover(())


def _scaled(name: str, make: Callable[[int], Action]) -> Scaled:
    def at(_: Site, items: int) -> Action:
        return make(items)

    return Scaled(name, at)


WORKLOADS: Workloads = (
    Workload("plan-1000-spans-of-4-files", plan_thousand, items=1000, files=4),
    Workload("pick-a-strategy", route),
    Workload("dispatch-64-spans", dispatch, items=64),
    Workload("discover-nothing", discovered),
    _scaled("plan-spans", planned),
    _scaled("plan-spans-to-map", partial(planned, gap=1 << 40, over_read=math.inf)),
    _scaled("plan-spans-far-apart", partial(planned, step=4096)),
    _scaled("plan-spans-that-overlap", partial(planned, step=32)),
    _scaled("plan-spans-in-any-order", shuffled),
    _scaled("validate-spans", validated),
    Scaled("validate-spans-one-by-one", validated_alone),
    _scaled("validate-buffers", placed),
    _scaled("make-and-take-spans-of-as-many-files", listed),
    Scaled("dispatch-spans", dispatch),
)
