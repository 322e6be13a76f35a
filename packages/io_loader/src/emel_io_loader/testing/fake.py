"""A strategy in memory, for the tests of whoever stands above the contract."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emel_io_loader.outcomes import BatchOutcome, Leases, Reaction, StrategyError
from emel_io_loader.spans import FileIdentity, Spans, validate
from emel_io_loader.strategy import Advice, Identified, Mode, Offer, OnBytes, Usage
from emel_io_loader.targets import Places, TargetRefusal, Targets, validate_targets
from emel_io_loader.testing.fake_answers import FakeOutcome, answer, loaded, missing, stale
from emel_io_loader.testing.fake_pool import FakePool

__all__ = ["Advised", "FakeStrategy"]


class Advised(NamedTuple):
    """One piece of advice that was accepted."""

    slot: int
    generation: int
    advice: Advice
    start: int
    nbytes: int


class FakeStrategy:
    """A `Strategy` that keeps the whole contract over files in a dict, and can be told to fail.

    The spans of one file and one batch share a slot, as they share a mapping, and each has a
    generation of its own.

    Parameters
    ----------
    files
        Path to content. Copied; a test changes `files` of the instance to truncate, rewrite or
        remove a file later on.
    mode
        Whether it maps or copies.
    name
        What callers ask for.
    capacity
        Slots of the pool; one that copies has none.

    Attributes
    ----------
    loads, releases
        The batches that were dispatched, refused ones too, in order.
    advised
        The advice that was accepted, in order.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        mode: Mode = Mode.MAPS,
        *,
        name: str = "fake",
        capacity: int = 256,
    ) -> None:
        self.files: Mapping[str, bytes] = dict(files)
        self.loads: list[Spans] = []
        self.releases: list[Leases] = []
        self.advised: list[Advised] = []
        self._name = name
        self._mode = mode
        self._pool = FakePool(capacity if mode is Mode.MAPS else 0)
        self._inodes: dict[str, int] = {}
        self._closed = False
        self._load_failures: dict[int, BatchOutcome] = {}
        self._release_failures: dict[int, BatchOutcome] = {}

    @property
    def name(self) -> str:
        """See `Strategy.name`."""
        return self._name

    @property
    def mode(self) -> Mode:
        """See `Strategy.mode`."""
        return self._mode

    def offer(self, unavailable: str = "") -> Offer:
        """Make the router's offer of this very instance."""
        return Offer(create=lambda: self, unavailable=lambda: unavailable)

    def fail_load(self, result: BatchOutcome, nth: int = 1) -> None:
        """Answer the `nth` load from now with `result`; 1 is the next one. Nothing is loaded."""
        self._load_failures[len(self.loads) + nth] = result

    def fail_release(self, result: BatchOutcome, nth: int = 1) -> None:
        """Answer the `nth` release from now with `result`; 1 is the next one.

        The leases that `result.done` marks are let go of, as in a release that is done in part.
        """
        self._release_failures[len(self.releases) + nth] = result

    def identify(self, files: Sequence[str]) -> Identified:
        """See `Strategy.identify`."""
        for i, path in enumerate(files):
            if path not in self.files:
                return Identified(missing(path, i))
        return Identified(answer(FakeOutcome.OK), tuple(map(self._identity, files)))

    def load(
        self,
        spans: Spans,
        targets: Targets | None = None,
        *,
        threads: int | None = None,  # noqa: ARG002 - the contract's
        progress: OnBytes | None = None,
    ) -> BatchOutcome:
        """See `Strategy.load`. One that copies tells `progress` after each span."""
        self.loads.append(spans)
        refusal = self._load_failures.pop(len(self.loads), None) or self._refusal(spans, targets)
        if refusal is not None:
            return refusal
        if targets is None:
            return loaded(spans, self._pool.lease(spans, partial(self._bytes, spans)))
        places = validate_targets(targets, spans.nbytes)
        assert isinstance(places, Places), "the refusal would have come before"  # noqa: S101
        done = 0
        for i in np.flatnonzero(spans.nbytes > 0).tolist():
            wanted = self._bytes(spans, i)
            places.view(i, len(wanted))[:] = wanted
            done += len(wanted)
            if progress is not None:
                progress(done)
        return loaded(spans)

    def view(self, slot: int, generation: int) -> NDArray[np.uint8]:
        """See `Strategy.view`."""
        if slot == -1:
            return np.frombuffer(b"\0", np.uint8)[:0]
        held = self._pool.leased(slot, generation)
        if held is None:
            raise StrategyError(stale(slot, generation))
        content = self.files.get(held.path)  # one that was removed is still mapped
        if content is not None and len(content) < held.stop:
            text = f"{held.path} has {len(content)} bytes now, and the span ends at {held.stop}"
            raise StrategyError(answer(FakeOutcome.FILE_SHRANK, text, offset=len(content)))
        return held.show()

    def release(self, leases: Leases) -> BatchOutcome:
        """See `Strategy.release`."""
        self.releases.append(leases)
        n = len(leases)
        failure = self._release_failures.pop(len(self.releases), None)
        if failure is not None:
            self._pool.forget(leases, failure.done)
            return failure
        done = np.zeros(n, np.bool_)
        seen: set[int] = set()
        for i in range(n):
            slot, generation = leases[i]
            if slot == -1:
                continue
            if self._pool.leased(slot, generation) is None or generation in seen:
                return stale(slot, generation, index=i, done=done)
            seen.add(generation)
        nbytes = 0
        for i in range(n):
            slot, generation = leases[i]
            held = self._pool.leased(slot, generation)
            done[i] = held is None or self._pool.let_go(generation)
            nbytes += len(held.content) if held is not None and done[i] else 0
        borrowed = np.flatnonzero(~done)
        return BatchOutcome(
            outcome=FakeOutcome.STILL_BORROWED if borrowed.size else FakeOutcome.OK,
            reaction=Reaction.BUSY if borrowed.size else Reaction.NONE,
            message=f"{borrowed.size} of {n} spans are still borrowed" if borrowed.size else "",
            index=int(borrowed[0]) if borrowed.size else -1,
            nspans=n - borrowed.size,
            nbytes=nbytes,
            done=done,
        )

    def advise(
        self, slot: int, generation: int, advice: int, start: int = 0, nbytes: int | None = None
    ) -> BatchOutcome:
        """See `Strategy.advise`."""
        held = self._pool.leased(slot, generation)
        if slot != -1 and held is None:
            return stale(slot, generation)
        size = 0 if held is None else len(held.content)
        count = size - start if nbytes is None else nbytes
        if advice not in list(Advice):
            return answer(FakeOutcome.ADVICE_INVALID, f"advice {advice} is of no known kind")
        if start < 0 or count < 0 or start + count > size:
            text = f"bytes {start} to {start + count} leave a lease of {size} bytes"
            return answer(FakeOutcome.ADVICE_INVALID, text)
        self.advised.append(Advised(slot, generation, Advice(advice), start, count))
        return answer(FakeOutcome.OK)

    def usage(self) -> Usage:
        """See `Strategy.usage`; there are no pages here, and so bytes are just the spans' bytes."""
        return self._pool.usage()

    def close(self) -> BatchOutcome:
        """See `Strategy.close`. Nothing loads any more after the first call."""
        self._closed = True
        borrowed = self._pool.let_all_go()
        if not borrowed:
            return answer(FakeOutcome.OK)
        text = f"still borrowed: spans of {', '.join(borrowed)}"
        return answer(FakeOutcome.STILL_BORROWED, text)

    def _refusal(self, spans: Spans, targets: Targets | None) -> BatchOutcome | None:
        if self._closed:
            return answer(FakeOutcome.CLOSED, f"strategy {self._name} is closed")
        bad = validate(spans)
        if bad is not None:
            return BatchOutcome(
                outcome=bad.outcome, reaction=Reaction.INVALID, message=bad.message, index=bad.span
            )
        return self._bad_targets(spans, targets) or self._bad_source(spans) or self._full(spans)

    def _bad_targets(self, spans: Spans, targets: Targets | None) -> BatchOutcome | None:
        if self._mode is Mode.MAPS:
            text = "it maps, and takes no targets"
            return None if targets is None else answer(FakeOutcome.TARGETS_GIVEN, text)
        bad = validate_targets(targets, spans.nbytes)
        if not isinstance(bad, TargetRefusal):
            return None
        return BatchOutcome(
            outcome=bad.outcome, reaction=Reaction.INVALID, message=bad.message, index=bad.span
        )

    def _bad_source(self, spans: Spans) -> BatchOutcome | None:
        sizes: dict[int, int] = {}
        stops: list[int] = (spans.offset + spans.nbytes).tolist()
        files: list[int] = spans.file.tolist()
        for i, (file, stop) in enumerate(zip(files, stops, strict=True)):
            if not spans.nbytes[i]:
                continue  # its file isn't looked at
            path = spans.files[file]
            if file not in sizes:  # once a file, and not a span: there may be 50,000 of them
                bad = self._bad_file(path, spans.identity(file), i)
                if bad is not None:
                    return bad
                sizes[file] = len(self.files[path])
            if stop > sizes[file]:
                text = f"{path} has {sizes[file]} bytes, and span {i} ends at {stop}"
                return answer(FakeOutcome.SPAN_BEYOND_END, text, index=i, offset=sizes[file])
        return None

    def _bad_file(self, path: str, then: FileIdentity | None, i: int) -> BatchOutcome | None:
        if path not in self.files:
            return missing(path, i)
        changes = "" if then is None else then.changes(self._identity(path))
        if changes:
            return answer(FakeOutcome.FILE_CHANGED, f"{path}: {changes}", index=i)
        return None

    def _full(self, spans: Spans) -> BatchOutcome | None:
        wanted = len(set(spans.file[spans.nbytes > 0].tolist()))
        used, capacity = self._pool.usage()[:2]
        if self._mode is Mode.COPIES or wanted + used <= capacity:
            return None
        text = f"{wanted} slots are needed, {used} of {capacity} are in use"
        return answer(FakeOutcome.POOL_FULL, text)

    def _bytes(self, spans: Spans, i: int) -> bytes:
        offset, nbytes = int(spans.offset[i]), int(spans.nbytes[i])
        return self.files[spans.files[int(spans.file[i])]][offset : offset + nbytes]

    def _identity(self, path: str) -> FileIdentity:
        content = self.files[path]
        inode = self._inodes.setdefault(path, len(self._inodes) + 1)
        # A checksum stands for the time: it changes when, and only when, the content does.
        return FileIdentity(1, inode, len(content), zlib.crc32(content))
