"""Two states of the sources, side by side in one process.

Each world holds every module of the packages, imported from its own folders. Imports that happen
later, inside functions, must find the same world, so whoever runs code of a world is `inside` it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType


class World:
    """The packages below one root, `packages/*/src`, none of them imported yet."""

    def __init__(self, root: Path) -> None:
        self._folders = [str(path) for path in sorted(root.glob("packages/*/src"))]
        self._modules: dict[str, ModuleType] = {}
        if not self._folders:
            raise FileNotFoundError(f"{root} has no packages")

    @contextmanager
    def inside(self) -> Generator[None]:
        """Let imports find this world's modules, and keep what they bring in."""
        outer = sys.path[:]
        _drop()
        sys.path[:0] = self._folders
        importlib.invalidate_caches()
        sys.modules.update(self._modules)
        try:
            yield
        finally:
            self._modules = _drop()
            sys.path[:] = outer

    def enter(self) -> None:
        """Let imports find what was imported `inside` before: a few microseconds."""
        sys.modules.update(self._modules)


def again(name: str) -> Callable[[], object]:
    """Make what imports a package of this world anew, and leaves no trace: to be called inside."""
    folders = sys.path[:]

    def unit() -> object:
        kept, outer = _drop(), sys.path[:]
        sys.path[:] = folders
        try:
            return importlib.import_module(name)
        finally:
            _drop()
            sys.path[:] = outer
            sys.modules.update(kept)

    return unit


def command(name: str) -> Callable[[], object]:
    """Find what an installed command of this world runs: to be called inside."""
    (point,) = entry_points(group="console_scripts", name=name)
    return point.load()


def _drop() -> dict[str, ModuleType]:
    """Take the modules of all packages, of whichever world, out of the interpreter's table."""
    found = [name for name in sys.modules if _is_ours(name.partition(".")[0])]
    return {name: sys.modules.pop(name) for name in found}


def _is_ours(package: str) -> bool:
    return package == "emel" or (package.startswith("emel_") and package != "emel_tools")
