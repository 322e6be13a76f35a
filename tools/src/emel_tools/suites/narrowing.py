"""Which tests of a part run: all of them, or those that what has changed can reach."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from emel_tools.findings import Finding
from emel_tools.running import Job
from emel_tools.scope import observed
from emel_tools.scope.changes import under_ci
from emel_tools.suites import reached, record
from emel_tools.suites.command import How
from emel_tools.suites.parts import CALLS, TOOLS, Part
from emel_tools.suites.reached import Reached, Watched
from emel_tools.suites.record import Record
from emel_tools.workspace import shards

_FIX: Final = (
    "if it isn't by chance: say what it depends on, besides code that it calls"
    " (emel_tools/suites/reached.py), or let it start a process"
)


class Plan(NamedTuple):
    """What is to be run of a part."""

    how: How
    known: Reached | None
    """What its tests called when that was last noted, if it still holds."""
    last: Record | None = None
    """What it came to when it last ran, if there is nothing to be run."""
    began: float = 0.0
    """When this was decided, in seconds since the epoch."""

    def odd(self, ran: Record) -> str:
        """Say what a run left out, or did besides; empty if it was one like any other."""
        if ran.kept:
            return f"{len(ran.kept)} call nothing that has changed"
        return "what each test calls was noted" if self.how.reaching else ""


def plan(job: Job, part: Part) -> Plan:
    """Decide what runs.

    All tests run where everything is asked for, or this part, or where the package itself has
    changed, because then its lines are counted. What they call is noted where it isn't known, but
    not in such a change, and not on a machine that tests commits, which forgets it.
    """
    traced = not job.beside or f"coverage/{part.package.name}" in job.beside
    how, began = How(job.full, traced), time.time()
    if part.package.name == TOOLS and part.number != CALLS:
        return Plan(how, None)  # what they call says little of what they look at
    path = part.record(job.folder)
    last, is_green = record.read(path), record.is_green(path)
    known = reached.read(job.root, part, job.folder)
    if known and last and not (job.full or traced or job.asked):
        kept = reached.kept(job.root, part, known, _troubled(last))
        # What the tests that are left out look at is what this shard depends on, as before.
        observed.write(_notes(job.root, part), "kept", known.seen)
        nothing = kept.everything and is_green  # a red run may not have counted all cases
        return Plan(how._replace(kept=kept.node_ids), known, last if nothing else None)
    if _is_to_be_noted(job, part, known):
        how = how._replace(reaching=reached.path_of(part, job.folder).with_suffix(".seen"))
    return Plan(how, known, None, began)


def _is_to_be_noted(job: Job, part: Part, known: Reached | None) -> bool:
    counted = [f"coverage/{each.name}" in job.beside for each in shards(job.root)]
    is_own = not job.full and f"coverage/{part.package.name}" in job.beside and not all(counted)
    if under_ci() or not job.beside or is_own or (job.asked and not job.full):
        return False
    return known is None or (job.full and not reached.kept(job.root, part, known, ()).everything)


def _troubled(last: Record | None) -> frozenset[str]:
    return frozenset(each.node_id for each in last.troubles) if last else frozenset()


def keep(job: Job, part: Part, plan: Plan) -> None:
    """Keep what was noted, if all tests have passed."""
    path = plan.how.reaching
    if path is None or not path.exists() or not record.is_green(part.record(job.folder)):
        return
    watched = msgspec.json.decode(path.read_bytes(), type=Watched)
    path.unlink()
    seen = observed.so_far(_notes(job.root, part))
    with observed.unnoted():  # it reads the sources of all packages, and the tests don't
        reached.write(job.root, part, job.folder, watched, seen, plan.began)


def _notes(root: Path, part: Part) -> Path:
    return observed.notes_of(root, "tests", (part.name,))


def missed(job: Job, part: Part, plan: Plan, ran: Record) -> Iterator[Finding]:
    """Find tests that failed in a full run, and that a change would have left out.

    Nothing is left out where a file of the package itself has changed.
    """
    if not job.full or plan.known is None:
        return
    if reached.is_altered(job.root, part, plan.known):
        return
    kept = reached.kept(job.root, part, plan.known, ())
    for each in ran.troubles:
        if each.kind in ("failed", "error") and each.node_id in kept.node_ids:
            what = (
                f"{each.node_id} failed, and the changed scope would have left it out:"
                " all code that it called when it last passed is what it was"
            )
            yield Finding(each.file, each.line, 0, "missed", what, _FIX)
