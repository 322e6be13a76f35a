"""The strategies that copy, against slices of the bytes that the files were made of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import emel_io_read
import emel_io_staged
from emel_io_loader import BatchOutcome, Spans, Targets
from emel_io_read import ReadStrategy
from emel_io_staged import Conversion, Identity, StagedStrategy
from emel_tools.fuzzing.batches import CALLS, FILES, NBYTES, draw_of
from emel_tools.fuzzing.games import Game, Move
from emel_tools.fuzzing.ports import Books, Disk
from emel_tools.fuzzing.stored import files

_GUARD: Final = 5
"""Bytes around each target, which have to stay as they are."""
_PAGE: Final = 4096


def _memory(nbytes: int, offset: int | None = None) -> NDArray[np.uint8]:
    """Make memory for so many bytes and its guard; it lies as a file does from `offset` on."""
    room = np.full(nbytes + 2 * _GUARD + _PAGE, 0xA5, np.uint8)
    skip = 0 if offset is None else (offset - _GUARD - room.ctypes.data) % _PAGE
    return room[skip : skip + nbytes + 2 * _GUARD]


class _Round:
    """One strategy, and what its batches should come to."""

    def __init__(self, kind: str, how: list[Any], reached: set[str]) -> None:
        self.folder, self.paths, self.contents = files(FILES, NBYTES)
        self.kind, self.reached = kind, reached
        port = emel_io_read.Port() if kind == "read" else emel_io_staged.Port()
        self.disk = Disk(port)
        self.books = Books(self.disk.under(port), CALLS[kind])
        self.strategy: Any
        if kind == "read":
            # Direct calls have 64 KiB or more, and only larger ones begin or end within a block.
            nbytes = 1 << (17 if how[1] else 16)
            self.strategy = ReadStrategy(
                threads=how[0], direct=how[1], call_nbytes=nbytes, port=self.books.port
            )
        else:
            self.strategy = StagedStrategy(chunk_nbytes=how[0], stages=how[1], port=self.books.port)
        self.chunk_nbytes: int = 0 if kind == "read" else how[0]
        self.bad: list[list[int]] = []
        self.closed = False
        self.fatal = False
        """Whether a fault was ordered that a batch doesn't survive."""

    def spoil(self, bad: list[list[int]]) -> str:
        """Let no one read these bytes, each of a file."""
        self.bad = bad
        self.disk.bad = [(self.paths[file], byte) for file, byte in bad]
        return ""

    def content(self, span: list[int]) -> bytes:
        file, offset, nbytes = span
        return self.contents[file][offset : offset + nbytes]

    def columns(self, spans: list[list[int]]) -> Spans:
        file, offset, nbytes = ([span[k] for span in spans] for k in range(3))
        return Spans(self.paths, file, offset, nbytes)

    def load(self, spans: list[list[int]], threads: int | None, *, lies: bool = False) -> str:
        offsets = [span[1] if lies else None for span in spans]
        memory = [_memory(span[2], at) for span, at in zip(spans, offsets, strict=True)]
        self.disk.landed.clear()
        targets = Targets(memory, range(len(spans)), [_GUARD] * len(spans))  # pyright: ignore[reportArgumentType] - a range is one
        told: list[int] = []
        answer = self.strategy.load(
            self.columns(spans), targets, threads=threads, progress=told.append
        )
        wanted = [np.frombuffer(self.content(span), np.uint8) for span in spans]
        begins = [(array.ctypes.data, len(array)) for array in memory]
        if any(0 <= at - begin < n for at in self.disk.landed for begin, n in begins):
            self.reached.add("in place")
        return self.judge(answer, spans, told) or self.filled(answer, memory, wanted)

    def lie(self, spans: list[list[int]], threads: int | None) -> str:
        """Load into targets that lie in memory as their bytes do in the file."""
        return self.load(spans, threads, lies=True)

    def through(self, spans: list[list[int]], threads: int | None) -> str:  # noqa: ARG002
        """Every other span is converted from int16 to int32; the others go as they are."""
        spans = [[f, o, n // 2 * 2 if i % 2 else n] for i, (f, o, n) in enumerate(spans)]
        sizes = [span[2] * (1 + i % 2) for i, span in enumerate(spans)]
        memory = [_memory(size) for size in sizes]
        transforms = [Conversion("<i2", "<i4") if i % 2 else Identity() for i in range(len(spans))]
        targets = Targets(memory, range(len(spans)), [_GUARD] * len(spans))  # pyright: ignore[reportArgumentType] - the same
        answer = self.strategy.load_through(self.columns(spans), targets, transforms)
        wanted: list[NDArray[np.uint8]] = []
        for i, span in enumerate(spans):
            stored = self.content(span)
            if i % 2 and len(stored) % 2 == 0:
                stored = np.frombuffer(stored, "<i2").astype("<i4").tobytes()
            wanted.append(np.frombuffer(stored, np.uint8))
        return self.judge(answer, spans, None) or self.filled(answer, memory, wanted)

    def stream(self, spans: list[list[int]], threads: int | None) -> str:  # noqa: ARG002
        got = [bytearray() for _ in spans]
        gaps: list[str] = []

        def sink(span: int, at: int, chunk: NDArray[np.uint8]) -> None:
            if at != len(got[span]) or chunk.flags.writeable:
                gaps.append(f"span {span} at byte {len(got[span])}, read-only, expected; got {at}")
            got[span] += chunk.tobytes()

        answer = self.strategy.stream(self.columns(spans), sink)
        if problem := self.judge(answer, spans, None) or next(iter(gaps), ""):
            return problem
        for i, span in enumerate(spans):
            whole = self.content(span)
            if bytes(got[i]) != whole if answer.ok else not whole.startswith(bytes(got[i])):
                return f"the bytes of span {i} expected, got {len(got[i])} others"
        return ""

    def judge(self, answer: BatchOutcome, spans: list[list[int]], told: list[int] | None) -> str:
        """Hold an answer to what may have happened."""
        self.reached.add(answer.code)
        if self.books.opened or threading.active_count() > 1:
            return f"nothing left open or running expected, got {len(self.books.opened)} open"
        beyond = [i for i, (_, o, n) in enumerate(spans) if n and o + n > NBYTES]
        failing = beyond[:1] or self.unreadable(spans)
        expected = bool(failing) or self.closed
        struck = self.fatal and bool(self.books.struck)
        if answer.ok and expected:
            return "a refusal expected, got ok"
        if not answer.ok and not expected and not struck:
            return f"ok expected, got {answer.code}: {answer.message}"
        if answer.ok:
            return self.told(answer, spans, told)
        if failing and not struck and not self.closed and answer.index not in failing:
            return f"span {failing} blamed expected, got {answer.index}"
        return ""

    def unreadable(self, spans: list[list[int]]) -> list[int]:
        """Which span is to blame for the bytes that can't be read; none if nobody wants them.

        It is the first in request order. What is staged comes by file and offset instead, and is
        told of by the first of a chunk, which may hold all that this lists; where spans overlap,
        their chunks come one span after the other, and it may be any.
        """
        hurt = [
            (file, byte, i)
            for i, (wanted, offset, nbytes) in enumerate(spans)
            for file, byte in self.bad
            if file == wanted and offset <= byte < offset + nbytes
        ]
        if self.kind == "read" or not hurt:
            return [min(i for _, _, i in hurt)] if hurt else []
        file, byte, first = min(hurt)
        there = sorted((o, o + n) for other, o, n in spans if other == file and n)
        if any(begin < end for (_, end), (begin, _) in pairwise(there)):
            return [*range(len(spans))]
        return [
            i
            for i, (other, offset, nbytes) in enumerate(spans[: first + 1])
            if other == file and offset < byte + self.chunk_nbytes and byte < offset + nbytes
        ]

    def told(self, answer: BatchOutcome, spans: list[list[int]], told: list[int] | None) -> str:
        """Hold what is said of the bytes that were moved to how many there are."""
        total = sum(span[2] for span in spans)
        if answer.nbytes != total or answer.nspans != len(spans):
            return f"{total} bytes and {len(spans)} spans told of expected, got {answer}"
        if told is not None and (told != sorted(told) or (total and told[-1:] != [total])):
            return f"a progress that rises to {total} expected, got {told}"
        return ""

    def filled(
        self, answer: BatchOutcome, memory: list[NDArray[np.uint8]], wanted: list[NDArray[np.uint8]]
    ) -> str:
        """Look at the targets, and at what is around them."""
        for i, (array, bytes_) in enumerate(zip(memory, wanted, strict=True)):
            edges = np.concatenate((array[:_GUARD], array[len(array) - _GUARD :]))
            if (edges != 0xA5).any():
                return f"the bytes around target {i} untouched expected"
            inner = array[_GUARD : len(array) - _GUARD]
            if answer.ok and not np.array_equal(inner, bytes_):
                at = int(np.argmax(inner != bytes_)) if len(inner) == len(bytes_) else -1
                return f"the bytes of span {i} expected, the first other one is byte {at}"
            if not answer.ok and not answer.touched and (inner != 0xA5).any():
                return f"target {i} untouched expected, as the answer says ({answer.code})"
        return ""

    def close(self) -> str:
        self.closed = True
        answer = self.strategy.close()
        held = self.strategy.usage().nbytes
        return "" if answer.ok and not held else f"nothing held expected, got {held} bytes"


def _play(kind: str) -> Callable[[list[Move], set[str]], str]:
    def play(moves: list[Move], reached: set[str]) -> str:
        how: list[Any] = next(
            (m[1:] for m in moves if m[0] == "make"),
            [2, False] if kind == "read" else [64, 2],
        )
        round_ = _Round(kind, how, reached)
        calls: dict[str, Callable[..., str]] = {
            "bad": round_.spoil,
            "load": round_.load,
            "lie": round_.lie,
            "stream": round_.stream,
            "through": round_.through,
            "close": round_.close,
        }
        for name, *words in moves:
            if name == "fault":
                round_.books.let_fail((words[0], words[1], words[2]))
                harmless = words[2] in ("short", "interrupted") and words[0] == "preadv"
                round_.fatal = not harmless
            elif name != "make":
                if problem := calls[name](*words):
                    return f"{name}: {problem}"
                if name != "bad":  # which is for the next batch
                    round_.books.let_fail(None)
                    round_.spoil([])
        return round_.close()

    return play


_COMMON: Final = frozenset(
    {"ok", "open-failed", "stat-failed", "read-failed", "end-of-file", "span-beyond-end", "closed"}
)
READ: Final = Game("read", draw_of("read"), _play("read"), 250, _COMMON | {"in place"})
STAGED: Final = Game(
    "staged", draw_of("staged"), _play("staged"), 250, _COMMON | {"staging-failed"}
)
