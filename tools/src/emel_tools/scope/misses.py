"""What the scope of a change would have missed, as a full run sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from emel_tools.findings import Finding
from emel_tools.running.results import Result
from emel_tools.scope import observed
from emel_tools.scope.changes import parent, since
from emel_tools.scope.choice import Scope, affected, folder
from emel_tools.scope.observed import Seen

_FIX = "make the shard's Reads say that it depends on what has changed (emel_tools/gates)"


def misses(root: Path, scope: Scope, results: Sequence[Result]) -> list[Finding]:
    """Find failures that the changed scope of the same commit would have left out.

    The change is what differs from the base; on the main branch itself, where nothing does, it is
    what the last commit changed. Each shard is taken as one that has run and was green before, and
    saw what it was seen to read just now. One that runs in the full scope alone is left out because
    it says so, and not by a mistake of the scope.

    Parameters
    ----------
    root
        The repository.
    scope
        What ran: everything.
    results
        What came of it.
    """
    # What took long depends on the machine and on what else ran, and not on what has changed.
    failed = (result for result in results if result.verdict == "failed")
    red = {result.key for result in failed if result.lane != "timing"}
    changed = scope.changed
    if not changed.files and (before := parent(root)):
        changed = since(root, before)
    if not red or not changed.base:
        return []
    everything = [(choice.lane, choice.shard) for choice in scope.choices]
    red -= {shard.key for _, shard in everything if shard.only_full}
    last = {shard.key: observed.read(folder(root), shard.key) for _, shard in everything}
    seen = {
        key: msgspec.structs.replace(each, green=True) if each else Seen(green=True)
        for key, each in last.items()
    }
    choices = affected(root, everything, changed, seen)
    left_out = {choice.shard.key for choice in choices if not choice.runs} & red
    since_when = f"{len(changed.files)} files changed since {changed.base[:12]}"
    what = f"failed, and the changed scope would have left it out ({since_when})"
    return [Finding(key, 0, 0, "scope", what, _FIX, gate="scope") for key in sorted(left_out)]
