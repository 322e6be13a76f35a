"""The only file of the face that asks the operating system: how much memory is resident."""

from __future__ import annotations

from os import sysconf
from pathlib import Path


def resident_nbytes() -> int | None:
    """Bytes of this process that are in memory now; None where the platform doesn't say.

    Source: proc(5), `/proc/self/statm`, second field, in pages.
    """
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    except OSError:
        return None
    return int(pages) * sysconf("SC_PAGE_SIZE")
