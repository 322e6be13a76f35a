"""What a change alters: functions that do something else, and names that stand for something else.

A function whose instructions are others is altered. A name that a module binds otherwise is, too,
and then all that is bound by way of it, in any module, and the functions that use such a name.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple, TypeAlias

from emel_tools.scope import bindings, code
from emel_tools.scope.bindings import REST, Imported, Unit, Uses
from emel_tools.scope.observed import unnoted

TESTS: Final = "test_*.py"
"""Files whose tests are all that depends on them."""
_SOURCES: Final = ("packages/*/src/**/*.py",)
_LOOKS: Final = frozenset(("get_annotations", "get_type_hints", "getfullargspec", "signature"))
"""Who speaks of these looks at how a function is to be called, and needn't call it."""
ALL: Final = "*"
"""Stands for all names of a file of tests."""


class Altered(NamedTuple):
    """What is other than it was."""

    functions: frozenset[str]
    """Those that there were, as `packages/a/src/emel_a/b.py:C.d`. A file that came or went, was
    loaded by nobody, or binds otherwise what it had bound, is named by its path alone."""
    names: frozenset[tuple[str, str]]
    """Path and name."""
    new: frozenset[str]
    """Functions that there weren't, which whoever isn't altered himself can't have called."""

    def concerns(self, node_id: str) -> bool:
        """Whether a test speaks of any of this itself."""
        file, *parts = node_id.partition("[")[0].split("::")
        named = {(file, ALL), (file, parts[0])}
        return f"{file}:{'.'.join(parts)}" in self.functions or not named.isdisjoint(self.names)

    def has(self, function: str) -> bool:
        """Whether a function is another, or one inside that whose code is."""
        found = {function, function.partition(".<locals>")[0]}
        return not found.isdisjoint(self.functions | self.new)


_Names: TypeAlias = AbstractSet[tuple[str, str]]


class _EverythingError(Exception):
    """It can't be told what a change concerns."""


def sources(root: Path, *more: str) -> dict[str, bytes]:
    """Read the sources of all packages, by path from the root, or what globs name instead.

    To compare them is no use of them, so nobody is seen to open them.
    """
    with unnoted():
        paths = (path for glob in more or _SOURCES for path in sorted(root.glob(glob)))
        here = (path for path in paths if path.is_file())
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in here}


def altered(
    before: Mapping[str, bytes],
    now: Mapping[str, bytes],
    loaded: Collection[str],
    around: Mapping[str, bytes],
) -> Altered | None:
    """Say what a change of sources alters.

    Parameters
    ----------
    before, now
        Sources of all packages, by path from the root.
    loaded
        Those of them that matter where they bind something as they are imported.
    around
        What uses them and is no package's: files of tests, and modules beside them.

    Returns
    -------
    Altered or None
        None if all may be altered.
    """
    search = _Search(before, now, frozenset(loaded), around)
    try:
        for path in sorted({*before, *now}):
            if before.get(path) != now.get(path):
                search.compare(path, before.get(path, b""), now.get(path, b""))
        search.follow()
    except (SyntaxError, ValueError, _EverythingError):
        return None
    return Altered(
        frozenset(search.functions - search.new), frozenset(search.names), frozenset(search.new)
    )


class _Search:
    def __init__(
        self,
        before: Mapping[str, bytes],
        now: Mapping[str, bytes],
        loaded: frozenset[str],
        around: Mapping[str, bytes],
    ) -> None:
        self._before, self._now, self._loaded, self._around = before, now, loaded, around
        self._modules = {bindings.module_of(path): path for path in now}
        self._texts = {**{path: now[path] for path in sorted(loaded) if path in now}, **around}
        self.functions: set[str] = set()
        self.new: set[str] = set()
        self.names: set[tuple[str, str]] = set()
        self._called: set[tuple[str, str]] = set()
        """Functions that are to be called otherwise: their callers are known, but not who looks at
        them as something is bound, or in a test."""
        self._gone: set[tuple[str, str]] = set()
        self._members: set[str] = set()
        """What classes have that they hadn't, or the other way round."""
        self._is_called_otherwise = False
        """Whether a function that there was has other parameters, types or decorators."""

    def compare(self, path: str, before: bytes, now: bytes) -> None:
        """Note what one file has that is other than it was."""
        was, does = code.read(before), code.read(now)
        self.new |= {f"{path}:{name}" for name in does.functions if name not in was.functions}
        self.functions |= {
            f"{path}:{name}"
            for name, digest in was.functions.items()
            if does.functions.get(name) != digest
        }
        if was.bodies == does.bodies and path in self._now:
            return
        if path not in self._loaded:
            self.functions.add(path)
            return
        if path not in self._now:
            raise _EverythingError
        then, units = bindings.read(before, path), bindings.read(now, path)
        for name in sorted({*then, *units}):
            first, second = then.get(name), units.get(name)
            if first is None or second is None or first.digest != second.digest:
                self._bind(path, name, second, is_new=first is None)

    def _bind(self, path: str, name: str, unit: Unit | None, *, is_new: bool) -> None:
        """Note that something is bound otherwise, for the first time, or no more."""
        owner, _, member = name.partition(".")
        if name == REST:
            raise _EverythingError
        if unit:
            self._stay_apart(path, name, unit)
        if unit and unit.kind == "function":
            self.functions.add(f"{path}:{name}")
            self._is_called_otherwise |= not is_new
        if unit is None:
            self._gone.add((path, name))
        if not is_new or (unit and unit.kind == "import"):
            self.functions.add(path)
        if not member:
            is_called = unit is not None and unit.kind == "function" and not is_new
            (self._called if is_called else self.names).add((path, name))
        elif is_new or unit is None:
            self._members.add(member)
            whole = bindings.read(self._now[path], path).get(owner)
            if member.startswith("__") or whole is None or not whole.is_plain:
                self.functions.add(path)
                self.names.add((path, owner))  # others may look for it, or call it

    def _stay_apart(self, path: str, name: str, unit: Unit) -> None:
        """Note what is handed to others as something is bound; what they do with it isn't known."""
        units = bindings.read(self._now[path], path)
        touched = [(each, units[each]) for each in sorted(unit.touches) if each in units]
        ours = any(each.kind == "function" or self._is_of_ours(each) for _, each in touched)
        unknown = unit.kind == "function" and (name.startswith("__") or not unit.is_plain)
        if ours or unknown or not all(map(self._is_there, unit.outside.imports)):
            raise _EverythingError
        self.names |= {(path, each) for each, bound in touched if bound.kind == "value"}

    def _is_of_ours(self, unit: Unit) -> bool:
        return unit.kind == "import" and any(map(self._target, unit.outside.imports))

    def _is_there(self, imported: Imported) -> bool:
        """Whether an import finds what was loaded before: ours, Python's, or what others import."""
        found = (self._target(imported), self._modules.get(f"{imported.module}.{imported.name}"))
        if any(found):
            return all(path is None or path in self._loaded for path in found)
        name = imported.module.partition(".")[0]
        return name in sys.stdlib_module_names or imported.module in self._others

    @cached_property
    def _others(self) -> frozenset[str]:
        """The modules that were imported from, as ours were."""
        texts = (bindings.read(self._before[path], path) for path in self._loaded & {*self._before})
        units = (unit for each in texts for unit in each.values() if unit.kind == "import")
        return frozenset(each.module for unit in units for each in unit.outside.imports)

    def _target(self, imported: Imported) -> str | None:
        return self._modules.get(imported.module)

    def follow(self) -> None:
        """Note all that is bound by way of what is bound otherwise, and what uses it."""
        before = -1
        noted = (self.names, self._called, self._members, self.functions)
        while before != (before := sum(map(len, noted))):
            words = {name for _, name in self.names | self._called} | self._members
            words |= _LOOKS if self._is_called_otherwise else set()
            speaks = re.compile("|".join(map(re.escape, sorted(words - {REST, ALL}))).encode())
            for path, text in self._texts.items():
                if words and (speaks.search(text) or b"import *" in text):
                    self._follow(path, bindings.read(text, path))

    def _follow(self, path: str, units: Mapping[str, Unit]) -> None:
        stars = {self._target(each) for each in units["*"].outside.imports} if "*" in units else ()
        for bound in (self.names, self._called):
            bound |= {(path, name) for source, name in bound if source in stars}
        objects = self._objects(units)
        is_test = path in self._around
        for name, unit in units.items():
            if self._needs(path, unit.outside):
                raise _EverythingError
            if self._is_called_otherwise and not _LOOKS.isdisjoint(_words(unit.inside)):
                self.functions.add(f"{path}:{name}")
            if self._speak(path, objects, unit.outside, self.names):
                self._concern(path, name, unit)
            elif self._speak(path, objects, unit.outside, self._called):
                if unit.kind == "import" and not is_test:
                    self._called.add((path, name))
                else:
                    self._concern(path, name, unit)
            known = self.names | self._called if is_test else self.names
            if self._speak(path, objects, unit.inside, known):
                self.functions.add(f"{path}:{name}")
                if is_test:
                    self._concern(path, name, unit)

    def _needs(self, path: str, uses: Uses) -> bool:
        """Whether some code can't be imported any more."""
        asked = {(self._target(each), each.name) for each in uses.imports}
        return not self._gone.isdisjoint(asked | {(path, name) for name in uses.names})

    def _speak(self, path: str, objects: AbstractSet[str], uses: Uses, bound: _Names) -> bool:
        """Whether some code speaks of what is bound otherwise, or of a member that is."""
        own = {name for source, name in bound if source == path}
        members = self._members | {name for source, name in bound if source in objects}
        return not (uses.names.isdisjoint(own) and uses.members.isdisjoint(members)) or any(
            (self._target(each), each.name) in bound for each in uses.imports
        )

    def _concern(self, path: str, name: str, unit: Unit) -> None:
        """Note that something is bound by way of what is bound otherwise.

        What tests call among themselves isn't noted, so there it is followed by name.
        """
        owner, _, member = name.partition(".")
        if path not in self._around:
            self._bind(path, name, unit, is_new=False)
        elif not PurePosixPath(path).match(TESTS):
            raise _EverythingError
        elif (member or owner).startswith("test"):
            self.functions.add(f"{path}:{name}")
        elif name in (REST, "pytestmark") or (unit.kind == "function" and not unit.is_plain):
            self.names.add((path, ALL))
        else:
            self.names.add((path, owner))

    def _objects(self, units: Mapping[str, Unit]) -> frozenset[str]:
        """List the modules that a file may have as objects: all below a package that it imports."""
        found: set[str] = set()
        uses = (each for unit in units.values() for each in (unit.outside, unit.inside))
        for imported in (each for use in uses for each in use.imports):
            name = f"{imported.module}.{imported.name}" if imported.name else imported.module
            found |= {
                path
                for module, path in self._modules.items()
                if module == name or module.startswith(f"{name}.")
            }
        return frozenset(found)


def _words(uses: Uses) -> AbstractSet[str]:
    return uses.names | uses.members
