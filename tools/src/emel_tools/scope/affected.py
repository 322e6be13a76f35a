"""Which changed file can affect which shard, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import translate
from functools import cache
from pathlib import Path
from typing import Final

from emel_tools.running.lane import Reads, Shard
from emel_tools.scope.changes import Changes
from emel_tools.scope.depth import Depth, depth
from emel_tools.scope.observed import Seen
from emel_tools.workspace import Package, shards

CONFIGURATION: Final = (
    "noxfile.py",
    "pyproject.toml",
    "**/pyproject.toml",
    "**/conftest.py",
    ".importlinter",
    ".gitattributes",
    ".gitignore",
    ".ci/**",
    "tools/constraints.txt",
    "tools/real-models.txt",
    "tools/src/**",
)
"""What concerns every shard: configuration, conftests and the gate itself."""


class Repository:
    """What lies where, and who runs what.

    Parameters
    ----------
    root
        The repository.
    closures
        For each package, all that its code may run (`emel_tools.scope.closure`).
    everything
        All shards of all lanes.
    """

    def __init__(
        self, root: Path, closures: Mapping[str, frozenset[str]], everything: Sequence[Shard]
    ) -> None:
        self._root = root
        self._depths: dict[str, Depth] = {}
        self._packages = {_spell(root, package): package.name for package in shards(root)}
        self._closures = closures
        # Who looks at a kind of file wherever it lies says nothing of who else does.
        self._globs = frozenset(
            glob for shard in everything for glob in shard.reads.paths if not glob.startswith("**/")
        )
        self._keys = frozenset(shard.key for shard in everything)

    def concerns_all(self, changed: Changes) -> str:
        """Say why a change concerns every shard; empty if it doesn't."""
        for path in changed.files:
            if any(matches(path, glob) for glob in CONFIGURATION):
                return f"{path} is configuration, a conftest or the gate itself"
            if not self._is_owned(path):
                return f"{path} belongs to no package and no shard"
        return ""

    def affects(self, shard: Shard, seen: Seen | None, changed: Changes) -> str:
        """Name the changed file that can affect a shard, and how; empty if there is none."""
        for path in changed.files:
            how = self._how(shard, seen, path, changed)
            if how:
                return f"{path} {how}"
        return ""

    def _how(self, shard: Shard, seen: Seen | None, path: str, changed: Changes) -> str:
        package, is_source = self._owner(path)
        reads, went = shard.reads, self._depth(path, changed)
        via = self._via(reads, package, went) if is_source else ""
        covered = is_source and package in reads.covers and went >= Depth.ADDED
        least = Depth.FUNCTIONS if reads.calls and not reads.runs else Depth.TEXT
        imported = seen is not None and path in seen.imported and went >= least
        listed = seen is not None and not seen.folders.isdisjoint(self._listing(path, changed))
        ways = {
            "is its snapshot": path == f"snapshots/{shard.key}.txt",
            f"lies in {package}": package in reads.own,
            f"is run by {via}": bool(via),
            f"is code of {package}": covered,
            "is what it looks at": _looks_at(reads, path),
            "was opened by it": seen is not None and path in seen.files,
            "was imported by it": imported,
            "came or went in a folder that it lists": listed,
        }
        return next((how for how, holds in ways.items() if holds), "")

    def _via(self, reads: Reads, package: str, went: Depth) -> str:
        """Name the package by which a shard has to do with this one, changed as deep as it is."""
        names = (
            *(reads.runs if went >= Depth.TEXT else ()),
            *(reads.calls if went >= Depth.FUNCTIONS else ()),
            *(reads.imports if went >= Depth.IMPORTS else ()),
        )
        return next((via for via in names if package in self._closures.get(via, ())), "")

    def _listing(self, path: str, changed: Changes) -> Iterator[str]:
        """Name the folder that a file came to or went from, and where this did with all in it."""
        folder = _folder(path)
        if path in changed.moved:
            yield folder
            while folder != "." and self._is_moved(folder, changed):
                folder = _folder(folder)
                yield folder

    def _is_moved(self, folder: str, changed: Changes) -> bool:
        files = (each for each in (self._root / folder).rglob("*") if not each.is_dir())
        return all(each.relative_to(self._root).as_posix() in changed.moved for each in files)

    def _depth(self, path: str, changed: Changes) -> Depth:
        if path not in self._depths:
            self._depths[path] = depth(self._root, changed, path)
        return self._depths[path]

    def _owner(self, path: str) -> tuple[str, bool]:
        """Name the package that a file lies in, and say whether it is part of its code."""
        for folder, name in self._packages.items():
            if path.startswith(f"{folder}/"):
                return name, path.startswith(f"{folder}/src/")
        return "", False

    def _is_owned(self, path: str) -> bool:
        if path.startswith("snapshots/"):
            return path.removeprefix("snapshots/").removesuffix(".txt") in self._keys
        return bool(self._owner(path)[0]) or any(matches(path, glob) for glob in self._globs)


def matches(path: str, glob: str) -> bool:
    """Whether a path from the root matches a glob; `**/` stands for any folders, or none."""
    return _pattern(glob).match(path) is not None


def _looks_at(reads: Reads, path: str) -> bool:
    looks, passes_over = (
        any(matches(path, glob) for glob in globs) for globs in (reads.paths, reads.but)
    )
    return looks and not passes_over


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    """`**` matches across folders, `*` and `?` within one."""
    parts = re.split(r"(\*\*/|\*\*)", glob)
    spelled = ""
    for part in parts:
        if part == "**/":
            spelled += "(?:.*/)?"
        elif part == "**":
            spelled += ".*"
        else:
            inner = translate(part).removeprefix("(?s:").removesuffix(r")\Z")
            spelled += inner.replace(".*", "[^/]*")
    return re.compile(spelled + r"\Z")


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or "."


def _spell(root: Path, package: Package) -> str:
    return package.folder.relative_to(root).as_posix()
