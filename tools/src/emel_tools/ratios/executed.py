"""Which functions a case runs, so that one whose code is what was recorded needn't be timed.

What runs because something is imported counts as well: the code of the modules themselves makes the
tables and classes that functions work with.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from emel_tools.scope.altered import altered, sources
from emel_tools.scope.cached import Cached
from emel_tools.scope.code import read

_SEPARATOR: Final = ":"
_BODY: Final = ":<module>"
_CASES: Final = "tools/src/emel_tools/ratios/cases/*.py"
"""What calls the packages here: if it speaks of what is bound otherwise, all of it counts."""


class Watch:
    """Note which functions of the packages below a root are called, by all threads that begin.

    What runs as something is imported, or as a cache is filled, runs for whoever comes first, and
    counts for all that are watched.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._prefix = root, f"{root / 'packages'}/"
        self._cached = Cached(root)
        self._once: set[FrameType] = set()
        """Frames that run for all."""
        self._own: set[str] = set()
        self._is_over = False
        self.shared: set[str] = set()
        """What runs for all: `packages/a/src/emel_a/b.py:C.d`; a module's own code is `<module>`.
        """

    @contextmanager
    def watching(self) -> Generator[set[str]]:
        """Note what runs inside, and hand out the names of what doesn't run for all."""
        self._own = set()
        self._is_over = False
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            yield self._own
        finally:
            self._is_over = True
            sys.setprofile(None)
            threading.setprofile(None)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        if self._is_over:  # a thread that lives on may be timed next
            sys.setprofile(None)
            return
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(self._prefix):
            if code.co_name == "<module>" or code in self._cached:
                self._once.add(frame)
            path = code.co_filename.removeprefix(f"{self._root}/")
            called = self.shared if self._once else self._own
            called.add(f"{path}{_SEPARATOR}{code.co_qualname}")
        elif event == "return":
            self._once.discard(frame)


def altered_of(
    executed: Mapping[str, Collection[str]],
    now: Mapping[str, bytes],
    before: Mapping[str, bytes],
    root: Path,
) -> dict[str, frozenset[str]]:
    """Name what cases run that isn't, instruction by instruction, what it was; by case.

    Parameters
    ----------
    executed
        The functions of each case, as `Watch` names them; if there are none, it can't be told, so
        it counts as altered.
    now, before
        Sources in two states of the repository. Comments and docstrings make no difference, and of
        what is bound as a module is imported, what those functions don't speak of makes none.
    root
        Where the cases stand.
    """
    paths = {name: name.partition(_SEPARATOR)[0] for names in executed.values() for name in names}
    loaded = {path for name, path in paths.items() if name.endswith(_BODY)}
    found = altered(before, now, loaded, sources(root, _CASES))

    def is_altered(name: str) -> bool:
        return found is None or not {paths[name]} <= now.keys() & before.keys() or found.has(name)

    every = {case: frozenset(filter(is_altered, names)) for case, names in executed.items()}
    return {case: names for case, names in every.items() if names or not executed[case]}


def digest(executed: Collection[str], sources: Mapping[str, bytes]) -> str:
    """Digest the code of functions as `Watch` names them, and of modules that they stand in."""
    content = hashlib.sha256()
    for name in sorted(executed):
        path, _, function = name.partition(_SEPARATOR)
        found = read(sources[path]) if path in sources else None
        code = (found.functions | found.bodies).get(function) if found else None
        content.update(f"{name} {code}\n".encode())
    return content.hexdigest()
