"""All that the rules ask of one file, as plain data: it can be kept, and the syntax let go."""

from __future__ import annotations

import msgspec

from emel_tools.boundaries.dependencies import foreign
from emel_tools.boundaries.found import Use
from emel_tools.boundaries.graph import Import, imports
from emel_tools.boundaries.meanings import Meaning
from emel_tools.boundaries.syntax import Broken
from emel_tools.boundaries.tree import Subject, Tree
from emel_tools.boundaries.vocabulary import Said, said_in


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """What a tree remembers of a file; but for `asked`, by the keys that it does it under."""

    asked: frozenset[str]
    """Modules that all this depends on, as `Asked` notes them."""
    broken: Broken | None
    imports: tuple[Import, ...]
    foreign: tuple[tuple[str, int], ...]
    defined: frozenset[str]
    uses: tuple[Use, ...]
    said: tuple[Said, ...]
    meanings: dict[str, Meaning]


def facts_of(tree: Tree, subject: Subject) -> Facts:
    """Make all of it, in one order: a value that needs itself depends on where it is begun."""
    made = (
        tree.broken(subject),
        imports(tree, subject),
        foreign(tree, subject),
        tree.defined(subject),
        tree.uses(subject),
        said_in(tree, subject),
        dict(tree.meanings(subject)),
    )
    return Facts(frozenset(tree.names(subject).world.modules), *made)


def know(tree: Tree, subject: Subject, facts: Facts) -> None:
    """Tell a tree what there is to know of a file."""
    listed = frozenset(name for name, each in facts.meanings.items() if each.is_listed)
    tree.know(subject, {**msgspec.structs.asdict(facts), "all": listed}, facts.meanings)
