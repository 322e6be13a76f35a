"""What is known of one case while it is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from emel_tools.ratios.case import Case
from emel_tools.ratios.decision import NEWS, Estimate, Verdict, estimate, halves
from emel_tools.ratios.sampling import Samples

STEP: Final = math.log(1.05)
"""What is recorded is a multiple of this, as logarithm: finer than what is news."""


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
    earlier: list[float] = field(default_factory=list[float])
    """What decided the first time, of a case that looked like news; it has to do so twice."""
    beside: bool = False
    """Whether the recorded code runs beside it."""
    problem: str = ""
    verdict: Verdict = "open"

    @property
    def comparable(self) -> bool:
        """Whether both records and both codes speak of it."""
        return bool(self.before and self.recorded and not self.problem)

    @property
    def compared(self) -> bool:
        """Whether the recorded code decides, and not the control."""
        return self.comparable and self.beside

    @property
    def is_suspicious(self) -> bool:
        """Whether more time may be spent on it."""
        return bool(self.earlier) or abs(self.seen().middle) > NEWS

    def take(self, samples: Samples) -> None:
        """Add what a block saw."""
        self.problem, self.beside = samples.problem, bool(samples.reference)
        self.against_control += halves(samples.now, samples.control)
        self.against_reference += halves(samples.now, samples.reference)

    def start_over(self) -> None:
        """Forget what decided, to decide once more."""
        self.earlier, self.verdict = self.logs, "open"
        self.against_control, self.against_reference = [], []

    @property
    def logs(self) -> list[float]:
        """What decides."""
        return (self.against_reference if self.compared else self.against_control) or self.earlier

    @property
    def expected(self) -> float:
        """What the records say of it, as logarithm."""
        if self.compared:
            return self.accepted
        return math.log(self.recorded / 1000) if self.recorded else 0.0

    @property
    def accepted(self) -> float:
        """What the records say of now and the recorded code, as logarithm, if both speak of it."""
        return math.log(self.recorded / self.before)

    @property
    def is_news(self) -> bool:
        """Whether it has to be recorded."""
        return self.verdict in ("slower", "quicker")

    def seen(self) -> Estimate:
        """What is known, of what is expected: 0 is no change."""
        return estimate([log - self.expected for log in self.logs])


def on_grid(ratio: float) -> int:
    """Round a ratio to the nearest step, in thousandths, 1 at least."""
    thousandths = max(1000 * ratio, 1.0)
    return round(math.exp(round(math.log(thousandths) / STEP) * STEP))
