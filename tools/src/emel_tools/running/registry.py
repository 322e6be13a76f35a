"""The lanes, in the order in which they are shown. Each is a module of `emel_tools.gates`."""

from __future__ import annotations

import importlib
import importlib.util
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.running.lane import Lane, Shard
from emel_tools.running.results import Result

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


def names() -> tuple[str, ...]:
    """Name the lanes."""
    # While the lanes are being written, those that aren't there yet are left out.
    return tuple(n for n in NAMES if importlib.util.find_spec(f"emel_tools.gates.{n}"))


def listed(root: Path, wanted: Sequence[str]) -> tuple[list[Lane], list[Result]]:
    """Import lanes, and list the shards of each once.

    Returns
    -------
    tuple
        The lanes that could be, and a failed result for each of the others: a lane that can't
        even be listed is red, and hides no other.
    """
    found: list[Lane] = []
    broken: list[Result] = []
    for name in wanted:
        try:
            each = lane(name)
            shards = _checked(name, each.shards(root))
        except Exception:
            broken.append(_broken(name, traceback.format_exc(limit=-3)))
        else:
            found.append(each._replace(shards=partial(_known, shards)))
    return found, broken


def _known(shards: tuple[Shard, ...], _root: Path) -> tuple[Shard, ...]:
    return shards


def _checked(name: str, shards: Sequence[Shard]) -> tuple[Shard, ...]:
    twice = {shard.name for shard in shards if sum(s.name == shard.name for s in shards) > 1}
    strange = {shard.key for shard in shards if shard.lane != name}
    if twice or strange or not shards:
        raise ValueError(f"{name} lists shards twice {twice}, of others {strange}, or none at all")
    return tuple(shards)


def _broken(name: str, raised: str) -> Result:
    what = f"{name} can't list its shards:\n{raised.rstrip()}"
    file = f"tools/src/emel_tools/gates/{name}.py"
    finding = Finding(file, 0, 0, "crash", what, "mend the lane", gate=name)
    return Result(name, "shards", "failed", "every lane is listed", "nothing", (finding,))
