"""What residency costs: columns, and one dispatch for a batch, whatever its tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from emel_io_loader import Mode
from emel_io_mmap import MmapStrategy
from emel_model_tensor import LoadPlan, TensorSet
from emel_tools.costs.site import Site
from emel_tools.costs.workload import Action, RefusedError, Scaled, Workload, Workloads, fine


def _bound(site: Site, items: int) -> TensorSet:
    tensors = TensorSet()
    fine(tensors.bind(site.spans(items, 64, files=4), np.zeros(items, np.uint8)))
    return tensors


def bind(site: Site, items: int = 64) -> Action:
    """Take the columns of a header, and take them again."""
    spans, dtype = site.spans(items, 64, files=4), np.zeros(items, np.uint8)

    def act() -> None:
        tensors = TensorSet()
        fine(tensors.bind(spans, dtype))
        fine(tensors.bind(spans, dtype))

    return act


def map_and_release(site: Site, items: int = 64) -> Action:
    """Map all tensors in one batch, look their leases up, and release all in one."""
    tensors, index, strategy = _bound(site, items), np.arange(items), MmapStrategy()

    def act() -> None:
        fine(tensors.load(index, strategy))
        for i in range(items):
            tensors.lease(i)
        fine(tensors.release(index, strategy))

    return act


def map_again(site: Site) -> Action:
    """Map and release half of the tensors after the other half: a batch each."""
    tensors, strategy = _bound(site, 64), MmapStrategy()

    def act() -> None:
        for index in (np.arange(0, 64, 2), np.arange(1, 64, 2)):
            fine(tensors.load(index, strategy))
        fine(tensors.release(np.arange(64), strategy))

    return act


def copy_and_evict(site: Site, items: int = 64) -> Action:
    """Plan a copy, publish it, and forget it."""
    tensors, index = _bound(site, items), np.arange(items)
    done = np.ones(items, np.bool_)

    def act() -> None:
        plan = tensors.plan_load(index, Mode.COPIES)
        if not isinstance(plan, LoadPlan):
            raise RefusedError(plan.message)
        fine(tensors.commit_load(plan, done))
        tensors.pin(index)
        tensors.unpin(index)
        fine(tensors.evict(index))

    return act


def residency(site: Site, items: int) -> Action:
    """Say where every tensor is: all at once, selected, and one by one."""
    tensors, index = _bound(site, items), np.arange(items)

    def act() -> Any:  # whatever is answered
        for i in range(items):
            tensors.state_of(i)
        chosen = tensors.absent(), tensors.mapped(index), tensors.copied(), tensors.spans(index)
        return chosen, tensors.capture().totals()

    return act


WORKLOADS: Workloads = (
    Workload("bind-64-tensors", bind, items=64, files=4),
    Workload("map-and-release-64-tensors", map_and_release, items=64, files=4),
    Workload("map-64-tensors-in-2-batches", map_again, items=64, files=4),
    Workload("copy-and-evict-64-tensors", copy_and_evict, items=64, files=4),
    Scaled("bind-tensors", bind),
    Scaled("map-and-release-tensors", map_and_release),
    Scaled("copy-and-evict-tensors", copy_and_evict),
    Scaled("tell-residency-of-tensors", residency),
)
