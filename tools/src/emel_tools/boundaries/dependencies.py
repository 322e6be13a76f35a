"""Rule over what a package declares: it imports that and nothing else, or it can't stand alone."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from emel_tools.boundaries.isolation.declared import canonical
from emel_tools.boundaries.isolation.environments import CONSTRAINTS
from emel_tools.boundaries.syntax import is_typing_only
from emel_tools.boundaries.tree import Subject, Tree
from emel_tools.findings import Finding
from emel_tools.projects import FILE, Source, declaration

RULE = "dependencies"
_HERE: Final = Source(workspace=True)
_PIN: Final = re.compile(r"[\w.-]+ *== *[\w.+!-]+( *;.*)?( +#.*)?")


def imports_are_declared(tree: Tree) -> Iterator[Finding]:
    """A package declares what it imports (extras too), and imports what it declares."""
    for package in tree.packages:
        if package.folder.name == "tools":
            continue
        path = package.folder / FILE
        where = path.relative_to(tree.root).as_posix()
        if not path.exists():
            yield Finding(where, 0, 0, RULE, "the package has none", "write it: see a neighbour's")
            continue
        needs = declaration(package.folder).project.needs
        declared = {canonical(text).replace("-", "_") for text in needs}
        imported: dict[str, tuple[Subject, int]] = {}
        for subject in tree.subjects:
            if subject.package == package.module:
                for top, line in foreign(tree, subject):
                    if not subject.is_test or top in tree.roots:
                        imported.setdefault(top, (subject, line))
        for top in sorted(imported.keys() - declared):
            subject, line = imported[top]
            what = f"{top} is imported and not declared"
            fix = f"add it to the dependencies in {where}, if it may be one"
            yield Finding(subject.path, line, 0, RULE, what, fix)
        for top in sorted(declared - imported.keys()):
            what = f"{top} is declared and never imported"
            yield Finding(where, 0, 0, RULE, what, "remove it from the dependencies")


def extras_are_imported_late(tree: Tree) -> Iterator[Finding]:
    """What only an extra brings is imported where it is asked for: without it all else works."""
    for package in tree.packages:
        project = declaration(package.folder).project
        always = {*map(canonical, project.dependencies)}
        extras = {name.replace("-", "_") for name in {*map(canonical, project.needs)} - always}
        for subject in tree.subjects if extras else ():
            if subject.package == package.module and not subject.is_test:
                for top, line in _tops(_at_once(tree.parsed(subject).body)):
                    if top in extras:
                        what = f"{top}, which only an extra brings, is imported with the module"
                        fix = "import it in the function that is asked for it, or make it no extra"
                        yield Finding(subject.path, line, 0, RULE, what, fix)


def _at_once(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """List the statements that run as their module is imported, but for those that may fail."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        tried = isinstance(node, ast.Try) and bool(node.handlers)
        for part in ("body", "orelse", "finalbody"):
            if part != "body" or not (tried or is_typing_only(node)):
                yield from _at_once(getattr(node, part, ()))


def siblings_are_pinned(tree: Tree) -> Iterator[Finding]:
    """A package declares a sibling by the very version that it has here."""
    projects = {package.folder: declaration(package.folder).project for package in tree.packages}
    versions = {canonical(each.name): each.version for each in projects.values() if each.version}
    for folder, project in projects.items():
        for text in project.needs:
            name = canonical(text)
            pin = f"=={versions.get(name, '')}"
            if name in versions and not "".join(text.split()).endswith(pin):
                where = (folder / FILE).relative_to(tree.root).as_posix()
                what = f"the sibling {text} is declared so that another version than ours will do"
                yield Finding(where, 0, 0, RULE, what, f"declare it as {name}{pin}")


def siblings_come_from_here(tree: Tree) -> Iterator[Finding]:
    """Uv takes each sibling from the workspace, as pip does by what the noxfile hands to it."""
    declared = {package.folder: declaration(package.folder) for package in tree.packages}
    siblings = {canonical(each.project.name) for each in declared.values()}
    everywhere = declaration(tree.root).tool.uv.sources
    for folder, told in declared.items():
        both = (*everywhere.items(), *told.tool.uv.sources.items())  # what comes later holds
        sources = {canonical(name): source for name, source in both}
        here = {name for name, source in sources.items() if source == _HERE}
        here.add(canonical(told.project.name))  # an extra may name another one of its own package
        for name in sorted({*map(canonical, told.needs)} & siblings - here):
            where = (folder / FILE).relative_to(tree.root).as_posix()
            what = f"the sibling {name} isn't taken from the workspace"
            fix = f"write {name} = {{ workspace = true }} into [tool.uv.sources]"
            yield Finding(where, 0, 0, RULE, what, fix)


def requirements_are_pinned(tree: Tree) -> Iterator[Finding]:
    """Whatever is installed of others has one version, the same for everybody."""
    folders = (tree.root, *(package.folder for package in tree.packages))
    declared = {folder: declaration(folder) for folder in folders}
    siblings = {canonical(each.project.name) for each in declared.values()}
    path = tree.root / CONSTRAINTS
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    pinned = {canonical(line) for line in lines if _PIN.fullmatch(line.strip())}
    for folder, told in declared.items():
        for name in sorted({*map(canonical, told.needs)} - siblings - pinned):
            where = (folder / FILE).relative_to(tree.root).as_posix()
            what = f"{name} is required, and {CONSTRAINTS.as_posix()} has no version of it"
            yield Finding(where, 0, 0, RULE, what, f"pin it there: {name}==...")


def foreign(tree: Tree, subject: Subject) -> tuple[tuple[str, int], ...]:
    """List the packages that a file imports, neither its own nor Python's, each with its line."""
    return tree.remember(subject, "foreign", lambda: tuple(_foreign(tree, subject)))


def _foreign(tree: Tree, subject: Subject) -> Iterator[tuple[str, int]]:
    for top, line in _tops(tree.nodes(subject)):
        if top not in sys.stdlib_module_names and top != subject.package:
            yield top, line


def _tops(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    """List the first words of all names that import statements ask for, each with its line."""
    for node in nodes:
        match node:
            case ast.Import(names=aliases):
                named = [alias.name for alias in aliases]
            case ast.ImportFrom(module=str(module), level=0):
                named = [module]
            case _:
                continue
        yield from ((name.partition(".")[0], node.lineno) for name in named)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))
