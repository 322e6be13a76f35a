"""What is wrong with the front door of a package by itself, whatever is recorded."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from typing import Final

from emel_tools.findings import Finding
from emel_tools.pages.numpydoc import parameters, raised
from emel_tools.projects import Build, declaration
from emel_tools.surface.modules import Definition, Found, Module, Modules
from emel_tools.surface.names import Name
from emel_tools.surface.signatures import taken
from emel_tools.workspace import Package

_INIT: Final = "__init__.py"
_SAME = "write the same into both"
_DESCRIBED = ("module", "function", "class", "method", "property")


def undocumented(package: Package, names: Sequence[Name]) -> Iterator[Finding]:
    """Find modules, classes, functions, methods and properties without a docstring."""
    for name in names:
        is_magic = name.key.rpartition(".")[2].startswith("__")
        if name.kind in _DESCRIBED and not is_magic and not (name.doc or "").strip():
            told = f"{package.module}.{name.key}".rstrip(".")
            yield Finding(
                _path(package, name),
                name.line,
                0,
                "docstring",
                f"the public {name.kind} {told} has no docstring",
                "say in one below it what it does, what it takes and what comes of it",
            )


def untaken(package: Package, names: Sequence[Name]) -> Iterator[Finding]:
    """Find what a docstring tells as a parameter, and the function or the class doesn't take."""
    calls = {name.key: name.what for name in names if name.kind == "call"}
    for name in names:
        called = calls.get(f"{name.key}()", "") if name.kind == "class" else name.what
        if name.kind not in ("class", "function", "method") or not called:
            continue
        for told in parameters(name.doc or ""):
            if told not in taken(called):
                who = f"{package.module}.{name.key}"
                what = f"the docstring of {who} tells of {told}, which it doesn't take"
                fix = f"name one of its own: {called}"
                yield Finding(_path(package, name), name.line, 0, "docstring", what, fix)


def unknown(package: Package, names: Sequence[Name], modules: Modules) -> Iterator[Finding]:
    """Find what a docstring says is raised, and no module of the package has heard of."""
    known = modules.known.union(dir(builtins))
    for name in names:
        for told in raised(name.doc or ""):
            if told.partition(".")[0] not in known:
                what = f"the docstring of {package.module}.{name.key} raises {told}: there is none"
                fix = "name an error that it raises"
                yield Finding(_path(package, name), name.line, 0, "docstring", what, fix)


def _path(package: Package, name: Name) -> str:
    folder = package.folder.parent.name
    base = f"{folder}/{package.name}" if folder == "packages" else package.name
    return f"{base}/{name.file}"


def offered(package: Package, modules: Modules) -> Iterator[Finding]:
    """Find an `__all__` that is missing, unsorted or untrue: of the front door, and of `testing`.

    A `testing` that is one module may have none, and imports what it needs.
    """
    yield from _offered(package, modules, modules.module(package.module))
    testing = modules.module(f"{package.module}.testing")
    if testing is not None and (testing.exported is not None or testing.path.name == _INIT):
        yield from _offered(package, modules, testing)


def _offered(package: Package, modules: Modules, module: Module | None) -> Iterator[Finding]:
    path = package.source / _INIT if module is None else module.path
    where = f"packages/{package.name}/{path.relative_to(package.folder).as_posix()}"
    if module is not None and "__getattr__" in {*module.definitions, *module.imports}:
        what = "the module has a __getattr__, which offers names that nobody can list"
        yield Finding(where, 0, 0, "all", what, "define or import every name that it offers")
    if module is None or module.exported is None:
        yield Finding(
            where, 0, 0, "all", "it has no __all__ that is a list of strings", "write one, sorted"
        )
        return
    changed = next((n.lineno for n in module.statements if _changes_list(n)), 0)
    if changed:
        what = "__all__ is changed after it is made, and counts as it stands in one list"
        yield Finding(where, changed, 0, "all", what, "write all names into the list itself")
        return
    yield from _listed(modules, module, module.exported, where, package.module)


def _listed(
    modules: Modules, module: Module, listed: ast.List | ast.Tuple, where: str, face: str
) -> Iterator[Finding]:
    """Find what is wrong with the names in a list."""
    line = listed.lineno
    names = [_text(element) for element in listed.elts]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Finding(where, line, 0, "all", f"__all__ lists {name} twice", "list it once")
    for first, second in zip(names, sorted(names, key=_rank), strict=True):
        if first != second:
            what = f"__all__ isn't sorted: {first} stands where {second} belongs"
            yield Finding(where, line, 0, "all", what, "sort it: nox -s lint -- --fix")
            break
    for name in names:
        found = modules.find(module.name, name)
        if found is None:
            what = f"__all__ lists {name}, which nothing defines"
            yield Finding(where, line, 0, "all", what, f"define or import {name}, or leave it out")
        elif isinstance(found, Found) and _is_made_anew(found.nodes):
            what = f"{name} is defined twice, and what stands first counts"
            yield Finding(where, line, 0, "all", what, "define it once, or overload it")
    for name in sorted(_visible(module) - {*names}) if module.path.name == _INIT else ():
        door = "the front door" if module.name == face else module.name
        what = f"{name} can be had from {door}, and __all__ doesn't list it"
        yield Finding(where, line, 0, "all", what, f"list {name}, or begin its name with _")


def unlike(package: Package, modules: Modules) -> Iterator[Finding]:
    """Find a version or a name that isn't the one that the package is published by."""
    where = f"packages/{package.name}/pyproject.toml"
    told = declaration(package.folder)
    project, news = told.project, told.tool.towncrier
    pairs = (("name", news.name, project.name), ("version", news.version, project.version))
    for key, said, published in pairs:
        if said not in (None, published):
            what = f"[tool.towncrier] has the {key} {said}, and [project] {published or 'none'}"
            yield Finding(where, 0, 0, "version", what, _SAME)
    found = modules.find(package.module, "__version__")
    if isinstance(found, Found):
        node, path = found.nodes[-1], found.module.path.relative_to(package.folder).as_posix()
        value = getattr(node, "value", None)
        said = _text(value) if isinstance(value, ast.expr) else "nothing that can be read"
        if said != project.version:
            what = f"__version__ is {said}, and [project] has {project.version or 'none'}"
            yield Finding(f"packages/{package.name}/{path}", node.lineno, 0, "version", what, _SAME)


def astray(package: Package, modules: Modules) -> Iterator[Finding]:
    """Find a command or an entry point that leads to what the package hasn't."""
    for name, target in declaration(package.folder).project.offers:
        module, _, member = ("".join(target.split())).partition("[")[0].partition(":")
        ours = module.partition(".")[0] == package.module and modules.module(module)
        if not ours or (member and modules.find(module, member.partition(".")[0]) is None):
            where = f"packages/{package.name}/pyproject.toml"
            what = f"{name} leads to {target}, which there isn't"
            yield Finding(where, 0, 0, "entry", what, "correct it: module:function")


def unpacked(package: Package) -> Iterator[Finding]:
    """Find what may leave a file of the package out of its wheel, or bring another one in.

    Nobody would see it: here everything is installed by its folder, and not as a wheel.
    """
    where = f"packages/{package.name}/pyproject.toml"
    told = declaration(package.folder)
    wheel = {"build": {"targets": {"wheel": {"packages": [f"src/{package.module}"]}}}}
    if told.tool.hatch != wheel:
        what = "[tool.hatch] says something else than which folder a wheel is made of"
        fix = f'say `packages = ["src/{package.module}"]` for the target wheel, and no more'
        yield Finding(where, 0, 0, "wheel", what, fix)
    if told.build_system != Build("hatchling.build"):
        what = "its wheel is built by something else than hatchling"
        yield Finding(where, 0, 0, "wheel", what, 'say `build-backend = "hatchling.build"`')
    beside = [name for name in ("hatch.toml", "hatch_build.py") if (package.folder / name).exists()]
    for name in beside:
        what = f"{name} has a say in what a wheel holds"
        yield Finding(f"packages/{package.name}/{name}", 0, 0, "wheel", what, "delete it")


def _is_made_anew(nodes: Sequence[Definition]) -> bool:
    """Whether a function or class has another meaning further below, or on another Python."""
    if not isinstance(nodes[0], (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return False
    return any(
        "overload" not in map(_last, getattr(n, "decorator_list", ())) for n in nodes[:-1]
    ) or (isinstance(nodes[-1], (ast.Assign, ast.AnnAssign)))


def _last(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _changes_list(node: ast.stmt) -> bool:
    """Whether it adds to `__all__`, or calls a method of it."""
    match node:
        case ast.AugAssign(target=ast.Name(id="__all__")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="__all__")))):
            return True
        case _:
            return False


def _visible(module: Module) -> set[str]:
    """List what others can reach and the module itself doesn't need."""
    futures = {n for n, (origin, _) in module.imports.items() if origin == "__future__"}
    used = {
        node.id
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    names = {*module.definitions, *module.imports} - futures - used
    return {name for name in names if not name.startswith("_")}


def _text(node: ast.expr) -> str:
    return (
        node.value
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        else ast.unparse(node)
    )


def _rank(name: str) -> tuple[int, str]:
    """Sort as ruff does: constants, classes, functions."""
    if name.isupper():
        return 0, name
    return (1 if name[:1].isupper() else 2), name
