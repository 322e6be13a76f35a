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
    entry_points: dict[str, dict[str, str]] = {}
    """By group, and by name."""

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


class Tools(msgspec.Struct, frozen=True):
    """What is set for tools."""

    towncrier: Changelog = Changelog()


class Declaration(msgspec.Struct, frozen=True):
    """The whole file."""

    project: Project = Project()
    tool: Tools = Tools()


def declaration(folder: Path) -> Declaration:
    """Read what the package in a folder says; nothing, if it says nothing."""
    path = folder / FILE
    text = path.read_bytes() if path.exists() else b""
    return msgspec.toml.decode(text, type=Declaration)
