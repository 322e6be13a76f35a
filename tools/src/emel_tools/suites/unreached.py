"""Assertions that stand in a test and are never reached: a loop over nothing looks like success."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from emel_tools.suites.missing import Left, Module
from emel_tools.suites.skips import ALLOWED
from emel_tools.suites.syntax import FUNCTIONS, last

_DRAWN: Final = frozenset({"given", "rule", "initialize", "invariant", "teardown"})
"""What Hypothesis calls: what it draws decides how far that gets."""


def unreached(root: Path, tests: Path, files: Mapping[str, Left]) -> Iterator[tuple[str, int, str]]:
    """Find assertions that no run of a suite has reached: path, line and what is wrong.

    Those of properties are left out, and of tests that may be skipped.

    Parameters
    ----------
    root
        The repository.
    tests
        The folder of the suite's tests.
    files
        What its runs leave out, as `missing.left_out` reads it.
    """
    for path in sorted(tests.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if name not in files or not files[name].missing_lines:
            continue
        module = Module(path)
        lines = {*files[name].missing_lines} - module.unreachable
        for node in _assertions(module.tree, f"{name}::"):
            if node.lineno in lines:
                what = f"no test reaches `{ast.unparse(node)[:60]}`, so it can't fail"
                yield name, node.lineno, what


def _assertions(scope: ast.AST, name: str) -> Iterator[ast.Assert]:
    """List the assertions in something, but for those that may be out of reach."""
    for node in ast.iter_child_nodes(scope):
        inner = name
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            inner = f"{name}{node.name}"
            is_allowed = any(skip.function == inner for skip in ALLOWED)
            if is_allowed or _is_drawn(node):
                continue
            inner = f"{inner}::"
        if isinstance(node, ast.Assert):
            yield node
        yield from _assertions(node, inner)


def _is_drawn(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    if isinstance(node, ast.ClassDef):
        return any(last(base).endswith("StateMachine") for base in node.bases)
    called = (d.func if isinstance(d, ast.Call) else d for d in node.decorator_list)
    return any(last(each) in _DRAWN for each in called)
