"""Counts the memory that an action takes: what Python and numpy allocate, copies among it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple


class Memory(NamedTuple):
    """Bytes that one run allocated."""

    peak: int
    """At most, beyond what was held before."""
    left: int
    """Still held when it was over and its answer was dropped."""


def allocated(action: Callable[[], object]) -> Memory:
    """Run an action, and follow what it allocates; mapped files are no part of it."""
    with without_garbage():
        tracemalloc.start(1)
        try:
            kept = action()
            _, peak = tracemalloc.get_traced_memory()
            del kept
            left, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return Memory(peak, left)


def held(opened: Callable[[], AbstractContextManager[object]]) -> int:
    """Open something, and count the bytes that it has allocated and holds once it is open."""
    with without_garbage():
        tracemalloc.start(1)
        try:
            with opened():
                gc.collect()
                now, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return now


@contextmanager
def without_garbage() -> Generator[None]:
    """Collect nothing meanwhile: when it happens depends on all that was done before."""
    was = gc.isenabled()
    gc.collect()
    gc.freeze()  # what is left then stays: the next collection needn't look at it again
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
