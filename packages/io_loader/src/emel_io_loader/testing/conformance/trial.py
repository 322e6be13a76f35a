"""One strategy at work on files of its own: what the rules are tried on."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Final

import numpy as np

from emel_io_loader.outcomes import BatchOutcome, Leases
from emel_io_loader.spans import FileIdentity, Spans
from emel_io_loader.strategy import Mode, OnBytes, Strategy
from emel_io_loader.targets import Targets
from emel_io_loader.testing.conformance._platform import Folder, Held, Kind

_PATTERN: Final = np.random.default_rng(20_261_124).integers(0, 256, 1_000_003, np.uint8)
"""Its length is a prime, so that no block of a file looks like another."""
_ROOM_NBYTES: Final = 2**26
"""No rule loads more; a span that claims more is one to be refused."""
NBYTES: Final = 100_003
"""What the files of the rules have, where nothing else is said."""


@lru_cache(maxsize=16)  # all that the rules ask for
def content(nbytes: int = NBYTES, turn: int = 0) -> bytes:
    """Make bytes that tell their place; another `turn` makes others."""
    return np.resize(np.roll(_PATTERN, turn), nbytes).tobytes()


class Loaded:
    """A batch and what came of it."""

    def __init__(
        self, strategy: Strategy, answer: BatchOutcome, buffers: Sequence[bytearray]
    ) -> None:
        self.answer: BatchOutcome = answer
        self.buffers: Sequence[bytearray] = buffers
        self._strategy = strategy

    @property
    def leases(self) -> Leases:
        """The leases, if it maps."""
        return self.answer.leases

    def content(self, span: int) -> bytes | bytearray:
        """Answer with the bytes of one span, wherever they are."""
        if self._strategy.mode is Mode.COPIES:
            return self.buffers[span]
        return self._strategy.view(*self.leases[span]).tobytes()


class Trial:
    """One strategy, a folder, and batches."""

    def __init__(
        self,
        strategy: Strategy,
        folder: Folder,
        threads: int | None,
        patience_seconds: float,
        *,
        watched: Collection[Kind],
    ) -> None:
        self.strategy: Strategy = strategy
        self.folder: Folder = folder
        self.threads: int | None = threads
        self._patience_seconds = patience_seconds
        self._watched = watched
        self._before = folder.held(watched)

    @property
    def maps(self) -> bool:
        """Whether the strategy maps."""
        return self.strategy.mode is Mode.MAPS

    @property
    def copies(self) -> bool:
        """Whether the strategy copies."""
        return self.strategy.mode is Mode.COPIES

    @property
    def left(self) -> Held:
        """What the process holds beyond what it held when the watched trial began."""
        return self.folder.held_since(self._before, self._watched, self._patience_seconds)

    def write(self, name: str = "a.bin", nbytes: int = NBYTES, turn: int = 0) -> str:
        """Write a file of bytes that tell their place."""
        return self.folder.write(name, content(nbytes, turn))

    def load(
        self,
        spans: Spans,
        targets: Targets | None = None,
        *,
        threads: int | None = None,
        progress: OnBytes | None = None,
    ) -> Loaded:
        """Load a batch; one that copies gets a buffer a span if no targets are given."""
        buffers: list[bytearray] = []
        if targets is None and self.copies:
            sizes = [n if 0 <= n <= _ROOM_NBYTES else 1 for n in spans.nbytes.tolist()]
            sizes += [1] * (len(spans) - len(sizes))
            buffers = [bytearray(n) for n in sizes[: len(spans)]]
            targets = Targets.each(buffers)
        answer = self.strategy.load(
            spans, targets, threads=threads or self.threads, progress=progress
        )
        return Loaded(self.strategy, answer, buffers)

    def check(self, spans: Spans, contents: Sequence[bytes], rule: str) -> Loaded:
        """Load a batch that keeps all rules and compare every span's bytes."""
        loaded = self.load(spans)
        assert loaded.answer.ok, f"{rule}: refused with {said(loaded.answer)}"
        for i in range(len(spans)):
            file, start, n = (int(c[i]) for c in (spans.file, spans.offset, spans.nbytes))
            same = loaded.content(i) == contents[file][start : start + n]
            assert same, f"{rule}: span {i} ({n} bytes at offset {start}) has other bytes"
        return loaded


def said(answer: BatchOutcome) -> str:
    """Quote an answer."""
    return f"{answer.code} ({answer.reaction.name}, span {answer.index}): {answer.message!r}"


def one_file(
    path: str, *pairs: tuple[int, int], identities: Sequence[FileIdentity | None] = ()
) -> Spans:
    """Spans of one file: (offset, nbytes) each."""
    return Spans(
        [path], [0] * len(pairs), [at for at, _ in pairs], [n for _, n in pairs], identities
    )


def two_files(good: str, bad: str) -> Spans:
    """Name a good span and then one of a file with which something is wrong."""
    return Spans([good, bad], [0, 1], [0, 0], [9, 9])


class StrategyCase:
    """What every room of rules stands on: a subclass says how its strategy is made."""

    threads: int | None = None
    """Handed to every load; None leaves it to the strategy."""
    patience_seconds: float = 10.0
    """After how long a strategy that waits for a FIFO is let go, and has broken the rule; and how
    long a thread may take to be gone."""

    def make(self) -> Strategy:
        """Make a fresh strategy; every rule makes its own, and closes it."""
        raise NotImplementedError(f"{type(self).__name__} has no make(self) -> Strategy")

    @contextmanager
    def trial(self, tmp_path: object, *, watched: Collection[Kind] = ()) -> Generator[Trial]:
        """Set a fresh strategy to work; afterwards it is closed, whatever it says to that.

        Parameters
        ----------
        tmp_path
            The folder of the test.
        watched
            What the rule will ask about, of what is `left`: "descriptors", "mappings", "threads".
            Nothing else is looked at.
        """
        strategy, folder = self.make(), Folder(str(tmp_path))
        try:
            yield Trial(strategy, folder, self.threads, self.patience_seconds, watched=watched)
        finally:
            with suppress(Exception):
                strategy.close()
