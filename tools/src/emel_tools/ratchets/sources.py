"""Which Python files there are, whatever a tool's configuration leaves out, and whose they are."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from emel_tools import workspace

ROOT: Final = "root"
"""The shard of the files that lie in no package."""
_SUFFIXES: Final = (".py", ".pyi")
_GENERATED: Final = ("__pycache__", "build", "dist")


def shards(root: Path) -> tuple[str, ...]:
    """Name the packages, `tools`, and what is left."""
    return (*(package.name for package in workspace.shards(root)), ROOT)


def home(root: Path, shard: str) -> Path:
    """Say which folder the files of a shard are named from."""
    folders = {package.name: package.folder for package in workspace.shards(root)}
    return folders.get(shard, root)


def python_files(root: Path, shard: str) -> list[Path]:
    """List the Python files of a shard, sorted; hidden and generated folders are nobody's."""
    apart = [package.folder for package in workspace.shards(root)] if shard == ROOT else []
    found = _walk(home(root, shard), frozenset(apart))
    return sorted(path for path in found if path.suffix in _SUFFIXES)


def is_test(root: Path, shard: str, path: Path) -> bool:
    """Whether a file is a test, which is linted, and whose types nobody checks."""
    return path.relative_to(home(root, shard)).parts[0] in ("tests", "parity")


def configurations(root: Path, shard: str, names: Collection[str]) -> list[Path]:
    """List the files of these names in a shard, sorted."""
    apart = [package.folder for package in workspace.shards(root)] if shard == ROOT else []
    found = _walk(home(root, shard), frozenset(apart))
    return sorted(path for path in found if path.name in names)


def _walk(folder: Path, apart: Collection[Path]) -> Iterator[Path]:
    for path, folders, files in os.walk(folder):
        here = Path(path)
        folders[:] = [name for name in folders if _counts(name) and here / name not in apart]
        yield from (here / name for name in files)


def _counts(folder: str) -> bool:
    return not (folder.startswith(".") or folder.endswith(".egg-info") or folder in _GENERATED)
