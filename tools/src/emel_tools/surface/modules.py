"""Where a name that a module offers is defined, followed through the imports of its package."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from emel_tools.workspace import Package, python_files

Definition: TypeAlias = (
    ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
)


class Module:
    """One module of a package."""

    def __init__(self, path: Path, full_name: str) -> None:
        self.path, self.name = path, full_name
        self.tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        self.statements = [*statements(self.tree.body)]
        self.imports: dict[str, tuple[str, str]] = {}
        """For each imported name, the module that it comes from and what it is called there."""
        self.definitions: dict[str, list[Definition]] = {}
        """For each name, its statements: several where it is overloaded."""
        for node in self.statements:
            if isinstance(node, Definition):
                for name in _names(node):
                    self.definitions.setdefault(name, []).append(node)
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                self.imports |= {a.asname or a.name: (node.module, a.name) for a in node.names}
            elif isinstance(node, ast.Import):
                self.imports |= {a.asname or a.name: (a.name, "") for a in node.names}

    @property
    def exported(self) -> ast.List | ast.Tuple | None:
        """What stands to the right of `__all__ =`."""
        for node in self.definitions.get("__all__", []):
            value = getattr(node, "value", None)
            if isinstance(value, ast.List | ast.Tuple):
                return value
        return None


class Found(NamedTuple):
    """A definition, and the module that it stands in."""

    module: Module
    nodes: list[Definition]


class Elsewhere(NamedTuple):
    """A name of another package, or of a library."""

    module: str
    name: str
    """Empty for the module itself."""


class Modules:
    """The modules of one package, each read when it is asked for."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._read: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """Find a module by its full name; None if the package has none of that name."""
        if name not in self._read:
            inner = name.split(".")[1:]
            stem = self._package.source.joinpath(*inner)
            files = (
                (stem / "__init__.py", stem.with_suffix(".py"))
                if inner
                else (stem / "__init__.py",)
            )
            path = next((file for file in files if file.exists()), None)
            self._read[name] = None if path is None else Module(path, name)
        return self._read[name]

    @property
    def known(self) -> frozenset[str]:
        """Name all that any module of the package defines or imports."""
        source = self._package.source
        found: set[str] = set()
        for path in python_files(source):
            parts = path.relative_to(source.parent).with_suffix("").parts
            module = self.module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
            found |= {*module.definitions, *module.imports} if module else set()
        return frozenset(found)

    def find(self, module: str, name: str) -> Found | Elsewhere | None:
        """Find what `name` means in a module; None if nothing does."""
        here = self.module(module)
        for _ in range(20):  # imports that lead in a circle end somewhere
            if here is None:
                return None
            if name in here.definitions:
                return Found(here, here.definitions[name])
            if name not in here.imports:
                return None
            module, name = here.imports[name]
            if module.partition(".")[0] != self._package.module or not name:
                return Elsewhere(module, name)
            if self.module(f"{module}.{name}") is not None:
                return Elsewhere(f"{module}.{name}", "")
            here = self.module(module)
        return None


def statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """List the statements of a module or class, those below `if` and `try` too."""
    todo = [*body]
    while todo:
        node = todo.pop(0)
        if isinstance(node, ast.If):
            todo = [*node.body, *node.orelse, *todo]
        elif isinstance(node, ast.Try):
            handlers = [statement for each in node.handlers for statement in each.body]
            todo = [*node.body, *handlers, *node.orelse, *todo]
        else:
            yield node


def _names(node: Definition) -> list[str]:
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return [each.id for each in targets(node) if isinstance(each, ast.Name)]
    return [node.name]


def targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    """List what a statement gives a value to; of `a, b = 1, 2` both."""
    found: list[ast.expr] = []
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        found += target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
    return found
