"""The table of capabilities: who may do what, as .importlinter says it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.boundaries import table
from emel_tools.boundaries.owners import owns
from emel_tools.boundaries.powers import NAMES

_ADVICE: Final = (
    "ask an owner to do it, or add the call to the port of a _platform module and name that module"
    " as an owner"
)


class Rule(NamedTuple):
    """One capability, as the table has it."""

    capability: str
    contract: str
    """The id of its contract; empty if there is none, and then nobody has it."""
    owners: tuple[str, ...]
    guidance: str
    """What to do instead of using it elsewhere."""

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
    rules = {name: Rule(name, "", (), _ADVICE) for name in NAMES}
    for contract in table.read(root).contracts:
        if contract.type == "capability":
            name = "".join(contract.entries("capability"))
            guidance = " ".join(contract.entries("broken_contract_guidance")) or _ADVICE
            rules[name] = Rule(name, contract.id, contract.entries("owners"), guidance)
    return rules
