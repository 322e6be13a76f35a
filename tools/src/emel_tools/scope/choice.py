"""Choose the shards to run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from emel_tools.running.lane import Lane, Shard


class Asked(NamedTuple):
    """What a person asked for."""

    only: tuple[str, ...] = ()
    """Lanes (`costs`) or shards (`costs/io_mmap`); empty for whatever a change can affect."""
    full: bool = False
    base: str = ""
    """What to compare with; empty for the merge base with the main branch."""


class Choice(NamedTuple):
    """Whether one shard runs, and why."""

    lane: Lane
    shard: Shard
    runs: bool
    why: str


class Scope(NamedTuple):
    """What runs."""

    choices: tuple[Choice, ...]
    base: str
    """The commit that was compared with; empty if there is none."""
    changed: tuple[str, ...]
    """Changed files from the root, sorted."""
    full: bool
    """Whether everything runs because it was asked for."""


def choose(root: Path, lanes: Sequence[Lane], asked: Asked) -> Scope:
    """Choose among the shards of all lanes."""
    choices: list[Choice] = []
    for lane in lanes:
        for shard in lane.shards(root):
            wanted = not asked.only or lane.name in asked.only or shard.key in asked.only
            why = "asked for" if asked.only else "everything runs"
            choices.append(Choice(lane, shard, wanted, why if wanted else "not asked for"))
    return Scope(tuple(choices), "", (), asked.full)
