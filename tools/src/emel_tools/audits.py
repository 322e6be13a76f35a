"""The audit hook of this process: one for all who want to hear of events.

Python raises an event for each `id`, and for each frame whose code is asked for: half a million in
a suite of tests. It calls hook after hook for each of them, and can't remove one. So there is one,
which looks up whether anybody wants to hear of an event before it does anything else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import Final, TypeAlias

Hear: TypeAlias = Callable[[str, tuple[object, ...], FrameType], None]
"""Hears of an event: its name, its arguments, and the frame that raised it, which isn't kept."""

_listeners: Final[list[tuple[Callable[[str], object], Hear]]] = []


class _Heard(dict[str, tuple[Hear, ...]]):
    """Who hears of each event; filled as they come."""

    def __missing__(self, event: str) -> tuple[Hear, ...]:
        """Ask who wants to hear of an event when it is first raised."""
        self[event] = tuple(hear for wants, hear in _listeners if wants(event))
        return self[event]


_heard: Final = _Heard()
# Not inspect.currentframe: a frame that holds itself would keep its callers' arrays.
_frame: Final = sys._getframe  # pyright: ignore[reportPrivateUsage]


def _hook(
    event: str,
    arguments: tuple[object, ...],
    # By default: modules are emptied as the process ends, and there are events until then.
    heard: dict[str, tuple[Hear, ...]] = _heard,
    frame: Callable[[int], FrameType] = _frame,
) -> None:
    for hear in heard[event]:
        hear(event, arguments, frame(1))  # asking is audited as well, and comes back here


def listen(wants: Callable[[str], object], hear: Hear) -> Callable[[], None]:
    """Let somebody hear of events from now on.

    Parameters
    ----------
    wants
        Given the name of an event, says whether it is to be heard of: once for each name, unless
        somebody else begins or ends.
    hear
        Called in the thread that raises the event, before what it tells of is done. What it raises
        is raised there.

    Returns
    -------
    callable
        Ends it; a second call does nothing.
    """
    listener = wants, hear
    _listeners.append(listener)
    _heard.clear()
    _install()

    def end() -> None:
        _listeners[:] = [each for each in _listeners if each is not listener]
        _heard.clear()

    return end


@cache
def _install() -> None:
    sys.addaudithook(_hook)
