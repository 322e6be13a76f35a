"""Prove the decision on this machine: `python -m emel_tools.ratios.selfcheck --minutes 20`.

Each package is judged as the gate judges it, against a copy of its own sources, with its code as it
is and made slower by a share of its time; so how often there is a false alarm, and how often a loss
is found, is counted on real timings, with exact limits (Clopper and Pearson, 95 %).
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from emel_tools.ratios.cases import cases_of
from emel_tools.ratios.decision import Verdict
from emel_tools.ratios.judging import Judge
from emel_tools.ratios.reference import Reference
from emel_tools.ratios.sampling import Order
from emel_tools.workspace import packages

SLOWER = (0.0, 0.15)


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge for some minutes, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m emel_tools.ratios.selfcheck")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--slower", type=float, nargs="+", default=SLOWER, help="shares")
    parser.add_argument("packages", nargs="*", help="all, if none is named")
    asked = parser.parse_args(arguments)
    root = Path.cwd()
    copy = root / ".nox" / "gate" / "bench-self"
    shutil.rmtree(copy, ignore_errors=True)
    for package in packages(root):
        shutil.copytree(package.folder / "src", copy / "packages" / package.name / "src")
    names: list[str] = asked.packages or [package.name for package in packages(root)]
    seen: Counter[tuple[float, Verdict]] = Counter()
    end, loads, seconds = time.monotonic() + 60 * asked.minutes, list[float](), list[float]()
    for turn, name in _turns(names, end):
        for slower in asked.slower:
            loads.append(os.getloadavg()[0])
            began = time.monotonic()
            judged = _judged(root, copy, name, turn, slower)
            seconds.append(time.monotonic() - began)
            seen.update((slower, verdict) for verdict in judged)
            print(f"{name} +{slower:.0%}: {dict(Counter(judged))}, {seconds[-1]:.1f} s", flush=True)
    _report(seen, asked.slower)
    load = f"load {min(loads):.1f} to {max(loads):.1f}"
    print(f"{load}; {len(seconds)} shards, {sum(seconds) / len(seconds):.1f} s each on average")
    return 0


def _turns(names: Sequence[str], end: float) -> Iterator[tuple[int, str]]:
    turn = 0
    while time.monotonic() < end:
        yield turn, names[turn % len(names)]
        turn += 1


def _judged(root: Path, copy: Path, name: str, turn: int, slower: float) -> list[Verdict]:
    cases = cases_of(name)
    recorded = {case.name: "1000" for case in cases}
    reference = Reference("itself", recorded, copy, same=False, itself=True)
    order = Order(str(root), "", name, (), 1000 * turn, slower=slower)
    judge = Judge(name, cases, recorded, reference, order)
    judge.measure()
    return [line.verdict for line in judge.lines]


def _report(seen: Counter[tuple[float, Verdict]], shares: Sequence[float]) -> None:
    for slower in shares:
        of = {verdict: n for (share, verdict), n in seen.items() if share == slower}
        total = sum(of.values())
        told = total - of.get("open", 0)
        print(f"{slower:.0%} slower: {total} cases, {total - told} too noisy to tell")
        wrong = of.get("quicker", 0) + (of.get("slower", 0) if not slower else 0)
        if slower:
            print(f"  found         {_share(of.get('slower', 0), told)}")
        print(f"  false alarms  {_share(wrong, told)}")


def _share(count: int, total: int) -> str:
    low, high = limits(count, total)
    return f"{count} of {total} ({low:.2%} to {high:.2%})"


def limits(count: int, total: int) -> tuple[float, float]:
    """Bound a share of which `count` of `total` were seen, with 95 %."""
    low = 0.0 if count == 0 else _solve(lambda p: 1 - _below(count - 1, total, p), 0.025)
    high = 1.0 if count == total else _solve(lambda p: 1 - _below(count, total, p), 0.975)
    return low, high


def _solve(rising: Callable[[float], float], level: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > level else (middle, high)
    return (low + high) / 2


def _below(count: int, total: int, share: float) -> float:
    """The probability that at most `count` of `total` are seen."""
    if not 0 < share < 1:
        return float(share == 0 or count >= total)
    logs = (
        math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
        + k * math.log(share) + (total - k) * math.log1p(-share)
        for k in range(count + 1)
    )  # fmt: skip
    return min(sum(map(math.exp, logs)), 1.0)


if __name__ == "__main__":
    sys.exit(main())
