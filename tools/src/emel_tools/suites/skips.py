"""The tests that may be skipped, or may let warnings pass, each with its reason."""

from __future__ import annotations

from typing import Final, NamedTuple


class Skip(NamedTuple):
    """That a test may be skipped."""

    function: str
    """Its node id, without parameters."""
    reason: str
    """A pattern for all that pytest says of it."""


class Silence(NamedTuple):
    """That warnings may pass."""

    where: str
    """The file, and the functions around it, as in a node id."""
    reason: str


ALLOWED: Final[tuple[Skip, ...]] = ()
_TRANSFORMS: Final = "packages/io_staged/tests/test_transforms.py"
_ANY_BITS: Final = "what others make of any bits is expected: they overflow, and may be no numbers"
SILENCED: Final[tuple[Silence, ...]] = (
    Silence(f"{_TRANSFORMS}::test_conversion_is_numpys", _ANY_BITS),
    Silence(f"{_TRANSFORMS}::test_dequantisation_is_ggufs", _ANY_BITS),
)
