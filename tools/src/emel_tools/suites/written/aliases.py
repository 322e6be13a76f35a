"""What is compared with what it was taken from: a second name remembers nothing."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from emel_tools.suites.syntax import FUNCTIONS, Block, Function, blocks, dotted, last, walk, within
from emel_tools.suites.written.checks import Source
from emel_tools.suites.written.swallowed import Told

_EQUAL: Final = (ast.Eq, ast.Is, ast.LtE, ast.GtE)
_CLOSE: Final = re.compile("equal|close")


class _Names(NamedTuple):
    """What a function gives names to."""

    times: Counter[str]
    """How often, functions inside included; for what it doesn't name itself, in the file."""
    lines: dict[str, int]
    """Where last."""


def aliased(source: Source) -> Iterator[Told]:
    """Find comparisons of something with another name of it.

    `before = states` and `assert (states == before).all()` compares an array with itself, whatever
    was done to it. What a plain name stands for is the same as long as no other value is given to
    it. An attribute may have another value later, so of those only comparisons of arrays are found.
    """
    elsewhere = _names(source.tree)
    for function in walk(source.tree):
        if isinstance(function, FUNCTIONS) and any(map(_takes, walk(function))):
            names = _names(function)
            for block in blocks(function):
                yield from _aliased(block, names, elsewhere)


def _takes(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.value, (ast.Name, ast.Attribute))


def _names(scope: ast.Module | Function) -> _Names:
    times, lines = Counter[str](), dict[str, int]()
    for node in walk(scope):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                times[name] += 1
                lines[name] = max(node.lineno, lines.get(name, 0))
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                times.update(names)
            case _:
                pass
    return _Names(times, lines)


def _aliased(block: Block, names: _Names, elsewhere: _Names) -> Iterator[Told]:
    for at, statement in enumerate(block):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if names.times[name] == 1:
                owner = dotted(value).partition(".")[0]
                known = names if owner in names.times else elsewhere
                given = known.lines.get(owner, 0) if known is names else 0
                if owner and known.times[owner] <= 1 and given <= statement.lineno:
                    yield from _compared(block[at + 1 :], name, value)
            case _:
                pass


def _compared(block: Block, name: str, value: ast.expr) -> Iterator[Told]:
    taken = (ast.dump(ast.Name(name, ast.Load())), ast.dump(value))
    for node in within(block):
        match node:
            case ast.Assert(test=ast.Compare() as test) if isinstance(value, ast.Attribute):
                pairs = [pair for part in walk(test)[1:] for pair in _pairs(part)]
            case ast.Assert(test=test):
                pairs = [pair for part in walk(test) for pair in _pairs(part)]
            case ast.Expr(value=ast.Call() as call):
                pairs = _pairs(call)
            case _:
                continue
        if any(_is_same(*pair, *taken) for pair in pairs):
            what = f"`{name}` is `{ast.unparse(value)}` itself, and is compared with it"
            yield node.lineno, "always true", what


def _pairs(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    """List what is said to be equal: two operands, or what `allclose` is handed."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if isinstance(op, _EQUAL):
            return [(left, right)]
        case ast.Call(func=function, args=[left, right, *_]) if _CLOSE.search(last(function)):
            return [(left, right)]
        case _:
            return []


def _is_same(one: ast.expr, other: ast.expr, name: str, value: str) -> bool:
    """Whether both are the same where a name stands for what it was taken from."""
    spelt = ast.dump(one), ast.dump(other)
    return spelt[0] != spelt[1] and spelt[0].replace(name, value) == spelt[1].replace(name, value)
