"""Which functions check something: a test that calls none of them can't fail."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.suites.syntax import FUNCTIONS, Block, Function, dotted, last, walk

_CHECKING: Final = frozenset({
    "raises", "warns", "fail", "deprecated_call", "RaisesGroup",
    "exec",  # of an example in a README, which asserts for itself
})  # fmt: skip
"""What pytest and Python have for it."""
_PREFIX: Final = "assert"
"""What the names of checks begin with that numpy and unittest have."""
_WAITING: Final = {"raises": 2, "warns": 2, "deprecated_call": 1, "RaisesGroup": 2}
"""What waits for something, and how many it is handed where it calls something itself."""


class Source(NamedTuple):
    """One file of tests, or of what tests are helped by."""

    path: str
    """From the root."""
    tree: ast.Module

    @classmethod
    def read(cls, root: Path, path: Path) -> Source:
        """Parse a file; one that is no Python is empty here, and pytest says so."""
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except (SyntaxError, ValueError):
            tree = ast.Module([], [])
        return cls(path.relative_to(root).as_posix(), tree)

    @property
    def is_test(self) -> bool:
        """Whether pytest collects it by its name."""
        name = self.path.rpartition("/")[2]
        return name.startswith("test_") or name.endswith("_test.py")


class Checks:
    """The functions of many files, by name, and which of them check something.

    Names are enough: `self.holds(...)` may be any method of that name, and if one of them checks,
    it is believed.

    Parameters
    ----------
    sources
        Tests, their conftests, and the testing modules of the packages.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._nodes: dict[str, list[ast.AST]] = {}
        for source in sources:
            for node in walk(source.tree):
                if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                    self._nodes.setdefault(node.name, []).append(node)
                elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    self._nodes.setdefault(node.targets[0].id, []).append(node.value)

    @cached_property
    def names(self) -> frozenset[str]:
        """Name the functions and classes that check something, themselves or by calling others."""
        every = self._nodes.items()
        direct = {k for k, nodes in every if any(checks_itself(n, self._nodes) for n in nodes)}
        others = {name: {*mentioned(nodes)} for name, nodes in every}
        while True:
            more = {name for name, named in others.items() if named & direct} - direct
            if not more:
                return frozenset(direct)
            direct |= more

    def checks(self, node: ast.AST, but: frozenset[str] = frozenset()) -> bool:
        """Whether something checks, or names a function that does; some names are others'."""
        return checks_itself(node, self._nodes) or bool({*mentioned([node])} & self.names - but)

    def checks_in(self, block: Block, around: Iterable[Function]) -> bool:
        """Whether a block checks; what is handed to a function around it isn't known."""
        given = {
            argument.arg
            for function in around
            for argument in (*function.args.args, *function.args.kwonlyargs)
        }
        return any(self.checks(statement, frozenset(given)) for statement in block)


def checks_itself(node: ast.AST, defined: Collection[str] = ()) -> bool:
    """Whether there is a check among the statements of something, see `is_check`."""
    return any(is_check(inner, defined) for inner in heeded(walk(node)))


def heeded(nodes: Iterable[ast.AST]) -> list[ast.AST]:
    """Leave out what waits for nothing: it checks as little as if it weren't there."""
    every = [*nodes]
    idle = {call for node in every if (call := waits_for_nothing(node))}
    return [node for node in every if node not in idle] if idle else every


def waits_for_nothing(node: ast.AST) -> ast.Call | None:
    """Hand out the call in a statement like `pytest.raises(E)`, which runs nothing."""
    match node:
        case ast.Expr(value=ast.Call(func=function, args=args) as call):
            least = _WAITING.get(last(function), 0)
            return call if len(args) < least and not _is_spread(call) else None
        case _:
            return None


def _is_spread(call: ast.Call) -> bool:
    """Whether more may be handed over than is written."""
    return any(isinstance(each, ast.Starred) for each in call.args) or any(
        each.arg in (None, "func") for each in call.keywords
    )


def is_asserting(node: ast.AST) -> str:
    """Name what a call says that it asserts: `assert_x`; empty for any other."""
    name = last(node.func) if isinstance(node, ast.Call) else ""
    return name if name.startswith(_PREFIX) else ""


def is_check(node: ast.AST, defined: Collection[str] = ()) -> bool:
    """Whether this is a check: `assert`, `raise AssertionError`, `pytest.raises`, `assert_x()`.

    What is called `assert_x` is none by its name alone if that is among those that are defined.
    """
    match node:
        case ast.Assert():
            return True
        case ast.Raise(exc=ast.Call(func=kind)) | ast.Raise(exc=kind):
            return dotted(kind) == "AssertionError"
        case ast.Call(func=function):
            asserting = is_asserting(node)
            return last(function) in _CHECKING or bool(asserting and asserting not in defined)
        case _:
            return False


def asked(function: Function) -> frozenset[str]:
    """Name what a function asks for: what it is handed, or a mark says."""
    names = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and last(decorator.func) == "usefixtures":
            texts = (each.value for each in decorator.args if isinstance(each, ast.Constant))
            names |= {text for text in texts if isinstance(text, str)}
    return frozenset(names)


def mentioned(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Name what stands in something: the last part of each name."""
    for node in nodes:
        for inner in walk(node):
            if isinstance(inner, ast.Name):
                yield inner.id
            elif isinstance(inner, ast.Attribute):
                yield inner.attr
