"""The lanes, in the order in which they are shown. Each is a module of `emel_tools.gates`."""

from __future__ import annotations

import importlib
from typing import Final

from emel_tools.running.lane import Lane

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
    "timing",
)


def lane(name: str) -> Lane:
    """Import one lane; a process that runs one needs no other."""
    return importlib.import_module(f"emel_tools.gates.{name}").LANE


def lanes() -> tuple[Lane, ...]:
    """Import every lane."""
    return tuple(lane(name) for name in NAMES)
