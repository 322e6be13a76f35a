"""What a workload is: a function that makes ready, and answers with what is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple, TypeAlias

from emel_tools.costs.site import Site

Action: TypeAlias = Callable[[], object]
"""What is measured. It runs several times, each time with the same costs, and leaves nothing
behind; what it answers with stays alive until the costs are taken."""

MIB: Final = 1 << 20
VOCABULARY: Final = 200_000
"""Tokens, as large models have them: their header shows each copy of it."""
SIZES: Final = (128, 1024)
"""Items of a scaled workload whose steps and memory are counted."""
GROWTH: Final = (512, 8192)
"""Items of a scaled workload whose processor time is compared."""

GROWTH_OF_CALLS: Final = (512, 32_768)
"""The same where each item is a call of 10 us: adding up what is done drowns in fewer of them."""


class Workload(NamedTuple):
    """Something whose calls to the system, memory and dispatches are held to exact figures."""

    name: str
    """With its sizes, so that a line of the snapshot says all: `map-1000-spans-of-4-files`."""
    make: Callable[[Site], Action]
    items: int = 1
    """Tensors or spans that it handles."""
    files: int = 1
    nbytes: int = 0
    """Payload: a copy of it is told from other growth by this."""
    owned: int = 0
    """Bytes that it answers with because the caller asked for them; they count as no cost."""
    without: Sequence[str] = ()
    """Figures that say something of the machine and nothing of the work."""


class Scaled(NamedTuple):
    """Something that handles many items, at several sizes: its price per item stays what it is."""

    name: str
    """What it does to its items: `plan-spans`."""
    make: Callable[[Site, int], Action]
    sizes: tuple[int, int] = SIZES
    growth: tuple[int, int] | None = GROWTH
    """None where so many items can't be had."""


class Held(NamedTuple):
    """Something that stays open: what it holds meanwhile is counted, and none of how it opened."""

    name: str
    make: Callable[[Site], Callable[[], AbstractContextManager[object]]]
    """Answers with what opens it, again and again."""


class First(NamedTuple):
    """Something that is done first in a process: what it imports is held, step by step."""

    name: str
    make: Callable[[Site], Mapping[str, str]]
    """Answers with Python's words, by what was done after them."""


Work: TypeAlias = Workload | Scaled | Held | First
Workloads: TypeAlias = tuple[Work, ...]
"""The table of a package: `WORKLOADS` of its module."""


def whole(name: str, make: Callable[[Site, int], Action]) -> Scaled:
    """Make a scaled workload of a whole model, which does more for each item than one step does."""
    return Scaled(name, make, sizes=(32, 256), growth=(1024, 8192))


def each(name: str, make: Callable[[Site, int], Action]) -> Scaled:
    """Make a scaled workload that does much for each item, and so takes fewer of them.

    Its time isn't compared: what a search through all items would add drowns in it.
    """
    return Scaled(name, make, sizes=(8, 32), growth=None)


class RefusedError(RuntimeError):
    """A workload was refused: what it cost then says nothing."""


def fine(answer: Any) -> Any:  # a BatchOutcome, a Report or the like
    """Answer with an outcome that is ok, and see to it that it is.

    Raises
    ------
    RefusedError
        It isn't.
    """
    if not answer.ok:
        raise RefusedError(f"{answer.outcome!r}: {answer.message}")
    return answer
