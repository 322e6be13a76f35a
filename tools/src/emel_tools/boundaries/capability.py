"""Contract type `capability`: what only its owners may do, however they spell it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from importlinter import fields

from emel_tools.boundaries.contract import Checked, Owners
from emel_tools.boundaries.found import Use
from emel_tools.boundaries.powers import DOES, NAMES, powers_of
from emel_tools.boundaries.tree import Subject, Tree
from emel_tools.findings import Finding


class Capability(Checked):
    """Only the owners of a capability reach for anything that gives it.

    Options: `capability`, one of `powers.NAMES`; `owners`, none if nobody may.
    """

    capability = fields.StringField()
    owners = fields.ListField(subfield=fields.StringField(), required=False)

    def findings(self, tree: Tree) -> Iterator[Finding]:
        """List who does without being an owner."""
        owners = Owners(self.entries("owners"))
        capability = self.text("capability")

        def needing(tree: Tree, subject: Subject) -> Iterator[Use]:
            powerful = tree.remember(subject, "powerful", lambda: _powerful(tree.uses(subject)))
            return first_of_each(powerful, capability)

        for subject, needed in tree.gather(("capability", capability), needing).values():
            if not owners.include(subject):
                for use in needed:
                    yield self._finding(subject, use, capability, owners)

    def errors(self) -> dict[str, str]:
        """Refuse a capability that nothing is known of: it would hold whatever happens."""
        if self.text("capability") not in NAMES:
            return {"capability": f"There is no such capability; there are {', '.join(NAMES)}."}
        return {}

    def _finding(self, subject: Subject, use: Use, capability: str, owners: Owners) -> Finding:
        what = f"{subject.name} {DOES[capability]}: {spelled(use.target)}"
        return self.finding(subject, use, what, owners.beside(subject))


def _powerful(found: Iterable[Use]) -> tuple[Use, ...]:
    """Leave out, once for all capabilities, what gives none of them: nearly all."""
    return tuple(use for use in found if powers_of(use.target))


def first_of_each(found: tuple[Use, ...], capability: str) -> Iterator[Use]:
    """List the uses that need a capability, each target once a line."""
    seen: set[tuple[int, str]] = set()
    for use in found:
        needed = capability in powers_of(use.target)
        if needed and not (use.base and capability in powers_of(use.base)):
            key = (use.line, use.target.removesuffix("()"))
            if key not in seen:
                seen.add(key)
                yield use


def spelled(target: str) -> str:
    """Say a target as a person would."""
    if target.endswith(".*"):
        return f"{target[:-2]} as a whole, whose members can't be seen here"
    if target.startswith("?."):
        return f"{target[1:]} of something whose type isn't known here"
    return target.removeprefix("builtins.").removeprefix("dunder.")
