"""A log that can't grow: the beginning and the end of what a process prints."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Final

_LIMIT: Final = 512 << 10
"""Bytes kept of the beginning, and again of the end."""


class Log:
    """All that a process prints, if it is at most two limits long; else how it begins and ends."""

    def __init__(self, path: Path, limit: int = _LIMIT) -> None:
        self.path = path
        self._limit = limit
        self._file = path.open("wb")
        self._room = limit
        self._tail: deque[bytes] = deque()
        self._tail_nbytes = self._left_out = 0

    def add(self, printed: bytes) -> None:
        """Write, or keep for the end, what was printed."""
        head, rest = printed[: self._room], printed[self._room :]
        if head:
            self._file.write(head)
            self._file.flush()  # somebody may be following it
            self._room -= len(head)
        if rest:
            self._tail.append(rest)
            self._tail_nbytes += len(rest)
        while self._tail and self._tail_nbytes - len(self._tail[0]) >= self._limit:
            gone = len(self._tail.popleft())
            self._tail_nbytes -= gone
            self._left_out += gone

    def close(self) -> None:
        """Write the end."""
        if self._left_out:
            self._file.write(f"\n[... {self._left_out} bytes are left out ...]\n".encode())
        self._file.writelines(self._tail)
        self._file.close()
        self._tail.clear()


def last_lines(path: Path, count: int) -> list[str]:
    """Read the last lines of a log, whatever bytes they are made of; no control characters."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - (count << 10)))
        text = file.read().decode(errors="replace")
    kept = ("".join(c for c in line if c.isprintable() or c == "\t") for line in text.splitlines())
    return [line[:500] for line in kept][-count:]
