"""What the functions of a file are called with, where that can be seen in the same file."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from emel_tools.boundaries.names import Names

Received: TypeAlias = tuple[int | str | None, ast.expr]
"""The place or name of a parameter, and an argument; no place if somebody else hands it over."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def received(names: Names) -> dict[ast.AST, list[Received]]:
    """Collect what local functions and lambdas are called with, by the function's node."""
    found: defaultdict[ast.AST, list[Received]] = defaultdict(list)
    for node in list(names.scopes.of):
        if not isinstance(node, ast.Call):
            continue
        for function in _local(names, node.func):
            found[function] += enumerate(node.args)
            found[function] += ((word.arg, word.value) for word in node.keywords)
        given = [*node.args, *(word.value for word in node.keywords)]
        for argument in given:
            for function in _local(names, argument):
                found[function] += ((None, other) for other in given if other is not argument)
    return dict(found)


def _local(names: Names, node: ast.expr) -> list[ast.AST]:
    if isinstance(node, ast.Lambda):
        return [node]
    if isinstance(node, ast.Name) and node in names.scopes.of:
        found = names.bindings(node.id, names.scopes.of[node])
        return [each.node for each in found if isinstance(each.node, _FUNCTIONS)]
    return []
