"""Contract type `interface`: a package is used by what it exports, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from emel_tools.boundaries.contract import Checked
from emel_tools.boundaries.found import Use
from emel_tools.boundaries.tree import Subject, Tree
from emel_tools.findings import Finding

TESTING: Final = "testing"
"""The module of a package that holds its fakes, for the tests of others."""
_PLAIN: Final = frozenset({"__all__", "__doc__", "__name__", "__version__"})
_TUPLE: Final = frozenset({"_asdict", "_field_defaults", "_fields", "_make", "_replace"})
"""Public for all their underscore: a NamedTuple's own."""
_ENUM: Final = frozenset({"_ignore_", "_missing_", "_name_", "_value_", "_member_map_"})
_INSIDE: Final = frozenset(
    {"__builtins__", "__closure__", "__code__", "__dict__", "__globals__", "__loader__", "__new__",
     "__spec__", "__subclasses__", "__wrapped__"}
)  # fmt: skip
"""Ways from a public thing to what lies behind it, or around a constructor that validates."""


class Interface(Checked):
    """Another package may use what is in `__all__`, and tests what is in `testing`."""

    def findings(self, tree: Tree) -> Iterator[Finding]:
        """List who reaches past the front door of another package."""
        for subject, broken in tree.gather("interface", self._of).values():
            for use, what, owner in broken:
                yield self.finding(subject, use, what, owner)

    def _of(self, tree: Tree, subject: Subject) -> Iterable[tuple[Use, str, str]]:
        found: dict[tuple[int, str], tuple[Use, str, str]] = {}
        for use in tree.uses(subject):
            if (broken := self._broken(tree, subject, use)) is not None:
                found.setdefault((use.line, broken[0]), (use, *broken))
        return found.values()

    def _broken(self, tree: Tree, subject: Subject, use: Use) -> tuple[str, str] | None:
        root, _, rest = use.target.removesuffix("()").partition(".")
        if root == "?":
            return self._unknown(tree, subject, rest)
        if root not in tree.roots or root == subject.package or not rest:
            return None
        if use.base.partition(".")[0] == root and self._reason(tree, subject, use.base):
            return None  # found where the base was reached
        reason = self._reason(tree, subject, use.target.removesuffix("()"))
        return (
            (f"{subject.name} reaches {use.target.removesuffix('.*')}, {reason}", root)
            if reason
            else None
        )

    def _reason(self, tree: Tree, subject: Subject, target: str) -> str:
        """Say why a target in another package is out of reach; nothing if it isn't."""
        root, *parts = target.split(".")
        if not parts:
            return ""
        first, *deeper = parts
        if first == "*":
            return "as a whole: what is taken out of it can't be seen"
        if first == TESTING and f"{root}.{TESTING}" in tree.modules:
            return self._reason_of_testing(tree, subject, root, deeper)
        if first not in _PLAIN and first not in tree.exports(root):
            return f"which isn't in {root}.__all__"
        for part in deeper:
            if is_private(part):
                return f"where {part} is private to {root}"
        return ""

    def _reason_of_testing(self, tree: Tree, subject: Subject, root: str, deeper: list[str]) -> str:
        if not subject.is_test and not subject.name.endswith(f".{TESTING}"):
            return f"which is for tests: {subject.name} is none"
        for part in deeper:
            if is_private(part):
                return f"where {part} is private to {root}"
        if deeper and deeper[0] != "*":
            fakes = tree.modules[f"{root}.{TESTING}"]
            listed = tree.all_of(fakes)
            meaning = tree.meanings(fakes).get(deeper[0])
            ours = deeper[0] in listed if listed else meaning is not None and meaning.is_made
            if not ours and deeper[0] not in _PLAIN:
                return f"which {root}.{TESTING} only imports"
        return ""

    def _unknown(self, tree: Tree, subject: Subject, name: str) -> tuple[str, str] | None:
        """Judge a private name of something unknown: it is whose only package defines it."""
        if not is_private(name) or name in _INSIDE:
            return None
        owners = private_names(tree).get(name, frozenset())
        if not owners or subject.package in owners or name in tree.defined(subject):
            return None
        owner = ", ".join(sorted(owners))
        return f"{subject.name} reaches {name} of something, which is private to {owner}", owner


def is_private(name: str) -> bool:
    """Whether a member is no part of what its owner offers."""
    if name.startswith("__") and name.endswith("__"):
        return name in _INSIDE
    return name.startswith("_") and name not in _TUPLE | _ENUM


_CACHE: dict[int, tuple[Tree, dict[str, frozenset[str]]]] = {}


def private_names(tree: Tree) -> dict[str, frozenset[str]]:
    """Map each private name that a package defines to the packages that do."""
    base = tree.below or tree
    if id(base) not in _CACHE:
        found: dict[str, set[str]] = {}
        for subject in base.subjects:
            if not subject.is_test:
                for name in {*base.defined(subject), subject.name.rpartition(".")[2]}:
                    if is_private(name):
                        found.setdefault(name, set()).add(subject.package)
        _CACHE.clear()
        _CACHE[id(base)] = (base, {name: frozenset(who) for name, who in found.items()})
    return _CACHE[id(base)][1]
