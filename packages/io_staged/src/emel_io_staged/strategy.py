"""The owner: the staged strategy as its callers see it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from numpy.typing import ArrayLike

from emel_io_file import identify
from emel_io_loader import (
    BatchOutcome,
    Identified,
    Leaseless,
    Mode,
    OnBytes,
    OnChunk,
    Reaction,
    Spans,
    StrategyError,
    Targets,
    Transform,
    Usage,
)
from emel_io_staged._batch import BATCH, Batch, BatchEvent, BatchState, MoveOutcome
from emel_io_staged._delivery import Copying, Showing, Transforming
from emel_io_staged._platform import Port
from emel_io_staged._ring import Ring
from emel_io_staged._rules import blocks_of, places_of, refused_sizes, refused_spans, sizes_of
from emel_io_staged.outcomes import StagedOutcome, answer


class StagedStrategy(Leaseless):
    """Move spans of files through a ring of staging buffers, chunk by chunk.

    A thread reads ahead into free stages while the thread that asked takes the bytes from filled
    ones: into targets as they are (`load`), through transforms (`load_through`), or to a sink
    (`stream`). The ring is taken at the first use, used again by every later call, and given back
    by `close`; it is all the memory that this takes, whatever the size of files and spans. A
    strategy is used by one thread at a time.

    Parameters
    ----------
    chunk_nbytes
        Bytes of one stage: what one call reads.
    stages
        How many there are.
    port
        The operating system; by default the real one.

    Raises
    ------
    ValueError
        `chunk_nbytes` is less than 1, or `stages` less than 2.
    """

    def __init__(
        self, *, chunk_nbytes: int = 8 << 20, stages: int = 4, port: Port | None = None
    ) -> None:
        if chunk_nbytes < 1:
            raise ValueError(f"a chunk has at least 1 byte, not {chunk_nbytes}")
        if stages < 2:
            raise ValueError(f"a ring has at least 2 stages, not {stages}")
        self._port: Port = port or Port()
        self._ring: Ring = Ring(self._port, chunk_nbytes, stages)
        self._state: BatchState = BatchState.OPEN

    @property
    def name(self) -> str:
        """What callers ask for: "staged"."""
        return "staged"

    @property
    def mode(self) -> Mode:
        """It copies."""
        return Mode.COPIES

    @property
    def staging_nbytes(self) -> int:
        """Bytes of all stages: the most that is held."""
        return self._ring.chunk_nbytes * self._ring.nstages

    @staticmethod
    def unavailable(port: Port | None = None) -> str:
        """Say why this strategy can't be used on this platform; empty if it can."""
        return (port or Port()).unavailable

    def identify(self, files: Sequence[str]) -> Identified:
        """Look at each file without opening it; links are followed.

        Returns
        -------
        Identified
            Identities in the order of `files`; or the outcome of the first file, by `index`, that
            is missing, can't be looked at or isn't a regular file.
        """
        return identify(self._port, files)

    def load(
        self,
        spans: Spans,
        targets: Targets | None = None,
        *,
        threads: int | None = None,
        progress: OnBytes | None = None,
    ) -> BatchOutcome:
        """Copy a batch into targets as it is.

        Parameters
        ----------
        spans
            In any order, overlapping or not. The files of spans of zero bytes aren't looked at.
        targets
            Where each span goes, in buffers that the caller owns.
        threads
            1: read and copy by turns in the calling thread. Otherwise one more thread reads ahead.
        progress
            Told how many bytes are done, after each chunk.

        Returns
        -------
        BatchOutcome
            A failed one names the first span, in request order, of the chunk that failed, and
            `touched` says whether anything was written to a target.
        """
        batch = Batch(spans, refused_spans(spans), progress=progress, alone=threads == 1)
        if batch.problem is None:
            places = places_of(targets, spans.nbytes)
            if isinstance(places, BatchOutcome):
                batch.problem = places
            elif places is not None:
                batch.delivery = Copying(spans, places)
        return self._move(batch)

    def load_through(
        self,
        spans: Spans,
        targets: Targets | None,
        transforms: Sequence[Transform],
        *,
        progress: OnBytes | None = None,
    ) -> BatchOutcome:
        """Fill targets with what the transforms make of the spans.

        Parameters
        ----------
        spans
            In any order, overlapping or not; each is whole blocks of its transform.
        targets
            Where the results go, in buffers that the caller owns; None if no transform writes any.
        transforms
            One a span; the calling thread applies them, to whole blocks and at most a chunk at a
            time.
        progress
            Told how many stored bytes are done, after each chunk.

        Returns
        -------
        BatchOutcome
            As that of `load`. TRANSFORM_FAILED has what a transform raised as its cause.
        """
        batch = Batch(spans, refused_spans(spans), progress=progress)
        if batch.problem is None:
            self._route(batch, targets, transforms)
        return self._move(batch)

    def _route(
        self, batch: Batch, targets: Targets | None, transforms: Sequence[Transform]
    ) -> None:
        sizes = sizes_of(batch.spans, transforms, self._ring.chunk_nbytes)
        if isinstance(sizes, BatchOutcome):
            batch.problem = sizes
            return
        places = refused_sizes(sizes) or places_of(targets, sizes.result_nbytes)
        if isinstance(places, BatchOutcome):
            batch.problem = places
            return
        batch.block_nbytes = sizes.block_nbytes
        batch.delivery = Transforming(batch.spans, places, transforms, sizes.result_nbytes)

    def stream(
        self,
        spans: Spans,
        sink: OnChunk,
        *,
        block_nbytes: ArrayLike = 1,
        progress: OnBytes | None = None,
    ) -> BatchOutcome:
        """Show the bytes of the spans to `sink`, and keep nothing.

        Spans come by file, and within a file by offset, whatever the order of the request; the
        chunks of one span come in rising order and without gaps. Those of others may come between
        where spans overlap. A span of zero bytes has no chunk.

        Parameters
        ----------
        spans
            In any order, overlapping or not; each is whole blocks.
        sink
            Told (span, byte within the span, chunk) by the calling thread; the chunk is (m,) uint8,
            read-only, and holds other bytes after the call. What it raises is raised here.
        block_nbytes
            1 or n integers: bytes of each span that come together.
        progress
            Told how many bytes are done, after each chunk.
        """
        batch = Batch(spans, refused_spans(spans), progress=progress)
        if batch.problem is None:
            sizes = blocks_of(spans, block_nbytes, self._ring.chunk_nbytes)
            refusal = sizes if isinstance(sizes, BatchOutcome) else refused_sizes(sizes)
            batch.problem = refusal
            if not isinstance(sizes, BatchOutcome):
                batch.block_nbytes = sizes.block_nbytes
            batch.delivery = Showing(spans, sink)
        return self._move(batch)

    def _move(self, batch: Batch) -> BatchOutcome:
        try:
            self._state, outcome = BATCH.run(self._ring, self._state, BatchEvent.MOVE, batch)
        except BaseException:
            if batch.sources is not None:
                batch.sources.rescue()
            raise
        finally:
            batch.over = True
        if outcome is MoveOutcome.OK:
            return BatchOutcome(
                outcome=StagedOutcome.OK,
                reaction=Reaction.NONE,
                nspans=len(batch.spans),
                nbytes=batch.nbytes,
            )
        return self._refusal(outcome) or batch.problem or answer(StagedOutcome.OK)

    def _refusal(self, outcome: MoveOutcome) -> BatchOutcome | None:
        reasons = {
            MoveOutcome.STILL_WORKING: "it was called from within one of its own calls",
            MoveOutcome.PLATFORM_UNSUPPORTED: self._port.unavailable,
            MoveOutcome.CLOSED: "the strategy was closed",
        }
        if outcome not in reasons:
            return None
        return answer(StagedOutcome[outcome.name], reasons[outcome])

    def usage(self) -> Usage:
        """Count what is held now: the ring's bytes from the first use on."""
        return Usage(0, 0, 0, self._ring.nbytes)

    def close(self) -> BatchOutcome:
        """Give the ring back, and take no more spans. It can be called again."""
        nothing = Batch(Spans((), (), (), ()))
        self._state, outcome = BATCH.run(self._ring, self._state, BatchEvent.CLOSE, nothing)
        return self._refusal(outcome) or answer(StagedOutcome.OK)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        closed = self.close()
        if not closed.ok and error is None:
            raise StrategyError(closed)
