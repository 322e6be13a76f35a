"""What one opening knows, and how it looks at one file after the other through its route."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from emel_io_loader import (
    Advice,
    BatchOutcome,
    FileIdentity,
    Lease,
    Mode,
    Reaction,
    Route,
    Router,
    Spans,
    StrategyError,
    Targets,
)
from emel_model_format import Header, NeedMore, Refusal
from emel_model_loader.index import Index
from emel_model_loader.outcomes import Failure
from emel_model_loader.shards import Entries, Located
from emel_model_tensor import Report, TensorSet

T = TypeVar("T")

WINDOW_NBYTES: Final = 1 << 20
"""The first look at a file: most headers are shorter than 1 MiB."""
WINDOW_GROWTH: Final = 16
"""A header that is longer is looked at again from its start, so few looks are better than small
ones: a vocabulary of 262,144 tokens takes two."""

WINDOW_STEP_NBYTES: Final = 64 << 20
"""A window grows by no more than this at once: its pages are read, and few headers are so long."""


def no_folders(folder: str) -> None:
    """Know of no folder, for whoever opens files only: `Opening.entries` by default."""


@dataclass(slots=True)
class Opening:
    """One opening: what was asked, and what each step left for the next."""

    router: Router
    requested: str | None
    path: str
    entries: Entries = no_folders
    shards: bool = True
    memory_limit: int | None = None
    route: Route | None = None
    located: Located | None = None
    index: Index | None = None
    refused: Failure | None = None
    """Why the files don't make one checkpoint."""
    identities: tuple[FileIdentity, ...] = ()
    at_hand: str = ""
    """The file that is looked at, and is to blame for what fails: the index, or a shard."""
    identity: FileIdentity | None = None
    """What the file at hand is."""
    window: int = WINDOW_NBYTES
    buffer: bytearray | None = None
    """The window's bytes, for a strategy that copies."""
    answer: BatchOutcome | None = None
    """What the router or the strategy said last."""
    parsed: Header | NeedMore | Refusal | None = None
    headers: list[Header] = field(default_factory=list[Header])
    """Those of the files that are done, in order."""
    merged: Header | None = None
    tensors: TensorSet | None = None
    report: Report | None = None

    @property
    def routed(self) -> Route:
        """The route, once there is one."""
        assert self.route is not None, "the table routes first"  # noqa: S101 - a proof
        return self.route

    @property
    def found(self) -> Located:
        """Which files there are, once that is known."""
        assert self.located is not None, "the table locates before it looks"  # noqa: S101 - a proof
        return self.located

    def keep_located(self, found: Located | Failure) -> None:
        """Note which files to open, or why none."""
        if isinstance(found, Failure):
            self.refused = found
        else:
            self.located = found

    def identify(self, files: tuple[str, ...]) -> None:
        """Learn what each file is, and take the first in hand, or the one that failed."""
        seen = self.routed.identify(files)
        self.answer, self.identities = seen.result, seen.identities
        i = max(seen.result.index, 0)
        self.take_in_hand(files[i], i)

    def take_in_hand(self, path: str, i: int) -> None:
        """Turn to file `i`, and its first window."""
        self.at_hand = path
        self.identity = self.identities[i] if self.identities else None
        self.window = min(WINDOW_NBYTES, self.identity.nbytes) if self.identity else 0

    def put_aside(self) -> None:
        """Keep the header that was parsed."""
        assert isinstance(self.parsed, Header), "the guards before saw it"  # noqa: S101 - a proof
        self.headers.append(self.parsed)

    def load_window(self) -> None:
        """Bring the first bytes of the file at hand to where they can be looked at."""
        spans = Spans((self.at_hand,), (0,), (0,), (self.window,), (self.identity,))
        if self.routed.mode is Mode.MAPS:
            self.answer = self.routed.load(spans)
        else:
            self.buffer = bytearray(self.window)
            self.answer = self.routed.load(spans, Targets.each([self.buffer]))

    def look(self, read: Callable[[bytearray | memoryview], T]) -> T | None:
        """Have the window's bytes read, and let go of them; None if they can't be looked at."""
        assert self.answer is not None, "it was loaded"  # noqa: S101 - a proof
        if self.routed.mode is not Mode.MAPS:
            buffer, self.buffer = self.buffer, None
            return read(bytearray() if buffer is None else buffer)
        leases = self.answer.leases
        seen = self._look_mapped(leases[0], read)
        released = self.routed.release(leases)
        if isinstance(seen, BatchOutcome):
            self.answer = seen
            return None
        self.answer = released
        return seen

    def _look_mapped(
        self, lease: Lease, read: Callable[[bytearray | memoryview], T]
    ) -> T | BatchOutcome:
        # Pages that can't be read are an outcome here; without it they would be a signal below.
        populated = self.routed.advise(*lease, Advice.POPULATE)
        if populated.reaction is Reaction.SOURCE:
            return populated
        try:
            return read(self.routed.view(*lease).data)
        except StrategyError as error:
            return error.result
