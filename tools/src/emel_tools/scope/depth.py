"""How deep a change of a file goes: to its layout, docstrings, functions, or imports."""

from __future__ import annotations

import ast
from enum import IntEnum
from pathlib import Path

from emel_tools.scope import code
from emel_tools.scope.altered import Altered, altered, sources
from emel_tools.scope.changes import Changes, content


class Depth(IntEnum):
    """What of a file is another than before, from the least that may matter to everything."""

    LAYOUT = 0
    """Comments, and where lines stand. One that gives a type, or says how the file is encoded, is
    read with the code, and is none of these."""
    TEXT = 1
    """What says something and does nothing: docstrings, types of what is no argument."""
    ADDED = 2
    """What is there beside all that there was, and that nobody speaks of yet."""
    FUNCTIONS = 3
    """What functions do once they are called, or what is bound as it is imported."""
    IMPORTS = 4
    """Which modules it imports, wherever that stands; or who knows what, as it is imported."""


def depth(root: Path, changed: Changes, path: str) -> Depth:
    """Say how deep a file has changed: all of it, if it isn't Python, or is new or gone."""
    if not path.endswith(".py") or path in changed.moved:
        return Depth.IMPORTS
    try:
        return _between(root, path, content(root, changed.base, path))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last of deep nesting, too
        return Depth.IMPORTS


def _between(root: Path, path: str, before: bytes) -> Depth:
    now = (root / path).read_bytes()
    first, second = (ast.parse(text, type_comments=True) for text in (before, now))
    if ast.dump(first) == ast.dump(second):
        return Depth.LAYOUT
    was, does = code.read(before), code.read(now)
    if was == does:
        return Depth.TEXT
    if _imports(first) != _imports(second):
        return Depth.IMPORTS
    if was.bodies == does.bodies:
        return Depth.FUNCTIONS
    found = _altered(root, path, before)
    if found is None:
        return Depth.IMPORTS
    return Depth.FUNCTIONS if found.functions else Depth.ADDED


def _altered(root: Path, path: str, before: bytes) -> Altered | None:
    """Say what a change of one file alters, in the packages and for the tools that call them."""
    now = sources(root)
    return altered({**now, path: before}, now, now.keys(), sources(root, "tools/src/**/*.py"))


def _imports(tree: ast.Module) -> set[str]:
    """Spell each import statement, with what is caught around it: one that may fail is optional."""
    found: set[str] = set()
    todo: list[tuple[ast.AST, str]] = [(tree, "")]
    for node, caught in todo:  # grows while it is read
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.add(f"{caught}{ast.dump(node)}")
        rest = ast.iter_child_nodes(node)
        if isinstance(node, ast.Try):
            types = ["" if each.type is None else ast.dump(each.type) for each in node.handlers]
            todo += [(child, f"{caught}{types}") for child in node.body]
            rest = iter((*node.handlers, *node.orelse, *node.finalbody))
        todo += [(child, caught) for child in rest]
    return found
