"""A model as its users have it, under any order of requests, against a dictionary of its bytes."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import emel
from emel_tools.fuzzing.case import some_bytes
from emel_tools.fuzzing.games import Game, Move
from emel_tools.fuzzing.json_files import JSONFile, item

_SIZES: Final = (24, 0, 4096, 10_000, 3, 64, 9000)
_NAMES: Final = tuple(f"t{i}" for i in range(len(_SIZES)))
_STRATEGIES: Final = ("mmap", "read", "staged", "auto")


@cache
def folder() -> tuple[tempfile.TemporaryDirectory[str], dict[str, bytes]]:
    """Write a checkpoint of two shards, once a process."""
    place = tempfile.TemporaryDirectory(prefix="emel-fuzz-")
    contents: dict[str, bytes] = {}
    for number, (low, high) in enumerate(((0, 4), (4, len(_SIZES))), 1):
        begin, items = 0, list[str]()
        for i in range(low, high):
            items.append(item(_NAMES[i], "U8", (_SIZES[i],), begin).text())
            begin += _SIZES[i]
        data = JSONFile(tuple(items), begin, seed=number).data()
        (Path(place.name) / f"m-{number:05}-of-00002.safetensors").write_bytes(data)
        stored, at = some_bytes(Random(number), begin), 0
        for i in range(low, high):
            contents[_NAMES[i]] = stored[at : at + _SIZES[i]]
            at += _SIZES[i]
    return place, contents


def _draw(rng: Random) -> list[Move]:
    def names() -> list[str] | None:
        some = rng.sample(_NAMES, rng.choice((0, 1, 1, 2, 4)))
        return None if rng.random() < 0.15 else some

    moves: list[Move] = [["open", rng.choice(_STRATEGIES), rng.random() < 0.15]]
    for _ in range(rng.choice((4, 10, 20))):
        name = rng.choice(_NAMES)
        size = _SIZES[_NAMES.index(name)]
        part = [rng.randrange(-size, size + 1) if rng.random() < 0.8 else None for _ in range(2)]
        moves.append(
            rng.choice(
                (
                    ["get", name],
                    ["get", name],
                    ["drop", rng.randrange(5)],
                    ["load", names(), rng.choice((None, 1, 2))],
                    ["into", names() or [name], rng.choice(("one", "each"))],
                    ["release", names()],
                    ["release", [name]],
                    ["read_into", name],
                    ["part", name, [*part, rng.choice((None, 1, 2, -1, -3))]],
                    ["stream"],
                    ["digest"],
                    ["dequantize", name],
                    ["close"] if rng.random() < 0.1 else ["get", name],
                )
            )
        )
    return moves


class _Round:
    def __init__(self, strategy: str, limited: bool, reached: set[str]) -> None:  # noqa: FBT001
        self.place, self.contents = folder()
        limit = 1 << 20 if limited else None
        self.model = emel.open(self.place.name, strategy, memory_limit=limit)
        self.held: list[tuple[str, NDArray[Any]]] = []
        self.buffers: dict[str, Any] = {}
        """Names that were loaded into a buffer of ours, and not released since."""
        self.digest: str = ""
        self.reached = reached
        self.closed = False

    def get(self, name: str) -> str:
        array = self.model[name]
        self.held.append((name, array))
        if name not in self.buffers and array.flags.writeable:
            return f"a read-only array of {name} expected"
        return ""

    def drop(self, number: int) -> str:
        if self.held:
            del self.held[number % len(self.held)]
        return ""

    def load(self, names: list[str] | None, threads: int | None) -> str:
        told: list[emel.Progress] = []
        self.model.load(names, threads=threads, progress=told.append)
        wanted = set(_NAMES if names is None else names)
        loaded = self.loaded()
        if not wanted <= loaded:
            return f"{sorted(wanted)} loaded expected, got {sorted(loaded)}"
        done = [progress.nbytes_done for progress in told]
        return "" if done == sorted(done) else f"a progress that rises expected, got {done}"

    def into(self, names: list[str], how: str) -> str:
        busy = {name for name, _ in self.held if name not in self.buffers} & {*names}
        try:
            if how == "one":
                memory: Any = np.full(self.model.buffer_nbytes(names), 0xA5, np.uint8)
                self.model.load(names, into=memory)
            else:
                memory = self.model.empty(names)
                self.model.load(into=memory)
        except emel.BusyError:
            self.reached.add("busy")
            return "" if busy else "a load into our buffers expected, got a refusal"
        for name in names:
            self.buffers[name] = memory
            if self.model[name].tobytes() != self.contents[name]:
                return f"the bytes of {name} in our buffer expected"
        return ""

    def release(self, names: list[str] | None) -> str:
        loaded = self.loaded()
        wanted = loaded if names is None else {*names}
        busy = {name for name, _ in self.held if name not in self.buffers}
        try:
            self.model.release(names)
        except emel.ClosedError:
            self.reached.add("not-loaded")
            same = self.loaded() == loaded
            return "" if wanted - loaded and same else f"a release of {sorted(wanted)} expected"
        except emel.BusyError as error:
            self.reached.add("busy")
            if not {*error.tensors} <= busy or not {*error.tensors} <= wanted:
                return f"only what is held ({sorted(busy)}) refused expected, got {error.tensors}"
            gone = wanted - {*error.tensors}
        else:
            gone = wanted
            if stuck := {n for n in wanted & busy if self.contents[n]}:
                return f"a refusal expected: arrays of {sorted(stuck)} are alive"
        for name in gone:
            self.buffers.pop(name, None)
        left = gone & self.loaded()
        return f"{sorted(left)} gone expected, and still there" if left else ""

    def read_into(self, name: str) -> str:
        before = self.loaded()
        out = np.full(len(self.contents[name]), 0xA5, np.uint8)
        self.model.read_into(name, out)
        if out.tobytes() != self.contents[name]:
            return f"the bytes of {name} expected"
        return "" if self.loaded() == before else "nothing more loaded expected"

    def part(self, name: str, words: tuple[int | None, int | None, int | None]) -> str:
        before = self.loaded()
        chosen = slice(words[0], words[1], words[2])
        got = self.model.part(name)[chosen]
        whole = np.frombuffer(self.contents[name], np.uint8)
        if not np.array_equal(got, whole[chosen]) or not got.flags.writeable:
            return f"{name}[{words}] as numpy has it, and ours, expected; got {got.shape}"
        return "" if self.loaded() == before else "nothing more loaded expected"

    def stream(self) -> str:
        got = {name: bytearray() for name in _NAMES}

        def sink(name: str, start: int, chunk: NDArray[np.uint8]) -> None:
            if start == len(got[name]):
                got[name] += chunk.tobytes()

        self.model.stream(sink)
        wrong = [name for name in _NAMES if bytes(got[name]) != self.contents[name]]
        return f"the bytes of {wrong} expected, in order, once" if wrong else ""

    def make_digest(self) -> str:
        before = self.loaded()
        digest = self.model.digest().model
        if self.digest not in ("", digest) or self.loaded() != before:
            return "the same digest again, and nothing more loaded, expected"
        self.digest = digest
        return ""

    def dequantize(self, name: str) -> str:
        got = self.model.dequantize(name)
        whole = np.frombuffer(self.contents[name], np.uint8).astype(np.float32)
        return "" if np.array_equal(got, whole) else f"the numbers of {name} expected"

    def close(self) -> str:
        busy = {name for name, _ in self.held if name not in self.buffers}
        try:
            self.model.close()
        except emel.BusyError as error:
            self.reached.add("busy")
            return "" if {*error.tensors} <= busy else f"{sorted(busy)} refused expected"
        self.closed = True
        stuck = [name for name in sorted(busy) if self.contents[name]]
        return f"a refusal expected: arrays of {stuck} are alive" if stuck else ""

    def loaded(self) -> set[str]:
        """What the model says is in memory."""
        residency = self.model.residency()
        states = zip(residency.name, residency.state.tolist(), strict=True)
        return {name for name, state in states if state.endswith("resident")}

    def check(self) -> str:
        for name, array in self.held:
            if array.tobytes() != self.contents[name]:
                return f"the bytes of {name} expected in an array that is held"
        return ""


def _play(moves: list[Move], reached: set[str]) -> str:
    fallback: list[Any] = ["mmap", False]
    how = next((m[1:] for m in moves if m[0] == "open"), fallback)
    round_ = _Round(how[0], how[1], reached)
    calls: dict[str, Any] = {
        name: getattr(round_, name)
        for name in (
            "get",
            "drop",
            "load",
            "into",
            "release",
            "read_into",
            "part",
            "stream",
            "dequantize",
            "close",
        )
    }
    calls["digest"] = round_.make_digest
    try:
        for name, *words in moves:
            if round_.closed:
                break
            if name == "open":
                continue
            reached.add(name)
            if problem := calls[name](*words) or round_.check():
                return f"{how[0]}, {name}: {problem}"
    finally:
        round_.held.clear()
        round_.model.close()
    if round_.model.usage().leases:
        return "nothing leased after close expected"
    return ""


MODEL: Final = Game("model", _draw, _play, 60, frozenset({"busy", "not-loaded", "close", "into"}))
