"""Whether all parts together run what one run of everything would."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.suites import command, record
from emel_tools.suites.parts import parts

_FIX: Final = "look whether its file lies in the tests of a package, and is collected there"


def check(root: Path, folder: Path) -> tuple[list[Finding], str]:
    """Collect everything at once, and compare it with what the parts have run.

    Returns
    -------
    tuple
        Tests that no part ran, or more than one, or that only a part knows; and what was compared.
    """
    runs = {part.name: record.read(part.record(folder)) for part in parts(root)}
    silent = sorted(name for name, run in runs.items() if run is None)
    ran = [case.node_id for run in runs.values() if run is not None for case in run.cases]
    there = collected(root)
    times = Counter(ran)
    found = [
        Finding(name.partition("::")[0], 0, 0, rule, f"{name} {what}", _FIX)
        for names, rule, what in (
            (there - {*ran}, "lost", "is collected, and no shard runs it"),
            ({*ran} - there, "stray", "is run by a shard, and pytest doesn't collect it"),
            ({name for name in ran if times[name] > 1}, "twice", "is run by two shards"),
        )
        for name in sorted(names)
        if not silent
    ]
    if not there:
        found.append(Finding("packages", 0, 0, "empty", "pytest collects no test", _FIX))
    told = f", nothing is known of {', '.join(silent)}" if silent else ""
    return found, f"{len(there)} tests in {len(runs)} shards{told}"


def collected(root: Path) -> set[str]:
    """Collect what pytest runs if it is asked for nothing in particular."""
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    words += ["-p", "no:randomly", "-p", "no:xdist", "--color=no"]
    answer = subprocess.run(
        words,
        cwd=root,
        env=command.environment(0, full=True),
        check=False,
        capture_output=True,
        text=True,
    )
    return {line for line in answer.stdout.splitlines() if "::" in line}
