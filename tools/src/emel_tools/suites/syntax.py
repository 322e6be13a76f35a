"""What the syntax of a test says: whether an expression is always true, what a handler catches."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Final, TypeAlias

from emel_tools.boundaries.syntax import children

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Block: TypeAlias = list[ast.stmt]

FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES: Final = (*FUNCTIONS, ast.ClassDef, ast.Lambda)
_JUMPS: Final = (ast.Return, ast.Raise, ast.Break, ast.Continue)
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


def truth(node: ast.expr) -> bool | None:
    """Say whether an expression is always true, or always false; None if it depends."""
    match node:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return bool(elements) if not any(isinstance(e, ast.Starred) for e in elements) else None
        case ast.Dict(keys=keys):
            return bool(keys) if None not in keys else None
        case ast.Lambda() | ast.GeneratorExp():
            return True
        case ast.JoinedStr(values=values):
            return True if any(isinstance(v, ast.Constant) and v.value for v in values) else None
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            found = truth(operand)
            return None if found is None else not found
        case ast.NamedExpr(value=value):
            return truth(value)
        case ast.BoolOp(op=op, values=values):
            return _of_several([truth(value) for value in values], isinstance(op, ast.Or))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            chosen = truth(test)
            both = {truth(body), truth(orelse)}
            if chosen is not None:
                return truth(body if chosen else orelse)
            return both.pop() if len(both) == 1 else None
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _of_comparison(left, op, right)
        case ast.Call(func=ast.Name(id="bool"), args=[value], keywords=[]):
            return truth(value)
        case ast.Call(
            func=ast.Name(id="all"),
            args=[ast.GeneratorExp(generators=each) | ast.ListComp(generators=each)],
        ) if truth(each[0].iter) is False:
            return True
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="object")]):
            return True
        case _:
            return None


def _of_several(found: list[bool | None], either: bool) -> bool | None:  # noqa: FBT001
    if either in found:
        return either
    return None if None in found else not either


def _of_comparison(left: ast.expr, op: ast.cmpop, right: ast.expr) -> bool | None:
    if isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
        same = left.value == right.value
        return same if isinstance(op, ast.Eq) else not same if isinstance(op, ast.NotEq) else None
    if ast.dump(left) == ast.dump(right) and dotted(left):
        return True if isinstance(op, (ast.Eq, ast.Is, ast.LtE, ast.GtE)) else None
    if isinstance(left, ast.Call) and last(left.func) == "len":
        zero = isinstance(right, ast.Constant) and right.value == 0
        return True if zero and isinstance(op, ast.GtE) else None
    return None


def blocks(node: ast.AST) -> Iterator[Block]:
    """List the blocks of statements in something, inner ones too."""
    for inner in walk(node):
        for name in ("body", "orelse", "finalbody"):
            found = getattr(inner, name, None)
            if isinstance(found, list) and found:
                yield found


def dead(node: ast.AST) -> Iterator[ast.stmt]:
    """Find statements that never run: behind a jump, or under what is always false."""
    for block in blocks(node):
        for before, after in pairwise(block):
            if isinstance(before, _JUMPS):
                yield after
    for inner in walk(node):
        match inner:
            case ast.If(test=test, body=body, orelse=orelse):
                known = truth(test)
                yield from body[:1] if known is False else orelse[:1] if known else ()
            case ast.While(test=test, body=body) if truth(test) is False:
                yield body[0]
            case ast.For(iter=iterated, body=body) if truth(iterated) is False:
                yield body[0]
            case _:
                pass
