"""What a gate finds, and how it says so: what is wrong, where, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong."""

    where: str
    """Path from the root of the repository, and line if there is one."""
    what: str
    fix: str

    @classmethod
    def at(cls, where: str, what: str, fix: str) -> Finding:
        """Make one of a place like `path` or `path:line`."""
        return cls(where, what, fix)

    def __str__(self) -> str:
        return f"FAIL {self.where}: {self.what}\n     fix: {self.fix}"


def report(gate: str, findings: Sequence[Finding], checked: str) -> int:
    """Print what a gate found.

    Parameters
    ----------
    gate
        Its name, as `nox -s` knows it.
    findings
        What is wrong; empty if the gate is green.
    checked
        What was looked at, with its count, so that a gate that looked at nothing shows.

    Returns
    -------
    int
        The exit code: 1 if anything was found.
    """
    for finding in findings:
        print(finding, file=sys.stderr)
    verdict = f"{len(findings)} to fix" if findings else "ok"
    print(f"{gate}: {verdict} ({checked})", flush=True)
    return 1 if findings else 0
