"""The ids that tests name, read from their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from emel_tools.workspace import shards

_Test = ast.FunctionDef | ast.AsyncFunctionDef
_Marked = _Test | ast.ClassDef


class Mark(NamedTuple):
    """One id that the tests below one mark name."""

    id: str
    where: str
    """File and line of the mark."""
    proves: bool
    """Whether a test that `nox -s quality_gates` runs stands below the mark."""
    scope: str
    """The node id of the test, class or file that is marked, as pytest has it."""
    package: str


def read_marks(root: Path) -> list[Mark]:
    """Read the marks of every package's tests, in the order of the files."""
    marks: list[Mark] = []
    for shard in shards(root):
        tests = shard.folder / "tests"
        for path in sorted(tests.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
            # Only files named so are collected, and tests/real runs on request alone.
            runs = path.name.startswith("test_") and "real" not in path.relative_to(tests).parts
            where = path.relative_to(root).as_posix()
            marks += (
                Mark(name, f"{where}:{line}", runs and proves, scope, shard.name)
                for name, line, proves, scope in _named(tree, where, collected=True)
            )
    return marks


def _named(
    node: ast.Module | _Marked, scope: str, *, collected: bool
) -> Iterator[tuple[str, int, bool, str]]:
    """Name the ids below `node`; `collected` says whether pytest would look into it."""
    for child in node.body:
        if isinstance(child, ast.Assign | ast.AnnAssign):
            for marked in _assigns_pytestmark(child):
                if child.value is not None:
                    tested = collected and _has_tests(node)
                    below = f"{scope}::{marked}" if marked else scope
                    yield from ((name, line, tested, below) for name, line in _ids(child.value))
        elif isinstance(child, _Marked):
            inside = collected and child.name.startswith(
                "Test" if isinstance(child, ast.ClassDef) else "test"
            )
            tested = inside and (isinstance(child, _Test) or _has_tests(child))
            below = f"{scope}::{child.name}"
            for decorator in child.decorator_list:
                yield from ((name, line, tested, below) for name, line in _ids(decorator))
            if isinstance(child, ast.ClassDef):
                yield from _named(child, below, collected=inside)


def _has_tests(node: ast.Module | _Marked) -> bool:
    """Whether pytest collects anything below `node`."""
    for child in node.body:
        if isinstance(child, _Test) and child.name.startswith("test"):
            return True
        if isinstance(child, ast.ClassDef) and child.name.startswith("Test") and _has_tests(child):
            return True
        # TestPool = PoolMachine.TestCase, as Hypothesis has it
        if isinstance(child, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id.startswith("Test")
            for target in child.targets
        ):
            return True
    return isinstance(node, ast.ClassDef) and bool(node.bases)  # tests may be inherited


def _assigns_pytestmark(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    """Name what an assignment marks: empty for all that stands beside it, or a class."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        match target:
            case ast.Name(id="pytestmark"):
                yield ""
            case ast.Attribute(value=ast.Name(id=name), attr="pytestmark"):
                yield name
            case _:
                pass


def _ids(expression: ast.expr) -> Iterator[tuple[str, int]]:
    for node in ast.walk(expression):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "behaviour"
        ):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value, argument.lineno
                else:  # an id that is computed can't be read: shown as what it is
                    yield ast.unparse(argument), argument.lineno
