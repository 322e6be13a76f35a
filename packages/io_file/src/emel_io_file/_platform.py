"""The port: every call of this package to the operating system, one injectable field each.

Strategies that do more with files than this extend `FilePort` in a `_platform.py` of their own.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

from emel_io_loader import FileIdentity


class FileFacts(NamedTuple):
    """What the operating system says of a file."""

    identity: FileIdentity
    regular: bool
    """Whether it is a regular file: no directory, FIFO, socket or device."""


# O_NONBLOCK: opening a FIFO answers at once, so that it can be refused as what it is.
# O_NOCTTY: a terminal is refused too, and must not become the process's own meanwhile.
_FLAGS: Final = ("O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_BINARY")
_MOUNTS: Final = "/proc/self/mountinfo"
_HAS_PREADV: Final = hasattr(os, "preadv")


def _open(path: str, more: int = 0) -> int:
    flags = os.O_RDONLY | more
    for name in _FLAGS:
        flags |= getattr(os, name, 0)
    return os.open(path, flags)


def _open_direct(path: str) -> int:
    direct = getattr(os, "O_DIRECT", 0)
    if not direct:
        raise NotImplementedError("this platform has no O_DIRECT")
    return _open(path, direct)


def _facts(found: os.stat_result) -> FileFacts:
    identity = FileIdentity(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return FileFacts(identity, stat.S_ISREG(found.st_mode))


def _fstat(descriptor: int) -> FileFacts:
    return _facts(os.fstat(descriptor))


def _stat(path: str) -> FileFacts:
    return _facts(os.stat(path))  # noqa: PTH116 - a path of bytes beyond UTF-8 stays as it is


def _preadv(descriptor: int, buffers: Sequence[memoryview], offset: int) -> int:
    return os.preadv(descriptor, buffers, offset)


def _advise_sequential(descriptor: int) -> None:
    # Advice: a platform or a file that doesn't take it reads all the same.
    with suppress(OSError, AttributeError):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)


def _close(descriptor: int) -> None:
    # Linux lets the number go even when close(2) reports an error, and the next open may be given
    # it: a second try would close a stranger's file. Nothing was written, so nothing is lost.
    with suppress(OSError):
        os.close(descriptor)


def _iov_max() -> int:
    try:
        return max(os.sysconf("SC_IOV_MAX"), 16)  # _XOPEN_IOV_MAX, the least that POSIX allows
    except (AttributeError, OSError, ValueError):
        return 16


@dataclass(frozen=True, slots=True)
class FilePort:
    """Files, as the operating system has them.

    Each field has its production default, so `FilePort(open=fake)` replaces one call and keeps the
    rest. A call fails by raising `OSError` (or `ValueError`, where Python itself refuses).
    """

    open: Callable[[str], int] = _open
    """Open a path for reading without waiting; answers a descriptor."""
    fstat: Callable[[int], FileFacts] = _fstat
    """Look at an open file."""
    stat: Callable[[str], FileFacts] = _stat
    """Look at what stands at a path, following links, without opening it."""
    close: Callable[[int], object] = _close
    """Close a descriptor. One that raises still has it, and is asked again."""


@dataclass(frozen=True, slots=True)
class ReadPort(FilePort):
    """Files that are read: what `FilePort` has, and the calls that move bytes."""

    open_direct: Callable[[str], int] = _open_direct
    """Open a path for reading around the page cache; `OSError` or `NotImplementedError` where that
    can't be had."""
    preadv: Callable[[int, Sequence[memoryview], int], int] = _preadv
    """(descriptor, buffers, offset): fill the buffers in turn; answers the bytes that were read."""
    advise_sequential: Callable[[int], object] = _advise_sequential
    """Say that a descriptor is read front to back, so that the kernel reads further ahead."""
    iov_max: int = _iov_max()
    """Buffers that one `preadv` takes."""
    alignment: int = 4096
    """Direct reads begin, end, and land in memory at multiples of this many bytes: the page size,
    which serves devices of any block size up to it."""
    unavailable: str = "" if _HAS_PREADV else "this platform has no preadv"
    """Why files can't be read here, as a sentence; empty if they can."""


def entries(path: str) -> tuple[str, ...] | None:
    """Name what lies in a folder, sorted; None if there is no folder at `path`.

    Raises
    ------
    OSError
        The folder can't be listed.
    """
    try:
        return tuple(sorted(os.listdir(path)))  # noqa: PTH208 - names alone, as they are
    except (NotADirectoryError, FileNotFoundError):
        return None


def mounts() -> str:
    """Read the table of mounts, proc(5); empty on a platform that has none."""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape", newline="\n") as file:  # noqa: PTH123 - a port
            return file.read()
    except OSError:
        return ""


def real_path(path: str) -> str:
    """Resolve links, as far as the path exists."""
    return os.path.realpath(path)
