"""Which functions of the packages take longer than the recorded ones did: a hint, by cProfile."""

from __future__ import annotations

import cProfile
from collections.abc import Mapping
from pathlib import Path
from time import thread_time
from typing import Any, Final, NamedTuple

from emel_tools.ratios.case import Unit

_CALLS: Final = 8


class Growth(NamedTuple):
    """One function."""

    function: str
    milliseconds: float
    """By which it grew, itself and not what it calls; less than what the profiler adds is noise."""

    def spelled(self) -> str:
        """Say it: `emel_io_loader.planner.plan (+0.31 ms)`."""
        return f"{self.function} (+{self.milliseconds:.2f} ms)"


def grown(now: Mapping[str, float], before: Mapping[str, float]) -> tuple[Growth, ...]:
    """List the functions that grew most, those that make up most of the growth."""
    deltas = {name: seconds - before.get(name, 0.0) for name, seconds in now.items()}
    most = sorted(deltas.items(), key=lambda item: -item[1])[:3]
    least = 0.25 * most[0][1] if most else 0.0
    return tuple(
        Growth(name, round(1000 * delta, 3)) for name, delta in most if delta > max(least, 0)
    )


def profiled(unit: Unit, root: Path) -> dict[str, float]:
    """Seconds of one call of `unit` in each function itself, at the least."""
    least: dict[str, float] = {}
    for _ in range(_CALLS):
        for name, seconds in _once(unit, root).items():
            least[name] = min(least.get(name, seconds), seconds)
    return least


def _once(unit: Unit, root: Path) -> dict[str, float]:
    profile = cProfile.Profile(thread_time)  # a hint that no other process disturbs
    profile.enable()
    unit()
    profile.disable()
    sums: dict[str, float] = {}
    entries: list[Any] = profile.getstats()
    for entry in entries:
        name = _name(entry.code, root)
        sums[name] = sums.get(name, 0.0) + entry.inlinetime
    return sums


def _name(code: Any, root: Path) -> str:  # a code object or a text
    if isinstance(code, str):
        return code
    path = Path(code.co_filename)
    parts = path.with_suffix("").parts
    if path.is_relative_to(root / "packages"):
        return ".".join((*parts[parts.index("src", len(root.parts)) + 1 :], code.co_name))
    return f"{path.stem}.{code.co_name}"
