"""The table, `.importlinter`, read as import-linter reads it, with the reasons that it gives."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

FILE: Final = ".importlinter"
SECTION: Final = "importlinter"
UNREADABLE: Final = (OSError, ValueError, configparser.Error)
"""What `read` raises if there is no table, or none that is text, or in the form of one."""
_PREFIX: Final = "importlinter:contract:"
_NAMING: Final = ("allowed_importers", "forbidden_modules", "modules", "protected_modules",
                  "source_modules", "ignore_imports", "layers", "owners", "speakers")  # fmt: skip
"""Every option that names modules, in the types of contract that the table may use."""
GRANTS: Final = ("ignore_imports", "owners", "speakers")
"""Options whose entries allow something, and so need a reason."""


class Contract(NamedTuple):
    """One contract: its id, its type, and its options as lists of entries."""

    id: str
    type: str
    line: int
    """Of its section in the file."""
    options: dict[str, tuple[str, ...]]

    def entries(self, option: str) -> tuple[str, ...]:
        """List the entries of one option; none if it isn't given."""
        return self.options.get(option, ())


class Entry(NamedTuple):
    """One entry of an option, where it stands."""

    contract: str
    option: str
    text: str
    line: int
    has_reason: bool
    """Whether a comment stands above it."""


class Table(NamedTuple):
    """What the boundaries are."""

    session: dict[str, Any]
    """The options of `[importlinter]`, as import-linter hands them to a contract."""
    contracts: tuple[Contract, ...]
    entries: tuple[Entry, ...]

    @property
    def roots(self) -> tuple[str, ...]:
        """The packages that import-linter looks at."""
        return entries_of(self.session.get("root_packages", ""))

    @property
    def layers(self) -> dict[str, tuple[str, ...]]:
        """The packages of each layer, from the top down."""
        named = (c.entries("layers") for c in self.contracts if c.type == "layers")
        return {
            layer: tuple(packages_in(self.session, layer))
            for layers in named
            for layer in layers
            if layer in self.session
        }

    def names(self) -> Iterator[Entry]:
        """List every module, test or layer that a contract names."""
        for entry in self.entries:
            if entry.option in _NAMING:
                for part in re.split(r"->|\|", entry.text):
                    yield entry._replace(text=part.strip("() "))


def read(root: Path) -> Table:
    """Read `.importlinter`.

    Raises
    ------
    OSError, ValueError, configparser.Error
        There is none that can be read: see `UNREADABLE`.
    """
    text = (root / FILE).read_text(encoding="utf-8")
    parser = configparser.ConfigParser()
    parser.read_string(text)
    lines = {entry.contract: entry.line for entry in _lines(text) if not entry.option}
    contracts = tuple(
        Contract(
            section.removeprefix(_PREFIX),
            parser[section].get("type", ""),
            lines.get(section.removeprefix(_PREFIX), 0),
            {key: entries_of(value) for key, value in parser[section].items()},
        )
        for section in parser.sections()
        if section.startswith(_PREFIX)
    )
    options = dict(parser.items(SECTION)) if parser.has_section(SECTION) else {}
    session = {
        key: value if "\n" not in value else list(entries_of(value))
        for key, value in options.items()
    }
    return Table(session, contracts, tuple(entry for entry in _lines(text) if entry.option))


def packages_in(session_options: dict[str, Any], layer: str) -> list[str]:
    """List the packages that a layer holds; the word itself if it is no layer's name."""
    found = session_options.get(layer, layer)
    return [line.strip() for line in listed(found) if line.strip()]


def listed(option: object) -> list[str]:
    """List the entries of an option, of which import-linter makes a string if there is one."""
    return cast("list[str]", option if isinstance(option, list) else [option])


def entries_of(value: str | list[str]) -> tuple[str, ...]:
    """List the entries of an option."""
    lines = value if isinstance(value, list) else value.splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def _lines(text: str) -> Iterator[Entry]:
    """List the sections and the entries of their options, each with its line."""
    contract, option, commented = "", "", False
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith(("#", ";")):
            commented = True
            continue
        if stripped.startswith("["):
            contract, option = stripped.strip("[]").removeprefix(_PREFIX), ""
            yield Entry(contract, "", "", number, commented)
        elif stripped and not line[0].isspace():
            key, _, value = stripped.partition("=")
            option = key.strip().lower()
            if value.strip():
                yield Entry(contract, option, value.strip(), number, commented)
        elif stripped:
            yield Entry(contract, option, stripped, number, commented)
        commented = False
