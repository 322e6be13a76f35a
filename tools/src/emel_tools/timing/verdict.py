"""Judge what shards took: which recorded buckets hold, and whether the budgets leave room."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from emel_tools.findings import Finding
from emel_tools.running.lane import Lane, Outcome, Shard
from emel_tools.timing.buckets import FACTOR, bucket_of, holds

_ENOUGH: Final = 8
"""So many shards say together how fast the machine was."""
_FURTHEST: Final = 1.8
"""By how much the control was seen to be wrong: it is timed in a moment, and shards in minutes."""
ALL: Final = "together"
"""Under this key stands a lane whose shards share a process: what it costs to start is nobody's."""


class Times(NamedTuple):
    """What is known of the times of this run."""

    taken: Mapping[str, float]
    """Seconds by key of a shard, on the machine that snapshots are told in."""
    warm: frozenset[str]
    """Keys of shards that have run in this environment before."""
    leeway: float = 1.0
    """How many times longer than recorded all shards of this run took together: see `leeway`."""
    full: bool = False
    """Whether all was to do, whatever has changed."""


def leeway(recorded: Mapping[str, int], taken: Mapping[str, float]) -> float:
    """Say by how much the control was wrong, as the shards of this run say together.

    Parameters
    ----------
    recorded
        Buckets by key of a shard, of lanes that always do the same.
    taken
        Seconds by key of shards that have run in this environment before.

    Returns
    -------
    float
        The median of what they took over the middle of their buckets; 1 where too few ran. No
        further from 1 than the control was seen to be wrong: what slows everything down is news.
    """
    ratios = [
        seconds / (recorded[key] / math.sqrt(FACTOR))
        for key, seconds in taken.items()
        if recorded.get(key, 0) > 1  # below a second everything is one bucket
    ]
    if len(ratios) < _ENOUGH:
        return 1.0
    return min(max(statistics.median(ratios), 1 / _FURTHEST), _FURTHEST)


def outcome(
    lane: Lane, shards: Sequence[Shard], recorded: Mapping[str, int], times: Times
) -> Outcome:
    """Judge one lane.

    Parameters
    ----------
    lane, shards
        The lane, and all shards that it has.
    recorded
        Its buckets, by name of the shard.
    times
        What its shards took; one that isn't there keeps what is recorded.
    """
    measured: dict[str, str] = {}
    causes: dict[str, str] = {}
    may_be_short = lane.varies_in_full or (lane.varies and not times.full)
    judged = cold = 0
    for name, keys, seconds in _taken(lane, shards, times.taken):
        before = recorded.get(name)
        if seconds is None:
            if before is not None:
                measured[name] = str(before)
            continue
        judged += 1
        is_cold = not times.warm.issuperset(keys)
        cold += is_cold
        # Two say how fast the machine is, and what one of them explains is no news.
        stays = before is not None and any(
            holds(before, each, cold=is_cold, may_be_short=may_be_short)
            for each in (seconds, seconds / times.leeway)
        )
        measured[name] = str(before if stays else bucket_of(seconds))
        causes[name] = f"it took {seconds:.2f} s of processor time{_said(before)}"
    told = f", {cold} of them for the first time here" if cold else ""
    checked = f"{judged} of {len(measured)} times{told}"
    return Outcome(lane.name, checked, [*_budgets(lane, shards, measured)], measured, causes)


def _taken(
    lane: Lane, shards: Sequence[Shard], taken: Mapping[str, float]
) -> Iterator[tuple[str, list[str], float | None]]:
    """List what is timed: a name, the keys that belong to it, and seconds if all of them ran."""
    if not lane.together:
        yield from ((shard.name, [shard.key], taken.get(shard.key)) for shard in shards)
        return
    keys = [shard.key for shard in shards if not shard.only_full]
    times = [taken[key] for key in keys if key in taken]
    yield ALL, keys, sum(times) if len(times) == len(keys) else None


def _said(before: int | None) -> str:
    if before is None:
        return ""
    low = f"from {before / 2 / FACTOR:g} " if before > 1 else ""
    return f", and {before} holds {low}to {before * FACTOR:g}"


def _budgets(lane: Lane, shards: Sequence[Shard], measured: Mapping[str, str]) -> Iterator[Finding]:
    """Find budgets that a machine half as fast would use up."""
    budgets = {shard.name: shard.budget for shard in shards}
    if lane.together:
        budgets = {ALL: sum(shard.budget for shard in shards if not shard.only_full)}
    for name, budget in budgets.items():
        bucket = int(measured.get(name, 0))
        if bucket * FACTOR > budget:
            what = (
                f"the budget of {lane.name}/{name} is {budget:g} s, and it takes up to {bucket} s: "
                f"a machine half as fast would end it"
            )
            fix = f"give it {bucket * FACTOR:g} s or more, or make it faster"
            yield Finding(f"tools/src/emel_tools/gates/{lane.name}.py", 0, 0, "budget", what, fix)
