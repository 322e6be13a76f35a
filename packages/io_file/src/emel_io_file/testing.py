"""Fakes of the port: the production calls, counted, and made to fail or fall short on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from emel_io_file._platform import ReadPort
from emel_io_loader.testing import CountingPort, Fault

__all__ = ["CALLS", "CountingReads", "Fault", "no_bytes", "short"]

CALLS: Final = ("open", "open_direct", "fstat", "stat", "preadv", "advise_sequential", "close")
"""The fields of `ReadPort` that call the operating system."""


class CountingReads(CountingPort[ReadPort]):
    """Makes a `ReadPort` of the production calls that counts what is open, and bytes.

    Parameters
    ----------
    fault
        The first failure.
    overrides
        Fields of `ReadPort` to be used in place of the production ones, counted like them.

    Attributes
    ----------
    nbytes : int
        Bytes that `preadv` has answered with.
    """

    def __init__(self, fault: Fault | None = None, **overrides: object) -> None:
        self.nbytes: int = 0
        port = ReadPort(**overrides)  # pyright: ignore[reportArgumentType] - by name
        super().__init__(port, CALLS, fault)

    def after(self, name: str, words: tuple[object, ...], answer: object) -> None:
        """Count bytes too."""
        super().after(name, words, answer)
        if name == "preadv" and isinstance(answer, int):
            self.nbytes += answer


def short(
    preadv: Callable[..., int], descriptor: int, buffers: Sequence[memoryview], offset: int
) -> int:
    """Read one byte, as a call may that is interrupted after it began: `Fault(instead=short)`."""
    return preadv(descriptor, [buffers[0][:1]], offset)


def no_bytes(*_: object) -> int:
    """Read nothing, as at the end of a file: `Fault(instead=no_bytes)`."""
    return 0
