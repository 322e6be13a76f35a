"""Check the promises of every package: `python -m emel_tools.behaviours`."""

import sys
from pathlib import Path

from emel_tools.behaviours import check
from emel_tools.reports import report

if __name__ == "__main__":
    found, looked_at = check(Path.cwd())
    sys.exit(report("behaviours", found, looked_at))
