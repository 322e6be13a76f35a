"""Assertions of what the test itself has put in: they ask the patch, and not what is patched."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from emel_tools.suites.syntax import (
    FUNCTIONS,
    Block,
    Function,
    assigned,
    blocks,
    dotted,
    resolved,
    walk,
    within,
)
from emel_tools.suites.written.checks import Source
from emel_tools.suites.written.swallowed import Told

_UNDOES: Final = frozenset({"undo", "delattr", "reload"})
_PARTS: Final = (ast.Attribute, ast.Subscript, ast.Starred, ast.Await)


def patched(source: Source) -> Iterator[Told]:
    """Find assertions that compare what a patched function answers, if it calls nothing itself.

    It is looked for behind the patch, in the same block or one inside: where a context has ended
    that made the patch, or its owner's name has another value, it may be anything.
    """
    for function in walk(source.tree):
        if isinstance(function, FUNCTIONS) and any(map(_is_setter, walk(function))):
            for block in blocks(function):
                for at, statement in enumerate(block):
                    if name := _patch(statement, function):
                        yield from _asked(block[at + 1 :], name)


def _is_setter(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="setattr") | ast.Name(id="setattr")):
            return True
        case ast.Assign(targets=[ast.Attribute()]):
            return True
        case _:
            return False


def _patch(statement: ast.stmt, function: Function) -> str:
    """Spell what a statement replaces by a function that calls nothing; empty if nothing."""
    match statement:
        case ast.Expr(value=ast.Call(func=setter, args=[owner, ast.Constant(value=str(n)), value])):
            name = f"{spelt}.{n}" if (spelt := dotted(owner)) else ""
            is_patch = dotted(setter).rpartition(".")[2] == "setattr"
        case ast.Expr(value=ast.Call(func=setter, args=[ast.Constant(value=str(name)), value])):
            is_patch = dotted(setter).rpartition(".")[2] == "setattr"
        case ast.Assign(targets=[ast.Attribute() as target], value=value):
            name, is_patch = dotted(target), True
        case _:
            return ""
    value = resolved(value, assigned(function.body))
    if isinstance(value, ast.Name):
        made = [n for n in walk(function) if isinstance(n, FUNCTIONS) and n.name == value.id]
        is_idle = len(made) == 1 and all(map(_is_idle, made))
    else:
        is_idle = isinstance(value, ast.Lambda) and _is_idle(value)
    return name if is_patch and is_idle and not name.startswith(".") else ""


def _is_idle(function: Function | ast.Lambda) -> bool:
    """Whether a function does nothing but answer."""
    return not any(isinstance(node, (ast.Call, ast.Nonlocal)) for node in walk(function))


def _asked(block: Block, name: str) -> Iterator[Told]:
    owner = name.partition(".")[0]
    for statement in block:
        inside = [*within(statement)]
        for node in inside:
            if isinstance(node, ast.Assert):
                sides = (each for part in walk(node.test) for each in _sides(part))
                if any(_is_call(side, name) for side in sides):
                    yield node.lineno, "always true", f"`{name}()` is what the test has put there"
        names = {each.id for each in inside if isinstance(each, ast.Name) and _is_given(each)}
        undone = {each.attr for each in inside if isinstance(each, ast.Attribute)} & _UNDOES
        if owner in names or undone or _gives(inside, name):
            return


def _is_given(node: ast.Name) -> bool:
    return isinstance(node.ctx, (ast.Store, ast.Del))


def _gives(nodes: list[ast.AST], name: str) -> bool:
    """Whether the name is given something else."""
    return any(
        (isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and dotted(n) == name)
        or (isinstance(n, ast.Constant) and n.value in (name, name.rpartition(".")[2]))
        for n in nodes
    )


def _sides(node: ast.AST) -> Iterator[ast.expr]:
    """List what a comparison compares, however it is put together."""
    todo = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
    for each in todo:  # grows while it is read
        if isinstance(each, (ast.Tuple, ast.List)):
            todo += each.elts
        elif isinstance(each, _PARTS):
            todo.append(each.value)
        yield each


def _is_call(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) == name
