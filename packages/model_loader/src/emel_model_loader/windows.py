"""Every byte of a checkpoint in bounded memory, through whichever strategy it was opened with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Mode, Reaction, Spans, Staging, Targets
from emel_model_loader.checkpoint import Checkpoint
from emel_model_loader.outcomes import Failure
from emel_model_loader.progress import STEP_NBYTES, OnProgress, report_bytes

_ELEMENT_NBYTES: Final = 16
"""Windows begin at multiples of this within a tensor: every plain type's elements stay whole."""


class Piece(NamedTuple):
    """Bytes [start, start + nbytes) of one tensor."""

    tensor: int
    start: int
    nbytes: int


OnPiece: TypeAlias = Callable[[Piece, NDArray[np.uint8]], object]
"""Handed each piece and its bytes (nbytes,): read-only, and valid during the call only."""


def allowed(*checkpoints: Checkpoint) -> int:
    """Say how many bytes a window of each of them may have."""
    return min(STEP_NBYTES, *(checkpoint.limits.window for checkpoint in checkpoints))


def windows(nbytes: NDArray[np.int64], window_nbytes: int) -> Iterator[list[Piece]]:
    """Cut n tensors of `nbytes` (n,) bytes: small ones share a window, large ones take many.

    Every tensor is in one at least, and they come in order.
    """
    step = max(window_nbytes // _ELEMENT_NBYTES, 1) * _ELEMENT_NBYTES
    window, filled = list[Piece](), 0
    for tensor, size in enumerate(nbytes.tolist()):
        if filled + size > step and window:
            yield window
            window, filled = [], 0
        if size <= step:
            window.append(Piece(tensor, 0, size))
            filled += size
            continue
        for start in range(0, size, step):
            yield [Piece(tensor, start, min(step, size - start))]
    if window:
        yield window


class Windows:
    """Reads windows of a checkpoint, in memory that is used again for each.

    As a context manager: whatever it had to map is released in the end, and nothing else.
    """

    def __init__(self, checkpoint: Checkpoint, window_nbytes: int) -> None:
        self._checkpoint: Checkpoint = checkpoint
        # Where the caller's buffers hold tensors they aren't looked at: it is the file's bytes that
        # are asked for, and the caller may have changed them.
        self._maps: bool = (
            checkpoint.route.mode is Mode.MAPS and not checkpoint.tensors.copied().size
        )
        self._absent: NDArray[np.intp] = checkpoint.absent()
        window_nbytes = max(window_nbytes, _ELEMENT_NBYTES)
        self._seen: list[NDArray[np.uint8]] = list[NDArray[np.uint8]]()
        self.opened: Failure | None = checkpoint.load() if self._maps else None
        """Why the tensors can't be mapped; None if they are, or needn't be."""
        if self.opened is not None and self.opened.reaction is Reaction.BUSY:
            # More files than slots: nothing was mapped, and the file can be read all the same.
            self._maps, self.opened = False, None
        self._buffer: NDArray[np.uint8] = np.empty(0 if self._maps else window_nbytes, np.uint8)
        self.released: Failure | None = None
        """Why what was mapped here can't be released; None until the end."""

    def read(self, pieces: Sequence[Piece]) -> list[NDArray[np.uint8]] | Failure:
        """Look at the bytes of each piece, (nbytes,) uint8, read-only.

        The list is emptied when the next window is read, and in the end.
        """
        self._seen.clear()
        failure = self._look(pieces) if self._maps else self._copy(pieces)
        for view in self._seen:
            view.flags.writeable = False
        return self._seen if failure is None else failure

    def _copy(self, pieces: Sequence[Piece]) -> Failure | None:
        whole = self._checkpoint.tensors.spans([piece.tensor for piece in pieces])
        start = np.array([piece.start for piece in pieces], np.int64)
        nbytes = np.array([piece.nbytes for piece in pieces], np.int64)
        spans = Spans(whole.files, whole.file, whole.offset + start, nbytes, whole.identities)
        targets = Targets.one_after_another(self._buffer, nbytes)
        answer = self._checkpoint.copying.load(spans, targets)
        if not answer.ok:
            return self._checkpoint.blame.span(answer, [piece.tensor for piece in pieces])
        stops = np.cumsum(nbytes).tolist()
        self._seen += [
            self._buffer[stop - piece.nbytes : stop]
            for piece, stop in zip(pieces, stops, strict=True)
        ]
        return None

    def _look(self, pieces: Sequence[Piece]) -> Failure | None:
        for piece in pieces:
            array = self._checkpoint.array(piece.tensor)
            if isinstance(array, Failure):
                return array
            stored = array.reshape(-1).view(np.uint8)
            self._seen.append(stored[piece.start : piece.start + piece.nbytes])
        return None

    def give_back(self, pieces: Sequence[Piece]) -> None:
        """Let the memory of mapped pages go, of tensors whose last piece was read."""
        self._seen.clear()
        if self._maps:
            sizes = self._checkpoint.header.tensors.nbytes
            for piece in pieces:
                if piece.start + piece.nbytes == sizes.item(piece.tensor):
                    self._checkpoint.give_pages_back(piece.tensor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Whatever went wrong: the frames of an exception hold the list, and not what was in it.
        self._seen.clear()
        self._buffer = np.empty(0, np.uint8)
        if self._maps:
            mapped = self._checkpoint.tensors.mapped(self._absent)
            if mapped.size:
                self.released = self._checkpoint.release(mapped, withhold=False)


def stream(
    checkpoint: Checkpoint, sink: OnPiece, *, progress: OnProgress | None = None
) -> Failure | None:
    """Hand every byte of every tensor to `sink`: in pieces, rising within a tensor.

    A strategy that stages streams through its own stages, and reads ahead meanwhile; any other
    reads windows of the checkpoint's limit. What was mapped for it is released again. What `sink`
    or `progress` raises ends the request; a tensor of which the exception's frames still hold a
    piece stays mapped then, until it is released or the model is closed.
    """
    if checkpoint.closed:
        return checkpoint.blame.closed()
    strategy = checkpoint.route.strategy
    sizes = checkpoint.header.tensors.nbytes
    window_nbytes = allowed(checkpoint)
    tell, done = report_bytes(sizes, progress), 0

    def show(piece: Piece, stored: NDArray[np.uint8]) -> None:
        nonlocal done
        sink(piece, stored)
        del stored  # `progress` may raise, and nothing is to be borrowed then
        done += piece.nbytes
        if tell is not None:
            tell(done)

    if isinstance(strategy, Staging):
        spans = checkpoint.tensors.spans(np.arange(len(sizes)))
        for tensor in np.flatnonzero(sizes == 0).tolist():
            show(Piece(tensor, 0, 0), np.frombuffer(b"", np.uint8))
        answer = strategy.stream(
            spans,
            lambda tensor, start, chunk: show(Piece(tensor, start, chunk.nbytes), chunk),
            block_nbytes=[checkpoint.array_type(i)[1].itemsize for i in range(len(sizes))],
        )
        return None if answer.ok else checkpoint.blame.span(answer, range(len(sizes)))
    with Windows(checkpoint, window_nbytes) as reader:
        failure = reader.opened or _drain(reader, sizes, window_nbytes, show)
    return failure or reader.released


def _drain(
    reader: Windows, sizes: NDArray[np.int64], window_nbytes: int, sink: OnPiece
) -> Failure | None:
    for pieces in windows(sizes, window_nbytes):
        seen = reader.read(pieces)
        if isinstance(seen, Failure):
            return seen
        for i, piece in enumerate(pieces):
            sink(piece, seen[i])
        reader.give_back(pieces)
    return None
