"""What the rules look at."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from emel_tools.boundaries.contracts import Configuration, read
from emel_tools.workspace import Package, packages


class Source(NamedTuple):
    """One module of a package."""

    package: Package
    path: Path
    tree: ast.Module


class Facts:
    """The repository at `root`: its packages, their modules, and what import-linter is told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.packages = packages(root)
        self.configuration: Configuration = read(root)

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Every module of every package, parsed."""
        return tuple(
            Source(package, path, ast.parse(path.read_text("utf-8"), str(path)))
            for package in self.packages
            for path in sorted(package.folder.glob("src/**/*.py"))
        )

    def where(self, path: Path) -> str:
        """Spell a path from the root."""
        return path.relative_to(self.root).as_posix()


def modules_of(*among: Package) -> Iterator[str]:
    """Name every module of some packages."""
    for package in among:
        for path in sorted(package.source.rglob("*.py")):
            parts = path.relative_to(package.folder / "src").with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_tops(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name the top-level packages that a module imports, anywhere in it, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0], node.lineno


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))
