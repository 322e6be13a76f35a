"""What a shard of a run came to, as every report shows it, and as it is kept on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from emel_tools.findings import Finding

Verdict: TypeAlias = Literal["failed", "ok", "unaffected", "unavailable"]
"""`unaffected`: no changed file can change its verdict. `unavailable`: what it needs isn't here."""


class Report(msgspec.Struct, frozen=True):
    """What a lane's process says of one shard, before it is known how long it took."""

    shard: str
    checked: str
    findings: list[Finding]
    measured: dict[str, str] | None = None
    details: dict[str, Any] = {}


class Result(NamedTuple):
    """What one shard came to."""

    lane: str
    shard: str
    verdict: Verdict
    why: str
    """Why it ran, or why not: what `--explain` says."""
    checked: str = ""
    findings: tuple[Finding, ...] = ()
    measured: Mapping[str, str] | None = None
    details: Mapping[str, Any] = {}
    started: float = 0.0
    """Seconds from the beginning of the run."""
    seconds: float = 0.0
    """Wall time; where shards share a process, this one's part of it."""
    cpu_seconds: float = 0.0
    """Of its process and all that it waited for; where shards share one, this one's part."""
    log: Path | None = None
    """All that its process printed."""

    @property
    def key(self) -> str:
        """Its name among all shards: `costs/io_mmap`."""
        return f"{self.lane}/{self.shard}"

    @property
    def command(self) -> str:
        """What a person types to run it again."""
        return f"nox -s quality_gates -- --only {self.key}"
