"""What an oracle makes of a file: facts, or the reason why it must be refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

INT64_MAX = 2**63 - 1


class Tensor(NamedTuple):
    """One tensor, as a file has it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    """Logical, outermost axis first."""
    offset: int
    """Byte of the file."""
    nbytes: int


class Facts(NamedTuple):
    """A file that keeps every rule."""

    format: str
    version: int
    byteorder: str
    alignment: int
    nbytes: int
    """Bytes before the data."""
    metadata: tuple[tuple[str, Any], ...]
    """By key, in the order of the file; values as `fuzzing.values.spelled` spells them."""
    tensors: tuple[Tensor, ...]


Place: TypeAlias = int | tuple[int, ...]
"""A byte of the file; or a path into its JSON, which an oracle turns into one before it answers."""


class BrokenError(Exception):
    """A rule is broken; the message says which, in words."""

    def __init__(self, rule: str, *places: Place) -> None:
        super().__init__(rule)
        self.places = places
        """Each is a place at which one may say that it broke; none: the oracle doesn't know."""
        self.names: dict[Place, str] = {}
        """The tensor whose entry is at a place; the oracle doesn't know of others."""


def demand(holds: bool, rule: str, *places: Place) -> None:  # noqa: FBT001 - reads like an assertion
    """Refuse the file unless the rule holds."""
    if not holds:
        raise BrokenError(rule, *places)


def elements(shape: tuple[int, ...], place: Place) -> int:
    """Count elements; a shape whose axes without the zeros pass 2**63 is refused all the same."""
    product = 1
    for dim in shape:
        demand(dim <= INT64_MAX, "an axis of 2**63 or more", place)
        product *= dim or 1
        demand(product <= INT64_MAX, "2**63 elements or more", place)
    return 0 if 0 in shape else product


def demand_apart(spans: list[tuple[int, int]], places: Sequence[Place]) -> None:
    """Refuse data of which one byte belongs to two tensors; spans are [begin, end).

    To blame is the first in the header of those that begin within data that lie before theirs.
    """
    filled = ((*span, i) for i, span in enumerate(spans) if span[0] < span[1])
    reached, within = 0, list[int]()
    for begin, end, i in sorted(filled):
        if begin < reached:
            within.append(i)
        reached = max(reached, end)
    if within:
        raise BrokenError("two tensors share bytes", places[min(within)])
