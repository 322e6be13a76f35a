"""What each shard of the lane plays; a process imports what its own shard needs, and no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from emel_tools.fuzzing.games import Found, Game
from emel_tools.fuzzing.games import check as play


def _io_loader() -> tuple[Game, ...]:
    from emel_tools.fuzzing import planning, routing, spans

    return (spans.SPANS, spans.TARGETS, planning.PLAN, planning.GROWTH, routing.ROUTE)


def _machine() -> tuple[Game, ...]:
    from emel_tools.fuzzing import columns, machines

    return (machines.ROWS, columns.COLUMNS, machines.REAL)


def _model_tensor() -> tuple[Game, ...]:
    from emel_tools.fuzzing import residency

    return (residency.RESIDENCY,)


def _io_mmap() -> tuple[Game, ...]:
    from emel_tools.fuzzing import mappings

    return (mappings.MAPPINGS,)


def _io_read() -> tuple[Game, ...]:
    from emel_tools.fuzzing import copying

    return (copying.READ,)


def _io_staged() -> tuple[Game, ...]:
    from emel_tools.fuzzing import copying

    return (copying.STAGED,)


def _emel() -> tuple[Game, ...]:
    from emel_tools.fuzzing import models

    return (models.MODEL,)


_GAMES: Final[Mapping[str, Callable[[], tuple[Game, ...]]]] = {
    "io_loader": _io_loader,
    "machine": _machine,
    "model_tensor": _model_tensor,
    "io_mmap": _io_mmap,
    "io_read": _io_read,
    "io_staged": _io_staged,
    "emel": _emel,
}


SHARDS: Final = ("model_format", "model_loader", *_GAMES)
"""What can be judged, by package."""


def games_of(shard: str) -> tuple[Game, ...]:
    """What is played in a shard that has games."""
    return _GAMES[shard]()


def check(root: Path, folder: Path, shard: str, seed: int, *, full: bool) -> Found:
    """Judge one package.

    Parameters
    ----------
    root
        Of the repository, with `tools/corpus`.
    folder
        Where what is found is kept.
    shard
        The package.
    seed
        All that is random comes from it.
    full
        Whether to look further.
    """
    if shard == "model_format":
        from emel_tools.fuzzing import headers

        return headers.check(root, folder, seed, full=full)
    if shard == "model_loader":
        from emel_tools.fuzzing import folders

        return folders.check(root, folder, seed, full=full)
    return play(root, folder, shard, games_of(shard), seed, full=full)
