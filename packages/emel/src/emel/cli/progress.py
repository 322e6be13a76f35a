"""Progress of long work as a bar on stderr, and nothing at all where stderr is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

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
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with shown:
        task = shown.add_task(what, total=None)

        def move(done: emel.Progress) -> None:
            shown.update(task, total=done.nbytes_total, completed=done.nbytes_done)

        yield move
