"""Takes all figures of workloads, as lines of a snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from emel_tools.costs import growth
from emel_tools.costs.memory import allocated
from emel_tools.costs.rounding import CALLS, ITEMS_KIB, LEFT_KIB, LINES, PAYLOAD_KIB, Band
from emel_tools.costs.site import Site
from emel_tools.costs.steps import stepped
from emel_tools.costs.watch import ALWAYS, counted
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


class Unsteady(NamedTuple):
    """A figure that isn't the same twice, and so can't be held to anything."""

    key: str
    values: tuple[int, int]


def take(
    workloads: Sequence[Workload | Scaled], site: Site, folder: str
) -> Iterator[Figure | Unsteady]:
    """Run each workload as often as its figures take.

    Parameters
    ----------
    folder
        The real path of the site, which is the current directory.
    """
    for workload in workloads:
        if isinstance(workload, Workload):
            yield from _exact(workload, site, folder)
        else:
            yield from _scaled(workload, site)


def lines(figures: Sequence[Figure], recorded: Mapping[str, str]) -> dict[str, str]:
    """Spell figures as the snapshot does, given what it says."""
    return {
        figure.key: str(
            figure.value
            if figure.band is None
            else figure.band.held(figure.value, recorded.get(figure.key))
        )
        for figure in figures
    }


def _exact(workload: Workload, site: Site, folder: str) -> Iterator[Figure | Unsteady]:
    action = workload.make(site)
    action()  # what is imported and cached at the first use is no cost of the second
    first, (steps, _) = counted(lambda: stepped(action, lines=False), folder)
    second, _ = counted(action, folder)
    for name, value in second.items():
        if name in workload.without:
            continue
        if value != first[name]:
            yield Unsteady(f"{workload.name} {name}", (first[name], value))
        elif value or name in ALWAYS:
            yield Figure(workload, name, value)
    yield Figure(workload, "dispatches", steps.dispatches)
    memory = allocated(action)
    yield Figure(workload, "peak-kib", _kib(memory.peak - workload.owned), PAYLOAD_KIB)
    yield Figure(workload, "left-kib", _kib(memory.left), LEFT_KIB)


def _scaled(workload: Scaled, site: Site) -> Iterator[Figure]:
    for size in workload.sizes:
        action = workload.make(site, size)
        action()
        (steps, _), memory = stepped(action), allocated(action)
        yield Figure(workload, f"of-{size} lines", steps.lines, LINES)
        yield Figure(workload, f"of-{size} calls", steps.calls, CALLS)
        yield Figure(workload, f"of-{size} dispatches", steps.dispatches)
        yield Figure(workload, f"of-{size} peak-kib", _kib(memory.peak), ITEMS_KIB)
    if workload.growth is not None:
        small, large = (workload.make(site, size) for size in workload.growth)
        small()
        factor = workload.growth[1] / workload.growth[0]
        yield Figure(workload, "time-power", growth.power(small, large, factor))


def _kib(nbytes: int) -> int:
    return max(0, round(nbytes / KIB))
