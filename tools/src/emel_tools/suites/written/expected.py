"""What a test waits for with pytest, where anything, or nothing at all, would do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

from emel_tools.suites.syntax import (
    Function,
    assigned,
    imported,
    last,
    resolved,
    spelt,
    walk,
    within,
    within_functions,
)
from emel_tools.suites.written.checks import Source, waits_for_nothing
from emel_tools.suites.written.swallowed import Told
from emel_tools.suites.written.truth import is_found_anywhere

_PYTEST: Final = "pytest."
_ANYTHING: Final = {
    "raises": frozenset({"Exception", "BaseException"}),
    "warns": frozenset({"Warning"}),
}
"""What all is one of that may be raised, or warned of."""
_TEXTS: Final = ("qv zk", "Jx wf", "Y7 (h-mp): 5")
"""What might be said, by which nothing is meant: no letter stands in two of them."""


def expecting(source: Source) -> Iterator[Told]:
    """Find what waits for nothing, or for anything, and what is said where it should be compared.

    `pytest.raises(E)` runs nothing as a statement. Of several kinds the widest counts. The second
    part of an assertion is what it says; a value there is one that should have been compared.
    """
    names = imported(source.tree)
    for node, around in within_functions(source.tree):
        match node:
            case ast.Name() | ast.Attribute() | ast.Constant() | ast.expr_context():
                pass  # as most nodes
            case ast.Expr() if (call := waits_for_nothing(node)) and _is_pytests(call, names):
                what = f"`{ast.unparse(call)[:60]}` waits for nothing: it is no context of a `with`"
                yield node.lineno, "never runs", what
            case ast.Assert(msg=ast.expr() as said) if _is_value(said):
                what = f"`{ast.unparse(said)[:60]}` is what the assertion says, and isn't compared"
                yield node.lineno, "always true", what
            case ast.Call(func=function, args=[kind, *_]) if last(function) in _ANYTHING:
                if wide := _wide(kind, source.tree, around) & _ANYTHING[last(function)]:
                    what = f"any error is one of `{ast.unparse(kind)[:60]}`, by {min(wide)}"
                    yield node.lineno, "always true", what
            case ast.keyword(arg="match", value=pattern) if text := _pattern(pattern):
                yield pattern.lineno, "always true", f"{text!r} is found in whatever is said"
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _of_nothing_said(node)
            case _:
                pass


def _is_pytests(call: ast.Call, names: Mapping[str, str]) -> bool:
    return spelt(call.func, names).startswith(_PYTEST)


def _is_value(said: ast.expr) -> bool:
    """Whether this is no text: a literal that something may be compared with.

    A tuple that names something says what it was that is wrong, as many do.
    """
    match said:
        case ast.Constant(value=value):
            return not isinstance(value, str)
        case ast.UnaryOp(operand=ast.Constant()):
            return True
        case ast.Tuple():
            return not any(isinstance(each, ast.Name) for each in walk(said))
        case _:
            return isinstance(said, (ast.List, ast.Dict, ast.Set))


def _wide(kind: ast.expr, tree: ast.Module, around: tuple[Function, ...]) -> set[str]:
    """Name the kinds of errors among several that are waited for; none where it is one alone."""
    known: dict[str, ast.expr] = {}
    if isinstance(kind, (ast.Name, ast.Tuple, ast.BinOp)):
        for scope in (tree, *around):
            known |= assigned(scope.body)
    several = resolved(kind, known)
    if not isinstance(several, (ast.Tuple, ast.BinOp)):
        return set()
    found: set[str] = set()
    todo: list[ast.expr] = [several]
    for each in todo:  # grows while it is read
        match resolved(each, known):
            case ast.Tuple(elts=elements):
                todo += elements
            case ast.Starred(value=value):
                todo.append(value)
            case ast.BinOp(left=left, right=right):
                todo += (left, right)
            case ast.Name() | ast.Attribute() as name:
                found.add(last(name))
            case _:
                pass
    return found


def _pattern(node: ast.expr) -> str:
    """Hand out a pattern that is found in nearly any text, as it can be told; `''` is spelt out."""
    match node:
        case ast.Constant(value=str(text)):
            pass
        case ast.Call(func=function, args=[ast.Constant(value=str(text)), *_]) if (
            last(function) == "compile"
        ):
            pass
        case _:
            return ""
    return (text or "(nothing)") if _asks_little(text) else ""


def _asks_little(pattern: str) -> bool:
    """Whether a pattern asks for no more than that something is said, if for that."""
    try:
        return is_found_anywhere(pattern) or all(re.search(pattern, text) for text in _TEXTS)
    except re.error:
        return False


def _of_nothing_said(function: Function) -> Iterator[Told]:
    """Find assertions of what `pytest.raises` keeps, as such: it is true whatever was raised."""
    kept: set[str] = set()
    for node in within(function.body):
        match node:
            case ast.withitem(context_expr=ast.Call(func=kind), optional_vars=ast.Name(id=name)):
                kept |= {name} if last(kind) == "raises" else set()
            case _:
                pass
    for node in within(function.body) if kept else ():
        match node:
            case ast.Assert(test=ast.Name(id=name)) if name in kept:
                yield node.lineno, "always true", f"`{name}` is true whatever was raised"
            case _:
                pass
