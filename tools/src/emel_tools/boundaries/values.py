"""What an expression may stand for, as far as it can be told without running it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from emel_tools.boundaries.scopes import Scope


@dataclass(frozen=True, slots=True)
class Reference:
    """What stands at a dotted name: a module, or a member of one."""

    path: str


@dataclass(frozen=True, slots=True)
class Instance:
    """Something made by the class at a dotted name."""

    path: str


@dataclass(frozen=True, slots=True)
class Text:
    """A string that is known."""

    text: str


@dataclass(frozen=True, slots=True)
class Namespace:
    """The dictionary of a module or class: `vars(os)`, `os.__dict__`."""

    path: str


@dataclass(frozen=True, slots=True)
class Items:
    """A container or iterator, by what may be in it."""

    values: Value


@dataclass(frozen=True, slots=True)
class Getter:
    """`operator.attrgetter` or `methodcaller`, by the names that it looks up."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Partial:
    """A function with its first arguments."""

    function: Value
    arguments: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a known value that isn't a module's: `vars(os).get`, `"a".join`."""

    owner: Atom
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function or lambda of this file."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    """A class of this file."""

    node: ast.ClassDef
    scope: Scope


@dataclass(frozen=True, slots=True)
class Made:
    """An instance of a class of this file."""

    of: Class


Atom: TypeAlias = (
    Reference
    | Instance
    | Text
    | Namespace
    | Items
    | Getter
    | Partial
    | Method
    | Function
    | Class
    | Made
)
Value: TypeAlias = frozenset[Atom]
UNKNOWN: Value = frozenset()


def texts(value: Value) -> list[str]:
    """List the strings that a value may be, sorted."""
    return sorted({atom.text for atom in value if isinstance(atom, Text)})


def items(value: Value) -> Value:
    """Say what may be in a container."""
    return frozenset(inner for atom in value if isinstance(atom, Items) for inner in atom.values)


def portable(value: Value) -> Value:
    """Leave out what means something only in the file that it comes from."""
    found: set[Atom] = set()
    for atom in value:
        if isinstance(atom, Items):
            found.add(Items(portable(atom.values)))
        elif isinstance(atom, Reference | Instance | Text):
            found.add(atom)
    return frozenset(found)
