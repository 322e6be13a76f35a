"""One block: a process in which every case takes turns with the recorded code and its control."""

from __future__ import annotations

import gc
import random
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, perf_counter_ns, thread_time
from typing import Final

import msgspec

from emel_tools.ratios.case import Case, Unit
from emel_tools.ratios.controls import CONTROLS
from emel_tools.ratios.executed import Watch
from emel_tools.ratios.profiling import Growth, grown, profiled
from emel_tools.ratios.worlds import World

_ROUNDS: Final = 24
_CPU_SECONDS: Final = 0.1
"""How long one case is sampled: of this thread's own time, so that who is interrupted often gets as
many rounds, and with them as many that weren't."""
_SECONDS: Final = 1.0
"""How long that may take."""
_WARM_SECONDS: Final = 0.02
"""After which nothing more settles."""
_LEAST: Final = 4
"""Rounds at least, whatever they take."""


class Order(msgspec.Struct, frozen=True):
    """What one block is asked for."""

    root: str
    reference: str
    """Root of the recorded sources; empty if there are none, or none that differ."""
    package: str
    cases: tuple[str, ...]
    seed: int
    profile: bool = False
    """Whether to say which functions grew, in place of timing."""
    watch: bool = False
    """Whether to say which functions run, in place of timing."""
    passes: int = 1
    """How often each case is sampled."""
    slower: float = 0.0
    """By which share the code of `root` is made slower, to prove that it is noticed."""


class Samples(msgspec.Struct, frozen=True):
    """What one pass saw of one case: nanoseconds, a column a role, one entry a round."""

    now: tuple[int, ...]
    control: tuple[int, ...]
    reference: tuple[int, ...] = ()
    problem: str = ""
    """Why the recorded code can't run this case; empty if it can or wasn't asked for."""


class _Role:
    """One that takes turns."""

    def __init__(self, unit: Unit, times: int, enter: Callable[[], None]) -> None:
        self.unit, self.times, self.enter = unit, times, enter
        self.slower = 0.0
        self.seen: list[int] = []

    def sample(self) -> None:
        """Run it and keep what it took."""
        unit = self.unit
        turns = range(self.times)
        self.enter()
        began = perf_counter_ns()
        for _ in turns:
            unit()
        if self.slower:
            _spin(began, self.slower)
        self.seen.append(perf_counter_ns() - began)


def _spin(began: int, share: float) -> None:
    """Take longer by that share of what was taken so far."""
    until = began + round((perf_counter_ns() - began) * (1 + share))
    while perf_counter_ns() < until:
        pass


def block(
    order: Order, cases: Sequence[Case]
) -> dict[str, list[Samples]] | dict[str, tuple[Growth, ...]] | dict[str, tuple[str, ...]]:
    """Sample the cases one after another, or say which functions grew, or which run."""
    if order.watch:
        return _watched(Path(order.root), cases)
    shuffled = random.Random(order.seed)  # noqa: S311 - an order, not a secret
    roots = {"now": Path(order.root)}
    if order.reference:
        roots["reference"] = Path(order.reference)
    # Whoever is imported first lies lower in memory: by turns, so that it cancels out.
    worlds = {name: World(roots[name]) for name in shuffled.sample(list(roots), len(roots))}
    with tempfile.TemporaryDirectory(prefix="emel-bench-") as name:
        folder = Path(name)
        prepared = (_Prepared(case, folder / str(i), worlds) for i, case in enumerate(cases))
        if order.profile:
            return {each.case.name: _grown(each, worlds, roots) for each in prepared}
        controls = {
            name: _Role(CONTROLS[name](folder), 1, _stay)
            for name in sorted({case.control for case in cases})
        }
        return {
            each.case.name: _samples(each, worlds, controls, order, shuffled) for each in prepared
        }


def _stay() -> None:
    """Be in no world."""


def _watched(root: Path, cases: Sequence[Case]) -> dict[str, tuple[str, ...]]:
    """Run each once, all in one world; what they import is part of each."""
    watch, worlds = Watch(root), {"now": World(root)}
    seen: dict[str, set[str]] = {}
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="emel-bench-") as name, watch.watching() as called:
            _Prepared(case, Path(name), worlds)
        seen[case.name] = called
    return {name: tuple(sorted(called | watch.shared)) for name, called in seen.items()}


class _Prepared:
    """The units of one case, a world each."""

    def __init__(self, case: Case, folder: Path, worlds: Mapping[str, World]) -> None:
        self.case = case
        self.units: dict[str, Unit] = {}
        self.problem = ""
        for i, (name, world) in enumerate(worlds.items()):
            own = folder / str(i)  # a file that were written again would be another one
            own.mkdir(parents=True)
            with world.inside():
                try:
                    unit = case.prepare(own)
                    _warm(unit)
                except Exception as error:
                    if name == "now":
                        raise
                    self.problem = f"{type(error).__name__}: {error}"
                    continue
            self.units[name] = unit


def _warm(unit: Unit) -> None:
    """Let imports inside functions, caches and the interpreter itself settle."""
    began = thread_time()
    for _ in range(3):
        unit()
        if thread_time() - began > _WARM_SECONDS:
            return


def _samples(
    prepared: _Prepared,
    worlds: Mapping[str, World],
    controls: Mapping[str, _Role],
    order: Order,
    shuffled: random.Random,
) -> list[Samples]:
    times = prepared.case.times
    roles = {name: _Role(unit, times, worlds[name].enter) for name, unit in prepared.units.items()}
    roles["now"].slower = order.slower
    roles["control"] = controls[prepared.case.control]
    roles["control"].unit()
    return [_sample(roles, prepared.problem, shuffled) for _ in range(order.passes)]


def _sample(roles: Mapping[str, _Role], problem: str, shuffled: random.Random) -> Samples:
    for role in roles.values():
        role.seen = []
    with _quiet():
        for turns in _rounds(list(roles.values()), shuffled):
            for role in turns:
                role.sample()
    return Samples(problem=problem, **{name: tuple(role.seen) for name, role in roles.items()})


def _grown(
    prepared: _Prepared, worlds: Mapping[str, World], roots: Mapping[str, Path]
) -> tuple[Growth, ...]:
    seconds: dict[str, dict[str, float]] = {}
    for name, unit in prepared.units.items():
        worlds[name].enter()
        seconds[name] = profiled(unit, roots[name])
    return grown(seconds["now"], seconds.get("reference", {}))


def _rounds(roles: list[_Role], shuffled: random.Random) -> Iterator[list[_Role]]:
    """Say who takes turns in which order: a random one, then its reverse."""
    began, cpu_began = perf_counter(), thread_time()
    for i in range(_ROUNDS // 2):
        late = perf_counter() - began > _SECONDS or thread_time() - cpu_began > _CPU_SECONDS
        if late and 2 * i >= _LEAST:
            return
        turns = shuffled.sample(roles, len(roles))
        yield turns
        yield turns[::-1]


@contextmanager
def _quiet() -> Generator[None]:
    """Keep the collector of garbage from joining in; what there is isn't looked at again."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
