"""The ids that tests name, read from their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.findings import Finding
from emel_tools.workspace import python_files, shards

_Test = ast.FunctionDef | ast.AsyncFunctionDef
_Marked = _Test | ast.ClassDef
_NAME: Final = "behaviour"


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
    tests: frozenset[str] = frozenset()
    """Node ids of the tests of its file that stand below the mark, without their parameters."""


def read_marks(root: Path) -> list[Mark]:
    """Read the marks of every package's tests, in the order of the files."""
    return [mark for file in _files(root) for mark in _marks(file)]


def _marks(file: _File) -> Iterator[Mark]:
    tests = frozenset(_tests(file.tree, file.where)) if file.runs else frozenset[str]()
    for marking, proves, scope in _marking(file.tree, file.where, collected=True):
        below = frozenset(test for test in tests if is_below(test, scope))
        for name, line in _ids(marking):
            where = f"{file.where}:{line}"
            yield Mark(name, where, file.runs and proves, scope, file.package, below)


def is_below(test: str, scope: str) -> bool:
    """Whether what marks a test, class or file marks a test, both by their node ids."""
    return test == scope or test.startswith(f"{scope}::")


def unread(root: Path) -> Iterator[Finding]:
    """Find marks whose ids can't be read, because an alias or a variable stands for them."""
    for file in _files(root):
        marking = (each for each, _, _ in _marking(file.tree, file.where, collected=True))
        read = {call.func for each in marking for call in _calls(each)}
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Attribute) and node.attr == _NAME and node not in read:
                what = f"`{ast.unparse(node)}` is read by nobody here"
                fix = "call it with its ids in a decorator of the test, or in pytestmark"
                yield Finding(file.where, node.lineno, 0, "unread", what, fix)


class _File(NamedTuple):
    where: str
    tree: ast.Module
    runs: bool
    package: str


def _files(root: Path) -> Iterator[_File]:
    for shard in shards(root):
        tests = shard.folder / "tests"
        for path in python_files(tests):
            tree = ast.parse(path.read_text("utf-8", "replace"), str(path))
            # Only files named so are collected, and tests/real runs on request alone.
            runs = path.name.startswith("test_") and "real" not in path.relative_to(tests).parts
            yield _File(path.relative_to(root).as_posix(), tree, runs, shard.name)


def _marking(
    node: ast.Module | ast.ClassDef, scope: str, *, collected: bool
) -> Iterator[tuple[ast.expr, bool, str]]:
    """List what marks tests below `node`, and which; `collected`: pytest would look into it."""
    for child in _statements(node):
        if isinstance(child, ast.Assign | ast.AnnAssign):
            for marked in _assigns_pytestmark(child):
                if child.value is not None:
                    tested = collected and _has_tests(node)
                    yield child.value, tested, f"{scope}::{marked}" if marked else scope
        elif isinstance(child, _Marked):
            inside = collected and child.name.startswith(
                "Test" if isinstance(child, ast.ClassDef) else "test"
            )
            tested = inside and (isinstance(child, _Test) or _has_tests(child))
            below = f"{scope}::{child.name}"
            yield from ((decorator, tested, below) for decorator in child.decorator_list)
            if isinstance(child, ast.ClassDef):
                yield from _marking(child, below, collected=inside)


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """List the statements of a module or class, those below an `if`, `try` or `with` too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        if not isinstance(child, _Marked | ast.expr):
            yield from _statements(child)


def _has_tests(node: ast.Module | ast.ClassDef) -> bool:
    """Whether pytest collects anything below `node`."""
    return next(_tests(node, ""), None) is not None


def _tests(node: ast.Module | ast.ClassDef, scope: str) -> Iterator[str]:
    """Spell the node id of each test that pytest collects below `node`.

    A class that only inherits its tests stands for them.
    """
    nothing = True
    for child in _statements(node):
        for test in _collected(child, scope):
            nothing = False
            yield test
    if nothing and isinstance(node, ast.ClassDef) and node.bases:
        yield scope


def _collected(child: ast.stmt, scope: str) -> Iterator[str]:
    """Spell the tests that one statement makes."""
    if isinstance(child, _Test) and child.name.startswith("test"):
        yield f"{scope}::{child.name}"
    elif isinstance(child, ast.ClassDef) and child.name.startswith("Test"):
        yield from _tests(child, f"{scope}::{child.name}")
    elif isinstance(child, ast.Assign):  # TestPool = PoolMachine.TestCase, as Hypothesis has it
        for target in child.targets:
            if isinstance(target, ast.Name) and target.id.startswith("Test"):
                yield f"{scope}::{target.id}"


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


def _ids(marking: ast.expr) -> Iterator[tuple[str, int]]:
    for call in _calls(marking):
        for argument in call.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value, argument.lineno
            else:  # an id that is computed can't be read: shown as what it is
                yield ast.unparse(argument), argument.lineno
        for keyword in call.keywords:  # pytest takes them, and nobody reads them
            yield ast.unparse(keyword), keyword.lineno
        if not (call.args or call.keywords):
            yield ast.unparse(call), call.lineno


def _calls(marking: ast.expr) -> Iterator[ast.Call]:
    for node in ast.walk(marking):
        match node:
            case ast.Call(func=ast.Attribute(attr=attr)) if attr == _NAME:
                yield node
            case _:
                pass
