"""What a file has to be told of the others."""

from __future__ import annotations

from typing import Protocol

from emel_tools.boundaries.values import Value


class World(Protocol):
    """The other files."""

    def member(self, path: str, name: str) -> Value | None:
        """Say what `name` is in the module of ours at `path`; None if there is no such module."""
        ...

    def offers(self, path: str, name: str) -> bool:
        """Whether a star import of the module at `path` may bring `name`."""
        ...

    def returned(self, path: str) -> Value | None:
        """Say what a call of something of ours answers with; None if it isn't ours."""
        ...

    def is_ours(self, path: str) -> bool:
        """Whether a dotted name lies in one of our packages."""
        ...


class Asked:
    """The other files, as one file asks for them: which it asked for is noted.

    Parameters
    ----------
    world
        The other files.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.modules: set[str] = set()
        """Dotted names of modules, whether they exist or not."""

    def member(self, path: str, name: str) -> Value | None:
        """Say what `name` is in the module of ours at `path`; None if there is no such module."""
        self.modules.add(path)
        return self._world.member(path, name)

    def offers(self, path: str, name: str) -> bool:
        """Whether a star import of the module at `path` may bring `name`."""
        self.modules.add(path)
        return self._world.offers(path, name)

    def returned(self, path: str) -> Value | None:
        """Say what a call of something of ours answers with; None if it isn't ours."""
        self.modules.add(path.rpartition(".")[0])
        return self._world.returned(path)

    def is_ours(self, path: str) -> bool:
        """Whether a dotted name lies in one of our packages."""
        return self._world.is_ours(path)
