"""The file .importlinter, read as import-linter reads it."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FILE = ".importlinter"
_SECTION = "importlinter"
_PREFIX = "importlinter:contract:"
# Every option of import-linter 2.16 that names modules, by contract type or for all.
_NAMING = (
    "allowed_importers",
    "ancestors",
    "containers",
    "exhaustive_ignores",
    "forbidden_modules",
    "ignore_imports",
    "layers",
    "modules",
    "protected_modules",
    "source_modules",
)


class Contract(NamedTuple):
    """One contract: its id, its type, and its options as lists of entries."""

    id: str
    type: str
    options: dict[str, tuple[str, ...]]

    def entries(self, option: str) -> tuple[str, ...]:
        """List the entries of one option; none if it isn't given."""
        return self.options.get(option, ())


class Configuration(NamedTuple):
    """What import-linter is told."""

    roots: tuple[str, ...]
    contracts: tuple[Contract, ...]


class Name(NamedTuple):
    """A module as a contract names it."""

    contract: str
    option: str
    expression: str
    """A dotted name; `*` and `**` stand for modules."""
    optional: bool
    """Written in parentheses: a layer whose package may not be there yet."""


def read(root: Path) -> Configuration:
    """Read `.importlinter`.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    parser = configparser.ConfigParser(interpolation=None)
    with (root / FILE).open(encoding="utf-8") as file:
        parser.read_file(file)
    contracts = tuple(
        Contract(
            section.removeprefix(_PREFIX),
            parser[section].get("type", ""),
            {key: _entries(value) for key, value in parser[section].items()},
        )
        for section in parser.sections()
        if section.startswith(_PREFIX)
    )
    return Configuration(_entries(parser[_SECTION].get("root_packages", "")), contracts)


def names(contract: Contract) -> Iterator[Name]:
    """Name every module that `contract` speaks of."""
    for option in _NAMING:
        for entry in contract.entries(option):
            for part in re.split(r"[|:]|->", entry):
                expression = part.strip()
                optional = expression.startswith("(") and expression.endswith(")")
                yield Name(contract.id, option, expression.strip("() "), optional)


def _entries(value: str) -> tuple[str, ...]:
    lines = (line.strip() for line in value.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
