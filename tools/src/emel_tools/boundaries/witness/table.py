"""The table of capabilities: who may do what, as .importlinter says it."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.boundaries import contracts

CAPABILITIES: Final = {
    "files": "open, read, list or look at files",
    "mapping": "map memory",
    "threads": "start threads",
    "processes": "start or signal processes",
    "network": "use the network",
    "imports": "import by a name that is computed",
    "native": "call native code",
    "pickle": "unpickle",
    "evaluate": "evaluate text as code",
}
"""Every capability, and what whoever has it may do."""


class Rule(NamedTuple):
    """One capability, as the table has it."""

    capability: str
    contract: str
    """The id of its contract; empty if there is none, and then nobody has it."""
    owners: tuple[str, ...]
    guidance: str
    """What to do instead of using it elsewhere."""

    @property
    def where(self) -> str:
        """Where the rule stands."""
        return f"{contracts.FILE} [{self.contract or 'capability-' + self.capability}]"

    def allows(self, module: str) -> bool:
        """Whether `module` is among the owners."""
        return any(owns(owner, module) for owner in self.owners)


def read_table(root: Path) -> dict[str, Rule]:
    """Read the rule of every capability.

    Raises
    ------
    FileNotFoundError
        There is no .importlinter.
    """
    table = {name: Rule(name, "", (), _guidance(name, ())) for name in CAPABILITIES}
    for contract in contracts.read(root).contracts:
        if contract.type == "capability":
            name = " ".join(contract.entries("capability"))
            guidance = _guidance(name, contract.entries("broken_contract_guidance"))
            table[name] = Rule(name, contract.id, contract.entries("owners"), guidance)
    return table


def owns(owner: str, module: str) -> bool:
    """Whether `owner`, as the table spells it, means `module`; `*` stands for anything.

    A module of a package or of the tools is spelled as it is imported, and all tests of a package
    together as `tests:` and the package's module.
    """
    return fnmatchcase(module, owner)


def _guidance(capability: str, written: Iterable[str]) -> str:
    return " ".join(written) or (
        f"ask an owner to do it, or add the call to the port of a _platform module and name that"
        f" module under owners in [importlinter:contract:capability-{capability}]"
    )
