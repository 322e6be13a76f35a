"""The only file of the face that calls the operating system."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable


def resident_nbytes() -> int | None:
    """Bytes of this process that are in memory now; None where the platform doesn't say.

    Source: proc(5), `/proc/self/statm`, second field, in pages.
    """
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return None
    try:
        pages = os.read(descriptor, 128).split()[1]
    finally:
        os.close(descriptor)
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def hang_up() -> None:
    """Send the rest of stdout nowhere: whoever was reading it has gone, as `| head` does.

    Without it Python would try once more at exit, and complain.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def small_file(path: str, limit: int, is_wanted: Callable[[bytes], bool]) -> bytes:
    """Read a file of at most `limit` bytes, if its first eight bytes are wanted; else nothing.

    Nothing, too, of what can't be read, or is no regular file and might never end: whoever opens it
    next says why.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError):
        return b""
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            return b""
        head = os.read(descriptor, 8)
        if not is_wanted(head):
            return b""
        parts = [head]
        while part := os.read(descriptor, 1 << 20):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
