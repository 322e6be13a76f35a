"""Choose the shards to run."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.running.lane import Lane, Shard
from emel_tools.running.results import writable
from emel_tools.scope import observed
from emel_tools.scope.affected import Repository
from emel_tools.scope.changes import Changes, changes, is_main, under_ci
from emel_tools.scope.closure import closures
from emel_tools.scope.observed import Seen

PASSED = Path(".nox") / "gate" / "passed"
"""Where it is kept which commit was last green here."""
_COMMIT: Final = re.compile(rb"[0-9a-f]{40,64}")


class Asked(NamedTuple):
    """What a person asked for."""

    only: tuple[str, ...] = ()
    """Lanes (`costs`) or shards (`costs/io_mmap`); empty for whatever a change can affect."""
    full: bool = False
    base: str = ""
    """What to compare with; empty for the merge base with the main branch."""


class UnknownShardError(Exception):
    """No lane and no shard has this name."""


class Choice(NamedTuple):
    """Whether one shard runs, and why."""

    lane: Lane
    shard: Shard
    runs: bool
    why: str


class Scope(NamedTuple):
    """What runs."""

    choices: tuple[Choice, ...]
    changed: Changes
    full: bool
    """Whether everything runs, whatever has changed."""
    asked: bool = False
    """Whether shards were asked for by name."""

    @property
    def base(self) -> str:
        """The commit that was compared with; empty if there is none."""
        return self.changed.base


def choose(root: Path, lanes: Sequence[Lane], asked: Asked) -> Scope:
    """Choose among the shards of all lanes.

    Raises
    ------
    UnknownShardError
        Something that was asked for doesn't exist; the message says what comes nearest.
    emel_tools.scope.changes.UnknownBaseError
        The base is no commit.
    """
    everything = [(lane, shard) for lane in lanes for shard in lane.shards(root)]
    changed = changes(root, asked.base, passed(root))
    if asked.only:
        return Scope(_named(everything, asked), changed, asked.full, asked=True)
    if asked.full or (under_ci() and is_main(root) and not asked.base):
        why = "everything was asked for" if asked.full else "the main branch is tested whole"
        runs = (Choice(lane, shard, runs=True, why=why) for lane, shard in everything)
        return Scope(tuple(runs), changed, full=True)
    seen = {shard.key: observed.read(folder(root), shard.key) for _, shard in everything}
    return Scope(affected(root, everything, changed, seen), changed, full=False)


def affected(
    root: Path,
    everything: Sequence[tuple[Lane, Shard]],
    changed: Changes,
    seen: Mapping[str, Seen | None],
) -> tuple[Choice, ...]:
    """Choose the shards that a change can affect, and those whose results they need."""
    repository = Repository(root, closures(root), [shard for _, shard in everything])
    concerns_all = repository.concerns_all(changed)

    def why(shard: Shard) -> str:
        last = seen[shard.key]
        if shard.only_full:
            return ""
        if not changed.base:
            return changed.because
        if last is None:
            return "it never ran here"
        if not last.green:
            return "it was red when it last ran"
        return concerns_all or repository.affects(shard, last, changed)

    reasons = {shard.key: why(shard) for _, shard in everything}
    runs = _needed(everything, reasons)
    for _, shard in everything:
        judged = next((key for key in shard.behind if key in runs), "")
        if judged and not shard.only_full and not reasons[shard.key]:
            reasons[shard.key] = f"{judged} runs, and it comes behind it"
    left_out = "no changed file can affect it" if changed.files else "nothing has changed"
    return _chosen(everything, reasons, left_out)


def _named(everything: Sequence[tuple[Lane, Shard]], asked: Asked) -> tuple[Choice, ...]:
    known = {name for lane, shard in everything for name in (lane.name, shard.key)}
    for name in asked.only:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), 3, 0.5)
            meant = f" Is {' or '.join(near)} meant?" if near else ""
            there = ", ".join(sorted({lane.name for lane, _ in everything}))
            raise UnknownShardError(f"there is no lane or shard {name!r}.{meant} Lanes: {there}")
    always = {lane.name for lane, shard in everything if not shard.only_full}
    reasons = {
        shard.key: "it was asked for" if {lane.name, shard.key} & {*asked.only} else ""
        for lane, shard in everything
        # A lane that only the full scope has is taken whole, where it is named.
        if shard.key in asked.only or asked.full or not shard.only_full or lane.name not in always
    }
    named = [(lane, shard) for lane, shard in everything if reasons.get(shard.key)]
    if all(lane.judges for lane, _ in named):
        brought = {key: f"{shard.key} judges it" for _, shard in named for key in shard.behind}
        reasons = {key: why or brought.get(key, "") for key, why in reasons.items()}
    return _chosen(everything, reasons, "it wasn't asked for")


def _chosen(
    everything: Sequence[tuple[Lane, Shard]], reasons: Mapping[str, str], left_out: str
) -> tuple[Choice, ...]:
    """Add what the chosen shards need, and say why the others are left out."""
    whys = _needed(everything, reasons)
    return tuple(
        Choice(
            lane,
            shard,
            shard.key in whys,
            writable(
                whys.get(shard.key) or ("it runs only with --full" if shard.only_full else left_out)
            ),
        )
        for lane, shard in everything
    )


def _needed(everything: Sequence[tuple[Lane, Shard]], reasons: Mapping[str, str]) -> dict[str, str]:
    """Say why shards run, those that others need included; keys of the others aren't there."""
    shards = {shard.key: shard for _, shard in everything}
    whys = {key: why for key, why in reasons.items() if why}
    todo = [*whys]
    for key in todo:  # grows while it is read
        for need in shards[key].after:
            if need not in whys:
                whys[need] = f"{key} needs it"
                todo.append(need)
    return whys


def folder(root: Path) -> Path:
    """Say where it is kept what shards were seen to read, by this Python."""
    return root / ".nox" / "gate" / "observed" / f"{sys.version_info[0]}.{sys.version_info[1]}"


def passed(root: Path) -> str:
    """Name the commit that last passed here; empty if none is known."""
    path = root / PASSED
    told = path.read_bytes().strip() if path.exists() else b""
    return told.decode() if _COMMIT.fullmatch(told) else ""
