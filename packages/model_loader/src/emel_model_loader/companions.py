"""What a checkpoint may need beside the strategy that it was opened with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Staging, Strategy, Transform
from emel_model_format import DType
from emel_model_loader.progress import STEP_NBYTES

MakeTransform: TypeAlias = Callable[[DType, str, "np.dtype[Any]"], "Transform | str"]
"""(stored type, its byte order, wanted type): what turns the one into the other; or why nothing
can, as a sentence."""


class Limits(NamedTuple):
    """How much memory may be taken here, beside the caller's buffers and mapped pages."""

    copies: int | None = None
    """Bytes of tensors that may be held at once in memory that is made here; None: no limit."""
    window: int = STEP_NBYTES
    """Bytes that are looked at in one step where everything passes by once."""
    total: int | None = None
    """Bytes of everything together, staging too; None: no limit."""


class Companions(NamedTuple):
    """Handed in by whoever knows concrete strategies; each is made when it is first needed."""

    copying: Callable[[], Strategy]
    """Make the strategy that fills buffers for a checkpoint whose own strategy maps."""
    staging: Callable[[], Staging]
    """Make the strategy that transforms bytes on their way."""
    transform: MakeTransform
    allocate: Callable[[int, int], NDArray[np.uint8]]
    """(nbytes, offset): make an array (nbytes,) for bytes of a file from `offset` on."""


def _nobody() -> NoReturn:
    raise NotImplementedError("no companion strategy was handed in")


def _no_transform(stored: DType, byteorder: str, wanted: np.dtype[Any]) -> str:
    return f"nothing was handed in that turns {stored.name} ({byteorder}) into {wanted}"


def _anywhere(nbytes: int, offset: int) -> NDArray[np.uint8]:  # noqa: ARG001 - wherever it goes
    return np.empty(nbytes, np.uint8)


NO_COMPANIONS: Final = Companions(
    copying=_nobody,
    staging=_nobody,
    transform=_no_transform,
    allocate=_anywhere,
)
"""For checkpoints that are only looked at through their own strategy."""
