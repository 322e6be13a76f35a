"""Residency: bind, load, release, evict, and what is asked about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from emel_tools.ratios.case import Case, Unit
from emel_tools.ratios.cases.still import Still

_COUNT = 4000


def _bound() -> tuple[Any, Any]:
    from emel_io_loader import Spans
    from emel_model_tensor import TensorSet

    number = np.arange(_COUNT)
    spans = Spans(["/models/a", "/models/b"], number % 2, number * 4096, np.full(_COUNT, 4096))
    tensors = TensorSet()
    if not tensors.bind(spans, np.zeros(_COUNT, np.uint8)).ok:
        raise RuntimeError("not bound")
    return tensors, spans


def _bind(_folder: Path) -> Unit:
    tensors, spans = _bound()
    codes = np.zeros(_COUNT, np.uint8)
    return lambda: tensors.bind(spans, codes)


def _load_release(_folder: Path) -> Unit:
    tensors, _ = _bound()
    still: Any = Still()
    every = np.arange(_COUNT)

    def unit() -> None:
        if not (tensors.load(every, still).ok and tensors.release(every, still).ok):
            raise RuntimeError("not loaded, or not released")

    return unit


def _one_by_one(_folder: Path) -> Unit:
    tensors, _ = _bound()
    still: Any = Still()

    def unit() -> None:
        for i in range(8):
            tensors.load([i], still)
            tensors.lease(i)
        tensors.release(np.arange(8), still)

    return unit


def _copied(_folder: Path) -> Unit:
    from emel_io_loader import Mode

    tensors, _ = _bound()
    every, done = np.arange(_COUNT), np.ones(_COUNT, np.bool_)

    def unit() -> None:
        planned: Any = tensors.plan_load(every, Mode.COPIES)
        if not (tensors.commit_load(planned, done).ok and tensors.evict(every).ok):
            raise RuntimeError("not committed, or not evicted")

    return unit


def _asked(_folder: Path) -> Unit:
    tensors, _ = _bound()
    still: Any = Still()
    tensors.load(np.arange(0, _COUNT, 2), still)

    def unit() -> None:
        for i in range(600):
            tensors.lease(i)
            tensors.state_of(i)
        tensors.capture().totals()
        tensors.mapped()
        tensors.absent()
        tensors.spans(np.arange(_COUNT))
        tensors.pin(np.arange(_COUNT))
        tensors.unpin(np.arange(_COUNT))

    return unit


CASES = (
    Case("bind 4000 tensors", "columns", _bind, 2),
    Case("load and release 4000 mapped tensors", "columns", _load_release),
    Case("load 8 tensors one by one", "python", _one_by_one),
    Case("plan, commit and evict 4000 copied tensors", "columns", _copied),
    Case("ask 600 tensors for lease and state, and all", "python", _asked),
)
