"""What a gate finds, and how it says so: what is wrong, where, whose it is, and what to do.

Every gate hands out the same findings, in the same order for the same tree; `emel_tools.reports`
writes them for people, scripts, code scanning and pull requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

Severity: TypeAlias = Literal["error", "warning"]

_NEWS: Final = frozenset({"changed", "checks", "gone", "new"})
"""Rules by which something is otherwise than it is recorded, and no worse."""


class Finding(NamedTuple):
    """One thing that is wrong."""

    file: str
    """Path from the root of the repository, with slashes; a folder where no file is meant."""
    line: int
    """From 1; 0 where the whole file is meant."""
    column: int
    """From 1; 0 where the whole line is meant."""
    rule: str
    """Contract or rule that is broken, as the gate names it."""
    what: str
    """What is wrong, in one clause."""
    fix: str
    """What to do instead."""
    owner: str = ""
    """Who may do it: modules, or nobody; empty where it isn't a question of who."""
    gate: str = ""
    """The gate that found it, as `nox -s` knows it."""
    severity: Severity = "error"

    @classmethod
    def at(cls, where: str, what: str, fix: str, rule: str = "") -> Finding:
        """Make one of a place like `path`, `path:line` or `path [section]`."""
        found = re.fullmatch(r"(.*?)(?: \[([\w-]+)\])?(?::(\d+))?", where)
        file, section, line = found.groups() if found else (where, None, None)
        return cls(file, int(line or 0), 0, section or rule, what, fix)

    @property
    def where(self) -> str:
        """File, line and column, as far as they are known."""
        return ":".join((self.file, *(str(n) for n in (self.line, self.column) if n)))

    def __str__(self) -> str:
        rule = f" [{self.rule}]" if self.rule else ""
        owner = f"\n     owner: {self.owner}" if self.owner else ""
        fail = "FAIL" if self.severity == "error" else "WARN"
        return f"{fail} {self.where}:{rule} {self.what}{owner}\n     fix: {self.fix}"


def in_order(gate: str, findings: Iterable[Finding]) -> list[Finding]:
    """Put findings in order, each once: errors first, then by file, line, column and rule.

    News comes last: it may be as it should be, and there may be much of it.
    """
    named = {finding._replace(gate=finding.gate or gate) for finding in findings}
    return sorted(named, key=_place)


def _place(finding: Finding) -> tuple[bool, bool, Finding]:
    return finding.severity != "error", finding.rule in _NEWS, finding
