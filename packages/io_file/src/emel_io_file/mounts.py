"""On which kind of file system a path lies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from emel_io_file import _platform


def file_system(
    path: str,
    *,
    mounts: Callable[[], str] = _platform.mounts,
    real_path: Callable[[str], str] = _platform.real_path,
) -> str:
    """Name the kind of file system that `path` is on: "ext4", "nfs4", "fuse.sshfs".

    Empty where the platform doesn't say, and for a path that can't be one. Source: proc(5),
    `/proc/[pid]/mountinfo`. A mount hides what was mounted before at its place, and below it: so
    the path is followed from the root, from each mount to the first of those that stand on it.
    """
    try:
        real = real_path(path)
    except (OSError, ValueError):
        return ""
    above: dict[str, list[_Mount]] = {}
    known = _mounts(mounts())
    for mount in known.values():
        if real == mount.point or real.startswith(mount.point.rstrip("/") + "/"):
            rooted = mount.parent not in known or mount.parent == mount.number
            above.setdefault("" if rooted else mount.parent, []).append(mount)
    at, kind = "", ""
    while at in above:
        first = min(above.pop(at), key=lambda mount: len(mount.point))
        at, kind = first.number, first.kind
    return kind


class _Mount(NamedTuple):
    """One line: a file system, and where it stands."""

    number: str
    parent: str
    point: str
    kind: str


@lru_cache(maxsize=1)
def _mounts(text: str) -> dict[str, _Mount]:
    """Read the table; the same text, which is what most calls see, is read once."""
    return {mount.number: mount for mount in _lines(text)}


def _lines(text: str) -> Iterator[_Mount]:
    for line in text.split("\n"):  # and at no other sign: a name may hold what splitlines cuts at
        before, separator, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if separator and len(fields) >= 5 and kinds[0]:
            yield _Mount(fields[0], fields[1], _unescaped(fields[4]), kinds[0])


def _unescaped(field: str) -> str:
    r"""Undo the octal escapes of spaces, tabs, newlines and backslashes: `\040` is a space."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
