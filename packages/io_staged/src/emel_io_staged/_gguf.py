"""The dequantisers of the package gguf, an optional extra, imported when one is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import BatchOutcome
from emel_io_staged.outcomes import StagedOutcome, answer


class Dequantiser(NamedTuple):
    """How blocks of one type are turned into numbers."""

    block: int
    """Elements in a block."""
    block_nbytes: int
    dequantise: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    """(m, block_nbytes) uint8 to (m, block) float32."""


@lru_cache(64)
def dequantiser(kind: str) -> Dequantiser | BatchOutcome:
    """Look one up by the name that the format gives the type: "Q4_K"."""
    try:
        import gguf  # noqa: PLC0415 - an extra; its import takes longer than most loads
    except ImportError as error:
        text = f"{kind} is dequantised by the package gguf, which can't be imported: {error}"
        return answer(StagedOutcome.DEQUANTISER_MISSING, text)
    known: Any = gguf.GGMLQuantizationType.__members__.get(kind)
    if known is None:
        return answer(StagedOutcome.DEQUANTISER_UNKNOWN, f"{kind} is no type that gguf knows")
    block, block_nbytes = gguf.GGML_QUANT_SIZES[known]

    def dequantise(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
        return gguf.dequantize(stored, known)

    try:
        with np.errstate(all="ignore"):
            dequantise(np.zeros((1, block_nbytes), np.uint8))
    except NotImplementedError:
        text = f"gguf has no dequantiser for {kind}"
        return answer(StagedOutcome.DEQUANTISER_UNKNOWN, text)
    return Dequantiser(block, block_nbytes, dequantise)
