"""Rules over the sources: what an import graph can't see."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from emel_tools.boundaries import contracts
from emel_tools.boundaries.facts import Facts, Source, imported_tops, read_toml
from emel_tools.findings import Finding

OWNER = "_platform.py"
"""The module of a package that may touch the operating system."""
BUILTINS = frozenset({"__import__", "compile", "eval", "exec", "open"})
ATTRIBUTES = frozenset(
    {"__globals__", "__import__", "ctypeslib", "fromfile", "genfromtxt", "import_module",
     "loadtxt", "memmap", "open_memmap", "tofile"}
)  # fmt: skip
"""Ways around the contracts that are attributes: numpy's own I/O, and dynamic imports."""


def protected_are_imported(facts: Facts) -> Iterator[Finding]:
    """Every protected outside module is imported: lint-imports stops at one that isn't."""
    seen = {top for source in facts.sources for top, _ in imported_tops(source.tree)}
    roots = set(facts.configuration.roots)
    for contract in facts.configuration.contracts:
        for name in contract.entries("protected_modules"):
            if name.partition(".")[0] not in seen | roots and "*" not in name:
                yield Finding(
                    f"{contracts.FILE} [{contract.id}]",
                    f"{name} is protected, and no package imports it",
                    f"move {name} into forbidden_modules of [system]",
                )


def imports_are_declared(facts: Facts) -> Iterator[Finding]:
    """A package declares what it imports (extras too), and imports what it declares."""
    for package in facts.packages:
        project = read_toml(package.folder / "pyproject.toml").get("project", {})
        extras = project.get("optional-dependencies", {}).values()
        needs = (project.get("dependencies", []), *extras)
        declared = {_module(text) for texts in needs for text in texts}
        imported = {
            top: f"{facts.where(source.path)}:{line}"
            for source in facts.sources
            if source.package == package
            for top, line in imported_tops(source.tree)
            if top not in sys.stdlib_module_names and top != package.module
        }
        for top in sorted(imported.keys() - declared):
            yield Finding(
                imported[top],
                f"{top} is imported and not declared",
                f"add it to the dependencies in packages/{package.name}/pyproject.toml",
            )
        for top in sorted(declared - imported.keys()):
            yield Finding(
                f"packages/{package.name}/pyproject.toml",
                f"{top} is declared and never imported",
                "remove it from the dependencies",
            )


def ports_are_used(facts: Facts) -> Iterator[Finding]:
    """Nothing but a `_platform` module opens files or imports by name: no contract sees that."""
    for source in facts.sources:
        if source.path.name != OWNER:
            for node, name in _reaching(source):
                yield Finding(
                    f"{facts.where(source.path)}:{node.lineno}",
                    f"{name} reaches around the ports",
                    f"ask a strategy for it, or add the call to the port in a {OWNER}",
                )


def _reaching(source: Source) -> Iterator[tuple[ast.Name | ast.Attribute, str]]:
    own = {
        node.name
        for node in source.tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    imported = {
        alias.asname or alias.name
        for node in ast.walk(source.tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id in BUILTINS - own - imported:
            yield node, node.id
        elif isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            yield node, node.attr


def _module(requirement: str) -> str:
    """Guess what a requirement is imported as: its name, with underscores."""
    return re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0].lower().replace("-", "_")
