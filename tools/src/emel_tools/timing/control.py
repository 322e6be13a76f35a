"""How fast this machine runs Python now: a control that does the same work everywhere.

What shards take is told in seconds of a machine on which the control takes `REFERENCE` seconds, so
that the same figure holds on a machine twice as fast, on one half as fast, and on another Python.
"""

from __future__ import annotations

import time
from typing import Final

REFERENCE: Final = 0.010
"""CPU seconds of one round on the machine that snapshots are told in: about the one that recorded
the first, a virtual one of two cores."""
_ROUNDS: Final = 15
_SIZE: Final = 16_000


def slowness() -> float:
    """Measure how many times longer than the reference this machine takes now.

    The best of several rounds: a neighbour makes some longer, and none shorter. Takes about 0.2 s.
    """
    return min(_round() for _ in range(_ROUNDS)) / REFERENCE


def _round() -> float:
    began = time.process_time()
    _work()
    return time.process_time() - began


def _work() -> int:
    """Do what shards mostly do: make, look up, join and sort small objects."""
    names = [f"blk.{i % 64}.{i}.weight" for i in range(_SIZE)]
    table = {name: (len(name), position) for position, name in enumerate(names)}
    parted = [name.split(".") for name in sorted(table, key=table.__getitem__)]
    return sum(len("-".join(parts)) for parts in parted)
