"""The owner: the read strategy as its callers see it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from emel_io_file import identify
from emel_io_loader import (
    BatchOutcome,
    Identified,
    Leaseless,
    Mode,
    OnBytes,
    Places,
    Reaction,
    Spans,
    Targets,
    Usage,
    validate,
    validate_targets,
)
from emel_io_read._calls import KIB, Limits
from emel_io_read._machine import READER, Batch, BatchEnd, Event, Reader
from emel_io_read._platform import Port
from emel_io_read.outcomes import REACTIONS, ReadOutcome

_NOTHING: Final = np.frombuffer(b"", np.uint8)
LEAST_CALL: Final = 64 * KIB
_NO_THREADS: Final = "at least 1 thread has to read, not {}"


class ReadStrategy(Leaseless):
    """Copy spans of files into buffers of the caller's, with few calls and several threads.

    It holds nothing between two batches but memory for direct reads: at most a call and two pages
    for each thread of the largest batch, until it is closed. A strategy is used by one thread at a
    time; the threads that it starts have ended when a call returns.

    Parameters
    ----------
    threads
        How many threads read a batch that doesn't say it; None chooses by its size, the cores and
        the file system. The caller's own thread is one of them.
    direct
        Read around the page cache (O_DIRECT) where the file system lets it; elsewhere through the
        cache. `BatchOutcome.direct_nbytes` says what it came to. `congruent_empty` makes arrays
        that such reads land in without a detour.
    call_nbytes
        Bytes of one call at the most, 64 KiB or more; by default 8 MiB.
    most_threads
        Threads of a batch at the most, whatever it asks for; None: as many as it asks for. With
        `call_nbytes` it bounds the memory for direct reads.
    port
        The operating system; by default the real one.

    Raises
    ------
    ValueError
        `threads` is less than 1.
    """

    def __init__(
        self,
        *,
        threads: int | None = None,
        direct: bool = False,
        call_nbytes: int | None = None,
        most_threads: int | None = None,
        port: Port | None = None,
        _limits: Limits | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise ValueError(_NO_THREADS.format(threads))
        few = most_threads is not None and most_threads < 1
        if few or (call_nbytes is not None and call_nbytes < LEAST_CALL):
            text = f"a call has {LEAST_CALL} bytes or more, not {call_nbytes}, and a batch 1 thread"
            raise ValueError(f"{text} or more, not {most_threads}")
        limits = _limits or Limits()
        limits = limits._replace(call=call_nbytes or limits.call, threads=most_threads)
        self._reader = Reader(port or Port(), limits, threads, direct)

    @property
    def name(self) -> str:
        """What callers ask for: "read"."""
        return "read"

    @property
    def mode(self) -> Mode:
        """It copies."""
        return Mode.COPIES

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
        return identify(self._reader.port, files)

    def load(
        self,
        spans: Spans,
        targets: Targets | None = None,
        *,
        threads: int | None = None,
        progress: OnBytes | None = None,
    ) -> BatchOutcome:
        """Read a batch into its targets.

        Parameters
        ----------
        spans
            In any order, overlapping or not, at any offset. The file of a span of zero bytes isn't
            looked at.
        targets
            One a span, writable, contiguous, large enough, and no two sharing a byte. They are
            filled, and not kept.
        threads
            1 or more; None: what the strategy was made with.
        progress
            Told, by the thread that called, how many bytes are done, rising; at the end all.

        Returns
        -------
        BatchOutcome
            The outcome is `ReadOutcome.OK`, one of its refusals, or a `SpanOutcome`,
            `TargetOutcome` or `FileOutcome`. After a failure `index` is the first span, in request
            order, that failed, whatever the number of threads; nothing is open, no thread runs, and
            `touched` says whether targets may hold other bytes than before.

        Raises
        ------
        BaseException
            What `progress` raised, or an interrupt: nothing is open, no thread runs, and targets
            may hold other bytes than before.
        """
        batch = Batch(spans, threads=threads, progress=progress)
        batch.refusal = self._refusal(batch, targets)
        reader = self._reader
        try:
            reader.state, end = READER.run(reader, reader.state, Event.LOAD, batch)
        except BaseException:
            batch.rescue()
            raise
        return self._answer(batch, end)

    def usage(self) -> Usage:
        """Count what is held now: nothing is, whatever was read."""
        return Usage(slots=0, capacity=0, leases=0, nbytes=0)

    def close(self) -> BatchOutcome:
        """Give back the memory for direct reads, and load nothing any more."""
        reader = self._reader
        reader.state, _ = READER.run(reader, reader.state, Event.CLOSE, Batch())
        return _answer(ReadOutcome.OK)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _refusal(self, batch: Batch, targets: Targets | None) -> BatchOutcome | None:
        refusal = validate(batch.spans)
        if refusal is None:
            places = validate_targets(targets, batch.spans.nbytes)
            if isinstance(places, Places):
                batch.places = places
            else:
                refusal = places
        if refusal is not None:
            return BatchOutcome(
                outcome=refusal.outcome,
                reaction=Reaction.INVALID,
                message=refusal.message,
                index=refusal.span,
            )
        if batch.threads is not None and batch.threads < 1:
            return _answer(ReadOutcome.THREADS_INVALID, _NO_THREADS.format(batch.threads))
        return None

    def _answer(self, batch: Batch, end: BatchEnd) -> BatchOutcome:
        if end is BatchEnd.CLOSED:
            return _answer(ReadOutcome.CLOSED, "the strategy was closed")
        if end is BatchEnd.PLATFORM_UNSUPPORTED:
            return _answer(ReadOutcome.PLATFORM_UNSUPPORTED, self._reader.port.unavailable)
        if batch.refusal is not None:
            return batch.refusal
        if batch.problem is not None:
            touched = batch.reading is not None and batch.reading.touched
            return batch.problem.answer(touched=touched)
        return _answer(
            ReadOutcome.OK,
            nspans=len(batch.spans),
            nbytes=int(batch.spans.nbytes.sum()),
            direct_nbytes=0 if batch.workers is None else batch.workers.direct_nbytes,
        )


def _answer(
    outcome: ReadOutcome,
    message: str = "",
    *,
    index: int = -1,
    nspans: int = 0,
    nbytes: int = 0,
    direct_nbytes: int = 0,
    done: NDArray[np.bool_] | None = None,
) -> BatchOutcome:
    return BatchOutcome(
        outcome=outcome,
        reaction=REACTIONS[outcome],
        message=message,
        index=index,
        nspans=nspans,
        nbytes=nbytes,
        direct_nbytes=direct_nbytes,
        done=done,
    )
