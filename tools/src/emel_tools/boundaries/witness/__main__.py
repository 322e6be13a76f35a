"""Judge what the tests of all packages were seen to do: `nox -s witness`.

With `--update` the facts are recorded in `snapshots/`, instead of compared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from emel_tools.boundaries.owners import owns
from emel_tools.boundaries.witness import shards, verdict
from emel_tools.boundaries.witness.table import read_table
from emel_tools.findings import Finding, report
from emel_tools.workspace import packages
from emel_tools.workspace import shards as list_shards


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the repository in the current directory."""
    parser = argparse.ArgumentParser(prog="nox -s witness --")
    parser.add_argument("--update", action="store_true", help="record what was witnessed")
    update: bool = parser.parse_args(arguments).update
    root = Path.cwd()
    table = read_table(root)
    names = [shard.name for shard in list_shards(root)]
    witnessed = [each for name in names if (each := shards.read(root, name))]
    calls = bool(witnessed) and all(each.calls for each in witnessed)
    uses = {use: test for each in witnessed for use, test in each.uses.items()}
    findings: list[Finding] = [
        *verdict.missing(table),
        *verdict.unwitnessed(names, witnessed),
        *verdict.violations(table, uses),
    ]
    if len(witnessed) == len(names):  # of a part nothing can be said to be missing
        found = verdict.facts(witnessed)
        if update:
            verdict.write_snapshot(root, found, calls=calls)
        recorded = verdict.read_snapshot(root)
        # Tools and tests also run in sessions that aren't witnessed: those are only named.
        for each in verdict.unproved(table, witnessed, recorded):
            if any(owns(f"{package.module}.*", each.owner) for package in packages(root)):
                findings.append(each.finding())
            else:
                print(f"note: {each}")
        findings += verdict.unrecorded(found, recorded, calls=calls)
    shown = "with" if calls else "without (see docs/design/witness.md)"
    return report(
        "witness",
        findings,
        f"{len(uses)} uses in {len(witnessed)} of {len(names)} shards, {shown} silent calls",
    )


if __name__ == "__main__":
    sys.exit(main())
