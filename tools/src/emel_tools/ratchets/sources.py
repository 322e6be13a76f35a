"""Which files there are, whatever a tool's configuration leaves out, and whose they are."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from emel_tools import workspace
from emel_tools.scope.changes import known
from emel_tools.scope.ours import not_ours

ROOT: Final = "root"
"""The shard of the files that lie in no package."""
LOOSE: Final = ("*.py", "*.pyi", "*.md", "docs/**", "snapshots/**")
"""Files of no package of which it is known who looks at them, as globs from the root: whoever looks
at all texts names these. One in another folder belongs to nobody, and runs everything."""
_SUFFIXES: Final = (".py", ".pyi")
_UNTYPED: Final = ("tests", "parity")
"""Folders of tests, which are linted, and whose types nobody checks."""


def shards(root: Path) -> tuple[str, ...]:
    """Name the packages, `tools`, and what is left."""
    return (*(package.name for package in workspace.shards(root)), ROOT)


def home(root: Path, shard: str) -> Path:
    """Say which folder the files of a shard are named from."""
    folders = {package.name: package.folder for package in workspace.shards(root)}
    return folders.get(shard, root)


def python_files(root: Path, shard: str) -> list[Path]:
    """List the Python files of a shard, sorted, those in hidden folders too."""
    found = (path for path in _files(root, shard) if path.suffix in _SUFFIXES)
    return sorted(path for path in found if path.is_file())


def texts(root: Path, shard: str) -> list[Path]:
    """List the other files of a shard that git knows, or would take in, sorted."""
    ours = {*listed(root, shard)}
    found = (path for path in _files(root, shard) if path.suffix not in _SUFFIXES)
    return sorted(path for path in found if path in ours and path.is_file())


def listed(root: Path, shard: str) -> list[Path]:
    """List what git knows of a shard, or would take in: files, links, and other repositories."""
    folder = home(root, shard)
    apart: set[Path] = set()
    if shard == ROOT:
        apart |= {package.folder for package in workspace.shards(root)}
    found = (folder / name for name in known(folder))
    return sorted({path for path in found if apart.isdisjoint(path.parents)})


def is_test(root: Path, shard: str, path: Path) -> bool:
    """Whether a file is a test, which is linted, and whose types nobody checks."""
    return path.relative_to(home(root, shard)).parts[0] in _UNTYPED


def python_in(folder: str) -> tuple[str, ...]:
    """Spell the Python files below a folder, as globs."""
    return tuple(f"{folder}/**/*{suffix}" for suffix in _SUFFIXES)


def tests_in(folder: str) -> tuple[str, ...]:
    """Spell those of them that are tests, as globs."""
    return tuple(glob for name in _UNTYPED for glob in python_in(f"{folder}/{name}"))


def configurations(root: Path, shard: str, names: Collection[str]) -> list[Path]:
    """List the files of these names in a shard, sorted."""
    return sorted(path for path in _files(root, shard) if path.name in names)


def _files(root: Path, shard: str) -> Iterator[Path]:
    packages = [package.folder for package in workspace.shards(root)] if shard == ROOT else []
    apart = not_ours(root).union(packages)
    for path, folders, files in os.walk(home(root, shard)):
        here = Path(path)
        folders[:] = [name for name in folders if here / name not in apart]
        yield from (here / name for name in files)
