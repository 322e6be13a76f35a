"""Ports whose calls are counted, and made to fail on request: for sweeps over every call."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast

P = TypeVar("P")
"""A port: a frozen dataclass whose fields are the calls to the operating system."""


@dataclass(slots=True)
class Fault:
    """Let one call fail: the `nth` (from 1) of those whose name is `kind`, or of all.

    It raises `error`, if there is one, without making the real call; else it answers with what
    `instead(call, *words)` answers, which may make the real call or a lesser one.
    """

    error: BaseException | None = None
    nth: int = 1
    kind: str | None = None
    instead: Callable[..., object] | None = None
    met: str = ""
    """Which call failed, once one has."""
    _seen: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    def strikes(self, name: str) -> bool:
        """Whether it is this call's turn; each call asks once."""
        if self.met or self.kind not in (None, name):
            return False
        if next(iter(self._seen)) != self.nth:  # one step for each asker, whatever its thread
            return False
        self.met = name
        return True


class CountingPort(Generic[P]):
    """Makes a port whose calls are the given one's, counted, with what is open now.

    Parameters
    ----------
    port
        Whose calls are made.
    names
        The fields that call the operating system.
    fault
        The first failure.

    Attributes
    ----------
    port
        What to hand to a strategy.
    calls : list of str
        The name of each call, in order.
    opened : set of int
        Descriptors that are open now: what calls named `open...` answered with, without what
        `close` was given.
    fault
        The next failure; None lets every call through.
    """

    def __init__(self, port: P, names: Sequence[str], fault: Fault | None = None) -> None:
        self.calls: list[str] = []
        self.opened: set[int] = set()
        self.fault: Fault | None = fault
        wrapped: dict[str, Any] = {n: self._counted(n, getattr(port, n)) for n in names}
        self.port: P = cast("Any", replace)(port, **wrapped)

    @property
    def holds_nothing(self) -> bool:
        """Whether nothing is left open."""
        return not self.opened

    def after(self, name: str, words: tuple[Any, ...], answer: Any) -> None:
        """Keep the books, after a call that was made."""
        if name.startswith("open"):
            self.opened.add(answer)
        elif name == "close":
            self.opened.discard(words[0])

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., object]:
        def counted(*words: Any) -> object:  # those of any call
            self.calls.append(name)
            fault = self.fault
            if fault is None or not fault.strikes(name):
                answer = call(*words)
            elif fault.instead is not None:
                answer = fault.instead(call, *words)
            else:
                assert fault.error is not None, "a fault raises or answers"  # noqa: S101 - a misuse
                raise fault.error
            self.after(name, words, answer)
            return answer

        return counted
