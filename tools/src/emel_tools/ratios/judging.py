"""One shard: blocks until each case is decided, and what that says of the snapshot."""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from emel_tools.findings import Finding
from emel_tools.ratios import machine
from emel_tools.ratios.case import Case
from emel_tools.ratios.decision import ENOUGH, FAR, MOST, Verdict, decide
from emel_tools.ratios.judged import Judged
from emel_tools.ratios.line import Line, on_grid
from emel_tools.ratios.passing import Passing
from emel_tools.ratios.profiling import Growth
from emel_tools.ratios.reference import Reference
from emel_tools.ratios.sampling import Order, Seen
from emel_tools.running import Outcome

_SECONDS: Final = 20.0
"""When no further block is begun; a shard without news needs a few seconds."""
_PATIENCE: Final = 3
"""How many times as long it may take to make sure of what looks like news."""
_PASSES: Final = 4
"""How often the first block samples a case at most: what can be said of it at all, is said then."""
_AGAIN: Final = 3
"""How often each further block samples what isn't decided: most of what it takes is to begin."""

Run: TypeAlias = Callable[[Order], bytes]
"""Runs one block, and answers with its JSON."""


def in_process(order: Order) -> bytes:
    """Run one block in a process of its own."""
    command = (sys.executable, "-m", "emel_tools.ratios.block")
    done = subprocess.run(
        command, input=msgspec.json.encode(order), stdout=subprocess.PIPE, check=True
    )
    return done.stdout


class Judge:
    """Measure one shard, and say what came of it.

    Parameters
    ----------
    shard, cases
        A package, and its cases.
    recorded
        The snapshot here.
    reference
        What to compare with; without, ratios to controls are held to the record, if it was made on
        this kind of machine.
    order
        What every block is asked for.
    run
        Runs a block; its answer is JSON.
    seconds
        When no further block is begun.
    judged
        What was seen to be as quick as recorded before; None if that isn't kept.
    """

    def __init__(
        self,
        shard: str,
        cases: Sequence[Case],
        recorded: Mapping[str, str],
        reference: Reference | None,
        order: Order,
        run: Run = in_process,
        seconds: float = _SECONDS,
        judged: Judged | None = None,
    ) -> None:
        self._shard, self._recorded, self._reference = shard, recorded, reference
        self._run, self._seconds = run, seconds
        self._unchanged = reference is not None and reference.same
        compared = reference is not None and not reference.same
        self._order = msgspec.structs.replace(
            order, reference=str(reference.root) if reference and compared else ""
        )
        self._kind = machine.kind()
        self._passing = Passing(self._order, reference, judged, self._seen)
        self._at_home = recorded.get(machine.KEY, self._kind) == self._kind
        was: Mapping[str, str] = reference.recorded if reference else {}
        self.lines = [
            Line(case, _number(was, case.name), _number(recorded, case.name)) for case in cases
        ]

    def measure(self) -> int:
        """Run blocks until everything is decided, or there is no time left; count them."""
        self._passing.over(self.lines)
        began, blocks = time.monotonic(), 0
        while left := [line for line in self.lines if line.verdict == "open"]:
            taken = time.monotonic() - began
            if blocks and taken > self._seconds:
                patient = taken < _PATIENCE * self._seconds
                left = [line for line in left if patient and line.is_suspicious]
            left = [line for line in left if len(line.against_control) < MOST]
            if not left:
                break
            self._block(left, blocks)
            blocks += 1
        self._passing.keep(self.lines)
        return blocks

    def outcome(self) -> Outcome:
        """Measure, and say what came of it."""
        blocks = self.measure()
        return Outcome(
            self._shard,
            self._checked(blocks),
            self._noisy(),
            self._measured(),
            causes=self._causes(),
            details={"cases": [_details(line) for line in self.lines]},
        )

    def _block(self, left: Sequence[Line], number: int) -> None:
        first = not number
        order = msgspec.structs.replace(
            self._order,
            cases=tuple(line.case.name for line in left),
            seed=self._order.seed + number,
            passes=1 if self._unchanged else _PASSES if first else _AGAIN,
            expected={line.case.name: line.accepted for line in left if first and line.comparable},
            watch=first and self._passing.asks,
        )
        seen = self._seen(order)
        self._passing.note(seen.functions)
        for line in left:
            for samples in seen.samples[line.case.name]:
                line.take(samples)
            line.verdict = self._verdict(line)
            if line.is_news and not line.earlier:
                line.start_over()

    def _seen(self, order: Order) -> Seen:
        return msgspec.json.decode(self._run(order), type=Seen)

    def _verdict(self, line: Line) -> Verdict:
        if line.comparable and self._unchanged:
            return "same"  # byte for byte: whatever differs is the machine
        if not line.recorded:
            return "same" if len(line.against_control) >= ENOUGH else "open"
        if not line.compared and not self._at_home:
            return "same"
        is_new = self._reference is not None and not line.before
        if is_new and line.logs and abs(line.seen().middle) < FAR:
            return "same"  # nothing was before it, and on another machine its control says another
        return decide(line.logs, line.expected)

    def _measured(self) -> dict[str, str]:
        """What the snapshot should say: what it says, wherever nothing is news."""
        measured = {machine.KEY: self._recorded.get(machine.KEY, self._kind)}
        for line in self.lines:
            now = line.recorded
            if not line.recorded or line.is_news:
                unit = line.before / 1000 if line.compared else 1.0
                now = on_grid(unit * math.exp(statistics.median(line.logs)))
            measured[line.case.name] = str(now)
        return measured

    def _causes(self) -> dict[str, str]:
        news = [line for line in self.lines if line.is_news]
        growth = self._growth([line for line in news if line.compared])
        return {line.case.name: self._said(line, growth.get(line.case.name, ())) for line in news}

    def _said(self, line: Line, grown: Sequence[Growth]) -> str:
        seen = line.seen()
        share = math.exp(abs(seen.middle)) - 1
        said = f"{share:.0%} {line.verdict} than {self._than(line)}"
        said += f": {seen.spelled()} times as long"
        where = ", ".join(each.spelled() for each in grown)
        return said + (f"; per call, most in {where}" if where else "")

    def _than(self, line: Line) -> str:
        if not line.compared or self._reference is None:
            return "recorded, by its control"
        commit = self._reference.commit[:9]
        if line.recorded == line.before:
            return f"at {commit}, side by side"
        return f"the record says, which was {line.before} at {commit}, by running both side by side"

    def _growth(self, lines: Sequence[Line]) -> dict[str, tuple[Growth, ...]]:
        if not lines:
            return {}
        names = tuple(line.case.name for line in lines)
        order = msgspec.structs.replace(self._order, cases=names, profile=True)
        return self._seen(order).grown

    def _noisy(self) -> list[Finding]:
        """Warn of what couldn't be told."""
        file = f"snapshots/bench/{self._shard}.txt"
        found: list[Finding] = []
        for line in self.lines:
            name = line.case.name
            if line.verdict == "open" and line.recorded:
                seen = line.seen().spelled()
                what = f"{name}: this machine is too noisy to tell; {seen} times as long"
                fix = f"nox -s quality_gates -- --only bench/{self._shard}, when it is quieter"
                found.append(_warning(file, "noise", what, fix))
            elif line.problem:
                what = f"{name}: the recorded code can't run it ({line.problem})"
                fix = "its control is all that it is held to until the next record"
                found.append(_warning(file, "incomparable", what, fix))
        if not self._at_home and self._reference is None:
            what = f"recorded on {self._recorded[machine.KEY]}, and this is {self._kind}"
            fix = "fetch the history of the repository, to compare with the code that was recorded"
            found.append(_warning(file, "elsewhere", what, fix))
        return found

    def _checked(self, blocks: int) -> str:
        if self._unchanged:
            how = "run the code that was recorded"
        elif self._reference is not None:
            how = f"beside {self._reference.commit[:9]}"
        else:
            how = "beside controls alone"
        timed = sum(bool(line.against_control) for line in self.lines)
        return f"{timed} of {len(self.lines)} cases {how}, {blocks} block{'s' * (blocks != 1)}"


def _number(recorded: Mapping[str, str], name: str) -> int:
    value = recorded.get(name, "")
    return int(value) if value.isdecimal() else 0


def _warning(file: str, rule: str, what: str, fix: str) -> Finding:
    return Finding(file, 0, 0, rule, what, fix, severity="warning")


def _details(line: Line) -> dict[str, Any]:
    return {
        "case": line.case.name,
        "control": line.case.control,
        "verdict": line.verdict,
        "of_control": _middle(line.against_control),
        "of_reference": _middle(line.against_reference),
        "seen": len(line.against_control),
    }


def _middle(logs: Sequence[float]) -> float | None:
    """Give the median as a factor; None of nothing."""
    return round(math.exp(statistics.median(logs)), 3) if logs else None
