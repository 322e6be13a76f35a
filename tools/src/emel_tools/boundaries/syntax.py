"""Syntax trees: their nodes, as `ast.walk` finds them in three times the time, and what they say.

Left out are the marks on names and operators (`ctx`, `op`, `ops`), of which Python keeps one of a
kind: nothing is to be found there, and they are a quarter of all nodes.
"""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeAlias, cast

Nodes: TypeAlias = Mapping[ast.AST, Sequence[ast.AST]]
"""All nodes of a file, parents first, each with those right below it, in the order of its fields:
they are asked for so often that looking into the nodes themselves is the better part of the work.
"""
_NO_NODES: Final = frozenset(
    {"asname", "attr", "conversion", "ctx", "id", "is_async", "kind", "level", "module", "op",
     "ops", "simple", "tag", "type_comment", "type_ignores"}
)  # fmt: skip
"""Fields that hold text, a number or a mark, in every kind of node that has them."""


class Broken(NamedTuple):
    """Why a file is no Python, and where."""

    what: str
    line: int
    column: int


def parse(text: str, path: str) -> tuple[ast.Module, Broken | None]:
    """Parse a file; nothing stands in one that is no Python, or, whatever it declares, no UTF-8."""
    try:
        return ast.parse(text, path), None
    except SyntaxError as error:
        broken = Broken(error.msg, error.lineno or 0, error.offset or 0)
    except UnicodeEncodeError as error:
        broken = Broken("it isn't UTF-8", text.count("\n", 0, error.start) + 1, 0)
    return ast.Module([], []), broken


class _Fields(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of each kind of node that may hold others, put together when first asked for."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        found = tuple(field for field in kind._fields if field not in _NO_NODES)
        self[kind] = found = () if kind is ast.Constant else found
        return found


_FIELDS: Final = _Fields()


@contextmanager
def staying() -> Generator[None]:
    """Don't look for garbage among trees that stay until the end: that is a quarter of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def walk(node: ast.AST) -> Nodes:
    """Find `node` and all nodes below it."""
    found: dict[ast.AST, list[ast.AST]] = {}
    todo = [node]
    for each in todo:  # grows while it is read
        todo += found.setdefault(each, children(each))
    return found


def children(node: ast.AST) -> list[ast.AST]:
    """List the nodes right below `node`, in the order of its fields."""
    found: list[ast.AST] = []
    for field in _FIELDS[type(node)]:
        held = getattr(node, field, None)
        if isinstance(held, list):
            every = cast("list[object]", held)
            found += [each for each in every if isinstance(each, ast.AST)]
        elif isinstance(held, ast.AST):
            found.append(held)
    return found


def parameters(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """List the parameters of a function, each with its default."""
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    padding = [None] * (len(positional) - len(given.defaults))
    yield from zip(positional, [*padding, *given.defaults], strict=True)
    yield from zip(given.kwonlyargs, given.kw_defaults, strict=True)
    for argument in (given.vararg, given.kwarg):
        if argument is not None:
            yield argument, None


def is_typing_only(node: ast.AST) -> bool:
    """Whether the body of `node` is there for type checkers alone."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.If(test=ast.Attribute(value=ast.Name(id="typing"), attr="TYPE_CHECKING")):
            return True
        case _:
            return False


def is_dict_of_members(node: ast.expr) -> bool:
    """Whether this is `vars(x)` or `x.__dict__`."""
    match node:
        case ast.Call(func=ast.Name(id="vars"), args=[_]) | ast.Attribute(attr="__dict__"):
            return True
        case _:
            return False


def named_plugins(value: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """Name the modules that pytest imports by `pytest_plugins`, each with its node."""
    for part in ast.walk(value):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part, part.value


def defined(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Name what a file binds: functions, classes, names and attributes that it assigns."""
    for node in nodes:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                yield node.id
        elif isinstance(node, ast.Attribute):
            if isinstance(node.ctx, ast.Store):
                yield node.attr
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name


def mentioned(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Name the modules that a file imports, or imports from."""
    for node in nodes:
        match node:
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases)
            case ast.ImportFrom(module=str(module), names=aliases):
                yield module
                yield from (f"{module}.{alias.name}" for alias in aliases)
            case _:
                pass


def is_module_name(path: str) -> bool:
    """Whether a dotted name outside the repository is a module, as far as it matters here."""
    return path in sys.stdlib_module_names or path in ("os.path", "numpy")
