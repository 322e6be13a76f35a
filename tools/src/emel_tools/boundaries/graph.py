"""The import graph, as grimp builds it, out of the trees that have been parsed anyway.

So the contracts hold for the files at a path, installed or not, and for a tree that lies over
another one; a test compares it with the graph that grimp builds itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from copy import deepcopy
from functools import lru_cache
from typing import NamedTuple

from grimp import ImportGraph

from emel_tools.boundaries.tree import Subject, Tree


class Import(NamedTuple):
    """One import of a file."""

    name: str
    """A module, or something in one."""
    line: int
    text: str
    """What stands on the line."""


def graph_of(tree: Tree) -> ImportGraph:
    """Build the graph of all that is installed; what lies outside is one module a package.

    Of a tree that lies over another one, only the files that it concerns are drawn anew. Whoever
    takes the graph apart needs a copy.
    """
    if tree.below is None:
        return _drawn(tree)
    graph = deepcopy(graph_of(tree.below))
    anew = [subject for subject in _installed(tree) if tree.differs(subject)]
    for subject in anew:
        graph.add_module(subject.name)
        for imported in graph.find_modules_directly_imported_by(subject.name):
            graph.remove_import(importer=subject.name, imported=imported)
    _draw(graph, tree, anew)
    return graph


@lru_cache(maxsize=1)
def _drawn(tree: Tree) -> ImportGraph:
    graph = ImportGraph()
    for subject in _installed(tree):
        graph.add_module(subject.name)
    _draw(graph, tree, _installed(tree))
    return graph


def _draw(graph: ImportGraph, tree: Tree, subjects: Iterable[Subject]) -> None:
    """Add what some files import."""
    known = set(graph.modules)
    for subject in subjects:
        for name, line, text in imports(tree, subject):
            imported = module_of(tree, name)
            if imported is None or imported == subject.name:
                continue
            if imported not in known:
                known.add(imported)
                graph.add_module(imported, is_squashed=True)
            graph.add_import(
                importer=subject.name, imported=imported, line_number=line, line_contents=text
            )


def _installed(tree: Tree) -> list[Subject]:
    return [subject for subject in tree.subjects if not subject.is_test]


def imports(tree: Tree, subject: Subject) -> tuple[Import, ...]:
    """List what a file imports, each name out of a module by itself."""
    return tree.remember(subject, "imports", lambda: tuple(_imports(tree, subject)))


def _imports(tree: Tree, subject: Subject) -> Iterator[Import]:
    scopes = tree.names(subject).scopes
    lines = tree.text(subject.path).splitlines()
    for node in tree.nodes(subject):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = scopes.imported(node)
            named = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in named:
            yield Import(name, node.lineno, lines[node.lineno - 1].strip())


def module_of(tree: Tree, name: str) -> str | None:
    """Find the module that a dotted name stands for, or lies in."""
    top = name.partition(".")[0]
    if top not in tree.roots:
        return top
    while name and name not in tree.modules:
        name = name.rpartition(".")[0]
    return name or None
