"""What a package declares: its dependencies, those of its tests, and the siblings among them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from emel_tools.workspace import Package, packages

GROUP = "test"
"""The dependency group (PEP 735) that names what the tests of a package need."""


class Declared(NamedTuple):
    """What an environment for one package is made of."""

    package: Package
    has_group: bool
    """Whether it says what its tests need."""
    requirements: tuple[str, ...]
    """What its tests need beside the packages of the repository."""
    folders: tuple[Path, ...]
    """Its own and those of the siblings that it declares, and that these declare in turn."""
    files: tuple[str, ...]
    """What the pyproject.toml of these name as README and licences, as globs from the root.

    An installation reads it in a process that nobody sees, and of licences takes what it finds."""


class _Project(msgspec.Struct, frozen=True, rename="kebab"):
    readme: str | dict[str, str] = ""
    license_files: list[str] = []


class _Read(msgspec.Struct, frozen=True):
    """What is said of files that an installation reads."""

    project: _Project = _Project()


def declared(root: Path) -> list[Declared]:
    """Read what each package declares."""
    here = packages(root)
    projects = {package: _project(package) for package in here}
    names = {
        canonical(project["project"]["name"]): package
        for package, project in projects.items()
        if "name" in project.get("project", {})
    }
    return [_declared(root, package, projects, names) for package in here]


def canonical(requirement: str) -> str:
    """Name the distribution of a requirement, spelled as PyPI compares names."""
    match = re.match(r"[\w.-]+", requirement.strip())
    return re.sub(r"[-_.]+", "-", match.group() if match else "").lower()


def _declared(
    root: Path,
    package: Package,
    projects: dict[Package, dict[str, Any]],
    names: dict[str, Package],
) -> Declared:
    groups = projects[package].get("dependency-groups", {})
    requirements = tuple(_group(groups, GROUP))
    found = [package]
    for each in found:  # grows while it is read
        wanted = [*_dependencies(projects[each]), *(requirements if each is package else ())]
        found += (
            sibling
            for name in map(canonical, wanted)
            if (sibling := names.get(name)) and sibling not in found
        )
    outside = tuple(each for each in requirements if canonical(each) not in names)
    files = tuple(
        f"{each.folder.relative_to(root).as_posix()}/{name}"
        for each in found
        for name in _files(projects[each])
    )
    folders = tuple(each.folder for each in found)
    return Declared(package, GROUP in groups, outside, folders, files)


def _project(package: Package) -> dict[str, Any]:
    path = package.folder / "pyproject.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


def _dependencies(project: dict[str, Any]) -> Iterable[str]:
    return project.get("project", {}).get("dependencies", [])


def _files(project: dict[str, object]) -> list[str]:
    read = msgspec.convert(project, _Read).project
    readme = read.readme if isinstance(read.readme, str) else read.readme.get("file", "")
    return [name for name in (readme, *read.license_files) if name]


def _group(groups: dict[str, list[Any]], name: str) -> Iterable[str]:
    for entry in groups.get(name, []):
        if isinstance(entry, str):
            yield entry
        else:  # {include-group = "other"}
            yield from _group(groups, entry["include-group"])
