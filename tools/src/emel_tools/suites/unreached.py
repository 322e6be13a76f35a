"""Checks that stand in a test and are never reached: a loop over nothing looks like success."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from emel_tools.scope.ours import not_ours
from emel_tools.suites.missing import Left, Module
from emel_tools.suites.skips import ALLOWED
from emel_tools.suites.syntax import FUNCTIONS, Function, heads, last, walk
from emel_tools.suites.written import read, read_helping
from emel_tools.suites.written.called import Called
from emel_tools.workspace import python_files

_DRAWN: Final = frozenset({"given", "rule", "initialize", "invariant"})
"""What Hypothesis calls: what it draws decides how far that gets."""
_OF_MACHINES: Final = frozenset({"teardown", "__init__"})
"""What it calls by name."""


def unreached(root: Path, tests: Path, files: Mapping[str, Left]) -> Iterator[tuple[str, int, str]]:
    """Find checks that no run of a suite has reached: path, line and what is wrong.

    Those of properties are left out, and of tests that may be skipped; so is what only says that
    something went wrong (`pytest.fail`), which is there not to be reached.

    Parameters
    ----------
    root
        The repository.
    tests
        The folder of the suite's tests.
    files
        What its runs leave out, as `missing.left_out` reads it.
    """
    apart = not_ours(root)
    called = Called([*read(root, tests, apart), *read_helping(root, apart)])
    for path in python_files(tests):
        name = path.relative_to(root).as_posix()
        if name not in files or not files[name].missing_lines:
            continue
        module = Module(path)
        lines = {*files[name].missing_lines} - module.unreachable
        for statement in _statements(module.tree, f"{name}::"):
            if statement.lineno in lines and _checks(name, statement, called):
                said = ast.unparse(statement).partition("\n")[0][:60]
                yield name, statement.lineno, f"no test reaches `{said}`, so it can't fail"


def _checks(path: str, statement: ast.stmt, called: Called) -> bool:
    """Whether a statement itself checks, and not what stands in its block."""
    nodes = [statement, *(node for part in heads(statement) for node in walk(part))]
    fails = any(isinstance(node, ast.Call) and last(node.func) == "fail" for node in nodes)
    return not fails and any(called.checks(path, node) for node in nodes)


def _statements(scope: ast.AST, name: str, *, of_machine: bool = False) -> Iterator[ast.stmt]:
    """List the statements in something, but for those that may be out of reach."""
    for node in ast.iter_child_nodes(scope):
        inner, is_machine = name, of_machine
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            inner = f"{name}{node.name}"
            is_allowed = any(skip.function == inner for skip in ALLOWED)
            if is_allowed or (
                isinstance(node, FUNCTIONS) and _is_drawn(node, of_machine=of_machine)
            ):
                continue
            inner = f"{inner}::"
            is_machine = isinstance(node, ast.ClassDef) and _is_machine(node)
        elif isinstance(node, ast.stmt) and not isinstance(node, ast.Raise):
            yield node
        yield from _statements(node, inner, of_machine=is_machine)


def _is_machine(node: ast.ClassDef) -> bool:
    return any(last(base).endswith("StateMachine") for base in node.bases)


def _is_drawn(node: Function, *, of_machine: bool) -> bool:
    if of_machine and node.name in _OF_MACHINES:
        return True
    called = (d.func if isinstance(d, ast.Call) else d for d in node.decorator_list)
    return any(last(each) in _DRAWN for each in called)
