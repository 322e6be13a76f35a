"""The tests that may be skipped, each with the reason that it gives."""

from __future__ import annotations

from typing import Final, NamedTuple


class Skip(NamedTuple):
    """That a test may be skipped."""

    function: str
    """Its node id, without parameters."""
    reason: str
    """A pattern for all that pytest says of it."""


ALLOWED: Final[tuple[Skip, ...]] = ()
