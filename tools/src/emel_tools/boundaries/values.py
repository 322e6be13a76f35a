"""What an expression may stand for, as far as it can be told without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

if TYPE_CHECKING:
    from emel_tools.boundaries.scopes import Scope


class Reference(msgspec.Struct, frozen=True):
    """What stands at a dotted name: a module, or a member of one."""

    path: str


class Instance(msgspec.Struct, frozen=True):
    """Something made by the class at a dotted name."""

    path: str


class Text(msgspec.Struct, frozen=True):
    """A string that is known."""

    text: str


class Namespace(msgspec.Struct, frozen=True):
    """The dictionary of a module or class: `vars(os)`, `os.__dict__`."""

    path: str


class Items(msgspec.Struct, frozen=True):
    """A container or iterator, by what may be in it."""

    values: Value


class Getter(msgspec.Struct, frozen=True):
    """`operator.attrgetter` or `methodcaller`, by the names that it looks up."""

    names: tuple[str, ...]


class Partial(msgspec.Struct, frozen=True):
    """A function with its first arguments."""

    function: Value
    arguments: tuple[Value, ...]


class Method(msgspec.Struct, frozen=True):
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


class Made(msgspec.Struct, frozen=True):
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
PATHS: Final = frozenset({"pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath"})
MOST_TEXTS: Final = 64
"""No more strings than this are put together out of parts that may be several."""


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


def instance(atom: Atom) -> Atom | None:
    """Say what the class `atom` makes."""
    match atom:
        case Reference(path=path):
            return Instance(path)
        case Class():
            return Made(atom)
        case _:
            return None


def join(values: Iterable[Value]) -> Value:
    """Unite what something may be."""
    return UNKNOWN.union(*values)


def concatenated(parts: list[Value]) -> Value:
    """Join strings that are known; nothing is known of the whole if one part isn't."""
    choices = [texts(part) for part in parts]
    if not all(choices):
        return UNKNOWN
    found: set[Atom] = set()
    for words in product(*choices):
        found.add(Text("".join(words)))
        if len(found) >= MOST_TEXTS:
            break
    return frozenset(found)


def combined(left: Value, op: ast.operator, right: Value) -> Value:
    """Say what an operator makes of strings, containers and paths."""
    match op:
        case ast.Add():
            return concatenated([left, right]) | (left | right if items(left) else UNKNOWN)
        case ast.Mod():
            words = [*texts(right), *texts(items(right))]
            whole = (template.replace("%s", word) for template in texts(left) for word in words)
            return frozenset(map(Text, whole))
        case ast.Div():
            return frozenset(a for a in left | right if isinstance(a, Instance) and a.path in PATHS)
        case _:
            return UNKNOWN
