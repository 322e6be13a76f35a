"""What a call is worth: which functions check something for whoever calls them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final, TypeAlias

from emel_tools.suites.checks import Source, asked, checks_itself, is_check
from emel_tools.suites.syntax import (
    FUNCTIONS,
    Block,
    Function,
    is_fixture,
    is_test,
    last,
    walk,
    within,
)

Place: TypeAlias = tuple[str, str]
"""A file, and a name in it."""
_OWN: Final = frozenset({"self", "cls"})


class Called:
    """The functions of many files that check something, themselves or by what they call.

    A name means what its own file defines, or else what conftests and testing modules do. By name
    alone, as in `Checks`, almost any call would be one of a function that checks.

    Parameters
    ----------
    sources
        Tests, their conftests, and the testing modules of the packages.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._functions: dict[Place, list[Function]] = {}
        self._shared: dict[str, set[Place]] = {}
        for source in sources:
            for node in walk(source.tree):
                if isinstance(node, FUNCTIONS) and not is_test(node):
                    place = (source.path, node.name)
                    self._functions.setdefault(place, []).append(node)
                    if not source.is_test:
                        self._shared.setdefault(node.name, set()).add(place)

    @cached_property
    def _checking(self) -> frozenset[Place]:
        every = self._functions.items()
        direct = {place for place, nodes in every if any(map(checks_itself, nodes))}
        others = {
            place: {each for node in nodes for each in self._meant(place[0], _used(node))}
            for place, nodes in every
        }
        while more := {place for place, used in others.items() if used & direct} - direct:
            direct |= more
        return frozenset(direct)

    def _meant(self, path: str, names: Iterable[str]) -> set[Place]:
        """List what some names mean in a file."""
        found: set[Place] = set()
        for name in names:
            own = (path, name) in self._functions
            found |= {(path, name)} if own else self._shared.get(name, set())
        return found

    def checks(self, path: str, node: ast.AST) -> bool:
        """Whether this, in a file, is a check, or a call of a function that checks."""
        if is_check(node):
            return True
        return isinstance(node, ast.Call) and self._is_checking(path, _name(node))

    def holds(self, path: str, nodes: Block) -> bool:
        """Whether a check is among what a block runs itself."""
        return any(self.checks(path, node) for node in within(nodes))

    def number(self, path: str, node: ast.AST) -> int:
        """Count the checks in something: those of a fixture are one, for each that asks for it."""
        asking = (each for each in walk(node) if isinstance(each, FUNCTIONS) and _is_given(each))
        given = (name for each in asking for name in asked(each))
        return sum(self.checks(path, each) for each in walk(node)) + sum(
            self._is_checking(path, name) for name in given
        )

    def _is_checking(self, path: str, name: str) -> bool:
        return not self._checking.isdisjoint(self._meant(path, (name,)))


def _is_given(function: Function) -> bool:
    """Whether what a function is handed are fixtures."""
    return is_test(function) or is_fixture(function)


def _used(function: Function) -> Iterator[str]:
    """Name what a function calls, and the fixtures that it asks for."""
    handed = asked(function)
    if _is_given(function):
        yield from handed
    for node in walk(function):
        if isinstance(node, ast.Call) and _name(node) not in handed:
            yield _name(node)


def _name(call: ast.Call) -> str:
    """Name the function that is called; empty if it is whatever an object has of that name."""
    match call.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=owner)) if owner in _OWN:
            return last(call.func)
        case _:
            return ""
