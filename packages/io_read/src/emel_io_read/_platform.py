"""The port: io_file's calls, and those for threads; one injectable field each.

Nothing else in the package imports `os` or `threading`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread

import emel_io_file
from emel_io_file import ReadPort

__all__ = ["Port", "Thread"]


def _cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))  # those that this process may use
    except (AttributeError, OSError):
        return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Port(ReadPort):
    """The operating system as this package sees it: files that are read, and threads.

    Each field has its production default, so `Port(open=fake)` replaces one call and keeps the
    rest. A call fails by raising `OSError` (`start_thread`: or `RuntimeError`).
    """

    start_thread: Callable[[Thread], object] = Thread.start
    """Let a thread run. Where it can't, the batch goes on with the threads that there are."""
    cpus: Callable[[], int] = _cpus
    """How many threads can run at once."""
    # By its full name: the graph of imports takes the bare one for the module that it lies in.
    file_system: Callable[[str], str] = emel_io_file.file_system
    """The kind of file system that a path is on; empty where nobody says."""
