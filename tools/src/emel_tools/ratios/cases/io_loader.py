"""Spans and targets held to their rules, planned, and routed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from emel_tools.ratios.case import Case, Unit
from emel_tools.ratios.cases.still import Still


def _spans(count: int, *, files: int, hole: int, shuffled: bool) -> Any:  # of either world
    from emel_io_loader import Spans

    number = np.arange(count)
    offset = 64 + number // files * (4096 + hole)
    order = np.random.default_rng(5).permutation(count) if shuffled else number
    paths = [f"/models/model-{i:05}-of-{files:05}.safetensors" for i in range(files)]
    return Spans(paths, (number % files)[order], offset[order], np.full(count, 4096))


def _planning(spans: Any, **limits: Any) -> Unit:  # of either world
    from emel_io_loader import plan

    return lambda: plan(spans, **limits)


def _plan_one_run(_folder: Path) -> Unit:
    spans = _spans(20_000, files=1, hole=0, shuffled=False)
    return _planning(spans, gap_nbytes=64 << 10, over_read=0.25, run_nbytes=1 << 62)


def _plan_many_runs(_folder: Path) -> Unit:
    spans = _spans(4000, files=8, hole=1024, shuffled=True)
    return _planning(spans, gap_nbytes=4096, over_read=0.3, run_nbytes=128 << 10)


def _plan_apart(_folder: Path) -> Unit:
    spans = _spans(8000, files=8, hole=1 << 20, shuffled=True)
    return _planning(spans, gap_nbytes=4096, over_read=0.3, run_nbytes=128 << 10)


def _plan_single(_folder: Path) -> Unit:
    spans = _spans(1, files=1, hole=0, shuffled=False)
    return _planning(spans, gap_nbytes=4096, over_read=0.3, run_nbytes=128 << 10)


def _validate(_folder: Path) -> Unit:
    from emel_io_loader import validate

    many = _spans(20_000, files=32, hole=0, shuffled=True)
    one = _spans(1, files=1, hole=0, shuffled=False)

    def unit() -> None:
        validate(many)
        for _ in range(60):
            validate(one)

    return unit


def _targets(_folder: Path) -> Unit:
    from emel_io_loader import Targets, validate_targets

    sizes = np.full(600, 64, np.int64)
    arrays = [np.empty(64, np.uint8) for _ in range(600)]
    return lambda: validate_targets(Targets.each(arrays), sizes)


def _one_target(_folder: Path) -> Unit:
    from emel_io_loader import Targets, validate_targets

    sizes = np.full(20_000, 64, np.int64)
    memory = np.empty(20_000 * 64, np.uint8)
    return lambda: validate_targets(Targets.one_after_another(memory, sizes), sizes)


def _columns(_folder: Path) -> Unit:
    from emel_io_loader import Leases, Spans

    offsets, sizes = list(range(0, 64 * 3000, 64)), [64] * 3000

    def unit() -> None:
        spans = Spans(["/models/a"], [0] * 3000, offsets, sizes)
        spans.take(np.arange(0, 3000, 2))
        Leases.of(spans.file, spans.offset).take(np.arange(3000))

    return unit


def _route(_folder: Path) -> Unit:
    from emel_io_loader import Offer, Router

    make: Any = Still
    offers = {name: Offer(make) for name in ("mmap", "read", "staged")}
    router = Router(offers, file_system=lambda _path: "ext4")

    def unit() -> None:
        for _ in range(20):
            router.route("auto", path="/models/a")
            router.route("mmap", path="/models/a")
            router.route("auto", path="/models/a", memory_limit=1 << 20)
            router.route("nonsense")

    return unit


def _dispatch(_folder: Path) -> Unit:
    from emel_io_loader import Offer, Route, Router

    make: Any = Still
    route = Router({"mmap": Offer(make)}).route("mmap", path="/models/a")
    if not isinstance(route, Route):
        raise TypeError(f"not routed: {route}")
    spans = _spans(4, files=1, hole=0, shuffled=False)

    def unit() -> None:
        for _ in range(40):
            route.release(route.load(spans).leases)

    return unit


CASES = (
    Case("plan 20000 spans into one run", "columns", _plan_one_run),
    Case("plan 4000 spans of 8 files into runs", "columns", _plan_many_runs),
    Case("plan 8000 spans that lie apart", "columns", _plan_apart),
    Case("plan one span", "python", _plan_single, 50),
    Case("validate 20000 spans, and one 60 times", "columns", _validate),
    Case("validate 600 arrays as targets", "python", _targets),
    Case("validate 20000 places in one target", "columns", _one_target),
    Case("columns of 3000 spans from lists", "columns", _columns),
    Case("route 80 requests", "python", _route),
    Case("dispatch 40 batches", "python", _dispatch),
)
