"""What the machine works on: the columns that outlive a request, and the facts of one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emel_io_loader import BatchOutcome, Leases, Mode, Spans, Strategy
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
    """The tensors whose load is in flight."""


@dataclass(slots=True)
class Request:
    """One request's facts: written by effects, read by guards."""

    index: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    spans: Spans | None = None
    dtype: ArrayLike = ()
    strategy: Strategy | None = None
    mode: Mode = Mode.MAPS
    targets: Sequence[memoryview] | None = None
    leases: Leases | None = None
    done: NDArray[np.bool_] | None = None
    answer: BatchOutcome | None = None
    refused: TensorOutcome = TensorOutcome.OK
    tensors: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    message: str = ""
