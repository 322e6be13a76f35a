"""Lets threads begin to be traced one after another: Python 3.11 refuses it to two at once.

`sys.settrace` asks the audit hooks of the process before it is done. Those of the witness and of
the scope are Python, so another thread may run meanwhile; and if that asks to be traced, too, it
ends before it has begun, as "Cannot install a trace function while another trace function is being
installed". Such a thread of a test was lost once in seventeen full runs.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from types import FrameType

    from _typeshed import TraceFunction

_SECONDS: Final = 10.0
"""So long is waited for a thread that doesn't come to its first call; it never was."""


class OneByOne:
    """What `threading` is given to trace a thread with, in place of what it had.

    Parameters
    ----------
    trace
        Coverage's, which is called with the first event of a thread.
    """

    def __init__(self, trace: TraceFunction) -> None:
        self._trace = trace
        self._installing = threading.Lock()

    def __bool__(self) -> bool:
        """Wait for a thread that begins; `threading` asks right before it calls `sys.settrace`."""
        self._installing.acquire(timeout=_SECONDS)
        return True

    def __call__(
        self,
        frame: FrameType,
        event: Literal["call", "line", "return", "exception", "opcode"],
        argument: object,
    ) -> TraceFunction | None:
        """Trace the first call of a thread, and let the next thread begin."""
        try:
            return self._trace(frame, event, argument)
        finally:
            if self._installing.locked():
                self._installing.release()


def begin() -> None:
    """See to it, if threads are traced at all."""
    trace = threading.gettrace()
    if trace is not None and not isinstance(trace, OneByOne):
        threading.settrace(OneByOne(trace))
