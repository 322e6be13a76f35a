"""What other files can learn of a module: what its names mean, as data that is no syntax."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from emel_tools.boundaries.syntax import is_module_name
from emel_tools.boundaries.values import Atom, Instance, Items, Reference, Text, Value, portable

if TYPE_CHECKING:
    from emel_tools.boundaries.tree import Subject, Tree


class Plain(msgspec.Struct, frozen=True, order=True, array_like=True):
    """One atom of a value that means the same in every file."""

    kind: str
    text: str = ""
    inside: tuple[Plain, ...] = ()
    """What is in a container."""


class Meaning(msgspec.Struct, frozen=True, array_like=True):
    """What one name of a module means to others."""

    also: tuple[Plain, ...]
    """What it stands for beside its own name."""
    returned: tuple[Plain, ...]
    """What a call of it answers with."""
    is_bound: bool
    is_made: bool
    """Whether it is bound in another way than by an import."""
    is_listed: bool
    """Whether it is in the module's `__all__`."""


def meanings(tree: Tree, subject: Subject) -> dict[str, Meaning]:
    """Say what all names of a module mean."""
    bindings = tree.names(subject).scopes.module.bindings
    listed = tree.all_of(subject)
    return {
        name: Meaning(
            plain(also(tree, subject, name)),
            plain(returned(tree, subject, name)),
            name in bindings,
            any(binding.how != "import" for binding in bindings.get(name, ())),
            name in listed,
        )
        for name in [*bindings, *sorted(listed - bindings.keys())]
    }


def also(tree: Tree, subject: Subject, name: str) -> Value:
    """Say what a name of a module stands for beside itself.

    A module that was imported there is seen through, and so is what was imported from somebody
    else: `_platform.os` is `os`. What a module defines, or its package exports, is its own.
    """
    names = tree.names(subject)
    bound = names.scopes.module.bindings.get(name, [])
    if not bound or (subject.name == subject.package and name in tree.all_of(subject)):
        return frozenset()
    found: set[Atom] = set()
    imported = any(binding.how == "import" and not binding.typing_only for binding in bound)
    for atom in names.lookup(name, names.scopes.module):
        if isinstance(atom, Reference) and atom.path.partition(".")[0] != subject.package:
            is_module = atom.path in tree.roots or is_module_name(atom.path)
            if (imported or is_module) and not atom.path.startswith("builtins."):
                found.add(atom)
    return frozenset(found)


def returned(tree: Tree, subject: Subject, name: str) -> Value:
    """Say what a call of a function that a module defines answers with."""
    names = tree.names(subject)
    found: set[Atom] = set()
    for binding in names.scopes.module.bindings.get(name, []):
        if isinstance(binding.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found |= names.returned(binding.node)
    return portable(frozenset(found))


def plain(value: Value) -> tuple[Plain, ...]:
    """Spell a value that is portable, in one order."""
    return tuple(sorted(_spelled(value)))


def _spelled(value: Value) -> Iterable[Plain]:
    for atom in value:
        match atom:
            case Reference(path=path):
                yield Plain("reference", path)
            case Instance(path=path):
                yield Plain("instance", path)
            case Text(text=text):
                yield Plain("text", text)
            case Items(values=values):
                yield Plain("items", "", plain(values))
            case _:
                pass


def value(atoms: Iterable[Plain]) -> Value:
    """Read a value again."""
    return frozenset(map(_atom, atoms))


def _atom(atom: Plain) -> Atom:
    match atom.kind:
        case "reference":
            return Reference(atom.text)
        case "instance":
            return Instance(atom.text)
        case "text":
            return Text(atom.text)
        case _:
            return Items(value(atom.inside))
