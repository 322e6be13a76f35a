"""Listings and reads in another order than they would have: a system may do as it likes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final, Self, cast

_LONG_AGO: Final = 1_000_000_000
"""Seconds since 1970."""


class _Entries:
    """What `os.scandir` answers with: an iterator that can be closed."""

    def __init__(self, entries: list[os.DirEntry[str]]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[os.DirEntry[str]]:
        return self._entries

    def __next__(self) -> os.DirEntry[str]:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is open."""


def shuffle_listings(order: int) -> None:
    """Let folders be listed in another order: a file system may do as it likes."""
    listdir, scandir = os.listdir, os.scandir

    def names(path: Any = ".") -> list[str]:  # os.listdir's
        found = [str(name) for name in sorted(cast("list[str]", listdir(path)))]
        Random(order).shuffle(found)
        return found

    def entries(path: Any = ".") -> _Entries:  # the same
        with scandir(path) as them:
            found = sorted(them, key=lambda entry: entry.name)
        Random(order).shuffle(found)
        return _Entries(found)

    os.listdir, os.scandir = names, entries  # pyright: ignore[reportAttributeAccessIssue]


def age(folder: Path, order: int) -> None:
    """Let files have been written in another order than their names have."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    Random(order).shuffle(files)
    for second, path in enumerate(files, _LONG_AGO):
        os.utime(path, (second, second))


def delay_reads(order: int) -> None:
    """Let reads end in another order than they began in."""
    preadv = os.preadv

    def late(descriptor: int, buffers: Any, offset: int) -> int:  # os.preadv's
        time.sleep(Random(f"{order} {offset} {descriptor}").random() / 2000)
        return preadv(descriptor, buffers, offset)

    os.preadv = late  # pyright: ignore[reportAttributeAccessIssue]
