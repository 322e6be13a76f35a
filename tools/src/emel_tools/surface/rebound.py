"""Names that mean something else at the end of their module than where they are defined."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from emel_tools.findings import Finding
from emel_tools.surface.modules import Found, Modules, targets
from emel_tools.surface.signatures import Function, spell
from emel_tools.workspace import Package

_READ = "what is read of it isn't what there is"


def rebound(package: Package, modules: Modules) -> Iterator[Finding]:
    """Find functions and classes that others may use, and that are bound again or added to."""
    for door in (package.module, f"{package.module}.testing"):
        module = modules.module(door)
        for name in sorted({*module.definitions, *module.imports}) if module else ():
            found = modules.find(door, name)
            if isinstance(found, Found) and isinstance(found.nodes[0], Function | ast.ClassDef):
                path = found.module.path.relative_to(package.folder).as_posix()
                for line, what in _again(found, found.nodes[0].name):
                    where = f"packages/{package.name}/{path}"
                    told = f"{what}: {_READ}"
                    fix = "define it once, with all that it has"
                    yield Finding(where, line, 0, "rebound", told, fix)


def _again(found: Found, name: str) -> Iterator[tuple[int, str]]:
    *before, last = found.nodes
    if any(not isinstance(node, Function | ast.ClassDef) for node in found.nodes):
        yield last.lineno, f"{name} is bound again below"
    elif not all(_is_overload(node) for node in before):
        yield last.lineno, f"{name} is defined more than once, and overloaded by none of them"
    for node in found.module.statements:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for target in targets(node):
                match target:
                    case ast.Attribute(value=ast.Name(id=owner), attr=member) if owner == name:
                        yield node.lineno, f"{name}.{member} is set from outside"
                    case _:
                        pass
        match node:
            case ast.Expr(ast.Call(func=ast.Name(id="setattr"), args=[ast.Name(id=owner), *_])) if (
                owner == name
            ):
                yield node.lineno, f"{name} is given a member from outside"
            case _:
                pass


def _is_overload(node: ast.stmt) -> bool:
    marks = node.decorator_list if isinstance(node, Function) else []
    return any(spell(each).rpartition(".")[2] == "overload" for each in marks)
