"""Hold promises and tests to each other."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from emel_tools.behaviours.catalogue import read_catalogues
from emel_tools.behaviours.marks import read_marks, unread
from emel_tools.findings import Finding


def check(root: Path) -> tuple[list[Finding], str]:
    """Find promises without a test, tests that name none, or none to read, and promises made twice.

    Returns
    -------
    tuple
        What is wrong, and what was looked at.
    """
    promises, findings = read_catalogues(root)
    marks = read_marks(root)
    findings += unread(root)
    catalogues: defaultdict[str, list[str]] = defaultdict(list)
    for promise in promises:
        catalogues[promise.id].append(promise.catalogue)
    proved = {mark.id for mark in marks if mark.proves}
    packages = {promise.id: promise.package for promise in promises}
    own = {mark.id for mark in marks if mark.proves and packages.get(mark.id) == mark.package}
    for name, owners in catalogues.items():
        if len(owners) > 1:
            findings.append(
                Finding.at(owners[1], f"{name} is promised in {owners[0]} too", "give it a new id")
            )
        if name not in proved:
            findings.append(
                Finding.at(
                    owners[0],
                    f"no test of the gate names {name}",
                    f'write a test that proves it, under @pytest.mark.behaviour("{name}")',
                )
            )
        elif name not in own:
            what = f"no test of the package itself names {name}"
            fix = "prove it where it is promised, or promise it where it is proved"
            findings.append(Finding.at(owners[0], what, fix))
    unknown: dict[str, list[str]] = {}
    for mark in marks:
        if mark.id not in catalogues:
            unknown.setdefault(mark.id, []).append(mark.where)
    for name, places in unknown.items():
        times = f" ({len(places)} times)" if len(places) > 1 else ""
        findings.append(
            Finding.at(
                places[0],
                f"{name} is no id of any behaviours.toml{times}",
                "correct the id, or write its promise into the package's behaviours.toml",
            )
        )
    return findings, f"{len(catalogues)} promises, {len(marks)} marks"
