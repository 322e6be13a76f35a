"""Fakes of the port: the production calls, counted, and made to fail on request."""

from __future__ import annotations

from typing import Any
from weakref import ReferenceType, ref

from emel_io_loader.testing import CountingPort as CountingCalls
from emel_io_loader.testing import Fault
from emel_io_mmap._platform import FileMapping, Port

__all__ = ["CALLS", "CountingPort", "Fault"]

CALLS = ("open", "fstat", "stat", "map", "unmap", "size", "advise", "close")
"""The fields of `Port` that call the operating system."""


class CountingPort(CountingCalls[Port]):
    """Makes a `Port` of the production calls that counts what is open and mapped.

    Parameters
    ----------
    fault
        The first failure.
    overrides
        Fields of `Port` to be used in place of the production ones, counted like them.
    """

    def __init__(self, fault: Fault | None = None, **overrides: object) -> None:
        self._mapped: list[ReferenceType[FileMapping]] = []
        port = Port(**overrides)  # pyright: ignore[reportArgumentType] - by name
        super().__init__(port, CALLS, fault)

    @property
    def mapped(self) -> list[FileMapping]:
        """Mappings that haven't ended: not unmapped, and not collected either."""
        return [mapping for known in self._mapped if (mapping := known()) is not None]

    @property
    def holds_nothing(self) -> bool:
        """Whether no descriptor and no mapping is left."""
        return not self.opened and not self.mapped

    def after(self, name: str, words: tuple[Any, ...], answer: Any) -> None:
        """Keep the books of mappings too."""
        super().after(name, words, answer)
        if name == "map":
            self._mapped = [*map(ref, self.mapped), ref(answer)]
        elif name == "unmap":
            self._mapped = [ref(held) for held in self.mapped if held is not words[0]]
