"""One shard: blocks until each case is decided, and what that says of the snapshot."""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec

from emel_tools.findings import Finding
from emel_tools.ratios import machine
from emel_tools.ratios.case import Case
from emel_tools.ratios.decision import MOST, Verdict, decide, estimate
from emel_tools.ratios.profiling import Growth
from emel_tools.ratios.reference import Reference
from emel_tools.ratios.sampling import Order, Samples
from emel_tools.running import Outcome

STEP: Final = math.log(1.05)
"""What is recorded is a multiple of this, as logarithm: finer than what is news."""
_SECONDS: Final = 20.0
"""When no further block is begun; a shard without news needs a few seconds."""

Run: TypeAlias = Callable[[Order], bytes]
"""Runs one block, and answers with its JSON."""


@dataclass(slots=True)
class Line:
    """What is known of one case."""

    case: Case
    before: int = 0
    """Thousandths of its control's time, as the reference's record has it; 0 if it hasn't."""
    recorded: int = 0
    """The same, as the tree's record has it."""
    against_reference: list[float] = field(default_factory=list[float])
    against_control: list[float] = field(default_factory=list[float])
    problem: str = ""
    verdict: Verdict = "open"

    @property
    def comparable(self) -> bool:
        """Whether both records and both codes speak of it."""
        return bool(self.before and self.recorded and not self.problem)

    @property
    def expected(self) -> float:
        """What has been accepted since the reference, as logarithm."""
        return math.log(self.recorded / self.before) if self.comparable else 0.0


def on_grid(ratio: float) -> int:
    """Round a ratio to the nearest step, in thousandths, 1 at least."""
    thousandths = max(1000 * ratio, 1.0)
    return round(math.exp(round(math.log(thousandths) / STEP) * STEP))


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
    ) -> None:
        self._shard, self._recorded, self._reference = shard, recorded, reference
        self._run, self._seconds = run, seconds
        self._unchanged = reference is not None and reference.same
        compared = reference is not None and not reference.same
        self._order = msgspec.structs.replace(
            order, reference=str(reference.root) if reference and compared else ""
        )
        self._kind = machine.kind()
        self._at_home = recorded.get(machine.KEY, self._kind) == self._kind
        was: Mapping[str, str] = reference.recorded if reference else {}
        self.lines = [
            Line(case, _number(was, case.name), _number(recorded, case.name)) for case in cases
        ]

    def measure(self) -> int:
        """Run blocks until everything is decided, or there is no time left; count them."""
        began, blocks = time.monotonic(), 0
        while left := [line for line in self.lines if line.verdict == "open"]:
            if blocks >= MOST or (blocks and time.monotonic() - began > self._seconds):
                break
            self._block(left, blocks)
            blocks += 1
        return blocks

    def outcome(self) -> Outcome:
        """Measure, and say what came of it."""
        blocks = self.measure()
        return Outcome(
            self._shard,
            self._checked(blocks),
            self._noisy(),
            self._measured(),
            self._causes(),
            {"cases": [_details(line) for line in self.lines]},
        )

    def _block(self, left: Sequence[Line], number: int) -> None:
        order = msgspec.structs.replace(
            self._order,
            cases=tuple(line.case.name for line in left),
            seed=self._order.seed + number,
        )
        seen = msgspec.json.decode(self._run(order), type=dict[str, Samples])
        for line in left:
            samples = seen[line.case.name]
            line.problem = samples.problem
            line.against_control.append(log_ratio(samples.now, samples.control))
            if samples.reference:
                line.against_reference.append(log_ratio(samples.now, samples.reference))
            line.verdict = self._verdict(line)

    def _verdict(self, line: Line) -> Verdict:
        if line.comparable and self._unchanged:
            return "same"  # byte for byte: whatever differs is the machine
        if line.comparable and line.against_reference:
            return decide(line.against_reference, line.expected)
        if not line.recorded:
            return "same" if len(line.against_control) >= 3 else "open"
        if not self._at_home:
            return "same"
        return decide(line.against_control, math.log(line.recorded / 1000))

    def _measured(self) -> dict[str, str]:
        """What the snapshot should say: what it says, wherever nothing is news."""
        measured = {machine.KEY: self._recorded.get(machine.KEY, self._kind)}
        for line in self.lines:
            now = line.recorded
            if not line.recorded or (_news(line) and not _compared(line)):
                now = on_grid(math.exp(statistics.median(line.against_control)))
            elif _news(line):
                by = statistics.median(line.against_reference)
                now = on_grid(line.before / 1000 * math.exp(by))
            measured[line.case.name] = str(now)
        return measured

    def _causes(self) -> dict[str, str]:
        news = [line for line in self.lines if _news(line)]
        growth = self._growth([line for line in news if _compared(line)])
        return {line.case.name: self._said(line, growth.get(line.case.name, ())) for line in news}

    def _said(self, line: Line, grown: Sequence[Growth]) -> str:
        compared = _compared(line)
        logs = line.against_reference if compared else line.against_control
        since = line.expected if compared else math.log(line.recorded / 1000)
        seen = estimate([log - since for log in logs])
        share = math.exp(abs(seen.middle)) - 1
        said = f"{share:.0%} {line.verdict} than {self._than(compared=compared)}"
        said += f": {seen.spelled()} times as long"
        where = ", ".join(each.spelled() for each in grown)
        return said + (f"; per call, most in {where}" if where else "")

    def _than(self, *, compared: bool) -> str:
        if compared and self._reference:
            return f"at {self._reference.commit[:9]}, side by side"
        return "recorded, by its control"

    def _growth(self, lines: Sequence[Line]) -> dict[str, tuple[Growth, ...]]:
        if not lines:
            return {}
        names = tuple(line.case.name for line in lines)
        order = msgspec.structs.replace(self._order, cases=names, profile=True)
        return msgspec.json.decode(self._run(order), type=dict[str, tuple[Growth, ...]])

    def _noisy(self) -> list[Finding]:
        """Warn of what couldn't be told."""
        file = f"snapshots/bench/{self._shard}.txt"
        found: list[Finding] = []
        for line in self.lines:
            name = line.case.name
            if line.verdict == "open":
                logs = line.against_reference or line.against_control
                since = line.expected if line.against_reference else _log_of(line.recorded)
                seen = estimate([log - since for log in logs]).spelled()
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
        return f"{len(self.lines)} cases {how}, {blocks} block{'s' * (blocks != 1)}"


def log_ratio(ours: Sequence[int], theirs: Sequence[int]) -> float:
    """Estimate one ratio from one block: by the least disturbed, for nothing makes code quicker."""
    return math.log(min(ours) / min(theirs))


def _news(line: Line) -> bool:
    return line.verdict in ("slower", "quicker")


def _compared(line: Line) -> bool:
    return line.comparable and bool(line.against_reference)


def _log_of(recorded: int) -> float:
    return math.log(recorded / 1000) if recorded else 0.0


def _number(recorded: Mapping[str, str], name: str) -> int:
    value = recorded.get(name, "")
    return int(value) if value.isdecimal() else 0


def _warning(file: str, rule: str, what: str, fix: str) -> Finding:
    return Finding(file, 0, 0, rule, what, fix, severity="warning")


def _details(line: Line) -> dict[str, Any]:
    logs = line.against_reference
    return {
        "case": line.case.name,
        "control": line.case.control,
        "verdict": line.verdict,
        "of_control": round(math.exp(statistics.median(line.against_control)), 3),
        "of_reference": round(math.exp(statistics.median(logs)), 3) if logs else None,
        "blocks": len(line.against_control),
    }
