"""Tensors of a checkpoint whose strategy maps: mapped on demand, looked at, touched, given back."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Advice, Lease, Reaction, Route, StrategyError
from emel_model_loader.blame import Blame
from emel_model_loader.outcomes import Failure
from emel_model_loader.progress import STEP_NBYTES, Meter
from emel_model_tensor import TensorSet

SINGLES: Final = 4
"""So many tensors are mapped one by one as they are asked for. Whoever asks for more is taking the
model as a whole, and the rest is mapped in one batch: mapping costs addresses, not memory."""


class Mapped:
    """The mapped side of a checkpoint. Tensors are numbered; requests answer with a `Failure`."""

    def __init__(
        self, route: Route, tensors: TensorSet, blame: Blame, nbytes: NDArray[np.int64]
    ) -> None:
        self._route: Route = route
        self._tensors: TensorSet = tensors
        self._blame: Blame = blame
        self._nbytes: NDArray[np.int64] = nbytes
        self._singles: int = 0
        # What may be mapped along with others: all, but for what was released by name.
        self._along: NDArray[np.bool_] = np.ones(len(tensors), np.bool_)

    def map_for(self, tensor: int) -> Failure | None:
        """Map one tensor that is asked for; from the fifth on, all that may come along."""
        self._singles += 1
        if self._singles <= SINGLES or not self._along[tensor]:
            return self.map(np.array([tensor]))
        return self.map(self._tensors.absent(np.flatnonzero(self._along)))

    def map(self, index: NDArray[np.intp]) -> Failure | None:
        """Map the tensors at `index` (m,) in one batch, all or none."""
        if not index.size:
            return None
        return self._blame.report(self._tensors.load(index, self._route))

    def unmap(self, index: NDArray[np.intp]) -> Failure | None:
        """Give the mappings of the tensors at `index` (m,) back, but for what is borrowed."""
        if not index.size:
            return None
        return self._blame.report(self._tensors.release(index, self._route))

    def withhold(self, index: NDArray[np.intp]) -> None:
        """Map these tensors again only when they themselves are asked for."""
        self._along[index] = False

    def start_over(self) -> None:
        """Forget what was asked for and what is withheld: everything is being released."""
        self._singles = 0
        self._along[:] = True

    def touch(self, index: NDArray[np.intp], meter: Meter) -> Failure | None:
        """Bring every page of the tensors at `index` (m,) into memory, in steps."""
        for tensor in index.tolist():
            lease = self._tensors.lease(tensor)
            failure = None if lease is None else self._touch(tensor, lease, meter)
            if failure is not None:
                return failure
            meter.finish_tensor()
        return None

    def _touch(self, tensor: int, lease: Lease, meter: Meter) -> Failure | None:
        nbytes = self._nbytes.item(tensor)
        for start in range(0, nbytes, STEP_NBYTES):
            step = min(STEP_NBYTES, nbytes - start)
            answer = self._route.advise(*lease, Advice.POPULATE, start, step)
            if answer.reaction is Reaction.UNSUPPORTED:
                try:
                    _read_pages(self._route.view(*lease), start, start + step)
                except StrategyError as error:
                    return self._blame.batch(error.result, (tensor,))
            elif not answer.ok:
                return self._blame.batch(answer, (tensor,))
            meter.advance(step)
        return None


def _read_pages(view: NDArray[np.uint8], start: int, stop: int) -> None:
    """Touch pages by hand where the platform can't be asked to."""
    np.add.reduce(view[start:stop:4096])
    view.item(stop - 1)  # a step begins anywhere in its page, and may end in one more
