"""What the shards of the run under way took so far, and which of them ran here before."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

CURRENT: Final = Path(".nox", "gate", "current.json")
"""Where the run under way keeps what is known of it."""
WARM: Final = Path(".nox", "gate", "timing.json")
"""Where it is kept which shards have run in this environment."""


class _Details(msgspec.Struct, frozen=True):
    not_timed: str = ""


class Took(msgspec.Struct, frozen=True):
    """What the run says of one shard; more of it isn't looked at."""

    lane: str
    shard: str
    verdict: str
    cpu_seconds: float = 0.0
    details: _Details = _Details()


class _Run(msgspec.Struct, frozen=True):
    results: tuple[Took, ...] = ()


class _Warm(msgspec.Struct, frozen=True):
    environment: str
    keys: frozenset[str] = frozenset()


def took(root: Path) -> dict[str, float]:
    """List the CPU seconds of the shards of this run that came to a good end, by key.

    What failed is news already, and may have ended early. A shard may say itself that it did less
    than it would, or more (`not_timed`).
    """
    path = root / CURRENT
    if not path.exists():
        return {}
    run = msgspec.json.decode(path.read_bytes(), type=_Run)
    timed = (t for t in run.results if t.verdict == "ok" and not t.details.not_timed)
    return {f"{t.lane}/{t.shard}": t.cpu_seconds for t in timed}


def warm(root: Path) -> frozenset[str]:
    """List the shards that have run in this environment before."""
    try:
        known = msgspec.json.decode((root / WARM).read_bytes(), type=_Warm)
    except (FileNotFoundError, msgspec.DecodeError):
        return frozenset()
    return known.keys if known.environment == _environment() else frozenset()


def remember(root: Path, keys: Iterable[str]) -> None:
    """Keep that these have run in this environment, too."""
    path = root / WARM
    path.parent.mkdir(parents=True, exist_ok=True)
    known = _Warm(_environment(), warm(root) | {*keys})
    path.write_bytes(msgspec.json.encode(known, order="sorted"))


def _environment() -> str:
    """Say which environment this is: what it was installed from, or its version of Python."""
    stamp = Path(sys.prefix) / "installed.sha256"
    return stamp.read_text(encoding="utf-8") if stamp.exists() else sys.version
