"""Code that the type checker alone leaves out, and doesn't tell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from emel_tools.ratchets.scopes import Source
from emel_tools.ratchets.tally import Place

_CHECKING: Final = "TYPE_CHECKING"
"""Checkers take any name that is spelled so as true, wherever it comes from; so one of one's own
counts where it is bound, too."""


def unchecked(source: Source) -> Iterator[Place]:
    """List what a file asks only to keep code from the checker."""
    branches = (node for node in ast.walk(source.tree) if isinstance(node, ast.If))
    # Of `if TYPE_CHECKING:` without an `else` checkers see more, and nothing less.
    harmless = {each.test for each in branches if _is_checking(each.test) and not each.orelse}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.expr) and _is_checking(node) and node not in harmless:
            yield _at(source, node, f"not {_CHECKING}", "is run and isn't checked")
        for test in _inside(node):
            if _is_decided(test):  # of statements basedpyright tells it: reportUnreachable
                yield _at(source, test, "decided", "is no question, and hides what isn't asked for")


def _is_checking(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name == _CHECKING
        case _:
            return False


def _inside(node: ast.AST) -> list[ast.expr]:
    """List what is asked inside an expression, or beside a case."""
    match node:
        case ast.IfExp():
            return [node.test]
        case ast.BoolOp():
            return node.values[:-1]
        case ast.comprehension():
            return node.ifs
        case ast.match_case(guard=ast.expr() as guard):
            return [guard]
        case _:
            return []


def _is_decided(test: ast.expr) -> bool:
    """Whether a checker knows the answer: it is written there, or hangs on Python's version."""
    match test:
        case ast.Constant():
            return True
        case ast.UnaryOp(op=ast.Not()):
            return _is_decided(test.operand)
        case ast.BoolOp():
            return any(_is_decided(each) for each in test.values)
        case ast.Compare():
            asked = (each.attr for each in ast.walk(test) if isinstance(each, ast.Attribute))
            return "version_info" in asked
        case _:
            return False


def _at(source: Source, node: ast.expr, rule: str, why: str) -> Place:
    return Place(source.path, node.lineno, node.col_offset + 1, rule, f"{rule} {why}")
