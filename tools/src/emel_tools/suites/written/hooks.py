"""Hooks of pytest in the tests: they may change what becomes of a test, or whether it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from emel_tools.suites.skips import HOOKS, Hook
from emel_tools.suites.syntax import last, within_functions
from emel_tools.suites.written.checks import Source
from emel_tools.suites.written.swallowed import Told

_HOOK: Final = "pytest_"
"""What all of their names begin with, and that of the variable which loads other plugins."""
_IGNORED: Final = "collect_ignore"
_PLUGINS: Final = "pluginmanager"
_INSIDE: Final = "_pytest"
_NAMING: Final = frozenset(
    {
        ast.AsyncFunctionDef,
        ast.Attribute,
        ast.Call,
        ast.FunctionDef,
        ast.Import,
        ast.ImportFrom,
        ast.Name,
        ast.Subscript,
        ast.keyword,
    }
)
"""What may name one, or load one."""


def hooks(source: Source, allowed: Sequence[Hook] = HOOKS) -> Iterator[Told]:
    """Find hooks, what loads plugins and what reaches into pytest, unless that is allowed.

    Any hook is handed what others are called with, so none is taken to be harmless by its name.
    """
    for node, around in within_functions(source.tree):
        for name in _names(node) if type(node) in _NAMING else ():
            where = "::".join((source.path, *(function.name for function in around), name))
            if not any(where == each.where for each in allowed):
                what = f"`{name}` may change what becomes of any test, unseen"
                yield getattr(node, "lineno", 0), "hook", what


def _names(node: ast.AST) -> Iterator[str]:
    """Name what pytest would call, what loads it, and what is pytest's own."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield from _hooks(name)
        case ast.Name(id=name, ctx=ast.Store()):
            yield from (name,) if name.startswith(_IGNORED) else _hooks(name)
        case ast.ImportFrom(module=str(module), names=names):
            yield from _within(module)
            yield from (hook for each in names for hook in _hooks(each.asname or each.name))
        case ast.Import(names=names):
            yield from (inside for each in names for inside in _within(each.name))
        case ast.Attribute(attr=name) if name == _PLUGINS:
            yield name
        case ast.keyword() | ast.Call() | ast.Subscript():
            yield from _by_text(node)
        case _:
            pass


def _by_text(node: ast.keyword | ast.Call | ast.Subscript) -> Iterator[str]:
    """Name what becomes a hook by a text."""
    match node:
        case ast.keyword(arg="specname", value=ast.Constant(value=str(name))):
            yield name
        case ast.Call(func=function, args=[_, ast.Constant(value=str(name)), _]):
            yield from _hooks(name) if last(function) == "setattr" else ()
        case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Store()):
            yield from _hooks(name)
        case _:
            pass


def _hooks(name: str) -> Iterator[str]:
    if name.startswith(_HOOK):
        yield name


def _within(module: str) -> Iterator[str]:
    if module.partition(".")[0] == _INSIDE:
        yield module
