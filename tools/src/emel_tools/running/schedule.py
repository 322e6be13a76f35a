"""Run jobs side by side: as many as there are processors, each a process, under a time budget."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from emel_tools.findings import Finding
from emel_tools.running.lane import Job, Lane, Shard
from emel_tools.running.results import Report, Result
from emel_tools.running.worker import Order

_TAIL = 40
"""Lines of a log that a failure without a finding shows."""


class Task(NamedTuple):
    """One process to come: shards of one lane, and why they run."""

    lane: Lane
    shards: tuple[Shard, ...]
    why: tuple[str, ...]
    job: Job

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.shards[0].key if len(self.shards) == 1 else self.lane.name

    @property
    def budget(self) -> float:
        """Seconds that it may take."""
        return sum(shard.budget for shard in self.shards)

    @property
    def keys(self) -> frozenset[str]:
        """The shards that it runs."""
        return frozenset(shard.key for shard in self.shards)


class Progress(NamedTuple):
    """What happens while tasks run, for whoever shows it."""

    begun: Callable[[Task], None]
    ended: Callable[[Task, Sequence[Result]], None]
    waiting: Callable[[], None]
    """Called several times a second."""


def tasks(chosen: Sequence[tuple[Lane, Shard, str]], job: Job) -> list[Task]:
    """Divide shards into processes, in the order of the lanes."""
    grouped: dict[str, list[tuple[Lane, Shard, str]]] = {}
    for each in chosen:
        lane, shard, _ = each
        grouped.setdefault(lane.name if lane.together else shard.key, []).append(each)
    return [
        Task(
            group[0][0],
            tuple(shard for _, shard, _ in group),
            tuple(why for _, _, why in group),
            job._replace(shards=tuple(shard.name for _, shard, _ in group)),
        )
        for group in grouped.values()
    ]


def run_all(todo: Sequence[Task], progress: Progress, width: int = 0) -> list[Result]:
    """Run every task to its end, or to the end of its budget.

    Parameters
    ----------
    todo
        The tasks; of those that may begin, the one with the largest budget does, because what
        takes longest shouldn't begin last.
    progress
        Hears what happens.
    width
        How many run at once; 0 for as many as there are processors.

    Returns
    -------
    list
        One result a shard, in the order of `todo`.
    """
    width = width or os.cpu_count() or 1
    waiting = sorted(todo, key=lambda task: -task.budget)
    running: list[_Process] = []
    results: dict[str, Result] = {}
    began = time.monotonic()
    try:
        while waiting or running:
            for task in _startable(waiting, running, width):
                waiting.remove(task)
                progress.begun(task)
                running.append(_Process(task, began))
            for process in [each for each in running if each.has_ended()]:
                running.remove(process)
                found = process.results()
                results |= {result.key: result for result in found}
                progress.ended(process.task, found)
            progress.waiting()
            time.sleep(0.02)
    finally:
        for process in running:  # interrupted: nothing is left behind
            process.kill()
    return [results[shard.key] for task in todo for shard in task.shards]


def _startable(waiting: Sequence[Task], running: Sequence[_Process], width: int) -> list[Task]:
    """Choose what may begin now."""
    if any(process.task.lane.alone for process in running):
        return []
    unfinished = {key for task in waiting for key in task.keys}
    unfinished |= {key for process in running for key in process.task.keys}
    chosen: list[Task] = []
    for task in waiting:
        needs = {key for shard in task.shards for key in shard.after} - task.keys
        if needs & unfinished or len(running) + len(chosen) >= width:
            continue
        if not task.lane.alone:
            chosen.append(task)
    if not chosen and not running:
        alone = (task for task in waiting if task.lane.alone)
        ready = (t for t in alone if not _needs(t) & (unfinished - t.keys))
        chosen += [task for task in (next(ready, None),) if task is not None]
    return chosen


def _needs(task: Task) -> set[str]:
    return {key for shard in task.shards for key in shard.after} - task.keys


class _Process:
    """A task that has begun."""

    def __init__(self, task: Task, run_began: float) -> None:
        self.task = task
        folder = task.job.folder / "runs" / task.name
        folder.mkdir(parents=True, exist_ok=True)
        self.log, self._answers = folder / "log.txt", folder / "answers.jsonl"
        self._answers.write_bytes(b"")
        self._began = time.monotonic()
        self._offset = self._began - run_began
        self._seconds = self._cpu_seconds = 0.0
        self._exit_code: int | None = None
        self._too_long = False
        order = Order(
            task.lane.name,
            str(task.job.root),
            task.job.shards,
            task.job.full,
            task.job.base,
            task.job.seed,
        )
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "emel_tools.running.worker", str(self._answers)),
                cwd=task.job.root,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that all that it starts can be ended with it
            )
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order))
        self._process.stdin.close()

    def has_ended(self) -> bool:
        """Look whether it has; end it if it has used up its budget."""
        if time.monotonic() - self._began > self.task.budget and not self._too_long:
            self._too_long = True
            self.kill()
        pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
        if not pid:
            return False
        self._exit_code = self._process.returncode = os.waitstatus_to_exitcode(status)
        self._seconds = time.monotonic() - self._began
        self._cpu_seconds = usage.ru_utime + usage.ru_stime
        return True

    def kill(self) -> None:
        """End it and all that it started."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def results(self) -> list[Result]:
        """Say what each shard came to; one that didn't answer has failed."""
        answers = self._answers.read_bytes().splitlines()
        reports = {r.shard: r for r in (msgspec.json.decode(line, type=Report) for line in answers)}
        share = max(1, len(self.task.shards))
        found: list[Result] = []
        for shard, why in zip(self.task.shards, self.task.why, strict=True):
            report = reports.get(shard.name)
            findings = report.findings if report else [self._silence(shard)]
            red = any(finding.severity == "error" for finding in findings)
            found.append(
                Result(
                    shard.lane,
                    shard.name,
                    "failed" if red else "ok",
                    why,
                    report.checked if report else "nothing",
                    tuple(findings),
                    report.measured if report else None,
                    report.details if report else {},
                    self._offset,
                    self._seconds / share,
                    self._cpu_seconds / share,
                    self.log,
                )
            )
        return found

    def _silence(self, shard: Shard) -> Finding:
        rerun = f"nox -s quality_gates -- --only {shard.key}"
        if self._too_long:
            what = f"took longer than its budget of {self.task.budget:.0f} s and was ended"
            return Finding(shard.name, 0, 0, "budget", what, rerun, gate=shard.lane)
        what = f"ended with exit code {self._exit_code} and without a verdict\n{_tail(self.log)}"
        return Finding(shard.name, 0, 0, "crash", what, rerun, gate=shard.lane)


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"     | {line}" for line in lines[-_TAIL:])
