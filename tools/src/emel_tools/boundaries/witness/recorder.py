"""What is remembered of one run, in one process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

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


class _Hook:
    """The audit hook of this process: Python can't remove one, so there is one, and it can idle."""

    def __init__(self) -> None:
        self.recorders: list[Recorder] = []
        self.installed = False

    def __call__(self, event: str, _arguments: tuple[object, ...]) -> None:
        if self.recorders and (capability := _OF_EVENT[event]):
            # Asking for a frame is audited as well, and comes back here: it is no capability.
            # Not inspect.currentframe: a frame that holds itself would keep its callers' arrays.
            caller = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
            operation = THREAD if event == JOINABLE else event
            self.recorders[-1].see(caller, capability, operation)


_hook: Final = _Hook()


def start(recorder: Recorder) -> Callable[[], None]:
    """Let `recorder` see what happens from now on; one that was recording before has to wait.

    Returns
    -------
    callable
        Ends it; a second call does nothing.
    """
    if not _hook.installed:
        sys.addaudithook(_hook)
        _hook.installed = True
    _hook.recorders.append(recorder)
    calls.watch(recorder.see)

    def end() -> None:
        if recorder in _hook.recorders:
            _hook.recorders.remove(recorder)
            calls.watch(_hook.recorders[-1].see if _hook.recorders else None)

    return end
