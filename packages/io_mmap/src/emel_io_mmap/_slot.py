"""What a slot of the pool is: its states, its events, what they come to, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from weakref import ReferenceType

import numpy as np
from numpy.typing import NDArray

from emel_io_file import FileFacts
from emel_io_loader import FileIdentity
from emel_io_mmap._leases import LeaseColumns
from emel_io_mmap._platform import FileMapping, Port


class State(IntEnum):
    """What a slot holds."""

    FREE = 0
    OPENING = 1
    MEASURING = 2
    MAPPING = 3
    MAPPED = 4
    """A mapping and its descriptor."""
    LOOKING = 5
    ADVISING = 6
    SIZING = 7
    UNMAPPING = 8
    DETACHING = 9
    DETACHED = 10
    """A mapping that couldn't be ended, without its descriptor: only a release is left to do."""
    FINISHING = 11
    CLOSING = 12
    OPENED = 13
    """A descriptor alone: the file was refused, or its mapping has ended and closing failed."""


class Event(IntEnum):
    """What happens to a slot."""

    MAP = 0
    SHARE = 1
    ADVISE = 2
    RELEASE = 3
    ATTEMPTED = 4


class SlotOutcome(IntEnum):
    """What it comes to; `MmapOutcome` has each under the same name."""

    OK = 0
    OPEN_FAILED = 1
    STAT_FAILED = 2
    NOT_REGULAR = 3
    FILE_SHRANK = 4
    SPAN_BEYOND_END = 5
    FILE_CHANGED = 6
    MAP_FAILED = 7
    STILL_BORROWED = 8
    UNMAP_FAILED = 9
    CLOSE_FAILED = 10
    STALE_LEASE = 11
    ADVICE_UNKNOWN = 12
    ADVICE_OUTSIDE = 13
    ADVICE_UNSUPPORTED = 14
    ADVICE_FAILED = 15


@dataclass(slots=True, eq=False)
class Slot:
    """One mapping of one file: the context of its events."""

    number: int
    port: Port
    state: State = State.FREE
    path: str = ""
    identity: FileIdentity | None = None
    descriptor: int = -1
    mapping: FileMapping | None = None
    start: int = 0
    """The byte of the file where the mapping begins."""
    stop: int = 0
    root: memoryview | None = None
    """One export of the mapping that all views share: each of its own is an object more for the
    garbage collector to look at. The views keep the mapping exported after `root` is released."""
    leases: LeaseColumns = field(default_factory=LeaseColumns)
    views: dict[int, ReferenceType[NDArray[np.uint8]]] = field(
        default_factory=dict[int, "ReferenceType[NDArray[np.uint8]]"]
    )
    """By generation, what was handed out: everything made of a view keeps it alive, so a lease is
    borrowed for as long as its view is."""


@dataclass(slots=True)
class Task:
    """The facts of one event of a slot: effects write them, guards read them."""

    path: str = ""
    start: int = 0
    """The bytes [start, stop) of the file are asked for."""
    stop: int = 0
    expected: tuple[FileIdentity, ...] = ()
    """What the file was when it was first looked at, as far as anybody said."""
    advice: int = -1
    low: int = 0
    """The window of an advice, [low, high) in bytes of the file, of a lease [start, stop)."""
    high: int = 0
    facts: FileFacts | None = None
    nbytes: int = -1
    """The file's size, where it was asked for again."""
    error: BaseException | None = None
    """What the first call that failed raised."""
    failed: bool = False
    """Whether the last call failed."""
