"""What our own types of contract share: import-linter's interface, owners, and findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.contract import InvalidContractOptions

from emel_tools.boundaries.found import Use
from emel_tools.boundaries.owners import TESTS, owns
from emel_tools.boundaries.tree import Subject, Tree
from emel_tools.findings import Finding

TREE = "tree"
"""The session option by which a caller hands over a tree that it has already."""
_here: dict[Path, Tree] = {}


class Checked(Contract):
    """A contract over the syntax trees: `findings` says what breaks it."""

    broken_contract_guidance = fields.TextField(required=False)
    severity: ClassVar[str] = "error"

    def findings(self, tree: Tree) -> Iterator[Finding]:
        """List what breaks the contract."""
        raise NotImplementedError

    def errors(self) -> dict[str, str]:
        """List what is wrong with the options themselves."""
        return {}

    def validate(self) -> None:
        """Refuse options that make no sense, as import-linter wants to hear it."""
        if wrong := self.errors():
            raise InvalidContractOptions(wrong)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001
        """Check the contract for import-linter."""
        tree = tree_of(self.session_options)
        found = sorted(self.findings(tree))
        return ContractCheck(kept=not found, metadata={"findings": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print what breaks it, for `lint-imports`."""
        for finding in cast("list[Finding]", check.metadata["findings"]):
            output.print_error(str(finding), bold=False)
            output.new_line()

    def text(self, option: str) -> str:
        """Read an option of one word."""
        return cast("str", getattr(self, option))

    def entries(self, option: str) -> tuple[str, ...]:
        """Read an option of many entries."""
        return tuple(cast("Sequence[str] | None", getattr(self, option)) or ())

    def finding(self, subject: Subject, use: Use, what: str, owner: str) -> Finding:
        """Make a finding of this contract."""
        identity = str(self.contract_options["id"])
        fix = " ".join(str(getattr(self, "broken_contract_guidance", None) or "").split())
        return Finding(subject.path, use.line, use.column, identity, what, fix, owner)


class Owners:
    """Who may: modules, packages (`emel_tools.bench.*`), or tests (`tests:emel_io_mmap`)."""

    def __init__(self, entries: Sequence[str]) -> None:
        self.entries = tuple(entries)

    def beside(self, subject: Subject) -> str:
        """Name the owners of a file's own kind: tests, tools or packages."""
        alike = [entry for entry in self.entries if _kind(entry) == _kind(subject.name)]
        return ", ".join(alike) or "nobody"

    def include(self, subject: Subject) -> bool:
        """Whether a file belongs to one of the owners."""
        return _include(self.entries, subject.name)


@cache
def _include(entries: tuple[str, ...], name: str) -> bool:
    return any(owns(entry, name) for entry in entries)


def _kind(name: str) -> str:
    if name.startswith(TESTS):
        return "tests"
    return "tools" if name.startswith("emel_tools") else "packages"


def tree_of(session_options: dict[str, Any]) -> Tree:
    """Take the tree that a caller handed over, or read the one in the current directory, once."""
    if (given := session_options.get(TREE)) is not None:
        return cast("Tree", given)
    root = Path.cwd()
    if root not in _here:
        _here[root] = Tree(root)
    return _here[root]
