"""The port: every call of this package to the operating system, one injectable field each.

Nothing else in the package starts threads; opening and reading files is io_file's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emel_io_file import ReadPort


def _allocate(nbytes: int, alignment: int) -> NDArray[np.uint8]:
    whole = np.empty(nbytes + alignment, np.uint8)
    start = -whole.ctypes.data % alignment
    return whole[start : start + nbytes]


def _start(work: Callable[[], None]) -> Callable[[], object]:
    thread = threading.Thread(target=work, name="emel-io-staged")
    thread.start()
    return thread.join


@dataclass(frozen=True, slots=True)
class Port(ReadPort):
    """The operating system as this package sees it: files, memory and threads.

    Each field has its production default, so `Port(start=fake)` replaces one call and keeps the
    rest.
    """

    allocate: Callable[[int, int], NDArray[np.uint8]] = _allocate
    """(nbytes, alignment): memory that begins at a multiple of `alignment`, (nbytes,) uint8; it
    goes back when nothing points into it. `MemoryError` if there is none."""
    start: Callable[[Callable[[], None]], Callable[[], object]] = _start
    """Run something in a thread of its own; answers what waits for that thread's end.
    `RuntimeError` where no more threads can be had."""
