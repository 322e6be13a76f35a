"""Which changed file can affect which shard, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from functools import cache
from pathlib import Path
from typing import Final

from emel_tools.running.lane import Reads, Shard
from emel_tools.scope.changes import Changes
from emel_tools.scope.observed import Seen
from emel_tools.scope.quiet import is_quiet
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
        self._quiet: dict[str, bool] = {}
        self._packages = {_spell(root, package): package.name for package in shards(root)}
        self._closures = closures
        self._globs = frozenset(glob for shard in everything for glob in shard.reads.paths)
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
        via = self._runs(shard.reads, package) if is_source else ""
        covered = is_source and package in shard.reads.covers
        imported = seen is not None and path in seen.imported
        listed = seen is not None and path in changed.moved and _folder(path) in seen.folders
        if (via or covered or imported) and self._is_quiet(path, changed):
            via, covered, imported = "", False, False
        ways = {
            "is its snapshot": path == f"snapshots/{shard.key}.txt",
            f"lies in {package}": package in shard.reads.own,
            f"is run by {via}": bool(via),
            f"is code of {package}": covered,
            "is what it looks at": any(matches(path, glob) for glob in shard.reads.paths),
            "was opened by it": seen is not None and path in seen.files,
            "was imported by it": imported,
            "came or went in a folder that it lists": listed,
        }
        return next((how for how, holds in ways.items() if holds), "")

    def _is_quiet(self, path: str, changed: Changes) -> bool:
        if path not in self._quiet:
            self._quiet[path] = is_quiet(self._root, changed, path)
        return self._quiet[path]

    def _runs(self, reads: Reads, package: str) -> str:
        return next((via for via in reads.runs if package in self._closures.get(via, ())), "")

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
