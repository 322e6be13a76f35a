"""The assertions that failed while a test ran, whatever became of them.

pytest rewrites the assertions of tests; what they say when they fail is put together by one of its
functions, and so it is heard of there, also where the test catches its own assertion.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Final, NamedTuple

import pytest
from _pytest.assertion import rewrite


class Failure(NamedTuple):
    """An assertion that failed."""

    file: str
    line: int
    what: str


_EXPLAINS: Final = "_format_explanation"
_failures: Final[list[Failure]] = []
_plain: Final[list[tuple[Any, Any]]] = []


def failures() -> tuple[Failure, ...]:
    """List those that nobody was waiting for, since `forget`."""
    return tuple(_failures)


def forget() -> None:
    """Begin anew: another test runs."""
    _failures.clear()


def watch(*, ends: bool = False) -> None:
    """Hear of every assertion that fails, or end it; a second time nothing happens."""
    if ends and _plain:
        _put(*_plain.pop())
    elif not ends and not _plain:
        _plain.append((getattr(rewrite, _EXPLAINS), pytest.RaisesExc.__exit__))
        _put(_explained, _left)


def _put(explains: object, leaves: object) -> None:
    setattr(rewrite, _EXPLAINS, explains)
    setattr(pytest.RaisesExc, "__exit__", leaves)  # noqa: B010 - it is typed as unchangeable


def _explained(explanation: str) -> str:
    told: str = _plain[-1][0](explanation)
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    _failures.append(Failure(frame.f_code.co_filename, frame.f_lineno, told))
    return told


def _left(
    raises: object,
    kind: type[BaseException] | None,
    error: BaseException | None,
    traceback: TracebackType | None,
) -> bool:
    """Leave `pytest.raises`: an assertion that it was waiting for is nobody's fault."""
    expected: bool = _plain[-1][1](raises, kind, error, traceback)
    if expected and isinstance(error, AssertionError):
        while traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        if traceback is not None:
            where = (traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
            _failures[:] = [failure for failure in _failures if failure[:2] != where]
    return expected
