"""Check all boundaries: `python -m emel_tools.boundaries [--json | --sarif | --github] [PATH]`."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from emel_tools.boundaries.check import check, tree_at
from emel_tools.boundaries.rules import RULES
from emel_tools.boundaries.table import read
from emel_tools.findings import report
from emel_tools.reports import FORMS


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the repository at PATH, and print what is found."""
    parser = argparse.ArgumentParser(prog="python -m emel_tools.boundaries")
    parser.add_argument("path", nargs="?", type=Path, default=Path.cwd(), metavar="PATH")
    forms = parser.add_mutually_exclusive_group()
    for form in FORMS:
        forms.add_argument(f"--{form}", dest="form", action="store_const", const=form)
    options = parser.parse_args(arguments)
    tree = tree_at(options.path)
    found = check(tree)
    contracts = len(read(tree.root).contracts)
    checked = f"{len(RULES)} rules and {contracts} contracts over {len(tree.subjects)} files"
    return report("boundaries", found, checked, options.form or "console")


if __name__ == "__main__":
    gc.disable()  # syntax trees are many, and stay until the end: looking for garbage is a quarter
    sys.exit(main())
