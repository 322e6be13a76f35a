"""Progress of long work as a bar on stderr, and nothing at all where stderr is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

import emel

_PAUSE: Final = 0.1
"""Seconds from one drawing to the next: it takes longer than to load a small tensor."""


@contextmanager
def bar(what: str) -> Generator[Callable[[emel.Progress], None]]:
    """Show a bar while the block runs; yields the callback that moves it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    hidden = not console.is_terminal
    # By itself rich would draw in a thread.
    shown = Progress(*columns, console=console, auto_refresh=False, transient=True, disable=hidden)
    with shown:
        task = shown.add_task(what, total=None)
        drawn = float("-inf")

        def move(done: emel.Progress) -> None:
            nonlocal drawn
            shown.update(task, total=done.nbytes_total, completed=done.nbytes_done)
            if (now := shown.get_time()) - drawn >= _PAUSE:
                drawn = now
                shown.refresh()

        yield move
