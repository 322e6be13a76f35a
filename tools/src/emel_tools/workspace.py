"""What lies in the repository: its root and its packages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

_MADE: Final = ("build", "dist")
"""Folders that hold what was made of the package that they lie in."""


class Package(NamedTuple):
    """One folder of `packages/`, or `tools`."""

    folder: Path
    module: str
    """What it is imported as: `emel` for the face, `emel_<folder>` for every other."""

    @property
    def name(self) -> str:
        """What it is called here, for example `io_mmap`."""
        return self.folder.name

    @property
    def source(self) -> Path:
        """Where its modules lie."""
        return self.folder / "src" / self.module


def packages(root: Path) -> tuple[Package, ...]:
    """List `packages/*`, sorted; a folder counts whatever files are in it.

    One that holds nothing but what was compiled, built or cached is what another branch leaves
    behind.
    """
    folders = sorted(path for path in (root / "packages").iterdir() if _holds_files(path))
    return tuple(Package(path, module_of(path.name)) for path in folders)


def _holds_files(folder: Path) -> bool:
    made = {folder / name for name in _MADE}  # deeper down it may be called so
    for path, folders, files in os.walk(folder):
        if files:
            return True
        inner = (name for name in folders if Path(path, name) not in made)
        folders[:] = [name for name in inner if not _is_left_behind(name)]
    return False


def _is_left_behind(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__" or name.endswith(".egg-info")


def shards(root: Path) -> tuple[Package, ...]:
    """List what is tested by itself: the packages, and the tools."""
    return (*packages(root), Package(root / "tools", module_of("tools")))


def python_files(folder: Path) -> list[Path]:
    """List the Python files below a folder, sorted.

    The link that an editor leaves beside a file while it is edited leads nowhere, and isn't one.
    """
    return sorted(path for path in folder.rglob("*.py") if path.is_file())


def module_of(name: str) -> str:
    """Say what the package in a folder of that name is imported as."""
    return name if name == "emel" else f"emel_{name}"
