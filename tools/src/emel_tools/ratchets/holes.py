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
}
"""Names of typing and functools that nobody checks, by way of whatever module they come."""

_UNASKED: Final = ("setattr", "vars", "__setattr__", "__dict__")
"""Ways to give an attribute a value that is held to no type: functions of Python, and members."""


_DECLARING: Final = frozenset({"abstractmethod", "overload"})
"""What stands above a function that nobody calls as it is."""


def holes(source: Source) -> Iterator[Place]:
    """List the holes of one file."""
    yield from comments.suppressing(source, comments.TYPES)
    yield from unchecked(source)
    if source.path.suffix == ".pyi":
        yield Place(source.path, 0, 0, "stub", "a stub is believed, whatever the source says")
    names, told = _Names(source.tree), {*_of_protocols(source.tree)}
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Name, ast.Attribute)):
            yield from _trusted(source, names, node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if node not in told and _is_unwritten(node):
                what = (
                    f"{node.name} answers None, whatever it says: `...` stands for what isn't there"
                )
                yield Place(source.path, node.lineno, node.col_offset + 1, "unwritten", what)
        elif isinstance(node, ast.alias) and node.asname not in (None, node.name):
            yield from _believed(source, node, node.name)
        elif isinstance(node, (ast.Subscript, ast.Constant)):
            for name in _open(node, names):
                yield _at(source, node, f"{name}[...]", _CALLED)


def _of_protocols(tree: ast.Module) -> Iterator[ast.stmt]:
    """List what protocols say that others have."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            bases = (each.value if isinstance(each, ast.Subscript) else each for each in node.bases)
            if any(_last(base) == "Protocol" for base in bases):
                yield from node.body


def _is_unwritten(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function has no body, says that it answers something, and is there to be called.

    basedpyright takes it for one of a stub, and lines of it aren't counted.
    """
    match function.body[-1]:
        case ast.Expr(value=ast.Constant(value=value)) if value is ...:
            pass
        case _:
            return False
    answers = ast.unparse(function.returns) if function.returns else "None"
    marks = {_last(each) for each in function.decorator_list}
    return answers != "None" and marks.isdisjoint(_DECLARING)


def _last(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


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


def _at(source: Source, node: ast.expr | ast.alias, rule: str, why: str) -> Place:
    return Place(source.path, node.lineno, node.col_offset + 1, rule, f"{rule} {why}")
