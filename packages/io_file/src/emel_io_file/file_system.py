"""On which kind of file system a path lies."""

from __future__ import annotations

import re
from collections.abc import Callable

from emel_io_file import _platform


def file_system(
    path: str,
    *,
    mounts: Callable[[], str] = _platform.mounts,
    real_path: Callable[[str], str] = _platform.real_path,
) -> str:
    """Name the kind of file system that `path` is on: "ext4", "nfs4", "fuse.sshfs".

    Empty where the platform doesn't say. Source: proc(5), `/proc/[pid]/mountinfo`: the fifth field
    is the mount point, and the kind follows the hyphen that ends the optional fields. The later of
    two mounts at one place hides the earlier.
    """
    real = real_path(path)
    longest, kind = -1, ""
    for line in mounts().splitlines():
        before, separator, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if not separator or len(fields) < 5 or not kinds[0]:
            continue
        point = _unescaped(fields[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:
            longest, kind = len(point), kinds[0]
    return kind


def _unescaped(field: str) -> str:
    r"""Undo the octal escapes of spaces, tabs, newlines and backslashes: `\040` is a space."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
