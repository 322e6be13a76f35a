"""What an oracle makes of a file: facts, or the reason why it must be refused."""

from __future__ import annotations

from typing import Any, NamedTuple

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


class BrokenError(Exception):
    """A rule is broken; the message says which, in words."""


def demand(holds: bool, rule: str) -> None:  # noqa: FBT001 - reads like an assertion
    """Refuse the file unless the rule holds."""
    if not holds:
        raise BrokenError(rule)


def elements(shape: tuple[int, ...]) -> int:
    """Count elements; a shape whose axes without the zeros pass 2**63 is refused all the same."""
    product = 1
    for dim in shape:
        demand(dim <= INT64_MAX, "an axis of 2**63 or more")
        product *= dim or 1
        demand(product <= INT64_MAX, "2**63 elements or more")
    return 0 if 0 in shape else product


def demand_apart(spans: list[tuple[int, int]]) -> None:
    """Refuse data of which one byte belongs to two tensors; spans are [begin, end)."""
    reached = 0
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        demand(begin >= reached, "two tensors share bytes")
        reached = end
