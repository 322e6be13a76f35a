"""How things are timed: a ratio to a control in the same run, interleaved, best of many.

Absolute times swing by a factor of two on shared machines, and the best of many runs is the one
that was disturbed least; ours and the control take turns, so that a slow spell hits both.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, against what, and the bound that it has to keep."""

    case: str
    ours: str
    control: str
    ratio: str
    bound: str
    kept: bool


def best_of(rounds: int, *units: Callable[[], object]) -> list[float]:
    """Run each unit in turn, `rounds` times; the least seconds that each took.

    What a unit returns is dropped outside the clock, so that tearing down is not timed.
    """
    best = [float("inf")] * len(units)
    for _ in range(rounds):
        for i, unit in enumerate(units):
            gc.collect()
            start = perf_counter()
            result = unit()
            best[i] = min(best[i], perf_counter() - start)
            close = getattr(result, "close", None)
            if close is not None:
                close()
            del result
    return best


def in_fresh_process(program: str, *words: str, bytecode: Path) -> list[float]:
    """Run a Python program in a process of its own; the numbers that it prints.

    Its modules' bytecode is kept in the folder `bytecode`, as an installation keeps it: without, a
    process would compile every module that it imports, where an editable one lies or the
    environment forbids to write beside the sources.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return [float(word) for word in done.stdout.split()]


def milliseconds(seconds: float) -> str:
    """Spell a time."""
    return f"{seconds * 1e3:.1f} ms"
