"""What a person or a log sees while lanes run."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Self, TextIO

from emel_tools.running.results import STOPPED, WORDS, Result
from emel_tools.running.schedule import Progress
from emel_tools.running.tasks import Task

if TYPE_CHECKING:
    from rich.table import Table

STYLES: Final = {"FAIL": "bold red", "warn": "yellow", "----": "yellow", "ok": "green"}
_PER_SECOND: Final = 8
_WIDE: Final = 60
"""Columns of a terminal that has room for more than names and seconds."""


def forgive(stream: TextIO) -> None:
    """Let a stream spell what its encoding doesn't have, whatever it did before."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a text at once; once nobody reads, this and all that follows is said to nobody."""
    to = stream or sys.stdout
    try:
        print(text, file=to, flush=True)
    except BrokenPipeError:  # what wasn't written would be once more, at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), to.fileno())


def line_of(result: Result) -> str:
    """Say in a line what a shard came to."""
    wrong = f": {len(result.findings)} to fix" if result.verdict == "failed" else ""
    seconds = f"{result.seconds:.1f} s" if result.ran else ""
    word = WORDS[result.verdict]
    return f"{word:<5} {result.key:<28} {seconds:>8}  {result.checked}{wrong}".rstrip()


def progress(seen: Plain | Live) -> Progress:
    """Let somebody hear what happens."""
    return Progress(seen.begun, seen.ended, seen.waiting)


class Plain:
    """A line as each process begins and one as each shard ends, for logs."""

    def begun(self, task: Task) -> None:
        """Say that a process was started."""
        many = f" ({len(task.shards)} shards)" if len(task.shards) > 1 else ""
        say(f"begin {task.name}{many}")

    def ended(self, _task: Task, results: Sequence[Result]) -> None:
        """Say what shards came to."""
        for result in results:
            say(line_of(result))

    def waiting(self) -> None:
        """Say nothing."""


class Live:
    """What runs now, and how far it is, at the foot of a terminal; above it what is red."""

    def __init__(self, shards: int, file: TextIO | None = None) -> None:
        from rich.console import Console  # noqa: PLC0415  a log needs none of it
        from rich.live import Live as View  # noqa: PLC0415

        # What is here was made sure of by whoever chose this over plain lines.
        self._console = Console(file=file or sys.stdout, highlight=False, force_terminal=True)
        self._view = View(
            console=self._console,
            auto_refresh=False,  # which would be a thread
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._shards, self._done, self._red = shards, 0, 0
        self._running: dict[str, tuple[Task, float]] = {}
        self._began = time.monotonic()
        self._shown = 0.0

    def __enter__(self) -> Self:
        self._view.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._view.stop()

    def begun(self, task: Task) -> None:
        """Show a process that was started."""
        for key in task.keys:
            self._running[key] = (task, time.monotonic())

    def ended(self, _task: Task, results: Sequence[Result]) -> None:
        """Count what has ended, and write down what is red."""
        for result in results:
            self._running.pop(result.key, None)
            self._done += 1
            if result.verdict != "ok" and result.checked != STOPPED:
                self._red += result.verdict == "failed"
                self._console.print(styled(line_of(result)), soft_wrap=True)

    def waiting(self) -> None:
        """Draw, but not more often than an eye can see."""
        now = time.monotonic()
        if now - self._shown >= 1 / _PER_SECOND:
            self._shown = now
            self._view.update(self._drawn(now), refresh=True)

    def _drawn(self, now: float) -> Table:
        from rich.table import Table  # noqa: PLC0415

        table = Table.grid(padding=(0, 2), pad_edge=False)
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(no_wrap=True, justify="right")
        is_wide = self._console.width >= _WIDE
        if is_wide:
            table.add_column(no_wrap=True, overflow="ellipsis", style="dim")
        for name, (task, began) in {t.name: (t, at) for t, at in self._running.values()}.items():
            many = f"{len(task.shards)} shards, " if len(task.shards) > 1 else ""
            budget = (f"{many}of at most {task.budget:.0f} s",) if is_wide else ()
            table.add_row(name, f"{now - began:.0f} s", *budget)
        red = f", {self._red} red" if self._red else ""
        done = f"{self._done} of {self._shards} shards{red}"
        table.add_row(done, f"{now - self._began:.0f} s", style="red" if red else "green")
        return table


def styled(text: str) -> object:
    """Colour lines by the verdict that they begin with."""
    from rich.text import Text  # noqa: PLC0415

    coloured = Text()
    for line in text.splitlines(keepends=True):
        word = line[:5].strip()
        coloured.append(line[:5], STYLES.get(word, "")).append(line[5:])
    return coloured


def is_terminal(terminal: str) -> bool:
    """Whether a person looks on: a terminal that can move its cursor, whatever is asked for."""
    return sys.stdout.isatty() and terminal not in ("", "dumb")
