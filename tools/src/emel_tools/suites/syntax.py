"""What the syntax of a test says: what stands in what, what names stand for, what is caught."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final, TypeAlias

from emel_tools.boundaries.syntax import children

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Block: TypeAlias = list[ast.stmt]

FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES: Final = (*FUNCTIONS, ast.ClassDef, ast.Lambda)
WIDE: Final = frozenset({"AssertionError", "Exception", "BaseException"})
"""Exceptions that an assertion which fails is one of."""


_below: Final = cache(children)
"""What lies right below a node; a tree is walked for many questions, and never changed."""


@cache
def walk(node: ast.AST) -> list[ast.AST]:
    """List a node and all below it, parents first."""
    found = [node]
    for each in found:  # grows while it is read
        found += _below(each)
    return found


@cache
def within_functions(tree: ast.Module) -> list[tuple[ast.AST, tuple[Function, ...]]]:
    """Walk a file, each node with the functions around it, from the outermost."""
    found: list[tuple[ast.AST, tuple[Function, ...]]] = [(tree, ())]
    for node, around in found:  # grows while it is read
        inside = (*around, node) if isinstance(node, FUNCTIONS) else around
        found += [(each, inside) for each in _below(node)]
    return found[1:]


def within(nodes: Block | ast.AST) -> Iterator[ast.AST]:
    """Walk what a block runs itself: not what the functions and classes in it run later."""
    todo: list[ast.AST] = list(nodes) if isinstance(nodes, list) else [nodes]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, _SCOPES):
            todo += _below(node)


def is_test(function: Function) -> bool:
    """Whether a function is a test by its name."""
    return function.name.startswith("test")


def is_fixture(function: Function) -> bool:
    """Whether pytest hands what a function makes to tests."""
    called = (d.func if isinstance(d, ast.Call) else d for d in function.decorator_list)
    return any(last(each) == "fixture" for each in called)


def dotted(node: ast.AST | None) -> str:
    """Spell a name: `pytest.raises`; empty for anything else, but for what hangs on it."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{dotted(value)}.{name}"
        case _:
            return ""


def last(node: ast.AST | None) -> str:
    """Spell the last part of a name."""
    return dotted(node).rpartition(".")[2]


def imported(tree: ast.Module) -> dict[str, str]:
    """Map the names that a file imports to what they stand for: `p` to `pytest`."""
    found: dict[str, str] = {}
    for node in walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.asname: each.name for each in node.names if each.asname}
        elif isinstance(node, ast.ImportFrom):
            found |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return found


def spelt(node: ast.AST, names: Mapping[str, str]) -> str:
    """Spell a name as it is where it comes from, see `imported`."""
    first, dot, rest = dotted(node).partition(".")
    return f"{names.get(first, first)}{dot}{rest}"


def assigned(nodes: Block) -> dict[str, ast.expr]:
    """Map the names that a block gives to what they stand for: a value, or an import's own name."""
    found: dict[str, ast.expr] = {}
    for node in within(nodes):
        match node:
            case ast.Assign(targets=targets, value=value):
                found |= {target.id: value for target in targets if isinstance(target, ast.Name)}
            case (
                ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                found[name] = value
            case ast.alias(name=own, asname=str(name)):
                found[name] = ast.Name(own.rpartition(".")[2], ast.Load())
            case _:
                pass
    return found


def resolved(node: ast.expr, names: Mapping[str, ast.expr]) -> ast.expr:
    """Follow a plain name to what it stands for."""
    seen: set[str] = set()
    while isinstance(node, ast.Name) and node.id in names and node.id not in seen:
        seen.add(node.id)
        node = names[node.id]
    return node


def caught(kind: ast.expr | None, names: Mapping[str, ast.expr]) -> frozenset[str]:
    """Name the exceptions that an assertion is one of, among those that are caught.

    Parameters
    ----------
    kind
        What stands behind `except`, or is handed to `suppress` or `raises`; None for everything.
    names
        What names stand for, see `assigned`.
    """
    if kind is None:
        return frozenset({"BaseException"})
    if isinstance(kind, ast.Starred):
        return caught(kind.value, names)
    if isinstance(kind, (ast.Tuple, ast.List, ast.Set)):
        return frozenset[str]().union(*(caught(element, names) for element in kind.elts))
    name = last(kind)
    if isinstance(kind, ast.Name) and name in names and name not in WIDE:
        rest = {key: value for key, value in names.items() if key != name}
        return caught(names[name], rest)
    return WIDE & {name}


def heads(statement: ast.stmt) -> list[ast.AST]:
    """List what a statement runs itself: of a compound one, what stands before its blocks."""
    inner = (ast.stmt, ast.ExceptHandler, ast.match_case)
    return [node for node in _below(statement) if not isinstance(node, inner)]


def blocks(node: ast.AST) -> Iterator[Block]:
    """List the blocks of statements in something, inner ones too."""
    for inner in walk(node):
        for name in ("body", "orelse", "finalbody"):
            found = getattr(inner, name, None)
            if isinstance(found, list) and found:
                yield found
