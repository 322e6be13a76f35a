"""The function or class that a line lies in, by its qualified name: lines move, names stay."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

MODULE: Final = "<module>"
_Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class _Scope(NamedTuple):
    first: int
    last: int
    name: str


class Source:
    """One Python file.

    Parameters
    ----------
    path
        The file. One that isn't Python is one scope, and holds nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = path.read_bytes()

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax; empty if there is a mistake in it, which ruff and basedpyright report."""
        try:
            return ast.parse(self._data)
        except (SyntaxError, ValueError):
            return ast.Module([], [])

    @cached_property
    def text(self) -> str:
        """The text, as far as it can be decoded."""
        return self._data.decode("utf-8", errors="replace")

    def scope(self, line: int) -> str:
        """Name the innermost function or class around a line, decorators included."""
        # Inner ones come later than what they lie in.
        around = (each.name for each in reversed(self._scopes) if each.first <= line <= each.last)
        return next(around, MODULE)

    @cached_property
    def _scopes(self) -> list[_Scope]:
        return list(_scopes(self.tree, ""))


def _scopes(node: ast.AST, prefix: str) -> Iterator[_Scope]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Definition):
            name = f"{prefix}{child.name}"
            first = min(each.lineno for each in (child, *child.decorator_list))
            yield _Scope(first, child.end_lineno or child.lineno, name)
            yield from _scopes(child, f"{name}.")
        else:
            yield from _scopes(child, prefix)
