"""The files of the repository, parsed once, and what each of them reaches for.

A tree may lie over another one: it has other text in a few places, and shares all the rest. So a
violation can be tried without copying the repository.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from emel_tools.boundaries.found import Use
from emel_tools.boundaries.meanings import Meaning, also, meanings, returned, value
from emel_tools.boundaries.names import Names
from emel_tools.boundaries.overlay import affected
from emel_tools.boundaries.owners import TESTS, name_of
from emel_tools.boundaries.syntax import Broken, Nodes, defined, mentioned, parse, walk
from emel_tools.boundaries.uses import uses
from emel_tools.boundaries.values import Reference, Value, items, texts
from emel_tools.workspace import Package, python_files, shards

T = TypeVar("T")


class Subject(NamedTuple):
    """One Python file that the boundaries hold for."""

    path: str
    """From the root, with slashes."""
    name: str
    """Its module, or `tests:` and the package that it tests, and its name."""
    package: str
    """The package that it belongs to, as it is imported."""
    home: str
    """Where its relative imports start."""

    @property
    def is_test(self) -> bool:
        """Whether it is no part of what is installed."""
        return self.name.startswith(TESTS)


class Tree:
    """The Python files of the packages and the tools.

    Parameters
    ----------
    root
        The repository.
    changes
        Other text at some paths; a path that isn't there yet is added.
    below
        The tree that this one lies over.
    """

    def __init__(
        self, root: Path, changes: Mapping[str, str] | None = None, below: Tree | None = None
    ) -> None:
        self.root = root
        self.below = below
        self.changes = dict(changes or {})
        self.packages = below.packages if below is not None else shards(root)
        self.roots = frozenset(package.module for package in self.packages)
        self._texts: dict[str, str] = {}
        self._parsed: dict[str, ast.Module] = {}
        self._errors: dict[ast.Module, Broken] = below._errors if below is not None else {}
        self._nodes: dict[str, Nodes] = {}
        self._names: dict[str, Names] = {}
        self._remembered: dict[tuple[str, object], object] = {}
        self._told: dict[str, Mapping[str, Meaning]] = {}
        self._gathered: dict[object, object] = {}
        self._settled: frozenset[str] | None = None

    def over(self, changes: Mapping[str, str]) -> Tree:
        """Lay other text over this tree."""
        return Tree(self.root, changes, self)

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """Every file, sorted by path."""
        if self.below is not None:
            known = {subject.path: subject for subject in self.below.subjects}
            for path in self.changes:
                if path.endswith(".py") and (subject := self._subject(path)) is not None:
                    known[path] = subject
            return tuple(known[path] for path in sorted(known))
        found = sorted(
            path.relative_to(self.root).as_posix()
            for package in self.packages
            for path in python_files(package.folder)
            if not any(part.startswith(".") for part in path.relative_to(self.root).parts)
        )
        return tuple(subject for path in found if (subject := self._subject(path)) is not None)

    @cached_property
    def modules(self) -> dict[str, Subject]:
        """Every file by its name."""
        return {subject.name: subject for subject in self.subjects}

    def text(self, path: str) -> str:
        """Read a file, once: what was made of it belongs to the text that was read.

        Bytes that are no text are in it as UTF-8 never is, so that it can't be parsed.
        """
        if path in self.changes:
            return self.changes[path]
        if self.below is not None:
            return self.below.text(path)
        if path not in self._texts:
            self._texts[path] = (self.root / path).read_text("utf-8", "surrogateescape")
        return self._texts[path]

    def parsed(self, subject: Subject) -> ast.Module:
        """Parse a file, once."""
        if self.below is not None and subject.path not in self.changes:
            return self.below.parsed(subject)
        if subject.path not in self._parsed:
            parsed, broken = parse(self.text(subject.path), subject.path)
            if broken is not None:
                self._errors[parsed] = broken
            self._parsed[subject.path] = parsed
        return self._parsed[subject.path]

    def names(self, subject: Subject) -> Names:
        """Resolve a file, on demand."""
        if self.below is not None and subject.path not in self._affected:
            return self.below.names(subject)
        if subject.path not in self._names:
            tree, nodes = self.parsed(subject), self.nodes(subject)
            self._names[subject.path] = Names(tree, nodes, subject.name, subject.home, self)
        return self._names[subject.path]

    def uses(self, subject: Subject) -> tuple[Use, ...]:
        """List what a file reaches for, in the order of its lines."""

        def make() -> tuple[Use, ...]:
            return uses(self.names(subject), self.nodes(subject), self.roots)

        return self.remember(subject, "uses", make)

    def nodes(self, subject: Subject) -> Nodes:
        """Find the nodes of a file, but for the marks on names and operators."""
        if self.below is not None and subject.path not in self.changes:
            return self.below.nodes(subject)
        if subject.path not in self._nodes:
            self._nodes[subject.path] = walk(self.parsed(subject))
        return self._nodes[subject.path]

    def remember(self, subject: Subject, key: object, make: Callable[[], T]) -> T:
        """Make something of a file once, and again only for a tree that changes it."""
        if self.below is not None and subject.path not in self._affected:
            return self.below.remember(subject, key, make)
        if (subject.path, key) not in self._remembered:
            self._remembered[subject.path, key] = make()
        return cast("T", self._remembered[subject.path, key])

    def differs(self, subject: Subject) -> bool:
        """Whether a file means something else here than in the tree below."""
        return subject.path in self._affected

    def gather(
        self, key: object, find: Callable[[Tree, Subject], Iterable[T]]
    ) -> Mapping[str, tuple[Subject, tuple[T, ...]]]:
        """Find something in every file, and list those that hold any by path, each with all of it.

        Of the tree below it is taken over but for the files that mean something else here.
        """
        if key not in self._gathered:
            kept: dict[str, tuple[Subject, tuple[T, ...]]] = {}
            todo: Iterable[Subject] = self.subjects
            if self.below is not None:
                below = self.below.gather(key, find)
                kept = {path: each for path, each in below.items() if path not in self._affected}
                todo = (subject for subject in todo if subject.path in self._affected)
            found = ((subject, tuple(find(self, subject))) for subject in todo)
            self._gathered[key] = kept | {each[0].path: each for each in found if each[1]}
        return cast("Mapping[str, tuple[Subject, tuple[T, ...]]]", self._gathered[key])

    def member(self, path: str, name: str) -> Value | None:
        """Say what `name` is in the module of ours at `path`; None if there is no such module."""
        subject = self.modules.get(path)
        if subject is None:
            return None
        own = frozenset({Reference(f"{path}.{name}")})
        if (known := self._told.get(subject.path)) is not None:
            return own | value(known[name].also) if name in known else own
        return own | also(self, subject, name)

    def offers(self, path: str, name: str) -> bool:
        """Whether a star import of the module at `path` may bring `name`."""
        subject = self.modules.get(path)
        if subject is None:
            return not self.is_ours(path)
        if listed := self.all_of(subject):
            return name in listed
        if (known := self._told.get(subject.path)) is not None:
            return name in known and known[name].is_bound
        return name in self.names(subject).scopes.module.bindings

    def returned(self, path: str) -> Value | None:
        """Say what a call of something of ours answers with; None if it isn't ours."""
        if not self.is_ours(path):
            return None
        module, _, name = path.rpartition(".")
        subject = self.modules.get(module)
        if subject is None:
            return frozenset()
        if (known := self._told.get(subject.path)) is not None:
            return value(known[name].returned) if name in known else frozenset()
        return returned(self, subject, name)

    def is_ours(self, path: str) -> bool:
        """Whether a dotted name lies in one of our packages."""
        return path.partition(".")[0] in self.roots

    def exports(self, package: str) -> frozenset[str]:
        """List the names in a package's `__all__`."""
        subject = self.modules.get(package)
        return self.all_of(subject) if subject is not None else frozenset()

    def all_of(self, subject: Subject) -> frozenset[str]:
        """List the names in the `__all__` of one module."""
        return self.remember(subject, "all", lambda: self._all_of(subject))

    def meanings(self, subject: Subject) -> Mapping[str, Meaning]:
        """Say what the names of a module mean to others."""
        return self.remember(subject, "meanings", lambda: meanings(self, subject))

    def defined(self, subject: Subject) -> frozenset[str]:
        """Name all that a file defines itself."""
        return self.remember(subject, "defined", lambda: frozenset(defined(self.nodes(subject))))

    def broken(self, subject: Subject) -> Broken | None:
        """Say why a file is no Python; None if it is."""
        return self.remember(subject, "broken", lambda: self._errors.get(self.parsed(subject)))

    def know(
        self, subject: Subject, facts: Mapping[str, object], told: Mapping[str, Meaning] | None
    ) -> None:
        """Take over what would be made of a file, by the keys that it is remembered by.

        Once it is told what its names mean to others, its syntax isn't needed any more.
        """
        self._remembered |= {(subject.path, key): fact for key, fact in facts.items()}
        if told is not None:
            self._told[subject.path] = told
            for held in (self._parsed, self._nodes, self._names):
                held.pop(subject.path, None)

    def _all_of(self, subject: Subject) -> frozenset[str]:
        names = self.names(subject)
        if "__all__" not in names.scopes.module.bindings:
            return frozenset()
        return frozenset(texts(items(names.lookup("__all__", names.scopes.module))))

    @property
    def _affected(self) -> frozenset[str]:
        """Paths of the files that mean something else here than in the tree below."""
        if self._settled is None:
            self._settled = frozenset(self.changes)  # while the others are being found
            if self.below is not None and (others := affected(self, self.below)):
                self._settled |= others
                self._names.clear()
                self._remembered.clear()
        return self._settled

    def mentions(self, subject: Subject) -> frozenset[str]:
        """Name the modules that a file imports, or imports from."""
        if self.below is not None and subject.path not in self.changes:
            return self.below.mentions(subject)
        key = (subject.path, "mentions")
        if key not in self._remembered:
            self._remembered[key] = frozenset(mentioned(self.nodes(subject)))
        return cast("frozenset[str]", self._remembered[key])

    def _subject(self, path: str) -> Subject | None:
        package = self._package(path)
        if package is None:
            return None
        within = path.split("/")[len(package.folder.relative_to(self.root).parts) :]
        name = name_of(package.module, within)
        if name.startswith(TESTS):
            return Subject(path, name, package.module, f"{TESTS}{package.module}")
        home = name if within[-1] == "__init__.py" else name.rpartition(".")[0]
        return Subject(path, name, package.module, home)

    def _package(self, path: str) -> Package | None:
        for package in self.packages:
            if path.startswith(f"{package.folder.relative_to(self.root).as_posix()}/"):
                return package
        return None
