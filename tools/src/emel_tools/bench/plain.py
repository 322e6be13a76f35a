"""The controls: reading as plainly as Python can, with nothing of emel in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CALL_NBYTES = 8 << 20
PAGE = 4096


def aligned(nbytes: int) -> NDArray[np.uint8]:
    """Make (nbytes,) uint8 at a page, every page touched: fresh memory is another measurement."""
    whole = np.ones(nbytes + PAGE, np.uint8)
    start = -whole.ctypes.data % PAGE
    return whole[start : start + nbytes]


@contextmanager
def opened(path: Path, *, direct: bool = False) -> Generator[int]:
    """Open a file for reading, around the page cache if asked to."""
    descriptor = os.open(path, os.O_RDONLY | (os.O_DIRECT if direct else 0))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_shares(path: Path, memory: NDArray[np.uint8], threads: int, *, direct: bool) -> None:
    """Read the front of a file into memory: each thread a share in one piece, 8 MiB a call."""
    view, share = memory.data, -(-len(memory) // threads // PAGE) * PAGE
    with opened(path, direct=direct) as descriptor:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)

        def work(begin: int) -> None:
            stop = min(begin + share, len(view))
            while begin < stop:
                end = min(begin + CALL_NBYTES, stop)
                begin += os.preadv(descriptor, [view[begin:end]], begin)

        run_each([lambda begin=begin: work(begin) for begin in range(0, len(view), share)])


def read_ring(path: Path, ring: NDArray[np.uint8], stages: int) -> None:
    """Read a whole file through a ring of stages, one after another, and look at nothing."""
    size = len(ring) // stages
    slots = [ring.data[i * size : (i + 1) * size] for i in range(stages)]
    with opened(path) as descriptor:
        at, turn = 0, 0
        while count := os.preadv(descriptor, [slots[turn]], at):
            at, turn = at + count, (turn + 1) % stages


def run_each(works: list[Callable[[], object]]) -> None:
    """Run each in a thread of its own, the first one in this thread."""
    threads = [threading.Thread(target=work) for work in works[1:]]
    for thread in threads:
        thread.start()
    works[0]()
    for thread in threads:
        thread.join()


def forget(path: Path) -> None:
    """Drop a file's pages from the cache, so that the next read comes from the device."""
    with opened(path) as descriptor:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
