"""What was found to be reached for, and what may be, because it goes where nobody follows it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from typing import Final, NamedTuple

from emel_tools.boundaries.names import Names
from emel_tools.boundaries.powers import REPLACED, is_sensitive
from emel_tools.boundaries.syntax import is_module_name
from emel_tools.boundaries.values import Instance, Namespace, Reference, Value

_MODULES: Final = sys.stdlib_module_names | {"numpy"}


class Use(NamedTuple):
    """One reach for something."""

    line: int
    column: int
    target: str
    """Dotted name. `os.*` stands for all of a module, `?.x` for a member of something unknown."""
    base: str = ""
    """What it was reached through."""


class Found:
    """The reaches of one file so far.

    Parameters
    ----------
    names
        The file, resolved.
    roots
        The packages here, as they are imported.
    """

    def __init__(self, names: Names, roots: frozenset[str]) -> None:
        self.uses: set[Use] = set()
        self._names, self._roots = names, roots

    def note(self, node: ast.AST, target: str, base: str = "") -> None:
        """Note one reach."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        self.uses.add(Use(line, column, target, base))

    def note_all(self, node: ast.AST, value: Value, base: str = "") -> None:
        """Note a reach for all that a value may be."""
        for atom in value:
            if isinstance(atom, Reference):
                self.note(node, atom.path, base)

    def escape(self, given: Iterable[ast.expr]) -> None:
        """Note modules that go where they can't be followed."""
        for expression in given:
            for atom in self._names.value(expression):
                if (isinstance(atom, Reference) and self._is_module(atom.path)) or isinstance(
                    atom, Namespace
                ):
                    self.whole(expression, atom.path)

    def wholes(self, node: ast.AST, value: Value) -> None:
        """Note that any member may be taken of all that a value may be."""
        for atom in value:
            if isinstance(atom, Reference | Instance) and (
                self._is_module(atom.path) or is_sensitive(atom.path)
            ):
                self.whole(node, atom.path)

    def whole(self, node: ast.AST, path: str) -> None:
        """Note that any member of a module may be taken."""
        if path == self._names.module:
            self.note(node, "builtins.globals.*")
        else:
            self.note(node, f"{path}.*")

    def replaced(self, node: ast.AST, owner: Value, names: Iterable[str]) -> None:
        """Note members of modules that are given another value: everybody has it then."""
        paths = [atom.path for atom in owner if isinstance(atom, Reference | Namespace)]
        for path in filter(is_module_name, paths):
            for name in names:
                self.note(node, f"{path}.{name}{REPLACED}")

    def replaced_items(self, node: ast.AST, held: Value, names: Iterable[str]) -> None:
        """Note items that are given another value: of `os.environ`, or of a module's members."""
        self.replaced(node, frozenset(a for a in held if isinstance(a, Namespace)), names)
        for atom in held:
            if isinstance(atom, Reference):
                self.note(node, f"{atom.path}.__setitem__")

    def _is_module(self, path: str) -> bool:
        return path in self._roots or (path in _MODULES and is_sensitive(path))
