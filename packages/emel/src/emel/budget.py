"""How a memory limit is parted, so that whatever is done one after another stays within it."""

from __future__ import annotations

from typing import Final, NamedTuple

MIB: Final = 1 << 20
LEAST_LIMIT: Final = 64 << 10
"""A memory limit is at least this many bytes: a stage holds whole blocks, and more than a page."""
THREADS: Final = 4
"""So many threads read at the most where memory is limited: each has memory for direct reads."""
CONGRUENT_NBYTES: Final = 64 << 10
"""An array of so many bytes or more has a page more, so that direct reads land in it."""
_PAGE: Final = 4 << 10
_LEAST_CALL: Final = 64 << 10
"""Smaller calls aren't made around the page cache."""


class Budget(NamedTuple):
    """Bytes that may be held at once, each part whatever the others hold."""

    staging: int = 32 * MIB
    """In stages: four of 8 MiB, because one call reads a stage and is worth as much."""
    window: int = 16 * MIB
    """In what every byte passes through once: digests, comparisons, slices."""
    call: int = 8 * MIB
    """In one call of each reading thread, as memory of its own where it is direct."""
    copies: int | None = None
    """In arrays of tensors that were copied; None: no limit."""
    direct: bool = False
    """Whether reads may go around the page cache, which takes memory."""


def part(memory_limit: int | None, *, direct: bool) -> Budget:
    """Part a limit, of `LEAST_LIMIT` bytes or more; None is no limit."""
    most = Budget(direct=direct)
    if memory_limit is None:
        return most
    staging = min(most.staging, memory_limit // 2)
    window = min(most.window, memory_limit // 8)
    call = min(most.call, memory_limit // 64)
    if not direct or call < _LEAST_CALL:
        return Budget(staging, window, most.call, memory_limit - staging - window)
    bounces = THREADS * (call + 2 * _PAGE)  # of bytes that begin and end within pages
    room = memory_limit - staging - window - bounces
    copies = room * CONGRUENT_NBYTES // (CONGRUENT_NBYTES + _PAGE)
    return Budget(staging, window, call, copies, direct=True)
