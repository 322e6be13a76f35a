"""The port: every call of the suite to the operating system.

What a process holds is read from /proc, and counts as nothing on a platform that has none: there
the rules about what is left behind hold by themselves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Final, Literal, NamedTuple, TypeAlias

_PROCESS: Final = "/proc/self"
_SIGKILL: Final = 9
HAS_FIFOS: Final = hasattr(os, "mkfifo") and hasattr(os, "posix_spawn")


Kind: TypeAlias = Literal["descriptors", "mappings", "threads"]


class Held(NamedTuple):
    """What this process holds: by number, or by name."""

    descriptors: frozenset[str]
    mappings: tuple[bytes, ...]
    """Those of files in the folder that was asked about."""
    threads: frozenset[str]


class Folder:
    """A folder of files for one test."""

    def __init__(self, path: str) -> None:
        self.path: str = path

    def at(self, name: str) -> str:
        """Spell the path of a name, whether something is there or not."""
        return os.path.join(self.path, name)  # noqa: PTH118 - paths are str here

    def write(self, name: str, content: bytes) -> str:
        """Write a file, or write one anew: the same inode, another time."""
        path = self.at(name)
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(content)
        return path

    def replace(self, name: str, content: bytes) -> None:
        """Put another file in the place of one."""
        os.replace(self.write(f"{name}.new", content), self.at(name))  # noqa: PTH105

    def rewrite(self, name: str, content: bytes) -> None:
        """Write other bytes of the same number into a file, later."""
        path = self.write(name, content)
        os.utime(path, ns=(0, os.stat(path).st_mtime_ns + 1_000_000_000))  # noqa: PTH116

    def cut(self, name: str, nbytes: int) -> None:
        """Truncate a file."""
        os.truncate(self.at(name), nbytes)

    def folder(self, name: str) -> str:
        """Make a folder."""
        os.mkdir(self.at(name))  # noqa: PTH102
        return self.at(name)

    def fifo(self, name: str) -> str:
        """Make a named pipe, that nobody writes to."""
        os.mkfifo(self.at(name))
        return self.at(name)

    def held(self, what: Collection[Kind]) -> Held:
        """Look at what this process holds: only the fields that are named, since maps are long."""
        return Held(
            frozenset(_listed("fd") if "descriptors" in what else ()),
            _maps(os.fsencode(self.path)) if "mappings" in what else (),
            frozenset(_listed("task") if "threads" in what else ()),
        )

    def held_since(self, before: Held, what: Collection[Kind], patience_seconds: float) -> Held:
        """Look at what it holds beyond `before`, of the fields that are named.

        A thread that was joined takes a moment to leave the kernel's list.
        """
        end = time.monotonic() + patience_seconds
        while True:
            now = self.held(what)
            threads = now.threads - before.threads
            if not threads or time.monotonic() > end:
                break
            time.sleep(0.001)
        mappings = now.mappings[len(before.mappings) :]
        return Held(now.descriptors - before.descriptors, mappings, threads)


class Rescue:
    """Opens a named pipe for writing after a while, so that whoever waits for it is let go."""

    def __init__(self, path: str, seconds: float) -> None:
        words = ["sh", "-c", f'sleep {seconds}; exec 3>"$0"', path]
        self._pid = os.posix_spawn("/bin/sh", words, os.environ, setpgroup=0)

    def came(self) -> bool:
        """Call it off; answers whether somebody had waited, and was let go."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, _SIGKILL)  # changes nothing where it has come to its end
        _, status = os.waitpid(self._pid, 0)
        return os.WIFEXITED(status)


def _listed(what: str) -> list[str]:
    try:
        return os.listdir(f"{_PROCESS}/{what}")  # noqa: PTH208
    except OSError:
        return []


def _maps(below: bytes) -> tuple[bytes, ...]:
    try:
        with open(f"{_PROCESS}/maps", "rb") as file:  # noqa: PTH123
            every = file.read()
    except OSError:
        return ()
    # It has hundreds of lines, and mostly none of them is asked for.
    return tuple(line for line in every.splitlines() if below in line) if below in every else ()
