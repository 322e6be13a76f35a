"""The lanes, in the order in which they are shown. Each is a module of `emel_tools.gates`."""

from __future__ import annotations

import importlib
import importlib.util
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
    "selftest",
    "timing",
)


def lane(name: str) -> Lane:
    """Import one lane; a process that runs one needs no other."""
    return importlib.import_module(f"emel_tools.gates.{name}").LANE


def lanes() -> tuple[Lane, ...]:
    """Import every lane."""
    # While the lanes are being written, those that aren't there yet are left out.
    there = (n for n in NAMES if importlib.util.find_spec(f"emel_tools.gates.{n}"))
    return tuple(lane(name) for name in there)
