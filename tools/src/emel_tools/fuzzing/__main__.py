"""Explore: `python -m emel_tools.fuzzing SEED [SHARD ...]` plays full rounds from another seed.

The gate always plays from the same seed, so that it finds what a change has broken and nothing by
chance. What is found here goes into `tools/corpus`, where the gate replays it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from emel_tools.fuzzing.run import SHARDS, check
from emel_tools.reports import report


def main(arguments: Sequence[str] | None = None) -> int:
    """Explore the repository in the current directory."""
    parser = argparse.ArgumentParser(prog="python -m emel_tools.fuzzing")
    parser.add_argument("seed", type=int, help="what all that is random comes from")
    parser.add_argument("shards", nargs="*", default=SHARDS, help="packages; all, if none is named")
    options = parser.parse_args(arguments)
    root, red = Path.cwd(), 0
    for shard in options.shards:
        folder = root / ".nox" / "gate" / "fuzz" / shard
        found = check(root, folder, shard, options.seed, full=True)
        red |= report(f"fuzz/{shard}", found.findings, found.checked)
    return red


if __name__ == "__main__":
    sys.exit(main())
