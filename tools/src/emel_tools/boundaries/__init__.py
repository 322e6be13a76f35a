"""What import-linter can't see: whether it is told everything, and what goes around imports.

`lint-imports` is green about a package that is missing from its roots, a folder without
`__init__.py`, an outside module whose name is misspelt, a second configuration. These rules aren't.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from emel_tools.boundaries import configuration, sources
from emel_tools.boundaries.facts import Facts
from emel_tools.findings import Finding

RULES: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    configuration.roots_are_packages,
    configuration.folders_are_packages,
    configuration.names_exist,
    configuration.configuration_is_single,
    configuration.members_are_packages,
    configuration.roots_are_layered,
    configuration.doors_are_closed,
    sources.protected_are_imported,
    sources.imports_are_declared,
    sources.ports_are_used,
)


def check(root: Path) -> list[Finding]:
    """Hold the repository at `root` to every rule."""
    facts = Facts(root)
    return [finding for rule in RULES for finding in rule(facts)]
