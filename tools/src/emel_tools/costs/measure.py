"""Takes all figures of workloads, as lines of a snapshot."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from emel_tools.costs import growth
from emel_tools.costs.first import imported
from emel_tools.costs.memory import Memory, allocated, held
from emel_tools.costs.rounding import (
    CALLS,
    HELD_KIB,
    ITEMS_KIB,
    LEFT_KIB,
    LINES,
    PAYLOAD_KIB,
    Band,
)
from emel_tools.costs.site import Site
from emel_tools.costs.steps import Steps, stepped
from emel_tools.costs.watch import FIGURES, SELDOM, counted
from emel_tools.costs.workload import Action, First, Held, Scaled, Work, Workload

KIB: Final = 1024
_RUNS: Final = 3


class Figure(NamedTuple):
    """One fact about one workload."""

    workload: Work
    name: str
    value: int
    band: Band | None = None
    """How far it may be from what is recorded; None if every Python counts the same."""

    @property
    def key(self) -> str:
        """What the snapshot calls it."""
        return f"{self.workload.name} {self.name}"


class Trouble(NamedTuple):
    """Why a figure, or a whole workload, can't be held to anything."""

    key: str
    """The figure's key, or the workload's name: what is recorded of it is not judged."""
    rule: str
    what: str
    fix: str


Taken: TypeAlias = Iterator[Figure | Trouble]


def take(workloads: Sequence[Work], site: Site, folder: str, recorded: Mapping[str, str]) -> Taken:
    """Run each workload as often as its figures take.

    Parameters
    ----------
    folder
        The real path of the site, which is the current directory.
    recorded
        What the snapshot says; memory that isn't as recorded is measured again.
    """
    for workload in workloads:
        try:
            if isinstance(workload, Workload):
                yield from list(_exact(workload, site, folder, recorded))
            elif isinstance(workload, Held):
                yield _held(workload, site, recorded)
            elif isinstance(workload, First):
                steps = imported(workload.make(site))
                yield from [Figure(workload, name, value) for name, value in steps.items()]
            else:
                yield from list(_scaled(workload, site, recorded))
        except Exception as error:  # one workload that breaks hides no other
            what = f"{workload.name} broke: {type(error).__name__}: {error}"
            yield Trouble(workload.name, "broken", what, "run it by itself, and mend what breaks")


def lines(taken: Sequence[Figure | Trouble], recorded: Mapping[str, str]) -> dict[str, str]:
    """Spell figures as the snapshot does, given what it says; what is in trouble stays as it is."""
    known: dict[str, str] = {}
    for each in taken:
        if isinstance(each, Trouble):
            whole = f"{each.key} "
            known |= {k: v for k, v in recorded.items() if k == each.key or k.startswith(whole)}
        elif each.value or each.name not in SELDOM:
            band = each.band
            held = each.value if band is None else band.held(each.value, recorded.get(each.key))
            known[each.key] = str(held)
    return known


def _exact(workload: Workload, site: Site, folder: str, recorded: Mapping[str, str]) -> Taken:
    action = workload.make(site)
    action()  # what is imported and cached at the first use is no cost of the second
    first, (steps, _) = counted(lambda: stepped(action, lines=False), folder)
    second, _ = counted(action, folder)
    for name in set(FIGURES).difference(workload.without):
        figure = Figure(workload, name, second[name])
        if figure.value == first[name]:
            yield figure
        else:
            what = f"{figure.key}: {first[name]} at one run and {figure.value} at the next"
            fix = "find what makes it differ: an order, a cache, a race of threads"
            yield Trouble(figure.key, "unsteady", what, fix)
    yield Figure(workload, "dispatches", steps.dispatches)
    yield from _of_memory(workload, action, recorded)


def _scaled(workload: Scaled, site: Site, recorded: Mapping[str, str]) -> Taken:
    counts: list[Steps] = []
    for size in workload.sizes:
        action = workload.make(site, size)
        action()
        steps, _ = stepped(action)
        counts.append(steps)
        yield Figure(workload, f"of-{size} lines", steps.lines, LINES)
        yield Figure(workload, f"of-{size} calls", steps.calls, CALLS)
        yield Figure(workload, f"of-{size} dispatches", steps.dispatches)
        yield from _of_memory(workload, action, recorded, f"of-{size} ")
    if workload.growth is not None:
        few, many = workload.sizes
        # Seen already, and many more items of it would take minutes.
        seen = counts[1].lines > 2 * counts[0].lines * many / few
        power = growth.WORSE if seen else _power(workload, site, workload.growth)
        yield Figure(workload, "time-power", power)


def _of_memory(
    workload: Workload | Scaled, action: Action, recorded: Mapping[str, str], at: str = ""
) -> list[Figure]:
    """Measure memory; again, if it isn't what is recorded.

    The interpreter's own tables grow now and then, such as that of interned strings, by a mebibyte
    and at whatever happens to be the last straw: never twice in a row.
    """
    best = Memory(sys.maxsize, sys.maxsize)
    figures: list[Figure] = []
    for _ in range(_RUNS):
        memory = allocated(action)
        best = Memory(min(best.peak, memory.peak), min(best.left, memory.left))
        if isinstance(workload, Scaled):
            figures = [Figure(workload, f"{at}peak-kib", _kib(best.peak), ITEMS_KIB)]
        else:
            peak = Figure(workload, "peak-kib", _kib(best.peak - workload.owned), PAYLOAD_KIB)
            figures = [peak, Figure(workload, "left-kib", _kib(best.left), LEFT_KIB)]
        if all(recorded.get(key) == value for key, value in lines(figures, recorded).items()):
            break
    return figures


def _held(workload: Held, site: Site, recorded: Mapping[str, str]) -> Figure:
    """Count what is held; again, if it isn't what is recorded, as the rest of the memory is."""
    opened = workload.make(site)
    with opened():
        pass  # what is imported and cached at the first use isn't held for it
    figure = Figure(workload, "held-kib", _kib(held(opened)), HELD_KIB)
    for _ in range(_RUNS - 1):
        if all(recorded.get(key) == value for key, value in lines([figure], recorded).items()):
            break
        figure = figure._replace(value=min(figure.value, _kib(held(opened))))
    return figure


def _power(workload: Scaled, site: Site, sizes: tuple[int, int]) -> int:
    few, many = sizes
    small, large = workload.make(site, few), workload.make(site, many)
    small()
    return growth.power(small, large, many / few)


def _kib(nbytes: int) -> int:
    return max(0, round(nbytes / KIB))
