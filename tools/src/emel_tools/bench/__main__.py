"""`python -m emel_tools.bench`: measure, print one table, end red if a bound was missed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from emel_tools.bench import moving, opening
from emel_tools.bench.timing import Row

CASES: dict[str, Callable[[Path, Path], Iterator[Row]]] = {
    "import": opening.importing,
    "many": opening.many,
    "gibibyte": opening.gibibyte,
    "gemma": opening.real_gguf,
    "read": moving.reading,
    "cold": moving.cold,
    "staged": moving.staging,
    "spans": moving.spans,
    "slice": moving.slicing,
}


def main() -> int:
    """Run the chosen cases, or all."""
    parser = argparse.ArgumentParser(prog="nox -s bench --")
    parser.add_argument("--models", type=Path, required=True, help="where the real models lie")
    parser.add_argument("cases", nargs="*", choices=[[], *CASES], help="all, if none is named")
    chosen = parser.parse_args()
    folder: Path = chosen.models.parent / "bench"
    table = Table(box=None, pad_edge=False)
    for column in ("case", "ours", "control", "ratio", "bound", "verdict"):
        table.add_column(column, overflow="fold")
    missed = 0
    names: list[str] = chosen.cases or list(CASES)
    for name in names:
        for row in CASES[name](folder, chosen.models):
            verdict = "kept" if row.kept else "MISSED"
            missed += not row.kept
            table.add_row(row.case, row.ours, row.control, row.ratio, row.bound, verdict)
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    return 1 if missed else 0


sys.exit(main())
