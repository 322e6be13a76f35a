"""What stops a run: signals are noted, and whoever runs it looks whether there was one.

When the process that started the run is gone, that is a SIGHUP: nox, for one, dies of a SIGTERM
without a word to what it runs, and nobody would hear what the run finds.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Whether the run is to be stopped.

    Parameters
    ----------
    parent
        The process that the run ends with; None if it may outlive it.
    """

    def __init__(self, parent: int | None) -> None:
        self._parent = parent
        self.number = 0
        """Of the first signal; 0 if there was none."""

    def __bool__(self) -> bool:
        if not self.number and self._parent not in (None, os.getppid()):
            self.number = signal.SIGHUP
        return bool(self.number)

    @property
    def name(self) -> str:
        """Name the signal; empty if there was none."""
        return signal.Signals(self.number).name if self.number else ""


@contextmanager
def stoppable() -> Generator[Stop]:
    """Note signals for as long as it lasts; one that is ignored stays so, as after `nohup`."""
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    stop = Stop(os.getppid() if signal.SIGHUP in heard else None)

    def note(number: int, _frame: FrameType | None) -> None:
        stop.number = stop.number or number

    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
