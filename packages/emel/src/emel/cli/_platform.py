"""The only file of the face that calls the operating system."""

from __future__ import annotations

import os
import sys


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
