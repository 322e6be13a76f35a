"""One block: a process in which every case takes turns with the recorded code and its control."""

from __future__ import annotations

import gc
import random
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import perf_counter, perf_counter_ns, thread_time
from typing import Final

import msgspec

from emel_tools.ratios.case import Case, Unit
from emel_tools.ratios.controls import CONTROLS
from emel_tools.ratios.decision import decide, halves
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
    """Whether to say which functions run."""
    passes: int = 1
    """How often each case is sampled, at most; 0 if nothing is to be timed."""
    expected: dict[str, float] = {}
    """What the records say of the ratio of now to the reference, as logarithm: of these cases
    no pass more is made than it takes to see that it is so."""
    slower: float = 0.0
    """By which share the code of `root` is made slower, to prove that it is noticed."""


class Samples(msgspec.Struct, frozen=True):
    """What one pass saw of one case: nanoseconds, a column a role, one entry a round."""

    now: tuple[int, ...]
    control: tuple[int, ...]
    reference: tuple[int, ...] = ()
    problem: str = ""
    """Why the recorded code can't run this case; empty if it can or wasn't asked for."""


class Seen(msgspec.Struct, frozen=True):
    """What one block answers, by case; empty of what wasn't asked for."""

    samples: dict[str, list[Samples]] = {}
    """One entry a pass."""
    grown: dict[str, tuple[Growth, ...]] = {}
    functions: dict[str, tuple[str, ...]] = {}
    """As `Watch` names them."""


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


def block(order: Order, cases: Sequence[Case]) -> Seen:
    """Sample the cases one after another, or say which functions grew, or which run."""
    shuffled = random.Random(order.seed)  # noqa: S311 - an order, not a secret
    roots = {"now": Path(order.root)}
    if order.reference:
        roots["reference"] = Path(order.reference)
    # Whoever is imported first lies lower in memory: by turns, so that it cancels out.
    worlds = {name: World(roots[name]) for name in shuffled.sample(list(roots), len(roots))}
    with tempfile.TemporaryDirectory(prefix="emel-bench-") as name:
        folder = Path(name)
        watch = Watch(roots["now"]) if order.watch else None
        prepared = (_Prepared(case, folder / str(i), worlds, watch) for i, case in enumerate(cases))
        if order.profile:
            return Seen(grown={each.case.name: _grown(each, worlds, roots) for each in prepared})
        controls = {
            name: _Role(CONTROLS[name](folder), 1, _stay)
            for name in sorted({case.control for case in cases if order.passes})
        }
        called: dict[str, set[str]] = {}
        samples: dict[str, list[Samples]] = {}
        for each in prepared:
            called[each.case.name] = each.called
            if order.passes:
                samples[each.case.name] = _samples(each, worlds, controls, order, shuffled)
        return Seen(samples, functions=_named(called, watch) if watch else {})


def _stay() -> None:
    """Be in no world."""


def _named(called: Mapping[str, set[str]], watch: Watch) -> dict[str, tuple[str, ...]]:
    """Add what runs for all: only now, because whoever comes first brings it in."""
    return {name: tuple(sorted(own | watch.shared)) for name, own in called.items()}


class _Prepared:
    """The units of one case, a world each; what is called now is noted, if somebody watches."""

    def __init__(
        self, case: Case, folder: Path, worlds: Mapping[str, World], watch: Watch | None = None
    ) -> None:
        self.case = case
        self.called: set[str] = set()
        self.units: dict[str, Unit] = {}
        self.problem = ""
        for i, (name, world) in enumerate(worlds.items()):
            own = folder / str(i)  # a file that were written again would be another one
            own.mkdir(parents=True)
            watched = watch.watching() if watch and name == "now" else nullcontext(self.called)
            with world.inside(), watched as self.called:
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
    if order.watch:  # while somebody watches, the interpreter learns nothing of what it runs
        roles["now"].enter()
        _warm(roles["now"].unit)
    expected = order.expected.get(prepared.case.name)
    seen: list[Samples] = []
    logs: list[float] = []
    while len(seen) < order.passes and (expected is None or decide(logs, expected) != "same"):
        seen.append(_sample(roles, prepared.problem, shuffled))
        logs += halves(seen[-1].now, seen[-1].reference)
    return seen


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
    """Keep the collector of garbage from joining in; what there is is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
