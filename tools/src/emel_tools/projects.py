"""What a package says of itself in its pyproject.toml, as far as anything here is held to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

FILE = "pyproject.toml"


class Project(msgspec.Struct, frozen=True, rename="kebab"):
    """What it is published as, and what is installed with it."""

    name: str = ""
    version: str = ""
    requires_python: str = "any"
    dependencies: list[str] = []
    optional_dependencies: dict[str, list[str]] = {}
    """By extra."""
    scripts: dict[str, str] = {}
    gui_scripts: dict[str, str] = {}
    """Commands that open a window."""
    entry_points: dict[str, dict[str, str]] = {}
    """By group, and by name."""

    @property
    def offers(self) -> Iterator[tuple[str, str]]:
        """List commands and entry points, each with what it leads to."""
        for group in (self.scripts, self.gui_scripts, *self.entry_points.values()):
            yield from group.items()

    @property
    def needs(self) -> Iterator[str]:
        """List all requirements, those of extras too."""
        yield from self.dependencies
        for extra in self.optional_dependencies.values():
            yield from extra


class Changelog(msgspec.Struct, frozen=True):
    """Where fragments lie, and what stands above them; each by default as towncrier has it."""

    directory: str = "newsfragments"
    name: str | None = None
    version: str | None = None


class Source(msgspec.Struct, frozen=True):
    """Where uv takes a requirement from."""

    workspace: bool = False


class Uv(msgspec.Struct, frozen=True):
    """What is set for uv."""

    sources: dict[str, Source | list[Source]] = {}


class Tools(msgspec.Struct, frozen=True):
    """What is set for tools."""

    hatch: dict[str, object] = {}
    """What hatchling, which builds wheels, is told."""
    towncrier: Changelog = Changelog()
    uv: Uv = Uv()


class Build(msgspec.Struct, frozen=True, rename="kebab"):
    """What makes a wheel of it."""

    build_backend: str = "setuptools.build_meta:__legacy__"
    """By default as PEP 517 has it."""
    backend_path: list[str] = []


class Declaration(msgspec.Struct, frozen=True, rename="kebab"):
    """The whole file."""

    build_system: Build = Build()
    project: Project = Project()
    dependency_groups: dict[str, list[str | dict[str, str]]] = {}
    """By name; a group that includes another names it in a table."""
    tool: Tools = Tools()

    @property
    def needs(self) -> Iterator[str]:
        """List all requirements, those of extras and groups too."""
        yield from self.project.needs
        for group in self.dependency_groups.values():
            yield from (each for each in group if isinstance(each, str))


def declaration(folder: Path) -> Declaration:
    """Read what the package in a folder says; nothing, if it says nothing."""
    path = folder / FILE
    text = path.read_bytes() if path.exists() else b""
    return msgspec.toml.decode(text, type=Declaration)
