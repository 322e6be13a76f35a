"""What changes in the other files when a tree lies over another one: mostly nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emel_tools.boundaries.tree import Subject, Tree


def affected(tree: Tree, below: Tree) -> frozenset[str]:
    """List the files that import what `tree` changes, and say a name that it gives another meaning.

    As far as a glance shows it: what a file learns of a change by way of a third one isn't seen.
    """
    found: set[str] = set()
    for changed in tree.subjects:
        if changed.path in tree.changes:
            importing = [s for s in tree.subjects if changed.name in tree.mentions(s)]
            other = differing(tree, below, changed) if importing else set[str]()
            found |= {
                subject.path
                for subject in importing
                if "*" in other or any(name in tree.text(subject.path) for name in other)
            }
    return frozenset(found)


def differing(tree: Tree, below: Tree, changed: Subject) -> set[str]:
    """Name what doesn't mean the same in both trees; `*` if that can't be told by names."""
    before = below.modules.get(changed.name)
    if before is None:
        return {"*"}
    now, then = tree.meanings(changed), below.meanings(before)
    return {name for name in now.keys() | then.keys() if now.get(name) != then.get(name)}
