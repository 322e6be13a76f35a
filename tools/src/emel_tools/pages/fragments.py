"""What is told of a change before a release: fragments, which towncrier makes the changelogs of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.projects import declaration
from emel_tools.workspace import Package, packages

_KINDS: Final = ("bugfix", "doc", "feature", "misc", "removal")
"""Towncrier's own: a fragment of another kind is passed over in silence."""
_KEPT: Final = (".gitignore", ".gitkeep")
"""What keeps the folder there while it is empty."""


def untold(root: Path) -> Iterator[Finding]:
    """Find fragments that would be in no changelog: of no kind, empty, or in another folder."""
    for package in packages(root):
        folder = package.folder / declaration(package.folder).tool.towncrier.directory
        for path in sorted(package.folder.rglob("*")):
            what = _wrong(path, folder) if _is_meant(package, path, folder) else ""
            if what:
                where = path.relative_to(root).as_posix()
                fix = f"tell it in {folder.relative_to(root).as_posix()}/+<what>.feature.md"
                yield Finding(where, 0, 0, "fragment", what, fix)


def _kind(path: Path) -> str:
    """Name the kind of a fragment, as towncrier reads it: a part of its name, but not the first."""
    return next((part for part in path.name.split(".")[:0:-1] if part in _KINDS), "")


def _is_meant(package: Package, path: Path, folder: Path) -> bool:
    """Whether a path is meant as a fragment: by where it lies, or by how it is called."""
    if not path.is_file() or path.name in _KEPT:
        return False
    return bool({folder, package.folder / "changes"} & {*path.parents}) or bool(_kind(path))


def _wrong(path: Path, folder: Path) -> str:
    """Say why a fragment wouldn't be told; empty if it would."""
    if path.parent != folder:
        return "it isn't where towncrier looks for what has changed"
    if not _kind(path):
        return f"its name has no kind that towncrier knows: {', '.join(_KINDS)}"
    return "" if path.read_text("utf-8").strip() else "it says nothing"
