"""What a module binds as it is imported, statement by statement, and what each of them uses.

`code.read` says of a module's own code only that it is another. Here it is taken apart, so that a
new constant, import or method, or another parameter, concerns those that use its name.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import PurePosixPath
from typing import Final, Literal, NamedTuple, TypeAlias

REST: Final = ""
"""The name of all statements that bind nothing by a plain name: what they do isn't known."""
_PLAIN: Final = frozenset(
    (
        *("abstractmethod", "cache", "cached_property", "classmethod", "contextmanager"),
        *("final", "lru_cache", "overload", "override", "property", "staticmethod"),
    )
)
"""Decorators that remember nothing of a function elsewhere."""
_DEFINES: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"

Kind: TypeAlias = Literal["function", "class", "import", "value", "rest"]


class Imported(NamedTuple):
    """What an import statement asks for."""

    module: str
    """Absolute, with dots."""
    name: str
    """Of that module; empty if the module itself is bound."""


class Uses(NamedTuple):
    """What code speaks of."""

    names: frozenset[str]
    """Alone, so that it may be one of the module's own."""
    members: frozenset[str]
    """Behind a dot, or as a text by itself: what `getattr` is handed."""
    imports: frozenset[Imported]


class Unit(NamedTuple):
    """One thing that is bound: `C`, which is all of a class but for its methods, or `C.m`, or `f`.

    What a function does isn't part of it.
    """

    kind: Kind
    digest: str
    outside: Uses
    """What is used as it is bound: bases, defaults, decorators, values, types of fields; and types
    of parameters, which whoever registers a function may read."""
    inside: Uses
    """What the function uses when it is called; nothing of all else."""
    touches: frozenset[str]
    """Names that are handed to functions meanwhile, which may change what they stand for."""
    is_plain: bool = False
    """Whether it is a function that nothing but its callers can know, or a class without bases."""


@cache
def read(text: bytes, path: str) -> dict[str, Unit]:
    """Read what a module binds, by name. Comments, docstrings and lines make no difference.

    Raises
    ------
    SyntaxError
        It is no Python.
    """
    found: dict[str, list[Unit]] = {}
    for name, unit in _units(ast.parse(text).body, _package(path), ""):
        found.setdefault(name, []).append(unit)
    return {name: units[0] if len(units) == 1 else _joined(units) for name, units in found.items()}


def module_of(path: str) -> str:
    """Spell with dots which module a file below `src` is."""
    return ".".join(_parts(path)).removesuffix(".__init__")


def _package(path: str) -> str:
    """Spell with dots what a relative import begins at."""
    return ".".join(_parts(path)[:-1])


def _parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).with_suffix("").parts
    return parts[parts.index("src") + 1 :] if "src" in parts else parts[-1:]


def _units(body: Iterable[ast.stmt], package: str, owner: str) -> Iterator[tuple[str, Unit]]:
    for node in body:
        if isinstance(node, _DEFINES):
            yield f"{owner}{node.name}", _function(node, package)
        elif isinstance(node, ast.ClassDef):
            yield node.name, _class(node, package)
            methods = [each for each in node.body if isinstance(each, _DEFINES)]
            yield from _units(methods, package, f"{node.name}.")
        elif isinstance(node, ast.ImportFrom) and node.module == "__future__":
            yield REST, _unit("rest", [node], [], package)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imports(node, package)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [each.id for each in targets if isinstance(each, ast.Name)]
            value = [] if node.value is None else [node.value]
            unit = _unit("value", value, value, package)
            yield from ((name, unit) for name in names)
            if len(names) < len(targets):
                yield REST, _unit("rest", [node], [node], package)
        elif not (_is_text(node) or _is_for_types(node)):
            yield REST, _unit("rest", [node], [node], package)


def _function(node: _Function, package: str) -> Unit:
    evaluated = [
        *node.decorator_list,
        *node.args.defaults,
        *(each for each in node.args.kw_defaults if each is not None),
    ]
    types = [each.annotation for each in ast.walk(node.args) if isinstance(each, ast.arg)]
    typed = [each for each in (*types, node.returns) if each is not None]
    returned = [] if node.returns is None else [node.returns]
    unit = _unit("function", [*node.decorator_list, node.args, *returned], evaluated, package)
    return unit._replace(
        outside=_all_uses([unit.outside, _uses(typed, package)]),
        inside=_uses([*node.body, node.args], package),
        touches=unit.touches.union(*map(_names, node.decorator_list)),
        is_plain=all(_called(each) in _PLAIN for each in node.decorator_list),
    )


def _class(node: ast.ClassDef, package: str) -> Unit:
    rest = [each for each in node.body if not (isinstance(each, _DEFINES) or _is_text(each))]
    parts = [*node.decorator_list, *node.bases, *node.keywords, *rest]
    unit = _unit("class", parts, parts, package)
    is_alone = not (node.bases or node.keywords)
    return unit._replace(
        touches=unit.touches.union(*map(_names, node.decorator_list)),
        is_plain=is_alone and all(_called(each) == "dataclass" for each in node.decorator_list),
    )


def _imports(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Unit]]:
    for imported, bound in _imported(node, package):
        nothing = _uses([], package)
        uses = nothing._replace(imports=frozenset((imported,)))
        yield bound, Unit("import", _digest([repr(imported)]), uses, nothing, frozenset())


def _imported(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[Imported, str]]:
    for alias in node.names:
        if isinstance(node, ast.Import):
            first = alias.name.partition(".")[0]
            yield Imported(alias.name, ""), alias.asname or first
            if not alias.asname:
                yield Imported(first, ""), first
        else:
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield Imported(source, alias.name), alias.asname or alias.name


def _unit(kind: Kind, parts: Iterable[ast.AST], evaluated: Iterable[ast.AST], package: str) -> Unit:
    evaluated = list(evaluated)
    calls = [each for part in evaluated for each in ast.walk(part) if isinstance(each, ast.Call)]
    touches = (_names(call) for call in calls if not _called(call)[:1].isupper())
    return Unit(
        kind,
        _digest(map(ast.dump, parts)),
        _uses(evaluated, package),
        _uses([], package),
        frozenset[str]().union(*touches),
    )


def _joined(units: list[Unit]) -> Unit:
    """Put together what is bound by one name, one after the other."""
    kind = units[0].kind if len({unit.kind for unit in units}) == 1 else "value"
    return Unit(
        kind,
        _digest(unit.digest for unit in units),
        _all_uses([unit.outside for unit in units]),
        _all_uses([unit.inside for unit in units]),
        frozenset[str]().union(*(unit.touches for unit in units)),
        all(unit.is_plain for unit in units),
    )


def _all_uses(uses: list[Uses]) -> Uses:
    return Uses(
        frozenset[str]().union(*(each.names for each in uses)),
        frozenset[str]().union(*(each.members for each in uses)),
        frozenset[Imported]().union(*(each.imports for each in uses)),
    )


def _uses(parts: Iterable[ast.AST], package: str) -> Uses:
    names: set[str] = set()
    members: set[str] = set()
    imports: set[Imported] = set()
    for node in (each for part in parts for each in ast.walk(part)):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            members.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            members.add(node.value)
            imports.update(_spelled(node.value))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imports.update(imported for imported, _ in _imported(node, package))
    return Uses(frozenset(names), frozenset(members), frozenset(imports))


def _spelled(text: str) -> Iterator[Imported]:
    """Read what `monkeypatch.setattr` takes for a name of a module."""
    module, _, name = text.rpartition(".")
    if module:
        yield Imported(module, name)


def _names(node: ast.AST) -> frozenset[str]:
    return frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))


def _called(node: ast.AST) -> str:
    """Name what is called, or what a decorator is, by its last part."""
    if isinstance(node, ast.Call):
        return _called(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id.lstrip("_") if isinstance(node, ast.Name) else ""


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_for_types(node: ast.stmt) -> bool:
    """Whether it is what only a type checker runs."""
    if not isinstance(node, ast.If) or node.orelse:
        return False
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256(repr([*texts]).encode()).hexdigest()[:24]
