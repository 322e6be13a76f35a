"""What a model tells of its tensors: one of them, or all as columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class TensorInfo(NamedTuple):
    """One tensor, without its bytes."""

    name: str
    dtype: str
    """The format's name of the logical type: "F32", "BF16", "Q4_K"."""
    shape: tuple[int, ...]
    """The logical shape, outermost axis first (GGUF's own order reversed)."""
    nbytes: int
    """Bytes in the file, and of the array."""
    file: str
    offset: int
    """Where the bytes begin in `file`."""
    residency: str
    """Where the bytes are now."""


class StrategyUse(NamedTuple):
    """How a model's bytes get into memory."""

    requested: str
    """What was asked for: "auto", or a strategy's name."""
    used: str | None
    """What serves; None until it has."""
    reason: str
    """Why, as a sentence."""
    code: str
    """Why, stable and in kebab-case: "asked-for", "local-file-system", "memory-limit"."""


class StateTotal(NamedTuple):
    """What is in one state of residency."""

    tensors: int
    nbytes: int


class Residency(NamedTuple):
    """Where every tensor's bytes are, as columns in the model's order; a copy of one moment."""

    name: tuple[str, ...]
    state: NDArray[np.str_]
    """(n,) the state's name."""
    bytes: NDArray[np.int64]
    """(n,) bytes of each tensor, wherever they are."""
    totals: dict[str, StateTotal]
    """By state, for the states that occur."""
