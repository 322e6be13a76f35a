"""The strategies that copy, against slices of the bytes that the files were made of."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import emel_io_read
import emel_io_staged
from emel_io_loader import BatchOutcome, Spans, Targets
from emel_io_read import ReadStrategy
from emel_io_staged import Conversion, Identity, StagedStrategy
from emel_tools.fuzzing.games import Game, Move
from emel_tools.fuzzing.ports import Books

_READS: Final = ("open", "open_direct", "fstat", "stat", "preadv", "close")
_CALLS: Final = {"read": (*_READS, "start_thread"), "staged": (*_READS, "allocate", "start")}
_NBYTES: Final = 200_003
_FILES: Final = 3
_GUARD: Final = 5
"""Bytes around each target, which have to stay as they are."""
_HOWS: Final = ("failed", "failed", "refused", "short", "end", "interrupted")


@cache
def files() -> tuple[tempfile.TemporaryDirectory[str], tuple[str, ...], tuple[bytes, ...]]:
    """Write three files, once a process; the folder is handed out to be kept alive."""
    folder = tempfile.TemporaryDirectory(prefix="emel-fuzz-")
    contents = tuple(Random(i).randbytes(_NBYTES) for i in range(_FILES))
    paths = tuple(str(Path(folder.name) / f"{i}.bin") for i in range(_FILES))
    for path, content in zip(paths, contents, strict=True):
        Path(path).write_bytes(content)
    return folder, paths, contents


def _spans(rng: Random, most: int) -> list[list[int]]:
    places = (0, 1, 4095, 4096, 65536, 65537, 131072, _NBYTES - 1, _NBYTES)
    spans: list[list[int]] = []
    for _ in range(rng.choice((0, 1, 1, 3, 8))):
        if rng.random() < 0.3:
            low, high = sorted((rng.choice(places), rng.choice(places)))
        else:
            low = rng.randrange(_NBYTES)
            high = min(_NBYTES, low + rng.choice((0, 1, 2, 100, 5000)))
        spans.append([rng.randrange(_FILES), low, min(high - low, most)])
    if rng.random() < 0.08:
        spans.insert(rng.randrange(len(spans) + 1), [0, _NBYTES - 3, rng.choice((4, 90))])
    return spans


def _draw(kind: str) -> Callable[[Random], list[Move]]:
    def draw(rng: Random) -> list[Move]:
        if kind == "read":
            how: list[Any] = [rng.choice((None, 1, 2, 4)), rng.random() < 0.4]
        else:
            how = [rng.choice((8, 64, 4096, 65536)), rng.choice((2, 3, 4))]
        most: int = _NBYTES if kind == "read" else 30 * how[0]  # so that there are few chunks
        moves: list[Move] = [["make", *how]]
        for _ in range(rng.randrange(1, 7)):
            spans = _spans(rng, most)
            if rng.random() < 0.4:
                name = rng.choice((*_CALLS[kind], "preadv", "preadv"))
                moves.append(["fault", name, rng.choice((1, 1, 2, 5)), rng.choice(_HOWS)])
            words = ["load", "load", "load"] + ["stream", "through"] * (kind == "staged")
            moves.append([rng.choice(words), spans, rng.choice((None, 1, 3))])
        if rng.random() < 0.2:
            moves += [["close"], ["load", _spans(rng, most), None]]
        return moves

    return draw


class _Round:
    """One strategy, and what its batches should come to."""

    def __init__(self, kind: str, how: list[Any], reached: set[str]) -> None:
        self.folder, self.paths, self.contents = files()
        self.kind, self.reached = kind, reached
        port = emel_io_read.Port() if kind == "read" else emel_io_staged.Port()
        self.books = Books(port, _CALLS[kind])
        self.strategy: Any
        if kind == "read":
            self.strategy = ReadStrategy(
                threads=how[0], direct=how[1], call_nbytes=1 << 16, port=self.books.port
            )
        else:
            self.strategy = StagedStrategy(chunk_nbytes=how[0], stages=how[1], port=self.books.port)
        self.closed = False
        self.fatal = False
        """Whether a fault was ordered that a batch doesn't survive."""

    def content(self, span: list[int]) -> bytes:
        file, offset, nbytes = span
        return self.contents[file][offset : offset + nbytes]

    def columns(self, spans: list[list[int]]) -> Spans:
        file, offset, nbytes = ([span[k] for span in spans] for k in range(3))
        return Spans(self.paths, file, offset, nbytes)

    def load(self, spans: list[list[int]], threads: int | None) -> str:
        memory = [np.full(span[2] + 2 * _GUARD, 0xA5, np.uint8) for span in spans]
        targets = Targets(memory, range(len(spans)), [_GUARD] * len(spans))  # pyright: ignore[reportArgumentType] - a range is one
        told: list[int] = []
        answer = self.strategy.load(
            self.columns(spans), targets, threads=threads, progress=told.append
        )
        wanted = [np.frombuffer(self.content(span), np.uint8) for span in spans]
        return self.judge(answer, spans, told) or self.filled(answer, memory, wanted)

    def through(self, spans: list[list[int]], threads: int | None) -> str:  # noqa: ARG002
        """Every other span is converted from int16 to int32; the others go as they are."""
        spans = [[f, o, n // 2 * 2 if i % 2 else n] for i, (f, o, n) in enumerate(spans)]
        sizes = [span[2] * (1 + i % 2) for i, span in enumerate(spans)]
        memory = [np.full(size + 2 * _GUARD, 0xA5, np.uint8) for size in sizes]
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
        beyond = [i for i, (_, o, n) in enumerate(spans) if o + n > _NBYTES]
        expected = bool(beyond) or self.closed
        struck = self.fatal and bool(self.books.struck)
        if answer.ok and expected:
            return "a refusal expected, got ok"
        if not answer.ok and not expected and not struck:
            return f"ok expected, got {answer.code}: {answer.message}"
        if answer.ok:
            return self.told(answer, spans, told)
        if beyond and not struck and not self.closed and answer.index not in beyond:
            return f"one of the spans {beyond} blamed expected, got {answer.index}"
        return ""

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
            "load": round_.load,
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
                round_.books.let_fail(None)
        return round_.close()

    return play


_COMMON: Final = frozenset(
    {"ok", "open-failed", "stat-failed", "read-failed", "end-of-file", "span-beyond-end", "closed"}
)
READ: Final = Game("read", _draw("read"), _play("read"), 250, _COMMON)
STAGED: Final = Game("staged", _draw("staged"), _play("staged"), 250, _COMMON | {"staging-failed"})
