"""What the machine works on: the columns that outlive a request, and the facts of one request."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emel_io_loader import (
    BatchOutcome,
    Leases,
    Mode,
    OnBytes,
    Spans,
    Strategy,
    Targets,
    validate,
)
from emel_model_tensor.outcomes import TensorOutcome


@dataclass(slots=True)
class Columns:
    """What the set knows of its n tensors; the only place where residency is kept."""

    spans: Spans = field(default_factory=lambda: Spans((), (), (), ()))
    dtype: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    state: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    pins: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    leases: Leases = field(default_factory=Leases.vacant)
    planned: NDArray[np.intp] | None = None
    """The tensors whose load is in flight: the very array that their plan holds."""


@dataclass(slots=True)
class Request:
    """One request's facts: written by effects, read by guards."""

    index: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    spans: Spans | None = None
    dtype: ArrayLike = ()
    strategy: Strategy | None = None
    mode: Mode = Mode.MAPS
    targets: Targets | None = None
    threads: int | None = None
    progress: OnBytes | None = None
    leases: Leases | None = None
    done: NDArray[np.bool_] | None = None
    answer: BatchOutcome | None = None
    refused: TensorOutcome = TensorOutcome.OK
    tensors: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    message: str = ""


def binding_flaw(req: Request) -> tuple[int, str] | None:
    """Find the first tensor of a new binding that can't be bound, and why."""
    if req.spans is None:
        return 0, "a binding has spans"
    refusal = validate(req.spans)
    if refusal is not None:
        return refusal.span, refusal.message
    dtype, n = np.asarray(req.dtype), len(req.spans)
    if dtype.shape != (n,):
        return 0, f"{n} spans have dtypes of shape {dtype.shape}"
    if n and dtype.dtype.kind not in "iu":
        return 0, f"dtype codes are integers, not {dtype.dtype}"
    beyond = np.flatnonzero((dtype < 0) | (dtype > 255))
    if beyond.size:
        at = int(beyond[0])
        return at, f"span {at}: its dtype code {dtype[at]} is not in 0 to 255"
    return None


def foreign(cols: Columns, req: Request) -> NDArray[np.intp]:
    """Select the tensors whose leases are not the ones that the caller showed."""
    if req.leases is None:
        return req.index[:0]
    held = cols.leases.take(req.index)
    if len(held) != len(req.leases):
        return req.index
    same = (held.slot == req.leases.slot) & (held.generation == req.leases.generation)
    return req.index[~same]
