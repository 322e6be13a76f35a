"""Counts calls to the operating system where they leave Python, and asks the kernel beside.

A count taken at a package's port misses whatever goes around the port. So, before any package is
imported, the functions of the module `posix` and the class `mmap.mmap` themselves are replaced by
ones that count, whatever name they are reached by later; opens and maps are heard of from the
interpreter's audit events, which no caller goes around; and what was read, which descriptors are
open and which mappings stand is what the kernel says (proc(5)).
"""

from __future__ import annotations

import _thread
import fcntl
import gc
import mmap
import os
import posix
import shutil
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from types import BuiltinFunctionType, ModuleType
from typing import Any, Final, NamedTuple, Self, TypeVar

_COMPARED_WITH: Final = shutil.rmtree
"""shutil looks, when it is imported, at which functions `os` has: it has to see the real ones."""

_OTHER: Final = "other-calls"
_ELSEWHERE: Final = frozenset(("open", "read", "readv", "pread", "preadv"))
"""Heard of as events, or counted by the kernel."""
_QUIET: Final = frozenset(
    """
    WCOREDUMP WEXITSTATUS WIFCONTINUED WIFEXITED WIFSIGNALED WIFSTOPPED WSTOPSIG WTERMSIG
    waitstatus_to_exitcode fspath strerror major minor makedev device_encoding putenv unsetenv
    register_at_fork abort ctermid confstr sysconf cpu_count sched_getaffinity
    """.split()  # noqa: SIM905 - two dozen of them
)
"""Functions that ask the kernel nothing, or only what the machine is."""


def _functions(module: ModuleType) -> list[str]:
    names: Mapping[str, object] = vars(module)
    public = (name for name in names if not name.startswith("_"))
    return [name for name in public if isinstance(names[name], BuiltinFunctionType)]


GROUPS: Final[Mapping[str, str]] = {
    # Whatever isn't known to ask nothing: hardly one of them is called by what is measured now.
    **dict.fromkeys({*_functions(posix)} - _ELSEWHERE - _QUIET, _OTHER),
    **dict.fromkeys(("stat", "fstat", "lstat", "access", "statvfs", "fstatvfs"), "looks"),
    **dict.fromkeys(("listdir", "scandir"), "listings"),
    **dict.fromkeys(("close", "closerange"), "closes"),
    "posix_fadvise": "read-ahead-hints",
}
"""Functions of `posix`, and the figure that each counts for. The kernel counts what reads."""
_BESIDE: Final = (
    (time, "sleep"),
    (gc, "collect"),
    *((fcntl, name) for name in _functions(fcntl)),
)
"""What asks the kernel in other modules, or takes as long, and is one of the other calls."""
_EVENTS: Final[Mapping[str, str]] = {"open": "opens", "mmap.__new__": "maps"}
_POPULATE: Final = getattr(mmap, "MAP_POPULATE", 0)
_STARTS: Final = ("start_new_thread", "start_new", "start_joinable_thread")
FIGURES: Final = (
    "opens",
    "closes",
    "looks",
    "listings",
    "reads",
    "read-bytes",
    "read-ahead-hints",
    "maps",
    "unmaps",
    "advices",
    "advised-bytes",
    "threads",
    "other-calls",
    "left-open",
    "left-mapped",
    "left-threads",
)
"""What `counted` counts."""
SELDOM: Final = frozenset(FIGURES).difference(
    ("opens", "looks", "reads", "maps", "threads", "left-open", "left-mapped")
)
"""Those that are recorded only where there is something to count."""
CPUS: Final = 2
"""So many are seen by what is measured, however many there are."""


class _Tally:
    """What was called, since `on`. Appending is one step, whichever thread does it."""

    def __init__(self) -> None:
        self.on = False
        self.seen: deque[str] = deque()
        self.advised: deque[int] = deque()
        """Bytes that each advice is about."""

    def hear(self, event: str, _: tuple[Any, ...]) -> None:
        if self.on and event in _EVENTS:
            self.seen.append(_EVENTS[event])

    def counting(self, figure: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def counting(*args: Any, **options: Any) -> Any:  # whatever it takes
            if self.on:
                self.seen.append(figure)
            return call(*args, **options)

        return counting


_TALLY: Final = _Tally()
_open, _read, _close, _listdir = posix.open, posix.read, posix.close, posix.listdir
_scandir: Final = posix.scandir


class _Entry:
    """An entry of a folder that counts how often it is looked at."""

    def __init__(self, entry: os.DirEntry[str]) -> None:
        self.stat = _TALLY.counting("looks", entry.stat)
        self.name, self.path, self.inode = entry.name, entry.path, entry.inode
        self.is_dir, self.is_file, self.is_symlink = entry.is_dir, entry.is_file, entry.is_symlink

    def __fspath__(self) -> str:
        return self.path


class _Listing(AbstractContextManager["_Listing"]):
    """A folder as `scandir` lists it, of entries that count."""

    def __init__(self, path: str = ".") -> None:
        self._entries = _scandir(path)
        self.close = self._entries.close

    def __iter__(self) -> Iterator[_Entry]:
        return self

    def __next__(self) -> _Entry:
        return _Entry(next(self._entries))

    def __exit__(self, *_: object) -> None:
        self.close()


class CountingMap(mmap.mmap):
    """A mapping that counts what is asked of it."""

    close = _TALLY.counting("unmaps", mmap.mmap.close)
    size = _TALLY.counting("looks", mmap.mmap.size)
    flush = _TALLY.counting(_OTHER, mmap.mmap.flush)
    resize = _TALLY.counting(_OTHER, mmap.mmap.resize)

    def madvise(self, option: int, start: int = 0, length: int | None = None, /) -> None:
        """Count an advice, and the bytes that it is about."""
        length = len(self) - start if length is None else length
        if _TALLY.on:
            _TALLY.seen.append("advices")
            _TALLY.advised.append(length)
        super().madvise(option, start, length)

    def __new__(
        cls,
        fileno: int,
        length: int,
        flags: int = mmap.MAP_SHARED,
        prot: int = mmap.PROT_READ | mmap.PROT_WRITE,
        access: int = mmap.ACCESS_DEFAULT,
        offset: int = 0,
    ) -> Self:
        """Map, and count it as an advice too if the kernel is to read all pages at once."""
        made = super().__new__(cls, fileno, length, flags, prot, access, offset)
        if _TALLY.on and flags & _POPULATE:
            _TALLY.seen.append("advices")
            _TALLY.advised.append(len(made))
        return made


def install() -> None:
    """Replace what is counted, in this process for good: whoever does it has been made for that."""
    for name, figure in GROUPS.items():
        call = _Listing if name == "scandir" else getattr(posix, name)
        replacement = _TALLY.counting(figure, call)
        for module in (posix, os):
            setattr(module, name, replacement)
    for module, name in _BESIDE:
        setattr(module, name, _TALLY.counting(_OTHER, getattr(module, name)))
    os.sched_getaffinity = lambda _: set(range(CPUS))
    for name in [each for each in _STARTS if hasattr(_thread, each)]:  # some are of 3.13
        replacement = _TALLY.counting("threads", getattr(_thread, name))
        for module in (_thread, threading):
            for spelling in (name, f"_{name}"):
                if hasattr(module, spelling):
                    setattr(module, spelling, replacement)
    mmap.mmap = CountingMap
    sys.addaudithook(_TALLY.hear)


class _Kernel(NamedTuple):
    """What the kernel says of this process at one moment."""

    reads: int
    """Calls that read, of any kind and whoever made them."""
    read_nbytes: int
    """Bytes that they answered with."""
    told: int
    """Bytes of saying this, which is one more call: the next moment's counts hold both."""

    @classmethod
    def now(cls) -> _Kernel:
        descriptor = _open("/proc/self/io", os.O_RDONLY)
        text = _read(descriptor, 4096)
        _close(descriptor)
        facts = dict(line.split(b": ") for line in text.splitlines())
        return cls(int(facts[b"syscr"]), int(facts[b"rchar"]), len(text))


def _held(folder: str) -> tuple[int, int, int]:
    """Count descriptors, mappings of files below a folder, and threads."""
    descriptor = _open("/proc/self/maps", os.O_RDONLY)
    parts = [_read(descriptor, 1 << 16)]
    while parts[-1]:
        parts.append(_read(descriptor, 1 << 16))
    _close(descriptor)
    mappings = b"".join(parts).count(f" {folder}/".encode())
    return len(_listdir("/proc/self/fd")), mappings, threading.active_count()


T = TypeVar("T")


def counted(action: Callable[[], T], folder: str) -> tuple[dict[str, int], T]:
    """Run an action, and count what it calls.

    Parameters
    ----------
    action
        What it runs was imported after `install`.
    folder
        The real path of where its files are.

    Returns
    -------
    tuple
        `FIGURES`, of which those that begin with "left" are what is held although nothing should
        be; and what the action answered with.
    """
    held = _held(folder)
    before = _Kernel.now()
    _TALLY.seen.clear()
    _TALLY.advised.clear()
    _TALLY.on = True
    try:
        kept = action()
    finally:
        _TALLY.on = False
    after = _Kernel.now()
    figures = dict.fromkeys(FIGURES, 0) | Counter(_TALLY.seen)
    descriptors, mappings, threads = (
        now - then for now, then in zip(_held(folder), held, strict=True)
    )
    figures["advised-bytes"] = sum(_TALLY.advised)
    figures["reads"] = after.reads - before.reads - 1
    figures["read-bytes"] = after.read_nbytes - before.read_nbytes - before.told
    figures["left-open"] = descriptors
    # What nobody unmaps goes with the last reference to it, which nobody should have to wait for.
    figures["left-mapped"] = max(mappings, figures["maps"] - figures["unmaps"])
    figures["left-threads"] = threads
    return figures, kept
