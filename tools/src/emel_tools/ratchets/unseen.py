"""What others don't see, or don't have: links, code no lane reads, and sources that git ignores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.ratchets.sources import ROOT, home, listed
from emel_tools.scope.changes import ignored

_SOURCES: Final = (".py", ".pyi", ".pyc", ".so", ".pyd", "py.typed")
"""How the names of files end that are imported, or read by a checker of types."""

_UNREAD: Final = (".so", ".pyd", ".pyc", ".pyw", ".pyx", ".pth", ".ipynb")
"""How the names of files end that Python runs, and no lane reads."""
_LINE: Final = 200
"""How much of its first line says what runs a script."""


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


def unread(root: Path, shard: str) -> Iterator[Finding]:
    """Find code that git knows or would take in, and that no lane takes for a source."""
    for path in listed(root, shard):
        where = path.relative_to(root).as_posix()
        if path.name.endswith(_UNREAD) and path.is_file():
            what = "Python runs it, and no lane reads it"
            yield Finding(where, 0, 0, "unread", what, "write what it does into a module")
        elif path.suffix not in _SOURCES and path.is_file() and _is_script(path):
            what = "it is a script of Python, and no lane takes it for one by its name"
            yield Finding(where, 1, 0, "unread", what, "let its name end with .py")


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(_LINE)
    return first.startswith(b"#!") and b"python" in first


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
