"""Signals that stop a run: they are noted, and whoever runs it looks whether there was one."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Whether the run is to be stopped."""

    def __init__(self) -> None:
        self.number = 0
        """Of the first signal; 0 if there was none."""

    def __bool__(self) -> bool:
        return bool(self.number)

    @property
    def name(self) -> str:
        """Name the signal; empty if there was none."""
        return signal.Signals(self.number).name if self.number else ""


@contextmanager
def stoppable() -> Generator[Stop]:
    """Note signals for as long as it lasts; one that is ignored stays so, as after `nohup`."""
    stop = Stop()

    def note(number: int, _frame: FrameType | None) -> None:
        stop.number = stop.number or number

    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
