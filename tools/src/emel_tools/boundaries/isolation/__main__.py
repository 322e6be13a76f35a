"""Test each package where only what it declares is installed: `nox -s isolation`.

Without `--full` every module is imported, every test collected, and every import statement, at
whatever depth, has to find its module; with it the tests are run as well.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from emel_tools.boundaries.isolation import probe
from emel_tools.boundaries.isolation.declared import GROUP, Declared, declared
from emel_tools.boundaries.isolation.environments import InstallError, ensure, find_uv
from emel_tools.findings import Finding
from emel_tools.reports import report


class Answer(NamedTuple):
    """What the probe found."""

    problems: list[tuple[str, str]]
    """Where, and what."""
    tests: int
    """How many were collected."""
    output: str


def examine(
    root: Path, package: Declared, uv: tuple[str, ...], *, full: bool
) -> tuple[list[Finding], int]:
    """Probe one package in its environment.

    Returns
    -------
    tuple
        What it lacks, and how many tests were collected.
    """
    folder = package.package.folder.relative_to(root).as_posix()
    pyproject = f"{folder}/pyproject.toml"
    if not package.has_group:
        what = "it doesn't declare what its tests need"
        fix = f"add [dependency-groups] to it, with {GROUP} = [...]"
        return [Finding.at(pyproject, what, fix)], 0
    if absent := [name for name in package.files if not any(root.glob(name))]:
        return [_absent(name) for name in absent], 0
    try:
        python = ensure(root, package, uv)
    except InstallError as error:
        what = f"what it declares can't be installed: {error}"
        return [Finding.at(pyproject, what, "correct what it declares")], 0
    answer = _probe(root, python, package, full=full)
    fix = f"declare it in {pyproject}, for tests under {GROUP}; or do without it"
    findings = [
        Finding.at(where, f"where only what is declared is installed, it {what}", fix)
        for where, what in answer.problems
    ]
    if not answer.tests and not findings:
        findings = [
            Finding.at(folder, f"no test was collected:\n{answer.output}", "write its tests")
        ]
    return findings, answer.tests


def _absent(name: str) -> Finding:
    """Say that an installation lacks a file, as one that is kept here may not have."""
    pyproject = "/".join([*name.split("/")[:2], "pyproject.toml"])
    what = f"it names {name}, which isn't there"
    return Finding.at(pyproject, what, "restore the file, or name it no more")


def main(arguments: Sequence[str] | None = None) -> int:
    """Probe the packages of the repository in the current directory."""
    parser = argparse.ArgumentParser(prog="nox -s isolation --")
    parser.add_argument("python", help="the Python that may have uv")
    parser.add_argument("packages", nargs="*", help="all, if none is named")
    parser.add_argument("--full", action="store_true", help="run the tests too")
    options = parser.parse_args(arguments)
    names: list[str] = options.packages
    full: bool = options.full
    root = Path.cwd()
    known = {each.package.name: each for each in declared(root)}
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no package {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = [each for name, each in known.items() if name in (names or known)]
    uv = find_uv(options.python)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        answers = list(threads.map(partial(examine, root, uv=uv, full=full), chosen))
    findings = [finding for found, _ in answers for finding in found]
    tests = sum(count for _, count in answers)
    how = "run" if full else "collected"
    return report("isolation", findings, f"{len(chosen)} packages, {tests} tests {how}")


def look(root: Path, name: str) -> tuple[list[Finding], str]:
    """Probe one package, with the uv on the path if there is one, and say what was looked at."""
    package = next(each for each in declared(root) if each.package.name == name)
    uv = shutil.which("uv")
    found, tests = examine(root, package, (uv,) if uv else (), full=False)
    return found, f"{tests} tests collected, where only what {name} declares is installed"


def _probe(root: Path, python: Path, declared: Declared, *, full: bool) -> Answer:
    package = declared.package
    with tempfile.TemporaryDirectory() as kept:
        path = Path(kept) / "answer.json"
        words = [str(python), "-I", probe.__file__, str(path)]
        words += [
            str(folder.relative_to(root)) for folder in (package.source, package.folder / "tests")
        ]
        words += ["--full"] if full else []
        ran = subprocess.run(words, cwd=root, check=False, capture_output=True, text=True)
        output = (ran.stdout + ran.stderr).strip()
        if not path.exists():
            return Answer([(package.name, f"ends the process:\n{output}")], 0, output)
        facts = json.loads(path.read_text(encoding="utf-8"))
    return Answer([(where, what) for where, what in facts["problems"]], facts["tests"], output)


if __name__ == "__main__":
    sys.exit(main())
