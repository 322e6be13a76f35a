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

SNAPSHOT: Final = Path("snapshots") / "capabilities.txt"
UPDATE: Final = "nox -s witness -- --update"


class Fact(NamedTuple):
    """That the tests of a package have seen one of its modules use a capability."""

    capability: str
    module: str
    operation: str


def violations(table: Mapping[str, Rule], uses: Mapping[Use, str]) -> list[Finding]:
    """Find every line that uses a capability which its module doesn't own."""
    lines: dict[tuple[str, str, int, str], list[Use]] = {}
    for use in sorted(uses):
        if not table[use.capability].allows(use.module):
            lines.setdefault(use[:4], []).append(use)
    findings: list[Finding] = []
    for (module, path, line, capability), found in lines.items():
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


def unrecorded(found: set[Fact], recorded: set[Fact], *, calls: bool) -> Iterator[Finding]:
    """Compare with the snapshot; calls that this Python doesn't show are left out."""
    for fact in sorted(found - recorded):
        yield Finding.at(SNAPSHOT.as_posix(), f"{' '.join(fact)}: witnessed, not recorded", UPDATE)
    for fact in sorted(recorded - found):
        if calls or is_seen_everywhere(fact.operation):
            yield Finding.at(
                SNAPSHOT.as_posix(), f"{' '.join(fact)}: recorded, no longer witnessed", UPDATE
            )


def read_snapshot(root: Path) -> set[Fact]:
    """Read the recorded facts; none if there is no record."""
    path = root / SNAPSHOT
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {Fact(*line.split()) for line in lines}


def write_snapshot(root: Path, found: set[Fact], *, calls: bool) -> None:
    """Record the facts; the calls that this Python doesn't show stay as they were recorded."""
    kept = set[Fact]()
    if not calls:
        kept |= {fact for fact in read_snapshot(root) if not is_seen_everywhere(fact.operation)}
    path = root / SNAPSHOT
    path.parent.mkdir(exist_ok=True)
    lines = (" ".join(fact) + "\n" for fact in sorted(found | kept))
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
