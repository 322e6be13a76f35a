"""The strategies that copy, and what they turn bytes into; imported when something is copied.

Most models are mapped, and importing these takes as long as opening a few of them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from emel.budget import CONGRUENT_NBYTES, THREADS, Budget
from emel_io_loader import Transform, code_of
from emel_io_read import ReadStrategy, congruent_empty
from emel_io_staged import Conversion, Dequantisation, StagedOutcome, StagedStrategy
from emel_model_format import DType

STAGES: Final = 4
WORD_NBYTES: Final = 8
"""Numbers of every type are aligned at multiples of this."""
_EXTRA: Final = "pip install 'emel[gguf]' brings it"


def make_read(budget: Budget) -> ReadStrategy:
    """Make the strategy that reads."""
    most = None if budget.copies is None else THREADS
    return ReadStrategy(direct=budget.direct, call_nbytes=budget.call, most_threads=most)


def make_staged(budget: Budget) -> StagedStrategy:
    """Make the strategy that stages."""
    return StagedStrategy(chunk_nbytes=budget.staging // STAGES, stages=STAGES)


def read_unavailable() -> str:
    """Say why files can't be read here; empty if they can."""
    return ReadStrategy.unavailable()


def staged_unavailable() -> str:
    """Say why bytes can't be staged here; empty if they can."""
    return StagedStrategy.unavailable()


def placed(nbytes: int, offset: int) -> NDArray[np.uint8]:
    """Make memory that direct reads land in, but aligned for numbers wherever the file's are."""
    return congruent_empty(nbytes, offset if offset % WORD_NBYTES == 0 else 0)


def kept(nbytes: int, offset: int, *, direct: bool) -> NDArray[np.uint8]:
    """Make memory for the copy of a tensor: only a large one is worth the page more of `placed`."""
    is_worth_it = direct and nbytes >= CONGRUENT_NBYTES
    return placed(nbytes, offset) if is_worth_it else np.empty(nbytes, np.uint8)


def make_transform(stored: DType, byteorder: str, wanted: np.dtype[Any]) -> Transform | str:
    """Make what turns stored bytes into numbers of another type; or say why nothing can."""
    try:
        if not stored.raw:
            source = stored.numpy("big" if byteorder == "big" else "little")
            # ml_dtypes has no swapped bfloat16: a big-endian file's are swapped bits.
            swapped = stored.name == "BF16" and byteorder == "big"
            return Conversion(source, wanted, bits=stored.numpy() if swapped else None)
        if byteorder == "big":
            return f"{stored.name} blocks of a big-endian file can't be dequantised"
        if not stored.by_row:  # of safetensors alone: to install gguf doesn't help
            return f"{stored.name} is no type that gguf knows"
        refusal = Dequantisation.refusal(stored.name)
        if refusal is None:
            return Dequantisation(stored.name, wanted)
    except ValueError as error:  # `wanted` is no type of numbers, or of none that would do
        return str(error)
    missing = refusal.code == code_of(StagedOutcome.DEQUANTISER_MISSING)
    return f"{refusal.message}; {_EXTRA}" if missing else refusal.message
