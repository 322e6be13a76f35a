"""One run of the gate, as every report shows it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from emel_tools.running.results import Result


class Run(msgspec.Struct, frozen=True):
    """What was chosen, and what came of it; all that a report depends on, but for git."""

    results: tuple[Result, ...]
    """In the order of the lanes; of shards that didn't run, too."""
    seed: int
    seconds: float
    """Wall time of all shards together."""
    base: str = ""
    """The commit that was compared with; empty if there is none."""
    changed: tuple[str, ...] = ()
    """Changed files from the root, sorted."""
    full: bool = False
    """Whether everything ran because it was asked for."""
    python: str = ""
    """Version of the interpreter."""
    demands: Mapping[str, str] = {}
    """What each lane demands, in one clause, in the order of the lanes."""
    stopped: str = ""
    """What ended the run before its time: `SIGINT`, `SIGTERM`; empty if it came to its end."""

    @property
    def is_green(self) -> bool:
        """Whether a change may be released."""
        wrong = any(result.verdict in ("failed", "unjudged") for result in self.results)
        return not wrong and not self.stopped
