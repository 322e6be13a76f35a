"""Fakes of the port: the production calls, counted, and made to fail or fall short on request."""

from __future__ import annotations

from typing import Final

from emel_io_file.testing import CALLS as FILE_CALLS
from emel_io_file.testing import no_bytes, short
from emel_io_loader.testing import CountingPort as CountingCalls
from emel_io_loader.testing import Fault
from emel_io_read._platform import Port

__all__ = ["CALLS", "CountingPort", "Fault", "no_bytes", "short"]

CALLS: Final = (*FILE_CALLS, "start_thread")
"""The fields of `Port` that call the operating system."""


class CountingPort(CountingCalls[Port]):
    """Makes a `Port` of the production calls that counts what is open, and bytes.

    Parameters
    ----------
    fault
        The first failure.
    overrides
        Fields of `Port` to be used in place of the production ones, counted like them.

    Attributes
    ----------
    sizes : list of int
        Bytes that each `preadv` has answered with, in the order of the answers.
    """

    def __init__(self, fault: Fault | None = None, **overrides: object) -> None:
        self.sizes: list[int] = []
        port = Port(**overrides)  # pyright: ignore[reportArgumentType] - by name
        super().__init__(port, CALLS, fault)

    @property
    def nbytes(self) -> int:
        """Bytes that were read."""
        return sum(self.sizes)

    def after(self, name: str, words: tuple[object, ...], answer: object) -> None:
        """Count bytes too."""
        super().after(name, words, answer)
        if name == "preadv" and isinstance(answer, int):
            self.sizes.append(answer)
