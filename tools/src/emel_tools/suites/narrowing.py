"""Which tests of a part run: all of them, or those that what has changed can reach."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from emel_tools.findings import Finding
from emel_tools.running import Job
from emel_tools.scope import code, observed
from emel_tools.scope.changes import under_ci
from emel_tools.suites import arcs, reached, record
from emel_tools.suites.arcs import Arcs
from emel_tools.suites.command import How
from emel_tools.suites.parts import CALLS, TOOLS, Part
from emel_tools.suites.reached import Kept, Reached, Watched
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
    went: Arcs | None = None
    """Where the tests that are left out go, if lines are counted."""

    def odd(self, ran: Record) -> str:
        """Say what a run left out, or did besides; empty if it was one like any other."""
        if ran.kept:
            return f"{len(ran.kept)} call nothing that has changed"
        return "what each test calls was noted" if self.how.reaching else ""


def plan(job: Job, part: Part) -> Plan:
    """Decide what runs.

    All tests run where everything is asked for, or this part, or where the package itself has
    changed, so that its lines are counted, and it can't be told which of them the others run. What
    they call is noted where it isn't known, but not in such a change, and not on a machine that
    tests commits, which forgets it.
    """
    traced = not job.beside or _is_counted(job, part)
    how, began = How(job.full, traced), time.time()
    if part.package.name == TOOLS and part.number != CALLS:
        return Plan(how, None)  # what they call says little of what they look at
    path = part.record(job.folder)
    last, is_green = record.read(path), record.is_green(path)
    code.keep(job.folder / "code")
    known = reached.read(job.root, part, job.folder)
    if known and last and not (job.full or job.asked):
        kept = reached.kept(job.root, part, known, _troubled(last))
        nothing = kept.everything and is_green  # a red run may not have counted all cases
        if traced and kept.everything:  # what the package does as it is imported is counted
            kept = kept._replace(node_ids=kept.node_ids - {min(kept.node_ids)})
        went = _went(job, part, known, kept) if traced else {}
        if went is not None:
            # What the tests that are left out look at is what this shard depends on, as before.
            observed.write(_notes(job.root, part), "kept", known.seen)
            last = last if nothing and not traced else None
            return Plan(how._replace(kept=kept.node_ids), known, last, went=went)
    if _is_to_be_noted(job, part, known):
        how = how._replace(reaching=reached.path_of(part, job.folder).with_suffix(".seen"))
    return Plan(how, known, None, began)


def _is_counted(job: Job, part: Part) -> bool:
    return f"coverage/{part.package.name}" in job.beside


def _is_own(job: Job, part: Part) -> bool:
    """Whether it is the package itself that has changed, and not what concerns all of them."""
    every = all(f"coverage/{each.name}" in job.beside for each in shards(job.root))
    return not job.full and _is_counted(job, part) and not every


def _went(job: Job, part: Part, known: Reached, kept: Kept) -> Arcs | None:
    """Say where tests go that are left out though lines are counted; None if all have to run.

    Where a file of tests has changed, what ran once for many of them may run for others now.
    """
    if part.package.name == TOOLS or not _is_own(job, part) or not kept.same_files:
        return None
    with observed.unnoted():
        return arcs.went(job.root, part, job.folder, known.sources, kept.node_ids)


def _is_to_be_noted(job: Job, part: Part, known: Reached | None) -> bool:
    if under_ci() or not job.beside or _is_own(job, part) or (job.asked and not job.full):
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
        is_written = reached.write(job.root, part, job.folder, watched, seen, plan.began)
        if is_written and plan.how.traced and part.package.name != TOOLS:
            arcs.note(job.root, part, job.folder)


def _notes(root: Path, part: Part) -> Path:
    return observed.notes_of(root, "tests", (part.name,))


def missed(job: Job, part: Part, plan: Plan, ran: Record) -> Iterator[Finding]:
    """Find tests that failed in a full run, and that a change would have left out.

    Nothing is left out where a file of its own tests has changed, or where the package has and it
    can't be told which lines tests run.
    """
    if not job.full or plan.known is None:
        return
    kept = reached.kept(job.root, part, plan.known, ())
    if not kept.same_files:
        return
    if reached.is_altered(job.root, part, plan.known):
        with observed.unnoted():
            told = arcs.went(job.root, part, job.folder, plan.known.sources, kept.node_ids)
        if told is None:
            return
    for each in ran.troubles:
        if each.kind in ("failed", "error") and each.node_id in kept.node_ids:
            what = (
                f"{each.node_id} failed, and the changed scope would have left it out:"
                " all code that it called when it last passed is what it was"
            )
            yield Finding(each.file, each.line, 0, "missed", what, _FIX)
