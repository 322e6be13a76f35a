"""What the tests of all packages were seen to do, judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from emel_tools.boundaries.owners import owns
from emel_tools.boundaries.witness import shards, verdict
from emel_tools.boundaries.witness.table import read_table
from emel_tools.findings import Finding
from emel_tools.workspace import packages
from emel_tools.workspace import shards as list_shards


class Judged(NamedTuple):
    """The verdict, but for what the snapshot says."""

    findings: list[Finding]
    notes: list[str]
    """What is only told."""
    measured: dict[str, str]
    """What the snapshot should hold."""
    checked: str


def judge(root: Path, expected: Sequence[str]) -> Judged:
    """Judge what is known of all shards.

    Parameters
    ----------
    root
        The repository.
    expected
        Shards of which nothing known is a finding. While any shard is missing, nothing is said to
        be missing or unproved.
    """
    table = read_table(root)
    names = [shard.name for shard in list_shards(root)]
    witnessed = shards.read_all(root)
    whole = len(witnessed) == len(names)
    uses = {use: test for each in witnessed for use, test in each.uses.items()}
    recorded = verdict.read_snapshot(root)
    findings: list[Finding] = [
        *verdict.missing(table),
        *verdict.unwitnessed(expected, witnessed),
        *verdict.violations(table, shards.read_some(root) | uses),
    ]
    notes: list[str] = []
    for each in verdict.unproved(table, witnessed, recorded) if whole else ():
        # Tools and tests also run in sessions that aren't witnessed: those are only named.
        if any(owns(f"{package.module}.*", each.owner) for package in packages(root)):
            findings.append(each.finding())
        else:
            notes.append(f"note: {each}")
    calls = bool(witnessed) and all(each.calls for each in witnessed)
    shown = "with" if calls else "without (see docs/design/witness.md)"
    return Judged(
        findings,
        notes,
        verdict.measured(witnessed, recorded, whole=whole),
        f"{len(uses)} uses in {len(witnessed)} of {len(names)} shards, {shown} silent calls",
    )
