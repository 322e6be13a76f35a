"""Check the configuration of import-linter: `python -m emel_tools.boundaries`."""

import sys
from pathlib import Path

from emel_tools.boundaries import RULES, check
from emel_tools.boundaries.contracts import read
from emel_tools.findings import report

if __name__ == "__main__":
    root = Path.cwd()
    checked = f"{len(RULES)} rules over {len(read(root).contracts)} contracts"
    sys.exit(report("boundaries", check(root), checked))
