"""The controls: plain work of each kind that the packages do. Frozen: no line here may change.

Every recorded ratio is a multiple of these times, so whoever changes one makes all records of it
worthless. A control that is better is a new one, with a new name.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import xxhash

from emel_tools.ratios.case import Unit

_MIB: Final = 1 << 20


class _Counter:
    """An object with an attribute and a method, as the packages' loops have them."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held: dict[str, tuple[int, int]] = {}

    def add(self, name: str, start: int, nbytes: int) -> None:
        if nbytes < 0:
            raise ValueError(name)
        self.held[name] = (start, start + nbytes)


def _python(_folder: Path) -> Unit:
    def unit() -> object:
        counter, start = _Counter(), 0
        for i in range(1500):
            nbytes = (i * 2654435761) % 4096
            counter.add(f"layers.{i}.weight", start, nbytes)
            start += nbytes
        return sum(stop - first for first, stop in counter.held.values())

    return unit


def _decode(_folder: Path) -> Unit:
    entries = {
        f"layers.{i}.weight": {"dtype": "F32", "shape": [16, i], "data_offsets": [i, 64 * i]}
        for i in range(1000)
    }
    text = json.dumps(entries).encode()
    return lambda: msgspec.json.decode(text)


def _columns(_folder: Path) -> Unit:
    offset = np.random.default_rng(1).permutation(8000).astype(np.int64) * 64
    file = offset // 64 % 7

    def unit() -> object:
        order = np.lexsort((offset, file))
        start = offset[order]
        far = np.flatnonzero(start[1:] - start[:-1] > 128)
        return np.cumsum(np.where(file[order] == 3, start, 0)), np.maximum.accumulate(start), far

    return unit


def _calls(folder: Path) -> Unit:
    path = folder / "calls"
    path.write_bytes(bytes(64 * 1024))
    memory = memoryview(bytearray(4096))

    def unit() -> object:
        for _ in range(40):
            descriptor = os.open(path, os.O_RDONLY)
            os.fstat(descriptor)
            os.preadv(descriptor, [memory], 8192)
            mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
            mapped.close()
            os.close(descriptor)
        return path.stat()

    return unit


def _copy(folder: Path) -> Unit:
    path = folder / "copy"
    path.write_bytes(bytes(range(256)) * (_MIB // 256))
    memory = np.ones(_MIB, np.uint8)
    descriptor = os.open(path, os.O_RDONLY)

    def unit() -> object:
        view, part = memory.data, _MIB // 4
        for start in (*range(0, _MIB, part),) * 4:
            os.preadv(descriptor, [view[start : start + part]], start)
        return memory

    return unit


def _digest(_folder: Path) -> Unit:
    memory = np.ones(_MIB, np.uint8)

    def unit() -> object:
        hashed, part = xxhash.xxh3_128(), _MIB // 4
        for start in (*range(0, _MIB, part),) * 4:
            hashed.update(memory[start : start + part].data)
        return hashed.hexdigest()

    return unit


def _convert(_folder: Path) -> Unit:
    halves = np.ones(128 * 1024, "<f2")
    wide = np.ones(128 * 1024, np.float32)
    scales: Any = np.arange(256, dtype=np.float32)

    def unit() -> object:
        np.copyto(wide, halves, casting="unsafe")
        return np.multiply(wide.reshape(-1, 256), scales).sum(axis=0)

    return unit


CONTROLS: Final[Mapping[str, Callable[[Path], Unit]]] = {
    "calls": _calls,
    "columns": _columns,
    "convert": _convert,
    "copy": _copy,
    "decode": _decode,
    "digest": _digest,
    "python": _python,
}
