"""The files in the order of their imports: each behind those that it imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emel_tools.boundaries.graph import imports, module_of
from emel_tools.boundaries.tree import Subject, Tree


def circles(tree: Tree) -> list[list[Subject]]:
    """List the files, those that import each other in a circle together, sorted by path."""
    below = {subject.name: _imported(tree, subject) for subject in tree.subjects}
    return [
        sorted((tree.modules[name] for name in names), key=lambda subject: subject.path)
        for names in components(below)
    ]


def _imported(tree: Tree, subject: Subject) -> list[str]:
    """Name what a file imports, and what it imports that from: `from a import b` asks both."""
    named = [each.name for each in imports(tree, subject)]
    found = {module_of(tree, name) for name in (*named, *(n.rpartition(".")[0] for n in named))}
    return sorted(name for name in found if name in tree.modules)


def components(below: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """List the strongly connected components of a graph, each behind those below it (Tarjan's)."""
    found: list[list[str]] = []
    numbers: dict[str, int] = {}
    pending: list[str] = []

    def visit(node: str) -> int:
        number = lowest = numbers[node] = len(numbers)
        pending.append(node)
        for each in below[node]:
            if each not in numbers:
                lowest = min(lowest, visit(each))
            elif each in pending:
                lowest = min(lowest, numbers[each])
        if lowest == number:
            at = pending.index(node)
            found.append(pending[at:])
            del pending[at:]
        return lowest

    for node in below:
        if node not in numbers:
            visit(node)
    return found
