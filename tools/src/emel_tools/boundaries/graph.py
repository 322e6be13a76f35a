"""The import graph, as grimp builds it, out of the trees that have been parsed anyway.

So the contracts hold for the files at a path, installed or not, and for a tree that lies over
another one; a test compares it with the graph that grimp builds itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grimp import ImportGraph

from emel_tools.boundaries.tree import Subject, Tree


def graph_of(tree: Tree) -> ImportGraph:
    """Build the graph of all that is installed; what lies outside is one module a package."""
    graph = ImportGraph()
    for subject in tree.subjects:
        if not subject.is_test:
            graph.add_module(subject.name)
    for subject in tree.subjects:
        if subject.is_test:
            continue
        lines = tree.text(subject.path).splitlines()
        every = tree.remember(subject, "imports", lambda s=subject: list(imports(tree, s)))
        for imported, line in every:
            if imported not in tree.modules and imported not in graph.modules:
                graph.add_module(imported, is_squashed=True)
            graph.add_import(
                importer=subject.name,
                imported=imported,
                line_number=line,
                line_contents=lines[line - 1].strip(),
            )
    return graph


def imports(tree: Tree, subject: Subject) -> Iterator[tuple[str, int]]:
    """List the modules that a file imports, each with its line."""
    scopes = tree.names(subject).scopes
    for node in ast.walk(tree.parsed(subject)):
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
