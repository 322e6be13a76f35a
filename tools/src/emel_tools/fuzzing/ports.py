"""Ports whose calls are counted, and one of which may fail: made of the packages' own."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from threading import Lock
from typing import Any, Final, TypeVar, cast
from weakref import ref

import numpy as np

from emel_io_file import ReadPort

_P = TypeVar("_P", bound=ReadPort)
ERRNOS: Final = (errno.EIO, errno.ENOMEM, errno.EACCES)


class Books:
    """What is open and mapped, and which call is to fail."""

    def __init__(self, port: Any, names: tuple[str, ...]) -> None:  # any package's
        self.opened: set[int] = set()
        self._mapped: list[ref[Any]] = []
        self.fault: tuple[str, int, str] | None = None
        """The name of the call that fails, which of them (from 1), and how."""
        self.struck = ""
        self._turn: Iterator[int] = count(1)
        self._lock = Lock()
        wrapped = {name: self._counted(name, getattr(port, name)) for name in names}
        self.port: Any = cast("Any", replace)(port, **wrapped)

    @property
    def mapped(self) -> list[Any]:
        """Mappings that haven't ended."""
        return [held for known in self._mapped if (held := known()) is not None and not held.closed]

    def let_fail(self, fault: tuple[str, int, str] | None) -> None:
        """Choose the next failure; None lets every call through."""
        self.fault, self.struck, self._turn = fault, "", count(1)

    def _strikes(self, name: str) -> str:
        with self._lock:
            if self.fault is None or self.struck or self.fault[0] != name:
                return ""
            if next(self._turn) != self.fault[1]:
                return ""
            self.struck = name
            return self.fault[2]

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., object]:
        def counted(*words: Any) -> object:  # those of any call
            how = self._strikes(name)
            if how == "short" and name == "preadv":
                descriptor, buffers, offset = words
                return call(descriptor, [buffers[0][:1]], offset)
            if how == "interrupted" and name == "preadv":
                raise InterruptedError(errno.EINTR, "a signal")
            if how == "end" and name == "preadv":
                return 0
            if how:
                number = ERRNOS[len(how) % len(ERRNOS)]
                raise OSError(number, f"{how}: a fault of the round")
            answer = call(*words)
            with self._lock:
                if name.startswith("open"):
                    self.opened.add(answer)
                elif name == "close":
                    self.opened.discard(words[0])
                elif name == "map":
                    self._mapped = [*(ref(held) for held in self.mapped), ref(answer)]
            return answer

        return counted


class Disk:
    """Files of which some bytes can't be read, by whoever asks; and where direct reads land."""

    def __init__(self, calls: ReadPort) -> None:
        self.bad: list[tuple[str, int]] = []
        """Paths and bytes."""
        self.landed: list[int] = []
        """Addresses of the memory of direct reads."""
        self._calls = calls
        self._paths: dict[int, str] = {}
        self._direct: set[int] = set()

    def under(self, port: _P) -> _P:
        """Let a port read from it."""
        return replace(port, open=self._open, open_direct=self._open_direct, preadv=self._preadv)

    def _open(self, path: str) -> int:
        descriptor = self._calls.open(path)
        self._paths[descriptor] = path
        self._direct.discard(descriptor)
        return descriptor

    def _open_direct(self, path: str) -> int:
        try:
            descriptor = self._calls.open_direct(path)
        except (OSError, NotImplementedError):  # not on this file system: the way is the same
            descriptor = self._calls.open(path)
        self._paths[descriptor] = path
        self._direct.add(descriptor)
        return descriptor

    def _preadv(self, descriptor: int, buffers: list[memoryview], offset: int) -> int:
        if descriptor in self._direct:
            self.landed += [np.frombuffer(buffer, np.uint8).ctypes.data for buffer in buffers]
        left = sum(map(len, buffers))
        for path, byte in self.bad:
            if path == self._paths[descriptor] and offset <= byte < offset + left:
                left = byte - offset  # what is before it comes
        if buffers and not left and any(map(len, buffers)):
            raise OSError(errno.EIO, "a bad block of the round")
        return self._calls.preadv(descriptor, _cut(buffers, left), offset)


def _cut(buffers: list[memoryview], nbytes: int) -> list[memoryview]:
    cut: list[memoryview] = []
    for buffer in buffers:
        cut.append(buffer[:nbytes])
        nbytes -= len(cut[-1])
    return cut
