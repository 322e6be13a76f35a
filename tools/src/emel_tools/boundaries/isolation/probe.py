"""Runs inside the environment of one package, where only what it declares is installed.

It is started by its path, because nothing of these tools is installed there; so it imports nothing
but the standard library, and pytest, which the tests of the package have to declare. What it finds
goes to a file, one JSON object with `problems` (where, what) and `tests`, how many were collected.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

_OPTIONAL = {"ImportError", "ModuleNotFoundError"}


class _Report(Protocol):
    nodeid: str
    failed: bool
    longreprtext: str


class Listener:
    """The plugin that hears what pytest couldn't collect, and which tests fail."""

    def __init__(self) -> None:
        self.problems: list[tuple[str, str]] = []
        self.tests = 0

    def pytest_collectreport(self, report: _Report) -> None:
        """Hear of a file that couldn't be collected."""
        self._hear(report, "can't be collected")

    def pytest_runtest_logreport(self, report: _Report) -> None:
        """Hear of a test that failed."""
        self._hear(report, "fails")

    def pytest_collection_finish(self, session: _Session) -> None:
        """Count what was collected."""
        self.tests = len(session.items)

    def _hear(self, report: _Report, how: str) -> None:
        if report.failed:
            told = [
                line[1:].strip() for line in report.longreprtext.splitlines() if line[:1] == "E"
            ]
            self.problems.append(
                (report.nodeid, f"{how}: {told[-1] if told else 'see its output'}")
            )


class _Session(Protocol):
    items: list[object]


def imports_without_module(paths: list[Path]) -> Iterator[tuple[str, str]]:
    """Find imports, at any depth, of what isn't installed; one that may fail is allowed to."""
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        optional = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.Try) and _may_lack_modules(node)
            for statement in node.body
            for inner in ast.walk(statement)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom) and node not in optional:
                for name in _tops(node):
                    if importlib.util.find_spec(name) is None:
                        yield f"{path.as_posix()}:{node.lineno}", f"imports {name}"


def modules_that_fail(source: Path) -> Iterator[tuple[str, str]]:
    """Import every module of a package, and find those that can't be, by what it fails at."""
    failing: dict[str, list[Path]] = {}
    for path in sorted(source.rglob("*.py")):
        if path.name == "__main__.py":  # to import it is to run it
            continue
        parts = path.relative_to(source.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        try:
            importlib.import_module(name)
        except Exception as error:
            failing.setdefault(f"{type(error).__name__}: {error}", []).append(path)
    for error, (first, *others) in failing.items():
        more = f", nor can {len(others)} more" if others else ""
        yield first.as_posix(), f"can't be imported{more}: {error}"


def main() -> None:
    """Probe one package, from the root of the repository."""
    parser = argparse.ArgumentParser()
    parser.add_argument("answer", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("tests", type=Path)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    tests: Path = options.tests
    source: Path = options.source
    files = sorted((*source.rglob("*.py"), *tests.rglob("*.py")))
    problems = [*imports_without_module(files), *modules_that_fail(source)]
    listener = Listener()
    try:
        pytest = importlib.import_module("pytest")
    except ModuleNotFoundError as error:
        problems.append((tests.as_posix(), f"can't run pytest: {error}"))
    else:
        quiet = ["-q", "--no-header", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
        pytest.main(
            [*quiet, *([] if options.full else ["--collect-only"]), str(tests)], plugins=[listener]
        )
        problems += listener.problems
    answer = {"problems": problems, "tests": listener.tests}
    options.answer.write_text(json.dumps(answer), encoding="utf-8")


def _may_lack_modules(node: ast.Try) -> bool:
    return any(
        isinstance(name, ast.Name) and name.id in _OPTIONAL
        for handler in node.handlers
        if handler.type is not None
        for name in ast.walk(handler.type)
    )


def _tops(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    return [node.module.partition(".")[0]] if node.module and not node.level else []


if __name__ == "__main__":
    main()
