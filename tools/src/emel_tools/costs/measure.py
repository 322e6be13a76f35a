"""Takes all figures of workloads, as lines of a snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from emel_tools.costs import growth
from emel_tools.costs.memory import allocated
from emel_tools.costs.rounding import CALLS, ITEMS_KIB, LEFT_KIB, LINES, PAYLOAD_KIB, Band
from emel_tools.costs.site import Site
from emel_tools.costs.steps import Steps, stepped
from emel_tools.costs.watch import FIGURES, SELDOM, counted
from emel_tools.costs.workload import Scaled, Workload

KIB = 1024


class Figure(NamedTuple):
    """One fact about one workload."""

    workload: Workload | Scaled
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


def take(workloads: Sequence[Workload | Scaled], site: Site, folder: str) -> Taken:
    """Run each workload as often as its figures take.

    Parameters
    ----------
    folder
        The real path of the site, which is the current directory.
    """
    for workload in workloads:
        try:
            if isinstance(workload, Workload):
                yield from list(_exact(workload, site, folder))
            else:
                yield from list(_scaled(workload, site))
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


def _exact(workload: Workload, site: Site, folder: str) -> Taken:
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
    memory = allocated(action)
    yield Figure(workload, "peak-kib", _kib(memory.peak - workload.owned), PAYLOAD_KIB)
    yield Figure(workload, "left-kib", _kib(memory.left), LEFT_KIB)


def _scaled(workload: Scaled, site: Site) -> Taken:
    counts: list[Steps] = []
    for size in workload.sizes:
        action = workload.make(site, size)
        action()
        (steps, _), memory = stepped(action), allocated(action)
        counts.append(steps)
        yield Figure(workload, f"of-{size} lines", steps.lines, LINES)
        yield Figure(workload, f"of-{size} calls", steps.calls, CALLS)
        yield Figure(workload, f"of-{size} dispatches", steps.dispatches)
        yield Figure(workload, f"of-{size} peak-kib", _kib(memory.peak), ITEMS_KIB)
    if workload.growth is not None:
        few, many = workload.sizes
        # Seen already, and many more items of it would take minutes.
        seen = counts[1].lines > 2 * counts[0].lines * many / few
        power = growth.WORSE if seen else _power(workload, site, workload.growth)
        yield Figure(workload, "time-power", power)


def _power(workload: Scaled, site: Site, sizes: tuple[int, int]) -> int:
    few, many = sizes
    small, large = workload.make(site, few), workload.make(site, many)
    small()
    return growth.power(small, large, many / few)


def _kib(nbytes: int) -> int:
    return max(0, round(nbytes / KIB))
