"""One opened checkpoint: its header, its tensors, and the route that their bytes take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Advice, Lease, Mode, Route, Staging, Strategy, StrategyError, Usage
from emel_model_format import DTYPES, Header
from emel_model_loader.blame import Blame, joined
from emel_model_loader.companions import NO_COMPANIONS, Companions, Limits
from emel_model_loader.copied import Copied
from emel_model_loader.mapped import Mapped
from emel_model_loader.outcomes import Failure, LoadOutcome
from emel_model_loader.progress import Meter, OnProgress
from emel_model_tensor import Snapshot, TensorSet


class Checkpoint:
    """Made by `open_checkpoint`; owns its route, and with it every mapping of the model.

    Tensors are numbered 0 to n - 1 in the header's order, and nothing is loaded before it is asked
    for. Requests answer with a `Failure` where they fail. One thread at a time.

    Parameters
    ----------
    path
        What was opened: a file, an index, a folder.
    route, header, tensors
        What opening it has left.
    companions
        What copies and transforms beside the route.
    limits
        How much memory may be taken.
    """

    def __init__(
        self,
        path: str,
        route: Route,
        header: Header,
        tensors: TensorSet,
        *,
        companions: Companions = NO_COMPANIONS,
        limits: Limits = Limits(),  # noqa: B008 - it is immutable
    ) -> None:
        self.path: str = path
        self.header: Header = header
        self.names: tuple[str, ...] = header.tensors.names
        self.position: dict[str, int] = {name: i for i, name in enumerate(self.names)}
        self.closed: bool = False
        self.route: Route = route
        self.tensors: TensorSet = tensors
        self.blame: Blame = Blame(path, self.names, tensors)
        self.companions: Companions = companions
        # Looked up once: it is asked for each array.
        self._lease: Callable[[int], Lease | None] = tensors.lease
        self.limits: Limits = limits
        self._copying: Strategy | None = None
        self._staging: Staging | None = None
        self._mapped: Mapped = Mapped(route, tensors, self.blame, header.tensors.nbytes)
        self._copied: Copied = Copied(tensors, self.blame, companions.allocate, limits.copies)
        self._arrays: tuple[list[tuple[int, ...]], list[np.dtype[np.generic]]] | None = None
        """Shape and dtype of each tensor's array, from the first one that is asked for."""

    @property
    def copying(self) -> Strategy:
        """What fills buffers: the route itself if it copies, else the companion."""
        if self.route.mode is Mode.COPIES:
            return self.route
        if self._copying is None:
            self._copying = self.companions.copying()
        return self._copying

    @property
    def staging(self) -> Staging:
        """What transforms bytes on their way: the route itself if it can, else the companion."""
        if isinstance(self.route.strategy, Staging):
            return self.route.strategy
        if self._staging is None:
            self._staging = self.companions.staging()
        return self._staging

    def array(self, tensor: int) -> NDArray[Any] | Failure:
        """Look at one tensor, loaded if it isn't.

        An array that is borrowed from its mapping, or from a copy that was made here, is read-only;
        one over a buffer of the caller's is as the buffer is. Each look at a mapping checks that
        the file still reaches to the tensor's end.
        """
        lease = self._lease(tensor)
        if lease is None:
            found = self._bring(tensor)
            if not isinstance(found, Lease):
                return found if isinstance(found, Failure) else self.shaped(tensor, found)
            lease = found
        try:
            view = self.route.view(*lease)
        except StrategyError as error:
            return self.blame.batch(error.result, (tensor,))
        # As in `shaped`: this runs for each array of a model, and a call is a tenth of its price.
        shapes, dtypes = self._arrays or self._describe_arrays()
        return np.ndarray(shapes[tensor], dtypes[tensor], view)

    def load(
        self,
        index: NDArray[np.intp] | None = None,
        *,
        threads: int | None = None,
        touch: bool = False,
        progress: OnProgress | None = None,
    ) -> Failure | None:
        """Load the tensors at `index` (m,), or all, in one batch; what is loaded is kept.

        Parameters
        ----------
        threads
            How many threads may read at once; None leaves it to the strategy.
        touch
            Bring every page of a mapping into memory now, in steps, instead of when it is first
            looked at. Copies are in memory anyway.
        progress
            Called before the first step and after each one.

        Returns
        -------
        Failure or None
            After a failure to load nothing has changed. After a failure to touch the tensors are
            mapped.
        """
        if self.closed:
            return self.blame.closed()
        wanted = np.arange(len(self.names)) if index is None else _distinct(index)
        absent = self.tensors.absent(wanted)
        if self.route.mode is Mode.COPIES:
            return self._copied.load(absent, self.route, threads=threads, progress=progress)
        meter = Meter(self.header.tensors.nbytes[wanted], progress)
        failure = self._mapped.map(absent)
        if failure is None and touch:
            return self._mapped.touch(wanted, meter)
        for _ in wanted.tolist() if failure is None and progress is not None else ():
            meter.finish_tensor()  # mapped, and that is all that was asked for
        return failure

    def load_into(
        self,
        into: Mapping[int, NDArray[np.uint8]],
        *,
        threads: int | None = None,
        progress: OnProgress | None = None,
    ) -> Failure | None:
        """Copy tensors into the caller's buffers: by tensor number, (nbytes,) each, in one batch.

        What is loaded already is released first and copied again; a failure names what is borrowed,
        and nothing has changed then. After any other failure these tensors are not resident, and
        the buffers may hold anything. A buffer is looked at until its tensor is released.
        """
        if self.closed:
            return self.blame.closed(into)
        copying = self.copying  # before anything is let go of: making one may fail
        index = np.array(sorted(into), np.intp)
        mapped = self.tensors.mapped(index)
        failure = joined(self._copied.still_borrowed(index), self._mapped.unmap(mapped))
        if failure is not None:
            self._mapped.map(self.tensors.absent(mapped))  # what wasn't borrowed
            return failure
        return self._copied.load_into(into, copying, threads=threads, progress=progress)

    def release(
        self, index: NDArray[np.intp] | None = None, *, withhold: bool = True
    ) -> Failure | None:
        """Give the memory of the tensors at `index` (m,), or of all that are loaded, back.

        Those that are still borrowed stay loaded and are named in the failure; the others are gone.
        Buffers of the caller's are forgotten. Refused whole if one of `index` isn't loaded. With
        `withhold`, tensors released by index are mapped again only when they themselves are asked
        for.
        """
        if self.closed:
            return self.blame.closed()
        if index is None:
            self._mapped.start_over()
            withhold = False
        else:
            index = _distinct(index)
            absent = self.tensors.absent(index)
            if absent.size:
                return self._mapped.unmap(absent)  # refuses them, by name
        mapped, copied = self.tensors.mapped(index), self.tensors.copied(index)
        failure = joined(self._mapped.unmap(mapped), self._copied.release(copied))
        if withhold:  # what is gone now, and nothing else: a refused release changes nothing
            self._mapped.withhold(self.tensors.absent(mapped))
        return failure

    def close(self) -> Failure | None:
        """Release everything and close the strategy; what is borrowed stays, and can be retried."""
        if self.closed:
            return None
        failure = self.release()
        if failure is not None:
            return failure
        for strategy in (self._copying, self._staging, self.route):
            # Lets go of everything, whatever else went wrong.
            closed = None if strategy is None else strategy.close()
            if closed is not None and not closed.ok:
                return Failure.of_batch(LoadOutcome.IO_FAILED, closed, self.path)
        self.closed = True
        return None

    def give_pages_back(self, tensor: int) -> None:
        """Take the tensor's pages out of memory; it stays mapped, and reading it reads it again."""
        lease = self.tensors.lease(tensor)
        if lease is not None:
            self.route.advise(*lease, Advice.DONT_NEED)

    def absent(self) -> NDArray[np.intp]:
        """Select the tensors that are not loaded."""
        return self.tensors.absent()

    def state_of(self, tensor: int) -> str:
        """Name the state of one tensor."""
        return self.tensors.state_of(tensor)

    def capture(self) -> Snapshot:
        """Copy what is known of every tensor now."""
        return self.tensors.capture()

    def usage(self) -> Usage:
        """Count what the strategy holds now."""
        return self.route.usage()

    def array_type(self, tensor: int) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
        """Shape and dtype of the array of one tensor."""
        shapes, dtypes = self._arrays or self._describe_arrays()
        return shapes[tensor], dtypes[tensor]

    def shaped(self, tensor: int, memory: NDArray[np.uint8]) -> NDArray[Any]:
        """Look at memory (nbytes,) as the array of one tensor."""
        shape, dtype = self.array_type(tensor)
        return np.ndarray(shape, dtype, memory)

    def _bring(self, tensor: int) -> Lease | NDArray[np.uint8] | Failure:
        """Find the copy of a tensor that isn't mapped, or load it."""
        copy = self._copied.lend(tensor)
        if copy is not None:
            return copy
        failure = self._load_for(tensor)
        if failure is not None:
            return failure
        found = self._lease(tensor) or self._copied.lend(tensor)
        assert found is not None, "it was loaded just now"  # noqa: S101 - a proof
        return found

    def _load_for(self, tensor: int) -> Failure | None:
        """Load one tensor that is asked for."""
        if self.closed:
            return self.blame.closed((tensor,))
        if self.route.mode is Mode.COPIES:
            return self._copied.load(np.array([tensor]), self.route)
        return self._mapped.map_for(tensor)

    def _describe_arrays(self) -> tuple[list[tuple[int, ...]], list[np.dtype[np.generic]]]:
        columns = self.header.tensors
        codes: list[int] = columns.dtype.tolist()
        known = {code: DTYPES[code].numpy(self.header.byteorder) for code in set(codes)}
        self._arrays = columns.array_shapes(), [known[code] for code in codes]
        return self._arrays


def _distinct(index: NDArray[np.intp]) -> NDArray[np.intp]:
    """Sort tensor numbers and name each once; one alone is what is mostly asked for."""
    return np.unique(index) if len(index) > 1 else index
