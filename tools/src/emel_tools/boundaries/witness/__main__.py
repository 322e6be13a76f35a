"""Judge what the tests of all packages were seen to do: `nox -s witness`.

With `--update` the facts are recorded in `snapshots/`, instead of compared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from emel_tools.boundaries.witness import verdict
from emel_tools.boundaries.witness.judged import judge
from emel_tools.gates.boundaries import LANE, WITNESS
from emel_tools.reports import report
from emel_tools.snapshots import Kind, comparison, lines
from emel_tools.workspace import shards


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the repository in the current directory."""
    parser = argparse.ArgumentParser(prog="nox -s witness --")
    parser.add_argument("--update", action="store_true", help="record what was witnessed")
    update: bool = parser.parse_args(arguments).update
    root = Path.cwd()
    seen = judge(root, [shard.name for shard in shards(root)])
    if update:
        verdict.write_snapshot(root, seen.measured)
    for note in seen.notes:
        print(note)
    recorded = lines.read(root / verdict.SNAPSHOT)
    changes = comparison.compare(recorded, seen.measured, LANE.kind or Kind())
    found = comparison.findings(root, LANE.name, WITNESS, changes, {})
    return report("witness", [*seen.findings, *found], seen.checked)


if __name__ == "__main__":
    sys.exit(main())
