"""The import graph, as grimp builds it, out of the trees that have been parsed anyway.

So the contracts hold for the files at a path, installed or not, and for a tree that lies over
another one; a test compares it with the graph that grimp builds itself.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from functools import lru_cache

from grimp import ImportGraph

from emel_tools.boundaries.tree import Subject, Tree


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
        for imported, line, text in tree.remember(subject, "imports", _imports(tree, subject)):
            if imported not in known:
                known.add(imported)
                graph.add_module(imported, is_squashed=True)
            graph.add_import(
                importer=subject.name, imported=imported, line_number=line, line_contents=text
            )


def _installed(tree: Tree) -> list[Subject]:
    return [subject for subject in tree.subjects if not subject.is_test]


def _imports(tree: Tree, subject: Subject) -> Callable[[], list[tuple[str, int, str]]]:
    def find() -> list[tuple[str, int, str]]:
        lines = tree.text(subject.path).splitlines()
        return [(name, n, lines[n - 1].strip()) for name, n in imports(tree, subject)]

    return find


def imports(tree: Tree, subject: Subject) -> Iterator[tuple[str, int]]:
    """List the modules that a file imports, each with its line."""
    scopes = tree.names(subject).scopes
    for node in tree.nodes(subject):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = scopes.imported(node)
            named = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in named:
            imported = _module(tree, name)
            if imported is not None and imported != subject.name:
                yield imported, node.lineno


def _module(tree: Tree, name: str) -> str | None:
    """Find the module that a dotted name stands for, or lies in."""
    top = name.partition(".")[0]
    if top not in tree.roots:
        return top
    while name and name not in tree.modules:
        name = name.rpartition(".")[0]
    return name or None
