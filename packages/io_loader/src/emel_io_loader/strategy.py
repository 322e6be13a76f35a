"""The contract between whoever loads tensors and whoever moves bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from emel_io_loader.outcomes import BatchOutcome, Leases
from emel_io_loader.spans import FileIdentity, Spans
from emel_io_loader.targets import Targets

OnBytes: TypeAlias = Callable[[int], object]
"""Told how many bytes of a batch are done so far, by the thread that made the request. What it
returns is not looked at; what it raises ends the request, and nothing is left behind."""


class Mode(IntEnum):
    """What a strategy does with a span."""

    MAPS = 0
    """Answers with leases; the bytes are looked at through `Strategy.view`."""
    COPIES = 1
    """Fills buffers that the caller owns, and keeps nothing."""


class Advice(IntEnum):
    """How the pages of a lease will be used (madvise(2))."""

    SEQUENTIAL = 0
    """Read once, in order: widened to whole pages."""
    WILL_NEED = 1
    """Read soon: start reading now; widened to whole pages."""
    DONT_NEED = 2
    """Not needed now: give the memory back; narrowed to whole pages."""
    POPULATE = 3
    """Bring every page in before returning; a page that can't be read is an outcome and not a
    signal. Widened to whole pages."""


class Usage(NamedTuple):
    """What a strategy holds right now."""

    slots: int
    """Mappings that are held."""
    capacity: int
    """Mappings that can be held; 0 for a strategy without a pool."""
    leases: int
    nbytes: int
    """Bytes of address space, whole pages; memory is taken only as they are touched."""


@dataclass(frozen=True, slots=True)
class Identified:
    """What `Strategy.identify` found: an identity a file if `result` is ok, else none."""

    result: BatchOutcome
    identities: tuple[FileIdentity, ...] = ()


@runtime_checkable
class Strategy(Protocol):
    """One way to get spans of files into memory.

    The rules: a refused span is an outcome and never an exception; a failed load leaves no
    descriptor, no mapping and no lease behind; a buffer of the caller's is filled and never kept or
    replaced. An instance is used by one thread at a time.
    """

    @property
    def name(self) -> str:
        """What callers ask for, for example `mmap`."""
        ...

    @property
    def mode(self) -> Mode:
        """Whether it maps or copies."""
        ...

    def identify(self, files: Sequence[str]) -> Identified:
        """Look at each file without reading it: only regular files have an identity.

        `index` of a failed result is the file's index, and nothing is left open.
        """
        ...

    def load(
        self,
        spans: Spans,
        targets: Targets | None = None,
        *,
        threads: int | None = None,
        progress: OnBytes | None = None,
    ) -> BatchOutcome:
        """Map or copy one batch, all of it or nothing.

        Parameters
        ----------
        spans
            In any order; each is answered at its own index.
        targets
            For a strategy that copies: where each span goes, in buffers that the caller owns. For
            a strategy that maps: None.
        threads
            How many threads may work at once, 1 or more; None leaves it to the strategy. No thread
            outlives the call. One that has no use for threads takes no notice.
        progress
            Told how many bytes are done. One that maps takes no notice.

        Returns
        -------
        BatchOutcome
            After a failed copy, `touched` says whether targets may hold other bytes than before.
        """
        ...

    def view(self, slot: int, generation: int) -> NDArray[np.uint8]:
        """Look at a leased span: (nbytes,) uint8, read-only, borrowed from the mapping.

        Every array made of it (`view`, `reshape`, slices, `np.ndarray(..., buffer=it)`) keeps it
        alive, and while it is alive releasing the lease answers with a BUSY reaction. A memoryview
        would not do: arrays made of one hold on to the whole mapping and not to the slice.

        Raises
        ------
        StrategyError
            The lease is stale, or the file no longer reaches to the end of the span. The lease is
            as it was.
        """
        ...

    def release(self, leases: Leases) -> BatchOutcome:
        """Let go of leases; `done` says which are gone.

        A stale lease refuses the whole batch and changes nothing. A borrowed one stays, with its
        slot, and can be released once the arrays are gone; the others of the batch are released.
        """
        ...

    def advise(
        self, slot: int, generation: int, advice: int, start: int = 0, nbytes: int | None = None
    ) -> BatchOutcome:
        """Say how `nbytes` bytes from `start` within a lease (all of them, by default) are used."""
        ...

    def usage(self) -> Usage:
        """Count what is held now."""
        ...

    def close(self) -> BatchOutcome:
        """Release everything. What is still borrowed stays and is reported; call again."""
        ...


class Offer(NamedTuple):
    """One strategy that the router can give out."""

    create: Callable[[], Strategy]
    """Make an instance, without any call to the operating system."""
    unavailable: Callable[[], str] = str
    """Why it can't be used on this platform, as a sentence; empty if it can."""
