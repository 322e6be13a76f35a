"""A model as its users see it: a mapping of names to arrays, and what it costs to hold them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from emel.buffers import cut, empty_buffer, fit, layout
from emel.errors import EmelError, raise_failure
from emel.part import Part
from emel.strategies import (
    LEAST_LIMIT,
    make_companions,
    make_router,
    resolve_dtype,
    staging_nbytes,
)
from emel.tables import Residency, StateTotal, StrategyUse, TensorInfo
from emel_io_file import entries
from emel_io_loader import Usage
from emel_model_format import DTYPES, Metadata
from emel_model_loader import (
    Checkpoint,
    Comparison,
    Digest,
    Failure,
    Limits,
    Piece,
    Progress,
    compare,
    dequantize,
    digest,
    open_checkpoint,
    read_into,
    stream,
)
from emel_model_tensor import STATES


def open(  # noqa: A001 - `emel.open` reads like the builtin, on purpose
    source: str | os.PathLike[str],
    strategy: str | None = "auto",
    *,
    memory_limit: int | None = None,
    direct: bool = False,
    slots: int = 256,
    shards: bool = True,
) -> Model:
    """Open a GGUF or safetensors checkpoint, in one file or in many.

    Reads headers and nothing else: no tensor is loaded before it is asked for.

    Parameters
    ----------
    source
        A file; any shard of a GGUF split or of indexed safetensors; the index
        (`model.safetensors.index.json`); or the folder of one checkpoint.
    strategy
        How bytes get into memory. "mmap": zero copy; a tensor's pages are read as they are looked
        at. "read": copied, by several threads, into your buffers or into new ones. "staged":
        copied through a bounded ring of buffers. "auto": staged with a memory limit, read on
        network, FUSE and overlay file systems, mmap elsewhere; `Model.strategy` says why. Or the
        name of another package's strategy (entry points `emel.strategies`).
    memory_limit
        Bytes of tensors that emel may hold in memory of its own at once: stages, and the arrays
        that it makes. Your buffers don't count, and neither do mapped pages. A load that would need
        more is refused before anything is read. None: no limit.
    direct
        "read" goes around the page cache where the file system allows it: quicker for what is not
        in it, and leaves nothing there.
    slots
        Mappings that can be held at once; one serves a whole file.
    shards
        False: open the one file, even if it is a shard of a larger checkpoint.

    Returns
    -------
    Model
        To be closed by its `with` block or by `close`.

    Raises
    ------
    InvalidFileError
        A file breaks its format, or the files don't make one checkpoint.
    UnsupportedError
        Nothing here handles the format, a tensor's type, or a strategy of this name.
    SourceError
        A file can't be opened or read.
    ValueError
        `slots` is less than 1, or `memory_limit` less than 64 KiB.

    After an error nothing is open, mapped or kept.
    """
    if slots < 1:
        raise ValueError(f"slots is at least 1, not {slots}")
    if memory_limit is not None and memory_limit < LEAST_LIMIT:
        raise ValueError(f"memory_limit is at least {LEAST_LIMIT} bytes, not {memory_limit}")
    staged = staging_nbytes(memory_limit)
    opened = open_checkpoint(
        os.fsdecode(source),
        make_router(slots=slots, direct=direct, memory_limit=memory_limit),
        strategy,
        entries=entries,
        shards=shards,
        companions=make_companions(direct=direct, memory_limit=memory_limit),
        limits=Limits(None if memory_limit is None else memory_limit - staged, staged),
    )
    if isinstance(opened, Failure):
        raise_failure(opened)
    return Model(opened)


class Model(Mapping[str, NDArray[Any]]):
    """An opened model: made by `emel.open`.

    Reading a tensor (`model[name]`) answers with a read-only array that is borrowed from the
    model's mapping, or from a copy that the model made. While such an array is alive, releasing its
    tensor and closing the model raise `BusyError`, and the array stays valid. Tensors that were
    loaded into buffers of the caller's are arrays over those, writable if the buffer is. One thread
    at a time.

    Of a mapped model, the first four tensors are mapped as they are asked for; whoever asks for a
    fifth takes the model as a whole, and the rest is mapped along in one batch, but for what was
    released by name. A mapping costs addresses, and memory only for what is looked at.

    Arrays of quantised GGUF types are uint8 rows of raw blocks, (..., bytes of a row); those of
    safetensors' types of less than a byte are raw bytes. `info` has their logical type and shape,
    and `dequantize` makes numbers of them.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        # Looked up once: both are needed for each array.
        self._array = checkpoint.array
        self._find = checkpoint.position.get

    @property
    def strategy(self) -> StrategyUse:
        """Which strategy was asked for, which one serves, and why."""
        route = self._checkpoint.route
        return StrategyUse(route.requested, route.used, route.reason, route.reason_code)

    @property
    def path(self) -> str:
        """What was opened: a file, an index or a folder."""
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
            file=self._checkpoint.blame.file_of(i),
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
        into: Mapping[str, object] | object | None = None,
        *,
        threads: int | None = None,
        touch: bool = False,
        progress: Callable[[Progress], object] | None = None,
    ) -> None:
        """Load tensors in one batch: those named, or all.

        Parameters
        ----------
        names
            Which tensors.
        into
            Your buffers: arrays by name, each of the tensor's dtype and shape or uint8 of as many
            bytes; or one writable buffer of `buffer_nbytes(names)` bytes, which takes them in the
            model's order, each at the next multiple of 64. What is loaded already is released and
            loaded again, so the same buffers can serve any number of loads; they are looked at
            until their tensors are released. Without `into`, what is loaded is kept, and a copying
            strategy makes arrays of its own.
        threads
            How many threads may read at once, 1 or more. None: by file system, cores and size.
        touch
            Bring the pages of mappings into memory now, instead of when they are first looked at.
        progress
            Called with a `Progress` (bytes and tensors, done and total) as the work goes on.

        Raises
        ------
        SourceError
            A file can't be read, or isn't what it was; see `.tensor` and `.offset`. Nothing was
            loaded; what was to go into your buffers isn't loaded now, and they may hold anything.
        BusyError
            The memory limit doesn't allow for it; or arrays are alive of what has to be released
            before it can be loaded into your buffers.
        TypeError, ValueError
            A buffer doesn't fit: too small, read-only, not contiguous, another dtype or shape.
            Nothing has changed.
        """
        if threads is not None and threads < 1:
            raise ValueError(f"threads is at least 1, not {threads}")
        checkpoint = self._checkpoint
        if into is None:
            index = self._index(names)
            self._raise(checkpoint.load(index, threads=threads, touch=touch, progress=progress))
            return
        if isinstance(into, Mapping):
            given = cast("Mapping[str, object]", into)
            chosen = given if names is None else _listed(names)
            arrays = fit(checkpoint, {self._position(name): given[name] for name in chosen})
        else:
            arrays = cut(checkpoint, self._tensors(names), into)
        self._raise(checkpoint.load_into(arrays, threads=threads, progress=progress))

    def buffer_nbytes(self, names: Iterable[str] | None = None) -> int:
        """Count the bytes of a buffer that `load(names, into=buffer)` fills."""
        return layout(self._checkpoint, self._tensors(names))[1]

    def empty_buffer(self, names: Iterable[str] | None = None) -> NDArray[np.uint8]:
        """Make a buffer for `load(names, into=buffer)`: (buffer_nbytes(names),) uint8.

        It is yours, and holds anything. It lies where direct reads can go right into it, and large
        stretches of the file go into it with one call: the quickest way to load.
        """
        return empty_buffer(self._checkpoint, self._tensors(names))

    def empty(self, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
        """Make an array for each tensor, for `load(into=...)`: they are yours, and hold anything.

        They are parts of one buffer, as `empty_buffer` makes it, which lives as long as one of
        them.
        """
        checkpoint, tensors = self._checkpoint, self._tensors(names)
        memory = cut(checkpoint, tensors, empty_buffer(checkpoint, tensors))
        return {checkpoint.names[i]: checkpoint.shaped(i, part) for i, part in memory.items()}

    def read_into(self, name: str, out: object, *, threads: int | None = None) -> None:
        """Read one tensor's bytes from the file into `out`; nothing becomes resident.

        Parameters
        ----------
        out
            Yours: an array of the tensor's dtype and shape, or a buffer of as many bytes.

        Raises
        ------
        SourceError
            The file can't be read, or isn't what it was; `out` may hold anything.
        TypeError, ValueError
            `out` doesn't fit; it is untouched.
        """
        i = self._position(name)
        memory = fit(self._checkpoint, {i: out})[i]
        self._raise(read_into(self._checkpoint, i, memory, threads=threads))

    def part(self, name: str) -> Part:
        """Look at one tensor as something of which slices can be read: `model.part(name)[:8]`."""
        return Part(self._checkpoint, self._position(name))

    def dequantize(
        self, name: str, out: NDArray[Any] | None = None, dtype: DTypeLike | str = "float32"
    ) -> NDArray[Any]:
        """Read one tensor as numbers: quantised blocks are dequantised, other types converted.

        The stored bytes pass through bounded staging memory, whatever the tensor's size; nothing
        becomes resident.

        Parameters
        ----------
        out
            A C-contiguous array of the logical shape to be filled; None makes one.
        dtype
            What the numbers are, if `out` doesn't say it; "bfloat16" and the like too.

        Returns
        -------
        numpy.ndarray
            `out`, or the new array: (logical shape), the caller's.

        Raises
        ------
        UnsupportedError
            Nothing here turns the one type into the other; quantised types need the package gguf
            (`emel[gguf]`).
        SourceError
            The file can't be read, or isn't what it was; `out` may hold anything.
        ValueError
            `out` doesn't fit; it is untouched.
        """
        i = self._position(name)
        shape = self._checkpoint.header.tensors.shape(i)
        result = np.empty(shape, resolve_dtype(dtype)) if out is None else out
        if result.shape != shape or not result.flags.c_contiguous or not result.flags.writeable:
            raise ValueError(f"out is not a writable C-contiguous array of shape {shape}")
        self._raise(dequantize(self._checkpoint, i, result))
        return result

    def stream(
        self,
        sink: Callable[[str, int, NDArray[np.uint8]], object],
        *,
        progress: Callable[[Progress], object] | None = None,
    ) -> None:
        """Show every byte of every tensor to `sink`, in bounded memory; nothing becomes resident.

        Parameters
        ----------
        sink
            Called as `sink(name, start, chunk)`: bytes of a tensor from `start` on, (n,) uint8,
            read-only, valid during the call only. The chunks of a tensor come in rising order.

        Raises
        ------
        SourceError
            A file can't be read, or isn't what it was.
        """
        names = self._checkpoint.names

        def show(piece: Piece, stored: NDArray[np.uint8]) -> None:
            sink(names[piece.tensor], piece.start, stored)

        self._raise(stream(self._checkpoint, show, progress=progress))

    def compare(
        self, other: Model, progress: Callable[[Progress], object] | None = None
    ) -> Comparison:
        """Compare every tensor with another model's: name, dtype, shape and bytes.

        The files may differ in format, order, sharding and byte order. Each model is read through
        its own strategy, in bounded memory; of each tensor the first difference is told.

        Raises
        ------
        SourceError
            A file can't be read, or isn't what it was.
        """
        result = compare(self._checkpoint, other._checkpoint, progress)
        if isinstance(result, Failure):
            raise_failure(result)
        return result

    def release(self, names: Iterable[str] | None = None) -> None:
        """Give memory back: of the tensors named, or of all that are loaded.

        Buffers of yours are forgotten, and are yours alone again.

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
        return np.array([self._position(name) for name in _listed(names)], np.intp)

    def _tensors(self, names: Iterable[str] | None) -> list[int]:
        if names is None:
            return list(range(len(self)))
        return sorted({self._position(name) for name in _listed(names)})

    @staticmethod
    def _raise(failure: Failure | None) -> None:
        if failure is not None:
            raise_failure(failure)


def _listed(names: Iterable[str]) -> Iterable[str]:
    return [names] if isinstance(names, str) else names
