"""Keep what each shard was seen to read, while a run goes on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from emel_tools.running.results import Result
from emel_tools.running.schedule import Progress
from emel_tools.running.tasks import Task
from emel_tools.scope import choice, observed
from emel_tools.scope.changes import head
from emel_tools.scope.choice import PASSED, Asked, Scope, folder


def noting(root: Path, progress: Progress) -> Progress:
    """Forget what is known of a shard as it begins, and note what it read as it ends."""

    def begun(task: Task) -> None:
        shutil.rmtree(_notes(root, task), ignore_errors=True)
        for key in task.keys:
            observed.forget(folder(root), key)
        progress.begun(task)

    def ended(task: Task, results: Sequence[Result]) -> None:
        seen = observed.collect(_notes(root, task), green=True)
        if task.lane.together:  # what shards that share a process read can't be told apart
            seen = observed.Seen(green=True)
        for result in results:
            is_ok = result.verdict == "ok"  # neither red nor left without a verdict
            kept = msgspec.structs.replace(seen, green=is_ok and seen.green)
            observed.write(folder(root), result.key, kept)
        progress.ended(task, results)

    return progress._replace(begun=begun, ended=ended)


def remember_passed(root: Path, scope: Scope, asked: Asked, before: str, *, green: bool) -> None:
    """Remember the commit, if no file differs from it and all that it can affect was green.

    What was compared with a commit of which nobody knows that it passed was only looked at from
    there on; and what was committed meanwhile wasn't looked at.

    Parameters
    ----------
    before
        The commit that was checked out as the run began, if no file differed from it.
    """
    known = ("", choice.passed(root))
    whole = not asked.only and (scope.full or (not asked.base and scope.base in known))
    commit = before if green and whole and before == head(root) else ""
    if commit and scope.choices:
        path = root / PASSED
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{commit}\n", encoding="utf-8")


def _notes(root: Path, task: Task) -> Path:
    return observed.notes_of(root, task.lane.name, [shard.name for shard in task.shards])
