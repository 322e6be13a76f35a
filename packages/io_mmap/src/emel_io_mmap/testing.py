"""Fakes of the port: the production calls, counted, and made to fail on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any
from weakref import ReferenceType, ref

from emel_io_mmap._platform import FileMapping, Port

CALLS = ("open", "fstat", "stat", "map", "unmap", "size", "advise", "close")
"""The fields of `Port` that call the operating system."""


@dataclass(slots=True)
class Fault:
    """Let one call fail: the `nth` (from 1) of those whose name is `kind`, or of all."""

    error: BaseException
    nth: int = 1
    kind: str | None = None
    met: str = ""
    """Which call failed, once one has. The real call is not made then."""


class CountingPort:
    """Makes a `Port` of the production calls that counts what is open and mapped.

    Parameters
    ----------
    fault
        The first failure.
    overrides
        Fields of `Port` to be used in place of the production ones, counted like them.

    Attributes
    ----------
    calls : list of str
        The name of each call, in order.
    opened : set of int
        Descriptors that are open now.
    fault
        The next failure; None lets every call through.
    """

    def __init__(self, fault: Fault | None = None, **overrides: object) -> None:
        self.calls: list[str] = []
        self.opened: set[int] = set()
        self.fault = fault
        self._mapped: list[ReferenceType[FileMapping]] = []
        production = Port(**overrides)  # pyright: ignore[reportArgumentType] - by name
        calls = {name: self._counted(name, getattr(production, name)) for name in CALLS}
        rest = {f.name: getattr(production, f.name) for f in fields(Port) if f.name not in CALLS}
        self.port = Port(**calls, **rest)

    @property
    def mapped(self) -> list[FileMapping]:
        """Mappings that haven't ended: not unmapped, and not collected either."""
        return [mapping for known in self._mapped if (mapping := known()) is not None]

    @property
    def holds_nothing(self) -> bool:
        """Whether no descriptor and no mapping is left."""
        return not self.opened and not self.mapped

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., object]:
        def counted(*words: Any) -> object:  # noqa: ANN401 - those of any call
            self.calls.append(name)
            self._fail(name)
            answer = call(*words)
            if name == "open":
                self.opened.add(answer)
            elif name == "close":
                self.opened.discard(words[0])
            elif name == "map":
                self._mapped = [*map(ref, self.mapped), ref(answer)]
            elif name == "unmap":
                self._mapped = [ref(held) for held in self.mapped if held is not words[0]]
            return answer

        return counted

    def _fail(self, name: str) -> None:
        fault = self.fault
        if fault is None or fault.met or fault.kind not in (None, name):
            return
        fault.nth -= 1
        if fault.nth == 0:
            fault.met = name
            raise fault.error
