"""What is remembered of one run, in one process."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Final

from emel_tools import audits
from emel_tools.boundaries.witness import calls
from emel_tools.boundaries.witness.attribution import attribute
from emel_tools.boundaries.witness.events import JOINABLE, THREAD, Capabilities, Use
from emel_tools.boundaries.witness.places import Places

OUTSIDE_TESTS: Final = "(outside of tests)"
_OF_EVENT: Final = Capabilities()


class Recorder:
    """The uses that were seen, each with the test that was running when it was first seen.

    Parameters
    ----------
    root
        The repository.
    """

    def __init__(self, root: Path) -> None:
        self.uses: dict[Use, str] = {}
        self.test = OUTSIDE_TESTS
        self._places = Places(root)

    def see(self, frame: FrameType | None, capability: str, operation: str) -> None:
        """Remember that `operation` happened in `frame`, if it is a use of ours."""
        use = attribute(frame, capability, operation, self._places)
        if use is not None:
            self.uses.setdefault(use, self.test)


_recorders: Final[list[Recorder]] = []
"""Those that have begun and not ended: the last one sees."""


def _hear(event: str, _arguments: tuple[object, ...], frame: FrameType) -> None:
    for recorder in _recorders[-1:]:
        recorder.see(frame, _OF_EVENT[event], THREAD if event == JOINABLE else event)


@cache
def _listen() -> None:
    audits.listen(_OF_EVENT.__getitem__, _hear)


def start(recorder: Recorder) -> Callable[[], None]:
    """Let `recorder` see what happens from now on; one that was recording before has to wait.

    Returns
    -------
    callable
        Ends it; a second call does nothing.
    """
    _listen()
    _recorders.append(recorder)
    calls.watch(recorder.see)

    def end() -> None:
        if recorder in _recorders:
            _recorders.remove(recorder)
            calls.watch(_recorders[-1].see if _recorders else None)

    return end
