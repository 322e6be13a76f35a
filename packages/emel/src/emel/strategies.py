"""The only place where strategies are wired in: by name, and when they are first needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from emel.budget import Budget
from emel_io_file import file_system
from emel_io_loader import Offer, Router, Transform, discover
from emel_io_mmap import MmapStrategy
from emel_model_format import DType
from emel_model_loader import Companions


def make_router(budget: Budget, *, slots: int) -> Router:
    """Offer the built-in strategies, and those of other packages when they are asked for."""
    offers = {
        "mmap": Offer(lambda: MmapStrategy(slots=slots), MmapStrategy.unavailable),
        "read": Offer(lambda: _copying().make_read(budget), lambda: _copying().read_unavailable()),
        "staged": Offer(
            lambda: _copying().make_staged(budget), lambda: _copying().staged_unavailable()
        ),
    }
    return Router(offers, file_system=file_system, found=_found)


def placed(nbytes: int, offset: int) -> NDArray[np.uint8]:
    """Make an array (nbytes,) that direct reads of a file from an offset on land in."""
    return _copying().placed(nbytes, offset)


def make_companions(budget: Budget) -> Companions:
    """Name what copies and transforms for a model, whatever strategy it was opened with."""
    return Companions(
        copying=lambda: _copying().make_read(budget),
        staging=lambda: _copying().make_staged(budget),
        transform=_transform,
        allocate=partial(_allocate, direct=budget.direct),
    )


def _transform(stored: DType, byteorder: str, wanted: np.dtype[Any]) -> Transform | str:
    return _copying().make_transform(stored, byteorder, wanted)


def _allocate(nbytes: int, offset: int, *, direct: bool) -> NDArray[np.uint8]:
    return _copying().kept(nbytes, offset, direct=direct)


def _copying() -> ModuleType:
    from emel import copying  # noqa: PLC0415 - most models are mapped, and need none of it

    return copying


def _found() -> Mapping[str, Offer]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - rarely needed, and slow to import

    return discover(entry_points(group="emel.strategies"))


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
