"""The owner of residency, against a dictionary from tensor to the name of its state."""

from __future__ import annotations

from random import Random
from typing import Any, Final

import numpy as np

from emel_io_loader import Leases, Mode, Spans, Targets
from emel_model_tensor import LoadPlan, Report, SetOutcome, TensorOutcome, TensorSet
from emel_tools.fuzzing.books import Memory
from emel_tools.fuzzing.games import Game, Move

_SIZES: Final = (3, 0, 5, 1, 4, 2)
_COUNT: Final = len(_SIZES)
_HELD: Final = frozenset({"resident", "mmap-resident"})


def _draw(rng: Random) -> list[Move]:
    def index() -> list[int]:
        chosen = rng.sample(range(_COUNT), rng.choice((0, 1, 1, 2, 3, _COUNT)))
        if rng.random() < 0.04:
            chosen.append(rng.choice((-1, _COUNT, chosen[0] if chosen else -1)))
        return chosen

    moves: list[Move] = [["bind", "fine"]] if rng.random() < 0.9 else []
    for _ in range(rng.choice((5, 15, 40))):
        fails = [rng.random() < 0.4 for _ in range(_COUNT)] if rng.random() < 0.25 else None
        mode = rng.choice(("maps", "copies"))
        flags = [rng.random() < 0.7 for _ in range(_COUNT + 1)]
        moves.append(
            rng.choice(
                (
                    ["bind", rng.choice(("fine", "fine", "negative", "short", "dtype"))],
                    ["load", index(), mode, fails is not None],
                    ["load", index(), mode, False],
                    ["load", index(), "nobody", False],
                    ["release", index(), fails, rng.random() < 0.1],
                    ["release", index(), None, False],
                    ["evict", index()],
                    ["pin", index()],
                    ["unpin", index()],
                    ["plan", index(), mode],
                    ["commit", flags, rng.choice((0, 0, 0, 1, -1, "stale"))],
                    ["abandon"],
                )
            )
        )
    return moves


class _Round:
    """One set, and what it should be."""

    def __init__(self, reached: set[str]) -> None:
        self.maps, self.copies = Memory(Mode.MAPS), Memory(Mode.COPIES)
        self.tensors = TensorSet()
        self.state: list[str] = []
        self.pins: list[int] = []
        self.plan: LoadPlan | None = None
        self.planned: list[int] = []
        self.stale = LoadPlan(np.empty(0, np.intp), Spans((), (), (), ()), Mode.COPIES)
        """The last plan that is over."""
        self.reached = reached
        self.why: list[tuple[int, str]] = []
        """The tensors that refuse the last request, and why."""

    def wrong_index(self, index: list[int]) -> bool:
        return len({*index}) < len(index) or not all(0 <= i < _COUNT for i in index)

    def refusal(self, index: list[int], change: str) -> SetOutcome | None:
        """What every request hears before it is looked at closely."""
        self.why = []
        if self.plan is not None:
            return SetOutcome.LOAD_IN_FLIGHT
        if not self.state:
            return SetOutcome.NOT_BOUND
        if self.wrong_index(index):
            return SetOutcome.INDEX_INVALID
        self.why = [(i, why) for i in index if (why := self.objection(i, change))]
        return SetOutcome.TENSOR_REFUSED if self.why else None

    def objection(self, i: int, change: str) -> str:
        """Why one tensor refuses; empty if it doesn't."""
        state = self.state[i]
        if change == "load":
            return "ALREADY_RESIDENT" if state in _HELD else ""
        if change == "release":
            return "" if state == "mmap-resident" else "NOT_MAPPED"
        if state == "resident":
            return "PINNED" if self.pins[i] else ""
        return "MUST_BE_RELEASED" if state == "mmap-resident" else "NOT_RESIDENT"

    def bind(self, how: str) -> tuple[Report, SetOutcome]:
        offset = -1 if how == "negative" else 7
        spans = Spans(
            ("f",), [0] * _COUNT, [offset + sum(_SIZES[:i]) for i in range(_COUNT)], _SIZES
        )
        dtype = [0] * (_COUNT - (how == "short"))
        if how == "dtype":
            dtype[2] = 256
        report = self.tensors.bind(spans, dtype)
        if self.plan is not None:
            return report, SetOutcome.LOAD_IN_FLIGHT
        if how != "fine":
            return report, SetOutcome.BINDING_INVALID
        if "mmap-resident" in self.state:
            return report, SetOutcome.STILL_MAPPED
        self.state, self.pins = ["bound"] * _COUNT, [0] * _COUNT
        return report, SetOutcome.OK

    def load(self, index: list[int], mode: str, fails: bool) -> tuple[Report, SetOutcome]:  # noqa: FBT001
        strategy: Any = {"maps": self.maps, "copies": self.copies}.get(mode)
        refusal = self.refusal(index, "load")
        if refusal not in (SetOutcome.LOAD_IN_FLIGHT, SetOutcome.NOT_BOUND) and strategy is None:
            refusal = SetOutcome.STRATEGY_MISSING
        if strategy is not None:
            strategy.fails = [True] if fails else None
        targets = Targets.each([bytearray(8) for _ in index]) if mode == "copies" else None
        report = self.tensors.load(index, strategy, targets)
        if refusal is None and fails:
            refusal = SetOutcome.STRATEGY_FAILED
        if refusal is None:
            for i in index:
                self.state[i] = "mmap-resident" if mode == "maps" else "resident"
        return report, refusal or SetOutcome.OK

    def release(
        self,
        index: list[int],
        fails: list[bool] | None,
        foreign: bool,  # noqa: FBT001
    ) -> tuple[Report, SetOutcome]:
        refusal = self.refusal(index, "release")
        self.maps.fails = fails
        shown = Leases.of([9] * len(index), [10**9] * len(index)) if foreign else None
        report = self.tensors.release(index, self.maps, shown)  # pyright: ignore[reportArgumentType]
        if refusal is None and foreign and index:
            refusal = SetOutcome.LEASE_FOREIGN
        if refusal is not None:
            return report, refusal
        gone = [not (fails and fails[k]) for k in range(len(index))]
        for i, is_gone in zip(index, gone, strict=True):
            self.state[i] = "evicted" if is_gone else self.state[i]
        return report, SetOutcome.OK if all(gone) else SetOutcome.STRATEGY_FAILED

    def evict(self, index: list[int]) -> tuple[Report, SetOutcome]:
        refusal = self.refusal(index, "evict")
        report = self.tensors.evict(index)
        for i in index if refusal is None else ():
            self.state[i] = "evicted"
        return report, refusal or SetOutcome.OK

    def pin(self, index: list[int], by: int) -> str:
        if not self.state or self.wrong_index(index):
            return ""
        refused = by < 0 and not all(self.pins[i] for i in index)
        try:
            (self.tensors.pin if by > 0 else self.tensors.unpin)(index)
        except ValueError:
            return "" if refused else "a pin taken off expected, got a refusal"
        for i in index:
            self.pins[i] += by
        return "a refusal expected of a tensor without a pin" if refused else ""

    def plan_load(self, index: list[int], mode: str) -> tuple[Any, SetOutcome]:
        refusal = self.refusal(index, "load")
        plan = self.tensors.plan_load(index, Mode.MAPS if mode == "maps" else Mode.COPIES)
        if isinstance(plan, LoadPlan) and refusal is None:
            self.plan, self.planned = plan, index
            return None, SetOutcome.OK
        return plan, refusal or SetOutcome.OK

    def commit(self, flags: list[bool], surplus: int | str) -> tuple[Report, SetOutcome]:
        if self.plan is None or isinstance(surplus, str):
            # What somebody kept of another load, before the first binding of any.
            stale = np.array(flags[: len(self.stale.index)], np.bool_)
            report = self.tensors.commit_load(self.stale, stale)
            nothing = self.plan is None
            return report, SetOutcome.NOTHING_PLANNED if nothing else SetOutcome.RESULTS_MISMATCHED
        count = max(0, len(self.planned) + surplus)
        done = np.array((flags * 2)[:count], np.bool_)
        leases, maps = None, self.plan.mode is Mode.MAPS
        matches = count == len(self.planned)
        if maps and matches:
            self.maps.fails = None
            leases = self.maps.load(self.plan.spans).leases
            self.maps.release(leases.take(np.flatnonzero(~done)))
        report = self.tensors.commit_load(self.plan, done, leases)
        if not matches:
            return report, SetOutcome.RESULTS_MISMATCHED
        for i, is_done in zip(self.planned, done.tolist(), strict=True):
            self.state[i] = ("mmap-resident" if maps else "resident") if is_done else "failed"
        self.plan, self.stale = None, self.plan
        return report, SetOutcome.OK if done.all() else SetOutcome.EFFECT_FAILED

    def abandon(self) -> tuple[Report, SetOutcome]:
        expected = SetOutcome.NOTHING_PLANNED if self.plan is None else SetOutcome.OK
        self.plan = None
        return self.tensors.abandon_load(), expected

    def books(self) -> str:
        """Compare what the set says with what it should."""
        names = [self.tensors.state_of(i) for i in range(len(self.tensors))]
        if names != self.state:
            return f"the states {self.state} expected, got {names}"
        mapped = [i for i, state in enumerate(self.state) if state == "mmap-resident"]
        copied = [i for i, state in enumerate(self.state) if state == "resident"]
        told = (self.tensors.mapped().tolist(), self.tensors.copied().tolist())
        if told != (mapped, copied):
            return f"(mapped, copied) {(mapped, copied)} expected, got {told}"
        leases = [tuple(lease) for i in mapped if (lease := self.tensors.lease(i)) is not None]
        given = sorted(lease for lease in leases if lease != (-1, -1))
        if given != sorted(self.maps.held) or len(leases) != len(mapped):
            return (
                f"a lease for each mapped tensor and no other expected: {given}, {self.maps.held}"
            )
        totals = {state: self.state.count(state) for state in {*self.state}}
        counts = {state: n for state, (n, _) in self.tensors.capture().totals().items()}
        return "" if counts == totals else f"totals {totals} expected, got {counts}"

    def move(self, move: Move) -> str:
        """Make one move."""
        calls: dict[str, Any] = {
            "bind": self.bind,
            "load": self.load,
            "release": self.release,
            "evict": self.evict,
            "plan": self.plan_load,
            "commit": self.commit,
            "abandon": self.abandon,
        }
        if move[0] in ("pin", "unpin"):
            return self.pin(move[1], 1 if move[0] == "pin" else -1) or self.books()
        report, expected = calls[move[0]](*move[1:])
        got = SetOutcome.OK if report is None else getattr(report, "outcome", SetOutcome.OK)
        self.reached.add(SetOutcome(expected).name)
        if got is not expected:
            return f"{move[0]}: {expected.name} expected, got {got.name}"
        if expected is SetOutcome.TENSOR_REFUSED and report is not None:
            told = report.tensor.name, report.tensors.tolist()
            wanted = self.why[0][1], [i for i, _ in self.why]
            self.reached.add(told[0])
            if told != wanted:
                return f"{move[0]}: (why, tensors) {wanted} expected, got {told}"
        return self.books()


def _play(moves: list[Move], reached: set[str]) -> str:
    round_ = _Round(reached)
    for move in moves:
        if problem := round_.move(move):
            return problem
    return ""


_NAMES: Final = frozenset(outcome.name for outcome in SetOutcome)
RESIDENCY: Final = Game(
    "residency",
    _draw,
    _play,
    400,
    _NAMES | {outcome.name for outcome in TensorOutcome},
)
