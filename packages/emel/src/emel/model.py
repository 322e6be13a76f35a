"""A model as its users see it: a mapping of names to arrays, and what it costs to hold them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from emel.errors import EmelError, raise_failure
from emel.tables import Residency, StateTotal, TensorInfo
from emel_io_loader import Offer, Router, Usage
from emel_io_mmap import MmapStrategy
from emel_model_format import DTYPES, Metadata
from emel_model_loader import Checkpoint, Digest, Failure, Progress, digest, open_checkpoint
from emel_model_tensor import STATES


def open(  # noqa: A001 - `emel.open` reads like the builtin, on purpose
    source: str | os.PathLike[str], *, strategy: str | None = "mmap", slots: int = 256
) -> Model:
    """Open a GGUF or safetensors file.

    Reads the header and nothing else: no tensor is loaded before it is asked for.

    Parameters
    ----------
    source
        The file's path.
    strategy
        How bytes get into memory. "mmap": zero copy; a tensor's pages are read as they are looked
        at.
    slots
        Mappings that can be held at once; one serves a whole file.

    Returns
    -------
    Model
        To be closed by its `with` block or by `close`.

    Raises
    ------
    InvalidFileError
        The file breaks its format.
    UnsupportedError
        Nothing here handles the format, a tensor's type, or a strategy of this name.
    SourceError
        The file can't be opened or read.
    ValueError
        `slots` is less than 1.

    After an error nothing is open, mapped or kept.
    """
    if slots < 1:
        raise ValueError(f"slots is at least 1, not {slots}")
    # The only place where concrete strategies are named.
    offers = {
        "mmap": Offer(lambda: MmapStrategy(slots=slots), MmapStrategy.unavailable),
    }
    opened = open_checkpoint(os.fsdecode(source), Router(offers), strategy)
    if isinstance(opened, Failure):
        raise_failure(opened)
    return Model(opened)


class Model(Mapping[str, NDArray[Any]]):
    """An opened model: made by `emel.open`.

    Reading a tensor (`model[name]`) answers with a read-only array that is borrowed from the
    model's mapping. While an array is alive, releasing its tensor and closing the model raise
    `BusyError`, and the array stays valid. One thread at a time.

    The first four tensors are mapped as they are asked for; whoever asks for a fifth takes the
    model as a whole, and the rest is mapped along in one batch, but for what was released by name.
    A mapping costs addresses, and memory only for what is looked at.

    Arrays of quantised GGUF types are uint8 rows of raw blocks, (..., bytes of a row); those of
    safetensors' types of less than a byte are raw bytes. `info` has their logical type and shape.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        # Looked up once: both are needed for each array.
        self._array = checkpoint.array
        self._find = checkpoint.position.get

    @property
    def path(self) -> str:
        """The file that was opened."""
        return self._checkpoint.path

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that tensors lie in."""
        return self._checkpoint.capture().files

    @property
    def format(self) -> str:
        """What the file is: "gguf" or "safetensors"."""
        return self._checkpoint.header.format

    @property
    def version(self) -> int:
        """GGUF's version; 0 for safetensors, which has none."""
        return self._checkpoint.header.version

    @property
    def byteorder(self) -> str:
        """Byte order of the tensors' data: "little" or "big"."""
        return self._checkpoint.header.byteorder

    @property
    def metadata(self) -> Metadata:
        """The header's metadata: a mapping that decodes values as they are asked for.

        It owns its bytes, and stays usable after the model is closed.
        """
        return self._checkpoint.header.metadata

    @property
    def closed(self) -> bool:
        """Whether everything was let go of."""
        return self._checkpoint.closed

    def __getitem__(self, name: str) -> NDArray[Any]:
        position = self._find(name)
        array = self._array(self._position(name) if position is None else position)
        if isinstance(array, Failure):
            raise_failure(array)
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._checkpoint.names)

    def __len__(self) -> int:
        return len(self._checkpoint.names)

    def __contains__(self, name: object) -> bool:
        # Without this, Mapping would load the tensor to see whether it is there.
        return name in self._checkpoint.position

    # A model is itself and no other; Mapping would load every tensor to compare two of them.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{len(self)} tensors"
        return f"<emel.Model {self.path!r}: {self.format}, {state}>"

    def info(self, name: str) -> TensorInfo:
        """Describe one tensor without loading it."""
        i = self._position(name)
        columns = self._checkpoint.header.tensors
        return TensorInfo(
            name=name,
            dtype=DTYPES[columns.dtype.item(i)].name,
            shape=columns.shape(i),
            nbytes=columns.nbytes.item(i),
            file=self.path,
            offset=columns.offset.item(i),
            residency=self._checkpoint.state_of(i),
        )

    def residency(self) -> Residency:
        """Say where every tensor's bytes are: columns, and totals by state."""
        snapshot = self._checkpoint.capture()
        totals = {state: StateTotal(*total) for state, total in snapshot.totals().items()}
        states = np.array(STATES)[snapshot.state]
        return Residency(self._checkpoint.names, states, snapshot.nbytes, totals)

    def usage(self) -> Usage:
        """Count the mappings, leases and bytes of address space that are held now."""
        return self._checkpoint.usage()

    def load(
        self,
        names: Iterable[str] | None = None,
        *,
        touch: bool = False,
        progress: Callable[[Progress], object] | None = None,
    ) -> None:
        """Load tensors in one batch: those named, or all. What is loaded already is kept.

        Parameters
        ----------
        names
            Which tensors.
        touch
            Bring their bytes into memory now, instead of when they are first looked at.
        progress
            Called with a `Progress` (bytes and tensors, done and total) as the work goes on.

        Raises
        ------
        SourceError
            The file can't be mapped or read, or isn't what it was; see `.tensor` and `.offset`.
        """
        self._raise(self._checkpoint.load(self._index(names), touch=touch, progress=progress))

    def release(self, names: Iterable[str] | None = None) -> None:
        """Give memory back: of the tensors named, or of all that are loaded.

        Raises
        ------
        BusyError
            Arrays of the tensors in `.tensors` are alive. Those stay loaded and valid; everything
            else that was asked for is released. Drop the arrays and call again.
        ClosedError
            A tensor that was named isn't loaded; nothing was released.
        """
        self._raise(self._checkpoint.release(self._index(names)))

    def digest(self, progress: Callable[[Progress], object] | None = None) -> Digest:
        """Digest each tensor and the model: 128 bits of XXH3, in hexadecimal.

        The same for the same weights, whatever the strategy and the layout of the file. Reads every
        byte; what wasn't loaded before is released again.
        """
        result = digest(self._checkpoint, progress)
        if isinstance(result, Failure):
            raise_failure(result)
        return result

    def close(self) -> None:
        """Release everything and close the file. Closing twice is legal.

        Raises
        ------
        BusyError
            Arrays of the tensors in `.tensors` are alive. They stay valid, everything else is
            released, and closing can be tried again.
        """
        self._raise(self._checkpoint.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except EmelError as failed:
            if error is None:
                raise
            # The block's own exception is the news; its frames may well hold the arrays.
            error.add_note(f"emel: {self.path} is still open: {failed}")

    def _position(self, name: str) -> int:
        try:
            return self._checkpoint.position[name]
        except KeyError:
            raise KeyError(f"{name!r} is not a tensor of {self.path}") from None

    def _index(self, names: Iterable[str] | None) -> NDArray[np.intp] | None:
        if names is None:
            return None
        chosen = [names] if isinstance(names, str) else names
        return np.array([self._position(name) for name in chosen], np.intp)

    @staticmethod
    def _raise(failure: Failure | None) -> None:
        if failure is not None:
            raise_failure(failure)
