"""Check all boundaries: `python -m emel_tools.boundaries [--json | --sarif | --github] [PATH]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from emel_tools.boundaries.check import check, tree_at
from emel_tools.boundaries.rules import RULES
from emel_tools.boundaries.syntax import staying
from emel_tools.boundaries.table import read
from emel_tools.findings import Finding, report
from emel_tools.reports import FORMS


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the repository at PATH, and print what is found."""
    parser = argparse.ArgumentParser(prog="python -m emel_tools.boundaries")
    parser.add_argument("path", nargs="?", type=Path, default=Path.cwd(), metavar="PATH")
    forms = parser.add_mutually_exclusive_group()
    for form in FORMS:
        forms.add_argument(f"--{form}", dest="form", action="store_const", const=form)
    options = parser.parse_args(arguments)
    found, checked = look(options.path)
    return report("boundaries", found, checked, options.form or "console")


def look(root: Path) -> tuple[list[Finding], str]:
    """Check the repository at `root`, and say what was looked at."""
    with staying():
        tree = tree_at(root)
        contracts = len(read(tree.root).contracts)
        found = check(tree)
    return found, f"{len(RULES)} rules and {contracts} contracts over {len(tree.subjects)} files"


if __name__ == "__main__":
    sys.exit(main())
