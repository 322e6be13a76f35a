"""Check all boundaries: `python -m emel_tools.boundaries [--json | --sarif | --github] [PATH]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from emel_tools.boundaries.check import check
from emel_tools.boundaries.kept import settled
from emel_tools.boundaries.rules import RULES
from emel_tools.boundaries.syntax import staying
from emel_tools.boundaries.table import read
from emel_tools.boundaries.unreadable import unreadable
from emel_tools.findings import Finding
from emel_tools.reports import FORMS, report


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


def look(root: Path, folder: Path | None = None, *, anew: bool = True) -> tuple[list[Finding], str]:
    """Check the repository at `root`, and say what was looked at.

    Parameters
    ----------
    root
        The repository.
    folder
        Where it is kept what was made of each file, if it is.
    anew
        Whether to make it of every file, whatever is kept.
    """
    if found := [*unreadable(root)]:
        return found, "nothing"
    with staying():
        tree = settled(root, folder, anew=anew)
        contracts = len(read(tree.root).contracts)
        found = check(tree)
    return found, f"{len(RULES)} rules and {contracts} contracts over {len(tree.subjects)} files"


if __name__ == "__main__":
    sys.exit(main())
