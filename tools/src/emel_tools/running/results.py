"""What a shard of a run came to, as every report shows it, and as it is kept on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from emel_tools.findings import Finding

Verdict: TypeAlias = Literal["failed", "unjudged", "ok", "unaffected"]
"""`unjudged`: it couldn't run, because of one that failed. `unaffected`: it needn't have run."""
SCOPE: Final = "scope"
"""What stands where a lane stands, if it is about which shards would have run."""
SNAPSHOTS: Final = "snapshots"
"""What stands there, if it is about the snapshots of all lanes."""
SYNTAX: Final = "syntax"
"""What stands there, if it is about files that are no Python, for which all lanes wait."""
NO_LANES: Final[Mapping[str, tuple[str, ...]]] = {
    SCOPE: ("--", "--full"),
    SNAPSHOTS: (),
    SYNTAX: (),
}
"""What every run looks at by itself, and what a person adds to the command to see it again."""
WORDS: Final[Mapping[Verdict, str]] = {
    "failed": "FAIL",
    "unjudged": "----",
    "ok": "ok",
    "unaffected": "-",
}
"""How each verdict is spelt in text, the worst first."""


def writable(text: str) -> str:
    """Spell a text that may hold the name of a file that is no Unicode, so that it can be kept."""
    return text.encode("utf-8", "backslashreplace").decode()


STOPPED: Final = "not judged because the run was stopped"
"""What is `checked` of a shard that a signal left without a verdict."""
WAITS: Final = "not judged because a file is no Python"
"""What is `checked` of a shard that waits for that to be mended."""
SAID_ONCE: Final = (STOPPED, WAITS)
"""What a summary doesn't say of each shard."""


class Report(msgspec.Struct, frozen=True):
    """What a lane's process says of one shard."""

    shard: str
    checked: str
    findings: list[Finding]
    measured: dict[str, str] | None = None
    details: dict[str, Any] = {}
    ended: float = 0.0
    """`time.monotonic()` when it was known."""
    cpu_seconds: float = 0.0
    """Of the process and all that it waited for, since it began."""


class Result(msgspec.Struct, frozen=True):
    """What one shard came to."""

    lane: str
    shard: str
    verdict: Verdict
    why: str
    """Why it ran, or why not: what `--explain` says."""
    checked: str = ""
    """What was looked at, with its count."""
    findings: tuple[Finding, ...] = ()
    measured: Mapping[str, str] | None = None
    """What is held to `snapshots/<lane>/<shard>.txt`, by key; None if nothing was measured."""
    details: Mapping[str, Any] = {}
    """What reports show beside the verdict: `emel_tools.reports.details` names the shapes."""
    started: float = 0.0
    """Seconds from the beginning of the run."""
    seconds: float = 0.0
    """Wall time; where shards share a process, from the answer before this one to this one."""
    cpu_seconds: float = 0.0
    """Of its process and all that it waited for, likewise."""
    log: str = ""
    """Path from the root of all that its process printed; empty if it didn't run."""

    @property
    def key(self) -> str:
        """Its name among all shards: `costs/io_mmap`."""
        return f"{self.lane}/{self.shard}"

    @property
    def ran(self) -> bool:
        """Whether it came to a verdict in this run."""
        return self.verdict in ("failed", "ok")

    @property
    def command(self) -> str:
        """What a person types to run it again."""
        words = NO_LANES.get(self.lane, ("--", "--only", self.key))
        return " ".join(("nox -s quality_gates", *words))
