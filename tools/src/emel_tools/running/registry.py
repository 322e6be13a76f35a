"""The lanes, in the order in which they are shown. Each is a module of `emel_tools.gates`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from emel_tools.running.lane import Lane, Reads, Shard

UNLISTED: Final = "shards"
"""The only shard of a lane that can't be listed."""
NAMES: Final = (
    "boundaries",
    "lint",
    "types",
    "tests",
    "coverage",
    "costs",
    "bench",
    "parity",
    "fuzz",
    "determinism",
    "docs",
    "api",
    "behaviours",
    "selftest",
    "timing",
)


def lane(name: str) -> Lane:
    """Import one lane; a process that runs one needs no other."""
    return importlib.import_module(f"emel_tools.gates.{name}").LANE


def lanes(root: Path) -> tuple[Lane, ...]:
    """Import every lane, and list the shards of each once.

    A lane that can't be imported or listed has one shard, `shards`, which fails when it is run,
    with what was raised: it is red, and hides no other.
    """
    return tuple(_listed(name, root) for name in NAMES)


def _listed(name: str, root: Path) -> Lane:
    try:
        found = lane(name)
        shards = tuple(found.shards(root))
    except Exception:
        found = Lane(name, "can be listed", _unlisted, _unlisted)
        shards = (Shard(name, UNLISTED, Reads(), 60.0),)
    return found._replace(shards=partial(_known, shards))


def _known(shards: tuple[Shard, ...], _root: Path) -> tuple[Shard, ...]:
    return shards


def _unlisted(_: object) -> Sequence[Any]:
    raise NotImplementedError("this lane couldn't be listed")
