"""What is done with tensors of a model by their names: every second one, so that it isn't all."""

from __future__ import annotations

import numpy as np

import emel
from emel_tools.costs.models import using
from emel_tools.costs.site import Site
from emel_tools.costs.workload import Action, RefusedError


def look_up(model: emel.Model) -> None:
    """Ask whether names are the model's: those that are, and as many that aren't."""
    for name in model:
        if name not in model or f"{name}s" in model:
            raise RefusedError(f"{name} was looked up in vain")


def load(model: emel.Model) -> None:
    """Load tensors by name, and release all."""
    model.load(list(model)[::2], threads=1)
    model.release()


def release(model: emel.Model) -> None:
    """Load all, and release tensors by name."""
    model.load(threads=1)
    model.release(list(model)[::2])


def load_into(model: emel.Model) -> None:
    """Load tensors by name into one buffer."""
    names = list(model)[::2]
    model.load(names, into=model.empty_buffer(names), threads=1)


def make_buffers(model: emel.Model) -> None:
    """Make a buffer for tensors by name, and an array for each."""
    names = list(model)[::2]
    model.empty_buffer(names)
    model.empty(names)


def miss_a_buffer(model: emel.Model) -> None:
    """Ask to load tensors by name into buffers, of which the last is missing."""
    names = list(model)
    try:
        model.load(names, into=dict.fromkeys(names[:-1]))
    except KeyError:
        return
    raise RefusedError(f"{names[-1]} was loaded into no buffer")


def share_memory(site: Site, items: int) -> Action:
    """Ask to load tensors into arrays, of which the last lies where the one before it does."""
    path, memory = site.safetensors(items, 64), np.empty((items, 64), np.uint8)
    with emel.open(path) as model:
        into = dict(zip(model, [*memory[:-1], memory[-2]], strict=True))

    def use(model: emel.Model) -> None:
        try:
            model.load(into=into)
        except ValueError:
            return
        raise RefusedError("two tensors were loaded into the same memory")

    return using(path, use)
