"""Fakes of the port: the production calls, counted, and made to fail on request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from emel_io_file.testing import CALLS as READ_CALLS
from emel_io_file.testing import no_bytes, short
from emel_io_loader.testing import CountingPort as CountingCalls
from emel_io_loader.testing import Fault
from emel_io_staged._platform import Port

__all__ = ["CALLS", "CountingPort", "Fault", "no_bytes", "short"]

CALLS: Final = (*READ_CALLS, "allocate", "start")
"""The fields of `Port` that call the operating system."""


class CountingPort(CountingCalls[Port]):
    """Makes a `Port` of the production calls that counts what is open, and what runs.

    Parameters
    ----------
    fault
        The first failure.
    overrides
        Fields of `Port` to be used in place of the production ones, counted like them.

    Attributes
    ----------
    nbytes : int
        Bytes that `preadv` has answered with.
    running : list
        The work of threads that were started and not waited for.
    """

    def __init__(self, fault: Fault | None = None, **overrides: object) -> None:
        self.nbytes: int = 0
        self.running: list[Callable[[], None]] = []
        port = Port(**overrides)  # pyright: ignore[reportArgumentType] - by name
        super().__init__(port, CALLS, fault)

    @property
    def holds_nothing(self) -> bool:
        """Whether no descriptor is open, and every thread was waited for."""
        return not self.opened and not self.running

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., object]:
        counted = super()._counted(name, call)
        if name != "start":
            return counted

        def started(work: Callable[[], None]) -> Callable[[], None]:
            join: Any = counted(work)
            self.running.append(work)

            def joined() -> None:
                join()
                if work in self.running:  # waiting twice is fine
                    self.running.remove(work)

            return joined

        return started

    def after(self, name: str, words: tuple[Any, ...], answer: Any) -> None:
        """Count bytes too."""
        super().after(name, words, answer)
        if name == "preadv" and isinstance(answer, int):
            self.nbytes += answer
