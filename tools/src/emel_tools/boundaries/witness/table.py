"""The table of capabilities: who may do what, as .importlinter says it."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Final, NamedTuple

FILE: Final = ".importlinter"
TESTS: Final = "tests:"
"""How the name of a test file begins: `tests:emel_io_mmap.test_leases`."""
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
    parser = configparser.ConfigParser(interpolation=None)
    with (root / FILE).open(encoding="utf-8") as file:
        parser.read_file(file)
    table = {name: Rule(name, "", (), _ADVICE) for name in CAPABILITIES}
    for section in parser.sections():
        facts = parser[section]
        if facts.get("type") == "capability":
            name = facts.get("capability", "")
            owners = tuple(line.strip() for line in facts.get("owners", "").splitlines())
            guidance = " ".join(facts.get("broken_contract_guidance", _ADVICE).split())
            contract = section.removeprefix("importlinter:contract:")
            table[name] = Rule(name, contract, tuple(filter(None, owners)), guidance)
    return table


def owns(owner: str, module: str) -> bool:
    """Whether an owner, as the table spells it, is or holds a module.

    `a.b` is one module; `a.b.*` is it and all below it; `tests:a` is every file that tests `a`,
    `tests:a.test_b` one of them, `tests:*` every test.
    """
    if owner == f"{TESTS}*":
        return module.startswith(TESTS)
    if owner.startswith(TESTS):
        return f"{module}.".startswith(f"{owner}.")
    if owner.endswith(".*"):
        return f"{module}.".startswith(owner[:-1])
    return module == owner
