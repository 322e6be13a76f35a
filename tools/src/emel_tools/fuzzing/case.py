"""A file to be judged, with what must come of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement, cycle, permutations, product
from math import prod
from random import Random
from typing import Final, NamedTuple, TypeVar

_T = TypeVar("_T")

ACCEPTED: Final = ("accepted",)
NEED_MORE: Final = ("need-more",)
EDGES: Final = (2**63, 2**64 - 1)
"""Where signed and unsigned numbers end."""
_AROUND: Final = 1 << 64


class Case(NamedTuple):
    """One file."""

    rules: tuple[str, ...]
    """What must come of it: ACCEPTED, NEED_MORE, or the rules of which one must refuse it."""
    label: str
    """What is wrong with it, in words."""
    data: bytes
    file_nbytes: int = -1
    """What the file is said to have; -1 for what it has."""
    place: int = -1
    """Byte at which it is refused, where no oracle knows that: it is asked for whole files."""

    @property
    def claimed_nbytes(self) -> int:
        """Bytes of the whole file, as the parser hears it."""
        return len(self.data) if self.file_nbytes < 0 else self.file_nbytes


def refused(rules: str, label: str, data: bytes, file_nbytes: int = -1, place: int = -1) -> Case:
    """Expect a refusal; `rules` are separated by spaces."""
    return Case(tuple(rules.split()), label, data, file_nbytes, place)


def accepted(label: str, data: bytes) -> Case:
    """Expect a header: the twin of something that is refused, a hair's breadth away."""
    return Case(ACCEPTED, label, data)


def places(things: list[_T], thing: _T) -> Iterator[tuple[str, list[_T]]]:
    """Put `thing` first, last and in between."""
    for word, at in (("first", 0), ("between", len(things) // 2), ("last", len(things))):
        yield word, [*things[:at], thing, *things[at:]]


def wrapped() -> Iterator[tuple[tuple[int, ...], int]]:
    """Shapes whose product passes 2**64, and the elements that are left of it there.

    These are more than the axes before make, and few: a product that has come around looks like one
    that hasn't, and the file may have as many bytes.
    """
    for before in ((3,), (5,), (7,), (641,), (1, 5), (3, 7), (5, 1, 3), (2, 2, 3)):
        few = prod(before)
        last = -(-(_AROUND + few + 1) // few)
        left = few * last - _AROUND
        yield (*before, last), left
        if len(before) < 3:
            yield (*before, last, 2), 2 * left


def arrangements() -> Iterator[tuple[tuple[int, int], ...]]:
    """Place three and four short stretches, (begin, nbytes), in every way that there is.

    Each once: in which order they are listed goes by turns.
    """
    for count, begins, sizes in ((3, 5, 4), (4, 3, 3)):
        stretches = list(product(range(begins), range(sizes)))
        orders = cycle(permutations(range(count)))
        for placed, order in zip(
            combinations_with_replacement(stretches, count), orders, strict=False
        ):
            yield tuple(placed[i] for i in order)


def some_bytes(rng: Random, nbytes: int) -> bytes:
    """Bytes that no two places share by accident."""
    return rng.randbytes(nbytes)
