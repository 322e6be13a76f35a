"""Whose code a frame runs."""

from __future__ import annotations

import sysconfig
from enum import Enum, auto
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.boundaries.owners import name_of
from emel_tools.workspace import module_of


class Place(NamedTuple):
    """A file of this repository."""

    module: str
    """A dotted name; for a test `tests:`, the package that it tests, and its own name."""
    path: str
    """From the root of the repository."""


class Role(Enum):
    """What code that isn't of this repository does for code that is."""

    PLAIN = auto()
    """It does what it was called for: whoever called it is the user."""
    RUNNER = auto()
    """It runs tests or finalizers: what it does by itself is nobody's use."""
    IMPORTER = auto()
    """It is the import system, which also runs for every import statement."""
    CONDUIT = auto()
    """It imports what its caller names."""
    EVALUATOR = auto()
    """It evaluates what its caller hands it."""
    AMBIENT = auto()
    """It reads files of the interpreter's own for others: source lines, catalogues of messages."""


class Outside(NamedTuple):
    """A file of the standard library or of a third party."""

    role: Role
    absorbs: str = ""
    """The capability that everything it does counts as; empty if it is counted as what it is."""


_PLAIN: Final = Outside(Role.PLAIN)
_ROLES: Final = {
    **dict.fromkeys(
        (
            "_pytest", "coverage", "execnet", "hypothesis", "pluggy", "pytest", "pytest_cov",
            "pytest_randomly", "weakref", "xdist",
        ),
        Outside(Role.RUNNER),
    ),
    **dict.fromkeys(("importlib", "zipimport"), Outside(Role.IMPORTER)),
    **dict.fromkeys(("importlib.resources", "pkgutil"), Outside(Role.CONDUIT)),
    "importlib.metadata": Outside(Role.CONDUIT, "imports"),  # reads what installers wrote
    **dict.fromkeys(
        ("bdb", "cProfile", "code", "codeop", "doctest", "profile", "runpy", "timeit"),
        Outside(Role.EVALUATOR),
    ),
    **dict.fromkeys(("gettext", "linecache", "locale"), Outside(Role.AMBIENT)),
    **dict.fromkeys(("multiprocessing", "subprocess"), Outside(Role.PLAIN, "processes")),
    **dict.fromkeys(("http", "socket", "ssl", "urllib"), Outside(Role.PLAIN, "network")),
    "ctypes": Outside(Role.PLAIN, "native"),
}  # fmt: skip
_OWN_ROOM: Final = Path(__file__).resolve().parent
# The witness's own frames, between an event and the frame that caused it.
_WITNESS: Final = frozenset(
    str(_OWN_ROOM / f"{name}.py")
    for name in ("attribution", "calls", "places", "plugin", "recorder")
)


class Places(dict[str, Place | Outside]):
    """Whose each file is, by `co_filename`; filled as frames are met.

    Parameters
    ----------
    root
        The repository.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root.resolve()
        paths = sysconfig.get_paths()
        # In a Python without an environment of its own, the first two lie within the last.
        self._libraries = tuple(Path(paths[name]) for name in ("purelib", "platlib", "stdlib"))

    def __missing__(self, filename: str) -> Place | Outside:
        """Judge a file when it is first met."""
        if filename in _WITNESS:
            self[filename] = Outside(Role.RUNNER)
        else:
            self[filename] = self._ours(filename) or _outside(self._outside_name(filename))
        return self[filename]

    def _ours(self, filename: str) -> Place | None:
        path = Path(filename)
        if not (path.is_absolute() and path.is_relative_to(self._root)):
            return None
        inside = path.relative_to(self._root)
        match inside.parts:
            case ("packages", folder, *within) | (("tools" as folder), *within) if within:
                return Place(name_of(module_of(folder), within), inside.as_posix())
            case _:
                return None

    def _outside_name(self, filename: str) -> str:
        if filename.startswith("<frozen "):
            return filename[len("<frozen ") : -1]
        path = Path(filename)
        for library in self._libraries:
            if path.is_relative_to(library):
                return _dotted(path.relative_to(library).parts)
        return ""


def _outside(name: str) -> Outside:
    while name:
        if name in _ROLES:
            return _ROLES[name]
        name = name.rpartition(".")[0]
    return _PLAIN


def _dotted(names: list[str] | tuple[str, ...]) -> str:
    parts = [*names[:-1], names[-1].removesuffix(".py")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
