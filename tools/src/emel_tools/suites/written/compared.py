"""Comparisons that whatever is found passes: with itself, with anything, or within no bound."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

from emel_tools.suites.syntax import FUNCTIONS, Function, imported, spelt, walk, within
from emel_tools.suites.written.checks import Source
from emel_tools.suites.written.swallowed import Told
from emel_tools.suites.written.truth import is_same, truth
from emel_tools.suites.written.values import endless

_ANY: Final = "mock.ANY"
_SEQUENCES: Final = (ast.Tuple, ast.List)
_SIDES: Final = frozenset({"actual", "desired", "expected", "first", "second", "x", "y"})
"""What numpy and unittest call the two things that they compare."""
_COMPARES: Final = re.compile(
    "assert(?!Not|IsNot|Greater$|Less$)[A-Z]|assert_(allclose|almost|approx|array_(?!less)|equal|string)"
)
"""Functions of unittest and numpy that pass if both are the same."""
_CLOSE: Final = {"approx": 1, "allclose": 2, "assert_allclose": 2, "isclose": 2}
"""What takes a tolerance, and after how many others."""
_TOLERANCES: Final = frozenset({"abs", "abs_tol", "atol", "delta", "rel", "rel_tol", "rtol"})


def lax(source: Source) -> Iterator[Told]:
    """Find comparisons that can't fail, but for those that are false or true as a whole."""
    names = imported(source.tree)
    anything = {name for name, own in names.items() if own.endswith(_ANY)}
    for node in walk(source.tree):
        if isinstance(node, ast.Name) and node.id not in anything:
            continue  # as most nodes
        if isinstance(node, ast.Assert):
            for same in with_itself(node.test):
                yield node.lineno, "always true", f"`{ast.unparse(same)}` is compared with itself"
        elif isinstance(node, (ast.Call, ast.Name, ast.Attribute, *FUNCTIONS)) and (
            said := _said(node, names)
        ):
            yield node.lineno, "always true", said


def _said(node: ast.expr | Function, names: Mapping[str, str]) -> str:
    """Say what is wrong with something; empty if nothing is."""
    if isinstance(node, ast.Call):
        return _of_call(node, names)
    if spelt(node, names).endswith(_ANY):
        return f"`{ast.unparse(node)}` is equal to anything"
    if isinstance(node, FUNCTIONS) and node.name == "__eq__" and _is_always_true(node):
        return "what answers true to `__eq__` is equal to anything"
    return ""


def with_itself(test: ast.expr) -> Iterator[ast.expr]:
    """Find what stands at the same place of both sides of a comparison: `(n, x.y) == (2, x.y)`."""
    for node in walk(test):
        match node:
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                yield from _at_same_place(left, right)
            case _:
                pass


def _at_same_place(left: ast.expr, right: ast.expr) -> Iterator[ast.expr]:
    todo = [(left, right)]
    while todo:
        one, other = todo.pop()
        if isinstance(one, _SEQUENCES) and isinstance(other, _SEQUENCES):
            has_more = any(isinstance(e, ast.Starred) for e in (*one.elts, *other.elts))
            pairs = [] if has_more else list(zip(one.elts, other.elts, strict=False))
            yield from (each for each, its in pairs if is_same(each, its))
            todo += pairs


def _of_call(node: ast.Call, names: Mapping[str, str]) -> str:
    """Say what is wrong with a call that compares; empty if it may fail, or compares nothing."""
    name = spelt(node.func, names).rpartition(".")[2]
    if name in _CLOSE:
        given = [each.value for each in node.keywords if each.arg in _TOLERANCES]
        for tolerance in (*node.args[_CLOSE[name] :], *given):
            if endless(tolerance):
                return f"`{ast.unparse(node)[:60]}` lets anything pass"
    if _COMPARES.match(name):
        named = [each.value for each in node.keywords if each.arg in _SIDES]
        match [*node.args[:2], *named]:
            case [one, other, *_] if is_same(one, other):
                return f"`{ast.unparse(one)}` is compared with itself"
            case [one, other, *_]:
                for same in _at_same_place(one, other):
                    return f"`{ast.unparse(same)}` is compared with itself"
            case _:
                pass
    return ""


def _is_always_true(function: Function) -> bool:
    answers = [each.value for each in within(function.body) if isinstance(each, ast.Return)]
    return bool(answers) and all(value is not None and truth(value) for value in answers)
