"""The only place where concrete strategies are wired in, and what they are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from emel_io_file import file_system
from emel_io_loader import Offer, Router, Transform, code_of, discover
from emel_io_mmap import MmapStrategy
from emel_io_read import ReadStrategy, congruent_empty
from emel_io_staged import Conversion, Dequantisation, StagedOutcome, StagedStrategy
from emel_model_format import DType
from emel_model_loader import Companions

STAGES: Final = 4
STAGING_NBYTES: Final = 32 << 20
"""Four stages of 8 MiB: one call reads a stage, so calls are as large as they are worth."""
WORD_NBYTES: Final = 8
"""Numbers of every type are aligned at multiples of this."""
LEAST_LIMIT: Final = 64 << 10
"""A memory limit is at least this many bytes: a stage holds whole blocks, and more than a page."""

_EXTRA: Final = "pip install 'emel[gguf]' brings it"


def staging_nbytes(memory_limit: int | None) -> int:
    """Say how many bytes are staged: as many as are of use, or as the limit allows."""
    return STAGING_NBYTES if memory_limit is None else min(STAGING_NBYTES, memory_limit)


def make_staged(memory_limit: int | None) -> StagedStrategy:
    """Make the strategy that stages, within the limit."""
    return StagedStrategy(chunk_nbytes=staging_nbytes(memory_limit) // STAGES, stages=STAGES)


def make_router(*, slots: int, direct: bool, memory_limit: int | None) -> Router:
    """Offer the built-in strategies, and those of other packages when they are asked for."""
    offers = {
        "mmap": Offer(lambda: MmapStrategy(slots=slots), MmapStrategy.unavailable),
        "read": Offer(lambda: ReadStrategy(direct=direct), ReadStrategy.unavailable),
        "staged": Offer(lambda: make_staged(memory_limit), StagedStrategy.unavailable),
    }
    return Router(offers, file_system=file_system, found=_found)


def make_companions(*, direct: bool, memory_limit: int | None) -> Companions:
    """Name what copies and transforms for a model, whatever strategy it was opened with."""
    return Companions(
        copying=lambda: ReadStrategy(direct=direct),
        staging=lambda: make_staged(memory_limit),
        transform=make_transform,
        allocate=_placed,
    )


def _placed(nbytes: int, offset: int) -> NDArray[np.uint8]:
    """Make memory that direct reads land in, but aligned for numbers wherever the file's are."""
    return congruent_empty(nbytes, offset if offset % WORD_NBYTES == 0 else 0)


def _found() -> Mapping[str, Offer]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - rarely needed, and slow to import

    return discover(entry_points(group="emel.strategies"))


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
        refusal = Dequantisation.refusal(stored.name)
        if refusal is None:
            return Dequantisation(stored.name, wanted)
    except ValueError as error:  # `wanted` is no type of numbers, or of none that would do
        return str(error)
    missing = refusal.code == code_of(StagedOutcome.DEQUANTISER_MISSING)
    return f"{refusal.message}; {_EXTRA}" if missing else refusal.message


def resolve_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Make a numpy dtype of a name, those of ml_dtypes too.

    Raises
    ------
    TypeError
        There is no such type.
    """
    try:
        return np.dtype(dtype)
    except TypeError:
        import ml_dtypes  # noqa: PLC0415 - its import costs as much as opening a model

        named: DTypeLike = getattr(ml_dtypes, str(dtype), dtype)
        return np.dtype(named)
