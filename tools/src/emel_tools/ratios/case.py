"""What a case is: a short piece of work by one package, always the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

Unit: TypeAlias = Callable[[], object]
"""What is timed: it can be called any number of times, and leaves nothing behind."""


class Case(NamedTuple):
    """One line of a snapshot. Whoever changes what it does gives it another name."""

    name: str
    control: str
    """The control whose kind of work is nearest (`controls.CONTROLS`)."""
    prepare: Callable[[Path], Unit]
    """Make the unit, with files in a folder of its own. It imports what it measures inside, because
    there are two of each package."""
    times: int = 1
    """Calls of the unit that are timed together: some milliseconds are lost in no interrupt, and
    less than a few hundred microseconds can't be told from one."""
