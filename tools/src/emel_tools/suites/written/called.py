"""What a call is worth: which functions check something for whoever calls them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final, TypeAlias

from emel_tools.suites.syntax import (
    FUNCTIONS,
    Block,
    Function,
    is_fixture,
    is_test,
    walk,
    within,
)
from emel_tools.suites.written.checks import (
    Source,
    asked,
    checks_itself,
    heeded,
    is_asserting,
    is_check,
)

Place: TypeAlias = tuple[str, str]
"""A file, and a name in it."""
_Named: TypeAlias = Function | ast.Lambda | ast.Name
"""A function, or what else a name stands for."""
_OWN: Final = frozenset({"self", "cls"})


class Called:
    """The functions of many files that check something, themselves or by what they call.

    One that is handed over is called, too. A name means what its own file defines, or else what
    conftests and testing modules do. By name alone, as in `Checks`, almost any call would be one of
    a function that checks; so is `assert_x()` by its name, unless a function of ours is called so.

    Parameters
    ----------
    sources
        Tests, their conftests, and the testing modules of the packages.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._functions: dict[Place, list[_Named]] = {}
        self._shared: dict[str, set[Place]] = {}
        self._paths: list[str] = []
        for source in sources:
            self._paths.append(source.path)
            for name, node in _named(source.tree):
                place = (source.path, name)
                self._functions.setdefault(place, []).append(node)
                if not source.is_test:
                    self._shared.setdefault(name, set()).add(place)

    @cached_property
    def _checking(self) -> frozenset[Place]:
        every = self._functions.items()
        direct = {
            place
            for place, nodes in every
            if any(checks_itself(node, self._defined[place[0]]) for node in nodes)
        }
        others = {
            place: {each for node in nodes for each in self._meant(place[0], _used(node))}
            for place, nodes in every
        }
        while more := {place for place, used in others.items() if used & direct} - direct:
            direct |= more
        return frozenset(direct)

    @cached_property
    def _defined(self) -> Mapping[str, frozenset[str]]:
        """Name what is defined for each file: there, or for all."""
        own: dict[str, set[str]] = {path: set() for path in self._paths}
        for path, name in self._functions:
            own[path].add(name)
        return {path: frozenset(names).union(self._shared) for path, names in own.items()}

    def _meant(self, path: str, names: Iterable[str]) -> set[Place]:
        """List what some names mean in a file."""
        found: set[Place] = set()
        for name in names:
            own = (path, name) in self._functions
            found |= {(path, name)} if own else self._shared.get(name, set())
        return found

    def checks(self, path: str, node: ast.AST) -> bool:
        """Whether this, in a file, is a check, or a call of a function that checks, or with one."""
        if is_check(node, self._defined[path]):
            return True
        return isinstance(node, ast.Call) and any(
            self._is_checking(path, name) for name in _names(node)
        )

    def holds(self, path: str, nodes: Block) -> bool:
        """Whether a check is among what a block runs itself."""
        return any(self.checks(path, node) for node in heeded(within(nodes)))

    def number(self, path: str, node: ast.AST) -> int:
        """Count the checks in something: those of a fixture are one, for each that asks for it."""
        asking = (each for each in walk(node) if isinstance(each, FUNCTIONS) and _is_given(each))
        given = (name for each in asking for name in asked(each))
        return sum(self.checks(path, each) for each in heeded(walk(node))) + sum(
            self._is_checking(path, name) for name in given
        )

    def _is_checking(self, path: str, name: str) -> bool:
        return not self._checking.isdisjoint(self._meant(path, (name,)))


def _named(tree: ast.Module) -> Iterator[tuple[str, _Named]]:
    """List what has a name: functions, and what a module or class calls by another name."""
    for node in walk(tree):
        if isinstance(node, FUNCTIONS) and not is_test(node):
            yield node.name, node
        elif isinstance(node, (ast.Module, ast.ClassDef)):
            for statement in node.body:
                match statement:
                    case ast.Assign(
                        targets=[ast.Name(id=name)], value=ast.Name() | ast.Lambda() as value
                    ):
                        yield name, value
                    case _:
                        pass


def _is_given(function: Function) -> bool:
    """Whether what a function is handed are fixtures."""
    return is_test(function) or is_fixture(function)


def _used(function: _Named) -> Iterator[str]:
    """Name what a function calls, and the fixtures that it asks for."""
    if isinstance(function, ast.Name):
        yield function.id
        return
    handed = frozenset[str]() if isinstance(function, ast.Lambda) else asked(function)
    if not isinstance(function, ast.Lambda) and _is_given(function):
        yield from handed
    for node in walk(function):
        if isinstance(node, ast.Call):
            yield from (name for name in _names(node) if name not in handed)


def _names(call: ast.Call) -> Iterator[str]:
    """Name the function that is called, and those that it may be handed.

    A method is one only of the object itself: what others have of that name isn't known, unless it
    says that it asserts.
    """
    if asserting := is_asserting(call):
        yield asserting
    for node in (call.func, *call.args):
        match node:
            case ast.Name(id=name):
                yield name
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in _OWN:
                yield name
            case _:
                pass
