"""Counts what the interpreter does for an action: lines, calls, and dispatches to a strategy."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, NamedTuple

_STRATEGY: Final = re.compile(r"/emel_io_\w+/strategy\.py$")
_BATCHES: Final = frozenset({"load", "load_through", "stream", "release"})
_INLINED: Final = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})
"""Calls in Python 3.11, and none from 3.12 on (PEP 709)."""


class Steps(NamedTuple):
    """What one run took, in the thread that asked for it."""

    lines: int
    """Lines of the packages, each time it is executed; a loop on one line counts each turn."""
    calls: int
    """Calls of functions of the packages, and those that they make of built-in ones."""
    dispatches: int
    """Requests to a strategy that hand it a batch."""


class _Counter:
    """What is called for each event: millions of times, and so with few steps of its own."""

    def __init__(self) -> None:
        self.lines = self.calls = self.dispatches = 0
        self._ours: dict[str, bool] = {}

    def enter(self, frame: FrameType, _event: str, _: Any) -> Callable[..., Any] | None:
        file = frame.f_code.co_filename
        known = self._ours.get(file)
        return self.step if (self._learn(file) if known is None else known) else None

    def step(self, _frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        if event == "line":
            self.lines += 1
        return self.step

    def call(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "c_return" or event == "return":  # noqa: PLR1714 - a set takes twice as long
            return
        code = frame.f_code
        known = self._ours.get(code.co_filename)
        ours = self._learn(code.co_filename) if known is None else known
        if not ours or event == "c_exception":
            return
        if event == "c_call":
            self.calls += 1
        elif code.co_name not in _INLINED:
            self.calls += 1
            if code.co_name in _BATCHES and _STRATEGY.search(code.co_filename):
                self.dispatches += 1

    def _learn(self, file: str) -> bool:
        known = self._ours[file] = is_ours(file)
        return known


def is_ours(file: str) -> bool:
    """Whether a file is a package's source.

    How the standard library does something is its own affair, and differs between Pythons.
    """
    module = file.rpartition("/src/")[2].partition("/")[0]
    named = module == "emel" or module.startswith("emel_")
    return named and module != "emel_tools" and "/site-packages/" not in file


def stepped(action: Callable[[], object], *, lines: bool = True) -> tuple[Steps, object]:
    """Run an action, and count its steps; lines only if that is asked for, which takes longer.

    Returns
    -------
    tuple
        The steps, and what the action answered with.
    """
    counter = _Counter()
    enter, call = counter.enter, counter.call
    traced, profiled = sys.gettrace(), sys.getprofile()
    if lines:
        sys.settrace(enter)
    sys.setprofile(call)
    try:
        answer = action()
    finally:
        sys.setprofile(profiled)
        sys.settrace(traced)
    return Steps(counter.lines, counter.calls, counter.dispatches), answer
