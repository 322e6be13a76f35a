"""The public names of a package, each with what can be relied upon and what is said of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from emel_tools.surface.classes import Class, Kind
from emel_tools.surface.modules import Elsewhere, Found, Module, Modules
from emel_tools.surface.signatures import after, decorators, overloads, value
from emel_tools.workspace import Package


class Name(NamedTuple):
    """One thing that others may use."""

    key: str
    """As others write it, after the package's name: `Model.load`, `testing.FakeStrategy`."""
    kind: Kind
    what: str
    """What can be relied upon: a signature, a type, a value, bases."""
    doc: str | None
    """Its docstring; None if it has none, or none is asked of it and none is there."""
    file: str
    """Where it is defined, from the folder of the package."""
    line: int
    decorators: tuple[str, ...] = ()
    """Of a function, as they are written: those that `what` doesn't tell."""
    module: str = ""
    """The full name of the module that defines it, which its defaults are names in."""


def public(package: Package, modules: Modules | None = None) -> list[Name]:
    """List the public names of a package: of its front door, and of its `testing` if it has one."""
    modules = modules or Modules(package)
    names: list[Name] = []
    for module, prefix in ((package.module, ""), (f"{package.module}.testing", "testing.")):
        found = modules.module(module)
        if found is not None:
            where = _where(package, found)
            names.append(Name(prefix.rstrip("."), "module", "", _doc(found.tree), where, 1))
            known = frozenset(exported(found))
            for name in sorted(known):
                names += _named(package, modules, module, name, prefix, known)
    return names


def exported(module: Module) -> list[str]:
    """List what a module says that it offers: its `__all__`, or else what it defines."""
    if module.exported is None:
        return [name for name in module.definitions if not name.startswith("_")]
    return [e.value for e in module.exported.elts if isinstance(e, ast.Constant)]  # pyright: ignore[reportReturnType]


def _named(
    package: Package, modules: Modules, module: str, name: str, prefix: str, known: frozenset[str]
) -> Iterator[Name]:
    found = _behind(modules, modules.find(module, name), known)
    if isinstance(found, Elsewhere):
        here = modules.module(module)
        where = "" if here is None else _where(package, here)
        yield Name(f"{prefix}{name}", "elsewhere", f"{found.module}.{found.name}", None, where, 0)
    elif isinstance(found, Found):
        first = found.nodes[0]
        where = _where(package, found.module)
        if isinstance(first, ast.ClassDef):
            made = Class(modules, found.module, first, known)
            for member in made.members(f"{prefix}{name}"):
                at = _where(package, member.module)
                yield Name(*member[:4], at, member.line, member.decorators, member.module.name)
        elif isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef):
            functions = [
                node
                for node in found.nodes
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
            yield Name(
                f"{prefix}{name}",
                "function",
                overloads(functions, bound=False),
                ast.get_docstring(functions[-1]),
                where,
                functions[-1].lineno,
                decorators(functions),
                found.module.name,
            )
        else:
            yield Name(
                f"{prefix}{name}",
                "value",
                value(first),
                after(found.module.tree.body, first),
                where,
                first.lineno,
                (),
                found.module.name,
            )


def _behind(
    modules: Modules, found: Found | Elsewhere | None, known: frozenset[str]
) -> Found | Elsewhere | None:
    """Find the class that a name is another one of, and that nobody outside has by its own."""
    match found:
        case Found(module, [ast.Assign(value=ast.Name(id=name))]) if name not in known:
            inner = modules.find(module.name, name)
            is_class = isinstance(inner, Found) and isinstance(inner.nodes[0], ast.ClassDef)
            return inner if is_class else found
        case _:
            return found


def _doc(tree: ast.Module) -> str | None:
    return ast.get_docstring(tree)


def _where(package: Package, module: Module) -> str:
    return module.path.relative_to(package.folder).as_posix()
