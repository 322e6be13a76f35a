"""import-linter's own types of contract, with one addition: a layer's name stands for its packages.

The layers are written once, as options of the section `[importlinter]`: `strategies` lists the
packages of that layer. `root_packages` is put together from them, and so is what the contracts
speak of; a package that is written into its layer is part of every contract that names the layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, cast

from grimp import ImportGraph
from importlinter import ContractCheck, output
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

from emel_tools.boundaries.contract import tree_of
from emel_tools.boundaries.found import Use
from emel_tools.boundaries.table import listed, packages_in
from emel_tools.boundaries.tree import Subject, Tree
from emel_tools.findings import Finding


def expanded(
    session_options: dict[str, Any], options: dict[str, Any], naming: tuple[str, ...]
) -> dict[str, Any]:
    """Put packages in the place of their layers."""
    changed = dict(options)
    for option in naming:
        if option in options:
            changed[option] = [
                package
                for entry in listed(options[option])
                for package in packages_in(session_options, entry.strip())
            ]
    return changed


class Layers(LayersContract):
    """Each layer imports from below it, also in tests; what stands side by side stays apart."""

    def __init__(
        self, name: str, session_options: dict[str, Any], contract_options: dict[str, Any]
    ) -> None:
        names = listed(contract_options.get("layers", []))
        self.order = [packages_in(session_options, each.strip()) for each in names]
        options = {**contract_options, "layers": [" | ".join(layer) for layer in self.order]}
        super().__init__(name, session_options, options)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001
        """Check the packages as import-linter does, and then their tests."""
        found = super().check(graph, verbose)
        wrong = sorted(self._in_tests(tree_of(self.session_options)))
        metadata = {**found.metadata, "tests": wrong}
        return ContractCheck(
            kept=found.kept and not wrong,
            metadata=metadata,
            warnings=found.warnings,
            ignored_import_count=found.ignored_import_count,
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print what breaks it."""
        for finding in cast("list[Finding]", check.metadata["tests"]):
            output.print_error(str(finding), bold=False)
        super().render_broken_contract(check)

    def _in_tests(self, tree: Tree) -> Iterator[Finding]:
        level = {package: i for i, layer in enumerate(self.order) for package in layer}
        key = ("beside or above", *level.items())
        for subject, wrong in tree.gather(key, partial(_not_below, level)).values():
            for root, use in wrong:
                yield self._finding(subject, use, root)

    def _finding(self, subject: Subject, use: Use, root: str) -> Finding:
        guidance = " ".join(str(self.broken_contract_guidance or "").split())
        what = f"{subject.name} imports {root}, which doesn't stand below {subject.package}"
        identity = str(self.contract_options["id"])
        return Finding(subject.path, use.line, use.column, identity, what, guidance, root)


def _not_below(level: Mapping[str, int], tree: Tree, subject: Subject) -> Iterable[tuple[str, Use]]:
    """List each package that a test reaches into, and mustn't, with where it does first."""
    found: dict[str, Use] = {}
    at = level.get(subject.package, 0)
    for use in tree.uses(subject) if subject.is_test else ():
        root = use.target.partition(".")[0]
        if root != subject.package and level.get(root, at + 1) <= at:
            found.setdefault(root, use)
    return found.items()


class Protected(ProtectedContract):
    """Some modules are imported by some others only; a layer's name stands for its packages."""

    naming: ClassVar = ("protected_modules", "allowed_importers")

    def __init__(
        self, name: str, session_options: dict[str, Any], contract_options: dict[str, Any]
    ) -> None:
        options = expanded(session_options, contract_options, self.naming)
        super().__init__(name, session_options, options)


class Forbidden(ForbiddenContract):
    """Some modules are never imported by some others; a layer's name stands for its packages."""

    naming: ClassVar = ("source_modules", "forbidden_modules")

    def __init__(
        self, name: str, session_options: dict[str, Any], contract_options: dict[str, Any]
    ) -> None:
        options = expanded(session_options, contract_options, self.naming)
        super().__init__(name, session_options, options)
