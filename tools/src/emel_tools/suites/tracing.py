"""Lets threads begin to be traced one after another: Python 3.11 refuses it to two at once.

`sys.settrace` and `sys.setprofile` ask the audit hooks of the process before they are done. Those
of the witness and of the scope are Python, so another thread may run meanwhile; and if that asks to
be traced, too, it ends before it has begun, as "Cannot install a trace function while another trace
function is being installed". Such a thread of a test was lost once in seventeen full runs.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from types import FrameType

    from _typeshed import ProfileFunction, TraceFunction

_SECONDS: Final = 10.0
"""So long is waited for a thread that doesn't come to its first call; it never was."""


class _OneByOne:
    """What `threading` asks whether it is there, right before it installs it for a thread."""

    def __init__(self) -> None:
        self._installing = threading.Lock()
        self._installs = 0

    def __bool__(self) -> bool:
        """Wait for a thread that begins."""
        if self._installing.acquire(timeout=_SECONDS):
            self._installs = threading.get_ident()
        return True

    def has_begun(self) -> bool:
        """Let the next thread begin; say whether it is this one that had to be waited for."""
        if self._installs != threading.get_ident():
            return False
        self._installs = 0
        self._installing.release()
        return True


class OneByOne(_OneByOne):
    """What threads are traced with, in place of what `threading` had.

    Parameters
    ----------
    trace
        Coverage's, which is called with the first event of a thread, and puts another in place.
    """

    def __init__(self, trace: TraceFunction) -> None:
        super().__init__()
        self._trace = trace

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
            self.has_begun()


class ProfiledOneByOne(_OneByOne):
    """What threads are profiled with, until they have begun.

    Parameters
    ----------
    profile
        The function that stays.
    """

    def __init__(self, profile: ProfileFunction) -> None:
        super().__init__()
        self._profile = profile

    def __call__(
        self,
        frame: FrameType,
        event: Literal["call", "return", "c_call", "c_return", "c_exception"],
        argument: object,
    ) -> None:
        """Note the first call of a thread, and let the next thread begin."""
        self._profile(frame, event, argument)
        sys.setprofile(self._profile)
        self.has_begun()


def begin() -> None:
    """See to it, if threads are traced or profiled at all."""
    trace, profile = threading.gettrace(), threading.getprofile()
    if trace is not None and not isinstance(trace, OneByOne):
        threading.settrace(OneByOne(trace))
    if profile is not None and not isinstance(profile, ProfiledOneByOne):
        threading.setprofile(ProfiledOneByOne(profile))
