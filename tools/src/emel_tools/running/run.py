"""One run of the gate, as every report shows it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from emel_tools.running.results import Result
from emel_tools.scope import Scope


class Run(NamedTuple):
    """What was chosen, and what came of it."""

    root: Path
    scope: Scope
    seed: int
    seconds: float
    results: tuple[Result, ...]
    """In the order of the lanes; of shards that didn't run, too."""

    @property
    def is_green(self) -> bool:
        """Whether a change may be released."""
        return not any(result.verdict == "failed" for result in self.results)
