"""What others don't see, or don't have: links, and sources that git keeps to this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.ratchets.sources import ROOT, home, listed
from emel_tools.scope.changes import ignored

_SOURCES: Final = (".py", ".pyi", ".pyc", ".so", ".pyd", "py.typed")
"""How the names of files end that are imported, or read by a checker of types."""


def links(root: Path, shard: str) -> Iterator[Finding]:
    """Find symbolic links, and repositories within this one, that git knows or would take in."""
    for path in listed(root, shard):
        where = path.relative_to(root).as_posix()
        if _is_link(path):
            what = f"it is a link to {path.readlink()}, and nobody looks at what lies behind it"
            yield Finding(where, 0, 0, "link", what, "let the file or folder itself lie there")
        elif (path / ".git").exists():
            what = "it is a repository of its own, and no clone has what lies in it"
            yield Finding(where, 0, 0, "link", what, "remove its .git, and let git take it in")


def kept_back(root: Path, shard: str) -> Iterator[Finding]:
    """Find sources that git ignores: they are imported here, and no clone has them."""
    if shard == ROOT:
        return
    folder = home(root, shard)
    for name in ignored(folder, "src"):
        path = folder / name
        is_source = path.exists() and name.endswith(_SOURCES) and not _is_compiled(path)
        if is_source or _is_link(path):
            where = path.relative_to(root).as_posix()
            what = "git ignores it, so that it is imported and looked at in this folder alone"
            fix = f"remove it, or the rule that git check-ignore -v {where} names"
            yield Finding(where, 0, 0, "ignored", what, fix)


def _is_link(path: Path) -> bool:
    """Whether it is one that stays: an editor's lock goes with the window, and leads nowhere."""
    return path.is_symlink() and (path.exists() or not path.name.startswith(".#"))


def _is_compiled(path: Path) -> bool:
    return path.suffix == ".pyc" and path.parent.name == "__pycache__"
