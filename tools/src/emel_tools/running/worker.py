"""Run shards of one lane in this process: `python -m emel_tools.running.worker`.

Reads a `Job` and the lane's name from its standard input as JSON, and writes one `Report` a line
to the file that is its only argument, each as soon as it is known.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from emel_tools.findings import in_order
from emel_tools.running.lane import Job, Lane, Outcome
from emel_tools.running.registry import lane as lane_of
from emel_tools.running.results import Report
from emel_tools.scope import observed
from emel_tools.snapshots import comparison, lines


class Order(msgspec.Struct, frozen=True):
    """What a worker is asked for."""

    lane: str
    root: str
    shards: tuple[str, ...]
    full: bool
    base: str
    seed: int

    def job(self) -> Job:
        """Say it in the words of the lanes."""
        return Job(Path(self.root), self.shards, self.full, self.base, self.seed)


def judged(root: Path, lane: Lane, outcome: Outcome) -> Report:
    """Add to an outcome what the snapshot says of it."""
    found = list(outcome.findings)
    if lane.kind is not None and outcome.measured is not None:
        recorded = lines.read(lines.path_of(root, lane.name, outcome.shard))
        changes = comparison.compare(recorded, outcome.measured, lane.kind)
        found += comparison.findings(root, lane.name, outcome.shard, changes, outcome.causes)
    return Report(
        outcome.shard,
        outcome.checked,
        in_order(lane.name, found),
        None if outcome.measured is None else dict(outcome.measured),
        dict(outcome.details),
    )


def main() -> int:
    """Run what is asked for."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    root = Path(order.root)
    os.environ[observed.NOTES] = str(observed.notes_of(root, order.lane, order.shards))
    observed.take_notes(root)
    lane = lane_of(order.lane)
    with Path(sys.argv[1]).open("wb") as answers:
        for outcome in lane.run(order.job()):
            answers.write(msgspec.json.encode(judged(root, lane, outcome)) + b"\n")
            answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
