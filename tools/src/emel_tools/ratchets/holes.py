"""Holes in the types that basedpyright itself doesn't report."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from emel_tools.ratchets import comments
from emel_tools.ratchets.branches import unchecked
from emel_tools.ratchets.scopes import Source
from emel_tools.ratchets.tally import Place

_CALLED: Final = "takes whatever it is called with"
_TRUSTED: Final = {
    "cast": "is believed whatever the value is",
    "no_type_check": "leaves out what it stands on",
    "TypeGuard": "is believed whatever the function looks at",
    "TypeIs": "is believed whatever the function looks at",
    **dict.fromkeys(("cache", "lru_cache"), "takes whatever can be hashed"),
    "overload": "is believed whatever the function below it answers",
    "runtime_checkable": "is believed by the names of members alone",
    **dict.fromkeys(("singledispatch", "singledispatchmethod"), _CALLED),
    **dict.fromkeys(("attrgetter", "methodcaller"), "looks for whatever it is told"),
}
"""Names of typing, functools and operator that nobody checks, whatever module they come by."""

_UNASKED: Final = ("setattr", "vars", "__setattr__", "__dict__")
"""Ways to give an attribute a value that is held to no type: functions of Python, and members."""


def holes(source: Source) -> Iterator[Place]:
    """List the holes of one file."""
    yield from comments.suppressing(source, comments.TYPES)
    yield from unchecked(source)
    if source.path.suffix == ".pyi":
        yield Place(source.path, 0, 0, "stub", "a stub is believed, whatever the source says")
    yield from _bodiless(source)
    names = _Names(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Name, ast.Attribute)):
            yield from _trusted(source, names, node)
        elif isinstance(node, ast.alias) and node.asname not in (None, node.name):
            yield from _believed(source, node, node.name)
        elif isinstance(node, (ast.Subscript, ast.Constant)):
            for name in _open(node, names):
                yield _at(source, node, f"{name}[...]", _CALLED)


class _Names:
    """What is imported into a file, by which names."""

    def __init__(self, tree: ast.Module) -> None:
        self._members: dict[str, str] = {}
        self._modules: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self._modules |= {each.asname or each.name.split(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                self._members |= {each.asname or each.name: each.name for each in node.names}

    def of(self, node: ast.AST) -> str:
        """Say as what something was imported, itself or in a module; empty if it wasn't."""
        if isinstance(node, ast.Name):
            return self._members.get(node.id, "")
        if not isinstance(node, ast.Attribute):
            return ""
        module = node.value
        while isinstance(module, ast.Attribute):
            module = module.value
        imported = (
            isinstance(module, ast.Name) and module.id in self._modules | self._members.keys()
        )
        return node.attr if imported else ""


def _trusted(source: Source, names: _Names, node: ast.Name | ast.Attribute) -> Iterator[Place]:
    name = names.of(node)
    yield from _believed(source, node, name)
    if name == "Any" and isinstance(node, ast.Attribute):  # as a name, basedpyright reports it
        yield _at(source, node, name, "is whatever anybody says")
    spelled = node.attr if isinstance(node, ast.Attribute) else node.id
    if spelled in _UNASKED and spelled.startswith("__") == isinstance(node, ast.Attribute):
        yield _at(source, node, spelled, "gives an attribute whatever value")


def _believed(source: Source, node: ast.expr | ast.alias, name: str) -> Iterator[Place]:
    if name in _TRUSTED:
        yield _at(source, node, name, _TRUSTED[name])


def _bodiless(source: Source) -> Iterator[Place]:
    """List functions that answer None whatever they promise: nobody holds `...` to a type."""
    nodes = list(ast.walk(source.tree))
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    promised = {each for node in classes if _is_protocol(node) for each in node.body}
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node not in promised:
            marks = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
            answers = node.returns is not None and ast.unparse(node.returns) != "None"
            is_empty = isinstance(node.body[-1], ast.Expr) and ast.unparse(node.body[-1]) == "..."
            if answers and is_empty and not marks & {"abstractmethod", "overload"}:
                yield _at(source, node, "...", "answers None, whatever is promised")


def _is_protocol(node: ast.ClassDef) -> bool:
    bases = (each.value if isinstance(each, ast.Subscript) else each for each in node.bases)
    return any(ast.unparse(each).rpartition(".")[2] == "Protocol" for each in bases)


def _open(node: ast.Subscript | ast.Constant, names: _Names) -> Iterator[str]:
    """Name what is given `...` for its parameters, in a quoted type too."""
    if isinstance(node, ast.Constant):
        for inside in _quoted(node.value):
            yield from _open(inside, names)
        return
    of = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if any(isinstance(each, ast.Constant) and each.value is ... for each in of):
        name = names.of(node.value) or ast.unparse(node.value).rpartition(".")[2]
        if name[:1].isupper() and name != "Tuple":  # others are tuples and arrays
            yield name


def _quoted(text: object) -> list[ast.Subscript]:
    if not (isinstance(text, str) and "..." in text):
        return []
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.Subscript)]


def _at(source: Source, node: ast.expr | ast.stmt | ast.alias, rule: str, why: str) -> Place:
    return Place(source.path, node.lineno, node.col_offset + 1, rule, f"{rule} {why}")
