"""One opened checkpoint: its header, its tensors, and the route that their bytes take."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Advice, Reaction, Route, StrategyError, Usage
from emel_model_format import DTYPES, Header
from emel_model_loader.outcomes import Failure, LoadOutcome
from emel_model_loader.progress import STEP_NBYTES, Meter, OnProgress
from emel_model_tensor import Report, Snapshot, TensorSet

SINGLES: Final = 4
"""So many tensors are mapped one by one as they are asked for. Whoever asks for more is taking the
model as a whole, and the rest is mapped in one batch: mapping costs addresses, not memory."""


class Checkpoint:
    """Made by `open_checkpoint`; owns its route, and with it every mapping of the model.

    Tensors are numbered 0 to n - 1 in the header's order, and nothing is loaded before it is asked
    for. Requests answer with a `Failure` where they fail. One thread at a time.
    """

    def __init__(self, path: str, route: Route, header: Header, tensors: TensorSet) -> None:
        self.path = path
        self.header = header
        self.names: tuple[str, ...] = header.tensors.names
        self.position = {name: i for i, name in enumerate(self.names)}
        self.closed = False
        self._route = route
        self._tensors = tensors
        self._arrays: tuple[list[tuple[int, ...]], list[np.dtype[np.generic]]] | None = None
        """Shape and dtype of each tensor's array, from the first one that is asked for."""
        self._singles = 0
        # What may be mapped along with others: all, but for what was released by name.
        self._along = np.ones(len(tensors), np.bool_)

    @property
    def strategy(self) -> str:
        """The strategy that serves this checkpoint."""
        return self._route.name

    def array(self, tensor: int) -> NDArray[Any] | Failure:
        """Look at one tensor: a read-only array borrowed from its mapping, mapped if it isn't.

        Each call checks that the file still reaches to the tensor's end.
        """
        lease = self._tensors.lease(tensor)
        if lease is None:
            failure = self._map_for(tensor)
            if failure is not None:
                return failure
            lease = self._tensors.lease(tensor)
            assert lease is not None, "it was mapped just now"  # noqa: S101 - a proof
        try:
            view = self._route.view(*lease)
        except StrategyError as error:
            return self._blame(error, tensor)
        if self._arrays is None:
            self._arrays = self._describe_arrays()
        shapes, dtypes = self._arrays
        return np.ndarray(shapes[tensor], dtypes[tensor], view)

    def load(
        self,
        index: NDArray[np.intp] | None = None,
        *,
        touch: bool = False,
        progress: OnProgress | None = None,
    ) -> Failure | None:
        """Load the tensors at `index` (m,), or all, in one batch; those that are loaded are kept.

        Parameters
        ----------
        touch
            Bring every page into memory now, in steps, instead of when it is first looked at.
        progress
            Called before the first step and after each one.

        Returns
        -------
        Failure or None
            After a failure to map nothing has changed. After a failure to touch the tensors are
            mapped.
        """
        if self.closed:
            return self._used_after_close()
        wanted = np.arange(len(self.names)) if index is None else np.unique(index)
        meter = Meter(self.header.tensors.nbytes[wanted], progress)
        failure = self._map(self._tensors.absent(wanted))
        if failure is not None:
            return failure
        for tensor in wanted.tolist() if touch or progress is not None else ():
            failure = self._touch(tensor, meter) if touch else None
            if failure is not None:
                return failure
            meter.finish_tensor()
        return None

    def release(
        self, index: NDArray[np.intp] | None = None, *, withhold: bool = True
    ) -> Failure | None:
        """Give the mappings of the tensors at `index` (m,), or of all that are mapped, back.

        Those that are still borrowed stay mapped and are named in the failure; the others are gone.
        With `withhold`, tensors released by index are mapped again only when they themselves are
        asked for.
        """
        if self.closed:
            return self._used_after_close()
        if index is None:
            self._singles = 0
            self._along[:] = True
            index, withhold = self._tensors.mapped(), False
        else:
            index = np.unique(index)
        mapped = self._tensors.mapped(index)
        failure = self._unmap(index)
        if withhold:  # what is gone now, and nothing else: a refused release changes nothing
            self._along[self._tensors.absent(mapped)] = False
        return failure

    def close(self) -> Failure | None:
        """Release everything and close the strategy; what is borrowed stays, and can be retried."""
        if self.closed:
            return None
        failure = self.release()
        if failure is not None:
            return failure
        closed = self._route.close()  # lets go of everything, whatever else went wrong
        if not closed.ok:
            return Failure.of_batch(LoadOutcome.IO_FAILED, closed, self.path)
        self.closed = True
        return None

    def give_pages_back(self, tensor: int) -> None:
        """Take the tensor's pages out of memory; it stays mapped, and reading it reads it again."""
        lease = self._tensors.lease(tensor)
        if lease is not None:
            self._route.advise(*lease, Advice.DONT_NEED)

    def absent(self) -> NDArray[np.intp]:
        """Select the tensors that are not loaded."""
        return self._tensors.absent()

    def state_of(self, tensor: int) -> str:
        """Name the state of one tensor."""
        return self._tensors.state_of(tensor)

    def capture(self) -> Snapshot:
        """Copy where every tensor's bytes are now."""
        return self._tensors.capture()

    def usage(self) -> Usage:
        """Count what the strategy holds now."""
        return self._route.usage()

    def _describe_arrays(self) -> tuple[list[tuple[int, ...]], list[np.dtype[np.generic]]]:
        columns = self.header.tensors
        codes: list[int] = columns.dtype.tolist()
        known = {code: DTYPES[code].numpy(self.header.byteorder) for code in set(codes)}
        return columns.array_shapes(), [known[code] for code in codes]

    def _map_for(self, tensor: int) -> Failure | None:
        """Map one tensor that is asked for; from the fifth on, all that may come along."""
        if self.closed:
            return self._used_after_close(tensor)
        self._singles += 1
        if self._singles <= SINGLES or not self._along[tensor]:
            return self._map(np.array([tensor]))
        return self._map(self._tensors.absent(np.flatnonzero(self._along)))

    def _map(self, index: NDArray[np.intp]) -> Failure | None:
        return self._explain(self._tensors.load(index, self._route)) if index.size else None

    def _unmap(self, index: NDArray[np.intp]) -> Failure | None:
        return self._explain(self._tensors.release(index, self._route)) if index.size else None

    def _touch(self, tensor: int, meter: Meter) -> Failure | None:
        lease = self._tensors.lease(tensor)
        nbytes = self.header.tensors.nbytes.item(tensor)
        if lease is None:
            return None
        for start in range(0, nbytes, STEP_NBYTES):
            step = min(STEP_NBYTES, nbytes - start)
            populated = self._route.advise(*lease, Advice.POPULATE, start, step)
            if populated.reaction is Reaction.UNSUPPORTED:
                failure = self._read_pages(tensor, start, step)
                if failure is not None:
                    return failure
            elif not populated.ok:
                name = (self.names[tensor],)
                return Failure.of_batch(LoadOutcome.IO_FAILED, populated, self.path, name)
            meter.advance(step)
        return None

    def _read_pages(self, tensor: int, start: int, nbytes: int) -> Failure | None:
        """Touch pages by hand where the platform can't be asked to."""
        lease = self._tensors.lease(tensor)
        assert lease is not None, "the caller has it"  # noqa: S101 - a proof
        try:
            view, stop = self._route.view(*lease), start + nbytes
            np.add.reduce(view[start:stop:4096])
            view.item(stop - 1)  # a step begins anywhere in its page, and may end in one more
        except StrategyError as error:
            return self._blame(error, tensor)
        return None

    def _blame(self, error: StrategyError, tensor: int) -> Failure:
        name = (self.names[tensor],)
        return Failure.of_batch(LoadOutcome.IO_FAILED, error.result, self.path, name)

    def _explain(self, report: Report) -> Failure | None:
        if report.ok:
            return None
        refused: list[int] = report.tensors.tolist()
        names = tuple(self.names[i] for i in refused)
        if report.strategy is not None and not report.strategy.ok:
            return Failure.of_batch(LoadOutcome.IO_FAILED, report.strategy, self.path, names)
        reason = report.message or report.code.replace("-", " ")
        return Failure(
            stage=LoadOutcome.MODEL_FAILED,
            reaction=report.reaction,
            code=report.code,
            message=f"{self.path}: {reason}",
            path=self.path,
            tensors=names,
        )

    def _used_after_close(self, tensor: int | None = None) -> Failure:
        return Failure(
            stage=LoadOutcome.MODEL_FAILED,
            reaction=Reaction.CLOSED,
            code="model-closed",
            message=f"{self.path}: the model is closed",
            path=self.path,
            tensors=() if tensor is None else (self.names[tensor],),
        )
