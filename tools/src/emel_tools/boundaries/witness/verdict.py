"""The verdict over what was witnessed: not allowed, not proved, not recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.boundaries.owners import TESTS, owns
from emel_tools.boundaries.table import FILE
from emel_tools.boundaries.witness.events import Use, is_seen_everywhere
from emel_tools.boundaries.witness.shards import Witnessed
from emel_tools.boundaries.witness.table import Rule
from emel_tools.findings import Finding
from emel_tools.snapshots import lines

SNAPSHOT: Final = Path("snapshots") / "boundaries" / "witness.txt"
ALWAYS: Final = "on every Python"
LATER: Final = "from 3.12"
"""When a fact is seen."""


class Fact(NamedTuple):
    """That the tests of a package have seen one of its modules use a capability."""

    capability: str
    module: str
    operation: str


def violations(table: Mapping[str, Rule], uses: Mapping[Use, str]) -> list[Finding]:
    """Find every line that uses a capability which its module doesn't own."""
    places: dict[tuple[str, str, int, str], list[Use]] = {}
    for use in sorted(uses):
        if not table[use.capability].allows(use.module):
            places.setdefault(use[:4], []).append(use)
    findings: list[Finding] = []
    for (module, path, line, capability), found in places.items():
        rule = table[capability]
        operations = ", ".join(use.operation for use in found)
        findings.append(
            Finding.at(
                f"{path}:{line}",
                f"{module} uses {capability} ({operations}), seen in {uses[found[0]]};"
                f" it belongs to {', '.join(rule.owners) or 'nobody'}",
                rule.guidance,
            )
        )
    return findings


def unwitnessed(shards: Iterable[str], witnessed: Sequence[Witnessed]) -> Iterator[Finding]:
    """Find shards of which nothing is known, because they weren't run whole, green and as now."""
    known = {each.shard for each in witnessed}
    for shard in shards:
        if shard not in known:
            yield Finding.at(
                shard,
                "its tests weren't witnessed since it changed, all of them and green",
                f"nox -s tests -- {shard}",
            )


class Unproved(NamedTuple):
    """An owner that no test was seen to use what it owns."""

    rule: Rule
    owner: str

    def finding(self) -> Finding:
        """Find fault with it."""
        what = f"{self.rule.contract}: {self}"
        return Finding.at(FILE, what, "write the test that uses it, or remove the owner")

    def __str__(self) -> str:
        return f"{self.owner} owns {self.rule.capability}, and no test was seen to use it there"


def unproved(
    table: Mapping[str, Rule], witnessed: Sequence[Witnessed], recorded: Iterable[Fact]
) -> list[Unproved]:
    """List owners that no test has seen use what they own.

    Where this Python doesn't show all calls, what was recorded with one that does is believed.
    """
    seen = {(use.capability, use.module) for each in witnessed for use in each.uses}
    if not all(each.calls for each in witnessed):
        seen |= {
            (fact.capability, fact.module)
            for fact in recorded
            if not is_seen_everywhere(fact.operation)
        }
    return [
        Unproved(rule, owner)
        for rule in table.values()
        for owner in rule.owners
        if not any(
            capability == rule.capability and owns(owner, module) for capability, module in seen
        )
    ]


def missing(table: Mapping[str, Rule]) -> Iterator[Finding]:
    """Find capabilities that the table says nothing of."""
    for rule in table.values():
        if not rule.contract:
            what = f"no contract says who owns {rule.capability}"
            yield Finding.at(FILE, what, "write one; it may have no owners")


def facts(witnessed: Sequence[Witnessed]) -> set[Fact]:
    """List what modules of packages did; what tests and tools do is only held to the table."""
    return {
        Fact(use.capability, use.module, use.operation)
        for each in witnessed
        for use in each.uses
        if use.path.startswith("packages/") and not use.module.startswith(TESTS)
    }


def measured(
    witnessed: Sequence[Witnessed], recorded: Iterable[Fact], *, whole: bool
) -> dict[str, str]:
    """Spell the facts as lines of the snapshot: each with the Pythons that show it.

    What couldn't be seen is left as it is recorded: calls that this Python doesn't show, and where
    a shard is missing everything.
    """
    kept = {*recorded}
    if whole and all(each.calls for each in witnessed):
        kept = set[Fact]()
    elif whole:
        kept = {fact for fact in kept if not is_seen_everywhere(fact.operation)}
    return {
        " ".join(fact): ALWAYS if is_seen_everywhere(fact.operation) else LATER
        for fact in facts(witnessed) | kept
    }


def read_snapshot(root: Path) -> set[Fact]:
    """Read the recorded facts; none if there is no record."""
    return {Fact(*line.key.split()) for line in lines.read(root / SNAPSHOT)}


def write_snapshot(root: Path, found: Mapping[str, str]) -> None:
    """Record the facts."""
    path = root / SNAPSHOT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lines.text_of(found), encoding="utf-8", newline="\n")
