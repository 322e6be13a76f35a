"""A tensor of which only parts are read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from emel.errors import raise_failure
from emel_model_loader import Checkpoint, Failure, Index, PartPlan, plan, read_part


class Part:
    """One tensor, to be read in slices: made by `Model.part`.

    `part[index]` reads just what the index selects, as a new array that is the caller's; nothing
    becomes resident. Integers, slices with any step, and an ellipsis, as in numpy. Bytes that are
    read stay under 1.25 times those that are wanted, unless a wider stretch, or the whole tensor,
    is cheaper than many small reads: `plan` says which. A mapped model's parts are copied out of
    its mapping, and touch just the pages that they lie in. Rows of quantised tensors are blocks.
    """

    def __init__(self, checkpoint: Checkpoint, tensor: int) -> None:
        self._checkpoint: Checkpoint = checkpoint
        self._tensor: int = tensor

    @property
    def name(self) -> str:
        """The tensor's name."""
        return self._checkpoint.names[self._tensor]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole array."""
        return self._checkpoint.array_type(self._tensor)[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its dtype; uint8 for raw blocks."""
        return self._checkpoint.array_type(self._tensor)[1]

    def plan(self, index: Index) -> PartPlan:
        """Say what reading `part[index]` takes, without reading.

        Raises
        ------
        IndexError, TypeError
            As `part[index]`.
        """
        return plan(self._checkpoint, self._tensor, index)

    def __getitem__(self, index: Index) -> NDArray[Any]:
        part = read_part(self._checkpoint, self._tensor, self.plan(index))
        if isinstance(part, Failure):
            raise_failure(part)
        return part

    def __array__(
        self,
        dtype: DTypeLike | None = None,
        copy: bool | None = None,  # noqa: FBT001 - numpy's protocol
    ) -> NDArray[Any]:
        """Read the whole tensor, for `numpy.asarray(part)`; it is always a copy."""
        if copy is False:
            raise ValueError("what a part reads is always a copy")
        whole = self[...]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"<emel.Part {self.name!r}: {self.dtype} {self.shape}>"
