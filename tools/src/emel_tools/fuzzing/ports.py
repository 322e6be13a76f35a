"""Ports whose calls are counted, and one of which may fail: made of the packages' own."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from threading import Lock
from typing import Any, Final, cast
from weakref import ref

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
