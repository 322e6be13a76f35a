"""Shards take about as long as is recorded, and their budgets leave room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from emel_tools.running import Job, Lane, Outcome, Reads, Shard
from emel_tools.snapshots import Kind
from emel_tools.workspace import shards


def _shards(root: Path) -> Sequence[Shard]:
    """List one shard a lane; it runs behind all of that lane's, and brings them if it is named."""
    reads = Reads(own=tuple(package.name for package in shards(root)), paths=("**/*.md",))
    return [
        Shard("timing", lane.name, reads, 10, behind=tuple(s.key for s in lane.shards(root)))
        for lane in _others(root)
    ]


def _others(root: Path) -> Iterator[Lane]:
    """List the lanes that are timed; one that can't be listed is red by itself."""
    from emel_tools.running.registry import NAMES, lane

    for name in NAMES:
        if name != LANE.name:
            with suppress(Exception):
                lane(name).shards(root)
                yield lane(name)


def _of_elsewhere(found: Outcome, buckets: Mapping[str, int]) -> Outcome:
    """Judge times of a machine that tests commits: it isn't the one that they were recorded on.

    What has changed is told there and makes nothing red; a budget that leaves no room does.
    """
    from emel_tools.findings import Finding

    news = [
        Finding(
            f"snapshots/timing/{found.shard}.txt",
            0,
            0,
            "elsewhere",
            f"{key}: {buckets.get(key, 'nothing')} recorded, {value} here",
            "look whether it is the machine, or a change",
            severity="warning",
        )
        for key, value in (found.measured or {}).items()
        if str(buckets.get(key)) != value
    ]
    return found._replace(findings=[*found.findings, *news], measured=None)


def _recorded(root: Path, lane: str) -> dict[str, int]:
    """Read the buckets of a lane, by name of the shard."""
    from emel_tools.snapshots import lines

    found = lines.read(lines.path_of(root, "timing", lane))
    return {line.key: int(line.value) for line in found if line.value.isdecimal()}


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.running.registry import lane as lane_of
    from emel_tools.scope.changes import under_ci
    from emel_tools.timing.control import slowness
    from emel_tools.timing.measured import remember, took, warm
    from emel_tools.timing.verdict import Times, leeway, outcome

    slow = slowness()
    taken = {key: seconds / slow for key, seconds in took(job.root).items()}
    known = warm(job.root)
    recorded = {
        f"{lane.name}/{name}": bucket
        for lane in _others(job.root)
        if not lane.varies
        for name, bucket in _recorded(job.root, lane.name).items()
    }
    again = {key: seconds for key, seconds in taken.items() if key in known}
    times = Times(taken, known, leeway(recorded, again), job.full)
    for name in job.shards:
        lane = lane_of(name)
        buckets = _recorded(job.root, name)
        found = outcome(lane, lane.shards(job.root), buckets, times)
        yield _of_elsewhere(found, buckets) if under_ci() else found
    remember(job.root, taken)


LANE = Lane(
    "timing",
    "shards take about the processor time that is recorded, and their budgets leave room",
    _shards,
    _run,
    kind=Kind(),
    together=True,
    judges=True,
)
