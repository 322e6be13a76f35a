"""Models that an index, or the name of one of their files, only speaks of: no tensor is opened."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import msgspec

from emel_io_file import entries
from emel_io_loader import Router
from emel_model_loader import open_checkpoint
from emel_tools.costs.checkpoints import OFFERS
from emel_tools.costs.site import Site
from emel_tools.costs.workload import Action, RefusedError

_Lists = Callable[[str], tuple[str, ...] | None]


def missing(_: Site, items: int) -> Action:
    """Ask for a model of which all files but the first and the last are missing."""
    names = [f"m-{i:05}-of-{items:05}.gguf" for i in range(1, items + 1)]
    listed = (names[0], *(f"other-{i}.gguf" for i in range(items)), names[-1])
    return _refused(names[0], "shards-missing", _here(*listed))


def outside(site: Site, items: int) -> Action:
    """Ask for a model whose index names files that don't lie beside it."""
    path = _index(site, f"outside-{items}", [f"../{i}" for i in range(items)])
    return _refused(path, "name-escapes")


def beside_another(site: Site, items: int) -> Action:
    """Ask for a model whose index names a numbered set, beside which another lies; all are gone."""
    one, other = (
        [f"{name}-{i + 1:05}-of-{items:05}.safetensors" for i in range(items)]
        for name in ("model", "other")
    )
    path = _index(site, f"numbered-{items}", one)
    return _refused(path, "stat-failed", _here(path, *one, *other))


def other_names_each_time(site: Site) -> Action:
    """Ask for models whose indexes name files that no index before has named; all are missing."""
    seen = count()

    def act() -> None:
        run = f"run-{next(seen):03}"
        path = _index(site, run, [f"{run}-{i:04}.safetensors" for i in range(1024)])
        _refused(path, "shards-missing")()

    return act


def _index(site: Site, name: str, files: list[str]) -> str:
    named = {f"tensor.{i}": file for i, file in enumerate(files)}
    text = msgspec.json.encode({"weight_map": named}).decode()
    return site.text(f"{name}.safetensors.index.json", text)


def _here(*names: str) -> _Lists:
    return lambda folder: names if folder == "." else None


def _refused(path: str, code: str, listed: _Lists = entries) -> Action:
    def act() -> None:
        answer = open_checkpoint(path, Router(OFFERS), "mmap", entries=listed)
        if getattr(answer, "code", "") != code:
            raise RefusedError(str(answer))

    return act
