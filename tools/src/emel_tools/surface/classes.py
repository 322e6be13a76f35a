"""What a class shows: its bases, how it is called, its methods, properties and attributes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from emel_tools.surface.modules import Found, Module, Modules, statements, targets
from emel_tools.surface.signatures import (
    Function,
    after,
    annotation,
    decorators,
    of_fields,
    of_function,
    overloads,
    spell,
    value,
)

_SILENT: Final = (
    "__init__",
    "__new__",
    "__slots__",
    "__match_args__",
    "__hash__",
    "__annotations__",
)


_MAKING: Final = ("__init__", "__new__", "__post_init__")
"""Methods that give an instance its attributes, before others do."""
Kind: TypeAlias = Literal[
    "module", "function", "class", "call", "method", "property", "attribute", "value", "elsewhere"
]


class Member(NamedTuple):
    """A class, or something in it; the first fields are those of a `Name`."""

    key: str
    kind: Kind
    what: str
    doc: str | None
    module: Module
    line: int
    decorators: tuple[str, ...] = ()
    """Of a function, as they are written: those that `what` doesn't tell."""


class Class:
    """One class, with what it inherits from classes of its own package.

    Parameters
    ----------
    modules
        Of the package.
    module, node
        Where it is defined.
    exported
        Public names of the package: what such a class has isn't said again of those below it.
    """

    def __init__(
        self, modules: Modules, module: Module, node: ast.ClassDef, exported: frozenset[str]
    ) -> None:
        self._modules, self._module = modules, module
        self.node = node
        self._body = [*statements(node.body)]
        self._exported = exported
        self._known: dict[ast.expr, Class] = {}
        """Bases that are defined in the package, by how they are written."""
        for base in node.bases:
            named = base.value if isinstance(base, ast.Subscript) else base
            found = modules.find(module.name, named.id) if isinstance(named, ast.Name) else None
            if isinstance(found, Found) and isinstance(found.nodes[0], ast.ClassDef):
                self._known[base] = Class(modules, found.module, found.nodes[0], exported)

    def members(self, key: str) -> Iterator[Member]:
        """List the class itself, how it is called, and all that it shows; each name once."""
        node = self.node
        yield Member(
            key, "class", self._heading(), ast.get_docstring(node), self._module, node.lineno
        )
        call = self._call()
        if call is not None:
            yield Member(f"{key}()", "call", call, None, self._module, node.lineno)
        seen: set[str] = set()
        for owner in self.lineage():
            if owner is not self and owner.node.name in self._exported:
                continue
            for name, member in owner.own(key):
                if name not in seen:
                    seen.add(name)
                    yield member

    def lineage(self) -> list[Class]:
        """List the class and the bases that are known, in about the order of Python's own."""
        found: list[Class] = [self]
        for base in self._known.values():
            found += [each for each in base.lineage() if each.node not in [f.node for f in found]]
        return found

    def _heading(self) -> str:
        made = [f"@{spell(d)}" for d in self.node.decorator_list]
        shown = [*self._shown()]
        bases = [*dict.fromkeys(spell(b) for b in shown if not isinstance(b, ast.keyword))]
        words = [b for b in shown if isinstance(b, ast.keyword)]
        bases += dict.fromkeys(f"{word.arg}={spell(word.value)}" for word in words)
        return " ".join((*made, f"class({', '.join(bases)})" if bases else "class"))

    def _shown(self) -> Iterator[ast.expr | ast.keyword]:
        """List bases and keywords; in the place of a base that nobody else sees stand its own."""
        for base in self.node.bases:
            inner = self._known.get(base)
            is_seen = inner is None or inner.node.name in self._exported
            if is_seen or isinstance(base, ast.Subscript):  # what it is given is nowhere else
                yield base
            if inner is not None and not is_seen:
                yield from inner._shown()
        yield from self.node.keywords

    def _is(self, *bases: str) -> bool:
        """Whether it derives from one of these; by way of classes of the package, too."""
        return any(owner._says(*bases) for owner in self.lineage())

    def _says(self, *bases: str) -> bool:
        return any(spell(base).split("[")[0].split(".")[-1] in bases for base in self.node.bases)

    def _dataclass(self) -> str:
        return next((spell(d) for d in self.node.decorator_list if "dataclass" in spell(d)), "")

    def _call(self) -> str | None:
        """Spell how an instance is made; None where it can't be told, or where nobody makes one."""
        is_enum = self._is("Enum", "IntEnum", "IntFlag", "Flag", "StrEnum")
        if is_enum or self._says("Protocol", "ABC"):
            return None
        for owner in self.lineage():
            for node in owner._body:
                if isinstance(node, Function) and node.name in ("__init__", "__new__"):
                    return of_function(node, bound=True).partition(" -> ")[0]
            if owner._dataclass() or owner._says("NamedTuple"):
                return owner._call_of_fields()
        known = len(self._known) == len(self.node.bases)
        return "()" if known else None

    def _call_of_fields(self) -> str:
        fields: dict[str, tuple[str, str]] = {}
        for owner in reversed(self.lineage()):
            fields |= owner.fields()
        keywords = [*fields] if "kw_only=True" in self._dataclass() else []
        return of_fields(((name, *facts) for name, facts in fields.items()), keywords)

    def fields(self) -> dict[str, tuple[str, str]]:
        """List what its body annotates, each with its annotation and its default."""
        return {
            node.target.id: (annotation(node.annotation), spell(node.value))
            for node in self._body
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and "ClassVar" not in spell(node.annotation)
        }

    def own(self, key: str) -> Iterator[tuple[str, Member]]:
        """List what its body defines and its methods set, under the key of the class."""
        functions: dict[str, list[Function]] = {}
        for node in self._body:
            if isinstance(node, Function):
                functions.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.ClassDef):
                yield from self._inner(key, node)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                for name in _targets(node):
                    yield name, self._attribute(f"{key}.{name}", name, node)
        for name, nodes in functions.items():
            if _is_public(name):
                yield name, self._method(f"{key}.{name}", nodes)
        for name in dict.fromkeys((*_MAKING, *functions)):
            for method in functions.get(name, []):
                yield from self._set_by(method, key)

    def _inner(self, key: str, node: ast.ClassDef) -> Iterator[tuple[str, Member]]:
        """List a class that its body defines, and what that shows in turn."""
        if _is_public(node.name):
            inner = Class(self._modules, self._module, node, self._exported)
            for member in inner.members(f"{key}.{node.name}"):
                yield member.key.removeprefix(f"{key}."), member

    def _method(self, key: str, nodes: Sequence[Function]) -> Member:
        node = nodes[0] if _decorated(nodes[0], "property", "cached_property") else nodes[-1]
        doc = ast.get_docstring(node)
        if _decorated(node, "property", "cached_property"):
            settable = (
                ", settable"
                if any(spell(d).endswith(".setter") for n in nodes for d in n.decorator_list)
                else ""
            )
            word = "cached property" if _decorated(node, "cached_property") else "property"
            what = f"{word} -> {annotation(node.returns) or 'Any'}{settable}"
            return Member(key, "property", what, doc, self._module, node.lineno, decorators(nodes))
        static = _decorated(node, "staticmethod")
        words = [
            w for w in ("staticmethod", "classmethod", "abstractmethod") if _decorated(node, w)
        ]
        told = overloads(nodes, bound=not static)
        what = " ".join((*words, told))
        return Member(key, "method", what, doc, self._module, node.lineno, decorators(nodes))

    def _attribute(self, key: str, name: str, node: ast.Assign | ast.AnnAssign) -> Member:
        doc = after(self.node.body, node) or self._told(name)
        return Member(key, "attribute", value(node), doc, self._module, node.lineno)

    def _set_by(self, init: Function, key: str) -> Iterator[tuple[str, Member]]:
        """List what the constructor, or another method, sets: `self.code = code`."""
        kinds = {
            arg.arg: annotation(arg.annotation) for arg in (*init.args.args, *init.args.kwonlyargs)
        }
        for node in ast.walk(init):
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            for target in targets(node):
                match target:
                    case ast.Attribute(value=ast.Name(id="self"), attr=name) if _is_public(name):
                        kind = (
                            annotation(node.annotation) if isinstance(node, ast.AnnAssign) else ""
                        )
                        if isinstance(node.value, ast.Name):
                            kind = kind or kinds.get(node.value.id, "")
                        doc = after(init.body, node) or self._told(name)
                        yield (
                            name,
                            Member(
                                f"{key}.{name}", "attribute", kind, doc, self._module, node.lineno
                            ),
                        )
                    case _:
                        pass

    def _told(self, name: str) -> str | None:
        """Read what the docstring of the class says of an attribute, in a section of numpydoc."""
        text = ast.get_docstring(self.node) or ""
        found = re.search(
            rf"^(?:\w+, )*{re.escape(name)}(?:, \w+)*(?: : .*)?\n((?:    .*\n?|\n)+)",
            text,
            re.MULTILINE,
        )
        return " ".join(found[1].split()) if found else None


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    return [t.id for t in targets(node) if isinstance(t, ast.Name) and _is_public(t.id)]


def _is_public(name: str) -> bool:
    return not name.startswith("_") or (
        name.startswith("__") and name.endswith("__") and name not in _SILENT
    )


def _decorated(node: Function, *names: str) -> bool:
    return any(spell(d).split(".")[-1] in names for d in node.decorator_list)
