"""A model as its users see it: a mapping of names to arrays, and what it costs to hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from emel.buffers import cut, empty_buffer, fit, layout
from emel.described import listed, refuse_no_threads
from emel.errors import EmelError, raise_failure
from emel.reading import Readable
from emel_model_loader import Checkpoint, Failure, Progress


class Model(Readable):
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
        super().__init__(checkpoint)
        # Looked up once: both are needed for each array.
        self._array: Callable[[int], NDArray[np.generic] | Failure] = checkpoint.array
        self._find: Callable[[str], int | None] = checkpoint.position.get

    def __getitem__(self, name: str) -> NDArray[Any]:
        position = self._find(name)
        array = self._array(self._position(name) if position is None else position)
        if isinstance(array, Failure):
            raise_failure(array)
        return array

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
            A buffer doesn't fit: too small, read-only, not contiguous, another dtype or shape; or
            two of them share memory. Nothing has changed.
        """
        refuse_no_threads(threads)
        checkpoint = self._checkpoint
        if into is None:
            index = self._index(names)
            self._raise(checkpoint.load(index, threads=threads, touch=touch, progress=progress))
            return
        if isinstance(into, Mapping):
            given = cast("Mapping[str, object]", into)
            chosen = list(given if names is None else listed(names))
            missing = [name for name in chosen if name not in given]
            if missing:
                raise KeyError(f"into has no buffer for {missing[0]!r}")
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
