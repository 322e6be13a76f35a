"""Fixtures that hide another one, and those that look at many tests at once."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from emel_tools.suites.syntax import FUNCTIONS, Function, is_fixture, last, walk
from emel_tools.suites.written.called import Called
from emel_tools.suites.written.checks import Source, asked
from emel_tools.suites.written.swallowed import Told

_CONFTEST: Final = "conftest.py"


def shared(sources: Iterable[Source]) -> frozenset[tuple[str, str]]:
    """List the fixtures of conftests: the folder, with a slash behind, and the name."""
    return frozenset(
        (source.path.removesuffix(_CONFTEST), _name(function))
        for source in sources
        if source.path.endswith(f"/{_CONFTEST}")
        for function in _fixtures(source)
    )


def shadowing(source: Source, known: frozenset[tuple[str, str]]) -> Iterator[Told]:
    """Find fixtures that take the place of one that all tests of a folder have.

    One that asks for the other, which it is called like, adds to it.
    """
    for function in _fixtures(source) if source.is_test else ():
        name = _name(function)
        hides = any(name == its and source.path.startswith(folder) for folder, its in known)
        if hides and name not in asked(function):
            what = f"the fixture {name} takes the place of the one in the conftest"
            yield function.lineno, "shadowed", what


def late(source: Source, called: Called) -> Iterator[Told]:
    """Find fixtures that check something for every test, and not after each."""
    for function in _fixtures(source):
        settings = _settings(function)
        scope = settings.get("scope", ast.Constant("function"))
        is_wide = not (isinstance(scope, ast.Constant) and scope.value == "function")
        if "autouse" in settings and is_wide and called.number(source.path, function):
            what = f"{function.name} checks something once for many tests, and nobody knows whose"
            yield function.lineno, "shared", what


def _fixtures(source: Source) -> Iterator[Function]:
    return (n for n in walk(source.tree) if isinstance(n, FUNCTIONS) and is_fixture(n))


def _name(function: Function) -> str:
    """Say what tests ask for."""
    match _settings(function).get("name"):
        case ast.Constant(value=str(name)):
            return name
        case _:
            return function.name


def _settings(function: Function) -> dict[str, ast.expr]:
    return {
        keyword.arg or "": keyword.value
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and last(decorator.func) == "fixture"
        for keyword in decorator.keywords
    }
