"""Holes in the types that basedpyright itself doesn't report."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from emel_tools.ratchets import comments
from emel_tools.ratchets.scopes import Source
from emel_tools.ratchets.tally import Place

_TYPING: Final = ("typing", "typing_extensions")
_TRUSTED: Final = {
    "cast": "is believed whatever the value is",
    "no_type_check": "leaves out what it stands on",
    "TypeGuard": "is believed whatever the function looks at",
    "TypeIs": "is believed whatever the function looks at",
}
"""Names of typing that nobody checks."""


def holes(source: Source) -> Iterator[Place]:
    """List the holes of one file."""
    yield from comments.suppressing(source, comments.TYPES)
    if source.path.suffix == ".pyi":
        yield Place(source.path, 0, 0, "stub", "a stub is believed, whatever the source says")
    names = _Names(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Name, ast.Attribute)):
            yield from _trusted(source, names, node)
        elif isinstance(node, ast.Subscript) and names.of(node.value) == "Callable":
            yield from _callable(source, node)
        elif isinstance(node, ast.If) and _hides(node, names):
            yield _at(source, node, "not TYPE_CHECKING", "is run and isn't checked")


class _Names:
    """What of typing is known in a file, by which names."""

    def __init__(self, tree: ast.Module) -> None:
        self._members: dict[str, str] = {}
        self._modules: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found = (each for each in node.names if each.name in _TYPING)
                self._modules |= {each.asname or each.name for each in found}
            elif isinstance(node, ast.ImportFrom) and node.module in (*_TYPING, "collections.abc"):
                self._members |= {each.asname or each.name: each.name for each in node.names}

    def of(self, node: ast.AST) -> str:
        """Say which name of typing (or `Callable`) an expression is; empty if it is none."""
        if isinstance(node, ast.Name):
            return self._members.get(node.id, "")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return node.attr if node.value.id in self._modules else ""
        return ""


def _trusted(source: Source, names: _Names, node: ast.Name | ast.Attribute) -> Iterator[Place]:
    name = names.of(node)
    if name in _TRUSTED:
        yield _at(source, node, name, _TRUSTED[name])
    elif name == "Any" and isinstance(node, ast.Attribute):  # as a name, basedpyright reports it
        yield _at(source, node, name, "is whatever anybody says")


def _callable(source: Source, node: ast.Subscript) -> Iterator[Place]:
    of = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
    if of and isinstance(of[0], ast.Constant) and of[0].value is ...:
        yield _at(source, node, "Callable[...]", "takes whatever it is called with")


def _hides(node: ast.If, names: _Names) -> bool:
    """Whether a branch is left out by checkers alone."""
    checked = [each for each in ast.walk(node.test) if names.of(each) == "TYPE_CHECKING"]
    negated = any(isinstance(each, ast.Not) for each in ast.walk(node.test))
    return bool(checked) and (negated or bool(node.orelse))


def _at(source: Source, node: ast.expr | ast.stmt, rule: str, why: str) -> Place:
    return Place(source.path, node.lineno, node.col_offset + 1, rule, f"{rule} {why}")
