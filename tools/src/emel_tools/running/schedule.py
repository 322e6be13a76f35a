"""Run tasks side by side: as many as there are processors, each a process, under a time budget."""

from __future__ import annotations

import os
import secrets
import selectors
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from emel_tools.findings import Finding
from emel_tools.running import answers
from emel_tools.running.process import Process, end_all
from emel_tools.running.results import Result
from emel_tools.running.tasks import Task, longest_first, next_task

_TICK: Final = 0.05
"""Seconds after which it is looked again, if nothing is heard before."""


class Progress(NamedTuple):
    """What happens while tasks run, for whoever shows it."""

    begun: Callable[[Task], None]
    ended: Callable[[Task, Sequence[Result]], None]
    """Given the results of a process, or of shards of a task that couldn't be begun."""
    waiting: Callable[[], None]
    """Called many times a second."""


def processors() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(
    todo: Sequence[Task],
    progress: Progress,
    *,
    width: int = 0,
    known: Mapping[str, float] = {},
    stop: Callable[[], object] = lambda: False,
    keep: Callable[[Sequence[Result]], None] = lambda _: None,
) -> list[Result]:
    """Run every task to its end, or to the end of its budget.

    Parameters
    ----------
    todo
        The tasks. Of those that may begin, the one that takes longest does.
    progress
        Hears what happens.
    width
        How many run at once; 0 for as many as there are processors.
    known
        Seconds that shards took before, by key.
    stop
        Asked many times a second. Once it says yes, all processes are ended; what has been
        answered until then holds, and the other shards are `unjudged`.
    keep
        Given all results so far before a task begins that comes after some.

    Returns
    -------
    list
        One result a shard, in the order of `todo`.
    """
    run = _Running(todo, progress, width or processors(), known, keep)
    try:
        while (run.waiting or run.processes) and not stop():
            run.step()
        if run.waiting or run.processes:
            run.stop()
    finally:
        run.close()
    return [run.results[shard.key] for task in todo for shard in task.shards]


class _Running:
    """The state of one run."""

    def __init__(
        self,
        todo: Sequence[Task],
        progress: Progress,
        width: int,
        known: Mapping[str, float],
        keep: Callable[[Sequence[Result]], None],
    ) -> None:
        self.waiting = longest_first(todo, known)
        self.processes: list[Process] = []
        self.results: dict[str, Result] = {}
        self._progress, self._width, self._keep = progress, width, keep
        self._began = time.monotonic()
        self._has_changed = True
        self._token = f"{os.getpid()}-{secrets.token_hex(4)}/"
        self._selector: selectors.BaseSelector = selectors.DefaultSelector()

    def step(self) -> None:
        """Begin what may begin, listen for a moment, and see who has ended."""
        if self._has_changed:
            while self._has_changed:  # what is set aside may be what something else needs
                self._has_changed = False
                self._set_aside()
            self._begin_all()
        for key, _ in self._selector.select(_TICK):
            if not key.data.hear():
                self._selector.unregister(key.fileobj)
        for process in [each for each in self.processes if each.has_ended()]:
            self._end(process)
        self._progress.waiting()

    def stop(self) -> None:
        """End what runs; say of the rest that it wasn't run."""
        for process in self.processes:
            process.stop()
        while self.processes:
            for process in [each for each in self.processes if each.has_ended()]:
                self._end(process)
            time.sleep(_TICK / 10)
        for task in self.waiting:
            self._leave_out(task, dict.fromkeys(task.job.shards, "the run was stopped"))
        self.waiting.clear()

    def close(self) -> None:
        """Leave no process behind, whatever happened, and whatever a lane has let go of."""
        for process in self.processes:
            process.stop()
        end_all(self._token)
        self._selector.close()

    def _begin_all(self) -> None:
        while task := next_task(self.waiting, [p.task for p in self.processes], self._width):
            self.waiting.remove(task)
            self._begin(task)
        if self.waiting and not self.processes:
            self._untangle()

    def _begin(self, task: Task) -> None:
        if task.follows:
            self._keep(list(self.results.values()))
        process = Process(task, self._began, self._token)
        self.processes.append(process)
        if process.output:
            self._selector.register(process.output, selectors.EVENT_READ, process)
        self._progress.begun(task)

    def _end(self, process: Process) -> None:
        self.processes.remove(process)
        if process.output and process.output.fileno() in self._selector.get_map():
            self._selector.unregister(process.output)
        self._note(process.task, process.end())

    def _set_aside(self) -> None:
        """Leave out what needs the result of a shard that has none, or a red one."""
        unsound = {key: r for key, r in self.results.items() if r.verdict in ("failed", "unjudged")}
        for task in [each for each in self.waiting if each.needs & unsound.keys()]:
            reasons = {
                shard.name: f"{key} failed" if unsound[key].verdict == "failed" else f"{key} wasn't"
                for shard in task.shards
                for key in reversed(shard.after)
                if key in unsound
            }
            rest = task.without(reasons)
            self.waiting[self.waiting.index(task)] = rest
            if not rest.shards:
                self.waiting.remove(rest)
            self._leave_out(task, reasons)

    def _leave_out(self, task: Task, reasons: Mapping[str, str]) -> None:
        self._note(
            task,
            [
                answers.not_judged(shard, why, reasons[shard.name])
                for shard, why in zip(task.shards, task.why, strict=True)
                if shard.name in reasons
            ],
        )

    def _untangle(self) -> None:
        """Fail what can never begin: shards that wait for each other, in however wide a circle."""
        for task in self.waiting:
            self._note(
                task,
                [
                    Result(
                        shard.lane,
                        shard.name,
                        "failed",
                        why,
                        "nothing",
                        (
                            _circle(
                                shard.lane, shard.key, sorted(task.follows - self.results.keys())
                            ),
                        ),
                    )
                    for shard, why in zip(task.shards, task.why, strict=True)
                ],
            )
        self.waiting.clear()

    def _note(self, task: Task, found: Sequence[Result]) -> None:
        if found:
            self._has_changed = True
            self.results |= {result.key: result for result in found}
            self._progress.ended(task, found)


def _circle(lane: str, key: str, needs: Sequence[str]) -> Finding:
    what = f"{key} waits for {', '.join(needs)}, which in the end wait for it"
    file = f"tools/src/emel_tools/gates/{lane}.py"
    return Finding(file, 0, 0, "after", what, "take one of them out of `after`", gate=lane)
