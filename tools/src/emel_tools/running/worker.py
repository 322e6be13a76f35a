"""Run shards of one lane in this process: `python -m emel_tools.running.worker FOLDER`.

Reads an `Order` from `order.json` in the folder, and writes one `Report` a line to `answers.jsonl`,
each as soon as it is known. What a lane raises ends the process, and is the end of its log.
"""

from __future__ import annotations

import faulthandler
import gc
import io
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Final, cast

import msgspec

from emel_tools.findings import Finding, in_order
from emel_tools.running.lane import Job, Lane, Outcome
from emel_tools.running.registry import UNLISTED
from emel_tools.running.registry import lane as lane_of
from emel_tools.running.results import Report, writable
from emel_tools.scope import observed
from emel_tools.snapshots import comparison, lines

ORDER: Final = "order.json"
ANSWERS: Final = "answers.jsonl"


class Order(msgspec.Struct, frozen=True):
    """What a worker is asked for."""

    lane: str
    root: str
    shards: tuple[str, ...]
    full: bool
    base: str
    seed: int
    beside: tuple[str, ...] = ()
    asked: bool = False

    @classmethod
    def of(cls, lane: str, job: Job) -> Order:
        """Order a job of a lane."""
        return cls(lane, str(job.root), *job[1:])

    def job(self) -> Job:
        """Say it in the words of the lanes."""
        rest = (self.full, self.base, self.seed, self.beside, self.asked)
        return Job(Path(self.root), self.shards, *rest)


def judged(root: Path, lane: Lane, outcome: Outcome) -> Report:
    """Add to an outcome what the snapshot says of it, and when it was known."""
    found = list(outcome.findings)
    if lane.kind is not None and outcome.measured is not None:
        recorded = lines.read(lines.path_of(root, lane.name, outcome.shard))
        changes = comparison.compare(recorded, outcome.measured, lane.kind)
        found += comparison.findings(
            root, lane.name, outcome.shard, changes, outcome.causes, outcome.places
        )
    return Report(
        outcome.shard,
        outcome.checked,
        [_writable(finding) for finding in in_order(lane.name, found)],
        None if outcome.measured is None else dict(outcome.measured),
        dict(outcome.details),
        time.monotonic(),
        sum(os.times()[:4]),
    )


def _writable(finding: Finding) -> Finding:
    file, rule, what = (writable(text) for text in (finding.file, finding.rule, finding.what))
    return finding._replace(file=file, rule=rule, what=what, fix=writable(finding.fix))


def settle() -> None:
    """Forget what the gate was started with; say where one is when one is ended.

    A gate in the background ignores SIGINT, and so would each test of how interrupts are handled.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    faulthandler.enable()
    if isinstance(sys.stdout, io.TextIOWrapper):
        stdout = cast("io.TextIOWrapper[io.BufferedWriter]", sys.stdout)
        stdout.reconfigure(line_buffering=True)  # in order with what its own processes print


def main() -> int:
    """Run what is asked for."""
    settle()
    folder = Path(sys.argv[1])
    order = msgspec.json.decode((folder / ORDER).read_bytes(), type=Order)
    root = Path(order.root)
    os.environ[observed.NOTES] = str(observed.notes_of(root, order.lane, order.shards))
    observed.take_notes(root)
    lane = lane_of(order.lane)
    if UNLISTED in order.shards:
        lane.shards(root)  # raises here what it raised in the gate, and that is in the log
    with (folder / ANSWERS).open("wb") as answers:
        for outcome in lane.run(order.job()):
            answers.write(msgspec.json.encode(judged(root, lane, outcome)) + b"\n")
            answers.flush()
    gc.freeze()  # as it ends, nothing is looked over for garbage: syntax trees are many
    return 0


if __name__ == "__main__":
    sys.exit(main())
