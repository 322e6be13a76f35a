"""A package that can't be read or imported, as a finding at the line that is to blame."""

from __future__ import annotations

import traceback
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.workspace import Package, packages, python_files

_ABOUT: Final = "while this was looked at: "


@contextmanager
def about(root: Path, package: Package) -> Generator[None]:
    """Note on whatever is raised which package was looked at."""
    try:
        yield
    except Exception as error:
        where = (package.source / "__init__.py").relative_to(root).as_posix()
        error.add_note(f"{_ABOUT}{where}")
        raise


def broken(root: Path, error: Exception) -> Finding:
    """Say where in the packages an error comes from; raise it again if it comes from elsewhere.

    One of the tools that was raised `about` a package is told of that.
    """
    inner = [
        (frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)
    ]
    if isinstance(error, SyntaxError):
        inner.append((error.filename or "", error.lineno or 0))
    folder = (root / "packages").resolve()
    if isinstance(error, UnicodeError):
        inner += [(str(path), 0) for path in _sources(root) if not _is_utf_8(path)]
    for file, line in reversed(inner):
        path = Path(file).resolve()
        if path.is_relative_to(folder):
            where = path.relative_to(root.resolve()).as_posix()
            text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
            text = text.replace(f"{root}/", "")
            what = f"it can't be read or imported: {type(error).__name__}: {text}"
            return Finding(where, line, 0, "broken", what, "mend it, the rest waits for it")
    notes: list[str] = getattr(error, "__notes__", [])
    for note in notes:
        if note.startswith(_ABOUT):
            raised = f"{'/'.join(Path(inner[-1][0]).parts[-2:])}:{inner[-1][1]}"
            text = " ".join(str(error).split())
            what = f"nothing can be made of it: {type(error).__name__}: {text} (in {raised})"
            where, fix = note.removeprefix(_ABOUT), "mend it, the rest waits for it"
            return Finding(where, 0, 0, "broken", what, fix)
    raise error


def _sources(root: Path) -> list[Path]:
    return [path for package in packages(root) for path in python_files(package.source)]


def _is_utf_8(path: Path) -> bool:
    try:
        path.read_text("utf-8")
    except UnicodeDecodeError:
        return False
    return True
