"""What mapping costs: a batch is a few calls, whatever its spans."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import numpy as np

from emel_io_loader import Advice, Leases, Spans
from emel_io_mmap import MmapStrategy
from emel_tools.costs.site import GAP, Site
from emel_tools.costs.workload import (
    MIB,
    Action,
    Held,
    Scaled,
    Workload,
    Workloads,
    each,
    fine,
)


def load_and_release(site: Site, items: int = 1000, files: int = 4) -> Action:
    """Map a batch, and release it as one."""
    spans = site.spans(items, 64, files=files)

    def act() -> None:
        with MmapStrategy() as strategy:
            fine(strategy.release(fine(strategy.load(spans)).leases))

    return act


def load_and_close(site: Site) -> Action:
    """Map a batch, and let leaving the block release it."""
    spans = site.spans(64, 64, files=4)

    def act() -> None:
        with MmapStrategy() as strategy:
            fine(strategy.load(spans))

    return act


def view_all(site: Site, items: int = 16, nbytes: int = MIB) -> Action:
    """Map a batch, look at each span, and release it."""
    spans = site.spans(items, nbytes)

    def act() -> None:
        strategy = MmapStrategy()
        leases: Leases = fine(strategy.load(spans)).leases
        views = [strategy.view(*leases[i]) for i in range(items)]
        del views
        fine(strategy.release(leases))
        fine(strategy.close())

    return act


def one_by_one(site: Site, items: int = 64) -> Action:
    """Map spans of one file each in a batch of its own, and release each by itself."""
    spans = site.spans(items, 64)
    alone = [spans.take(np.array([i])) for i in range(items)]

    def act() -> None:
        strategy = MmapStrategy()
        leases = [fine(strategy.load(span)).leases for span in alone]
        for lease in leases:
            fine(strategy.release(lease))
        fine(strategy.close())

    return act


def as_a_model(site: Site) -> Action:
    """Map spans that lie as far apart as a model's tensors, each by itself; let some go, and again.

    What is done for small files, or for few leases, isn't done for these.
    """
    spans = site.spans(300, 64, gap=GAP)
    alone = [spans.take(np.array([i])) for i in range(300)]

    def act() -> None:
        strategy = MmapStrategy()
        leases = [strategy.load(span).leases for span in alone]
        for i in range(0, 300, 30):
            fine(strategy.release(leases[i]))
            leases[i] = strategy.load(alone[i]).leases
        for lease in leases:
            fine(strategy.release(lease))
        fine(strategy.close())

    return act


def map_again(site: Site) -> Action:
    """Map what is mapped already: the mappings are shared."""
    spans = site.spans(64, 64, files=4)

    def act() -> None:
        strategy = MmapStrategy()
        first, second = fine(strategy.load(spans)).leases, fine(strategy.load(spans)).leases
        fine(strategy.release(first))
        fine(strategy.release(second))
        fine(strategy.close())

    return act


def advise_all(site: Site, advice: Advice, items: int = 64) -> Action:
    """Give an advice for each of many leases."""
    spans = site.spans(items, 8192)

    def act() -> None:
        strategy = MmapStrategy()
        leases: Leases = fine(strategy.load(spans)).leases
        for i in range(items):
            fine(strategy.advise(*leases[i], advice))
        fine(strategy.release(leases))
        fine(strategy.close())

    return act


def release_parts(site: Site, items: int) -> Action:
    """Release a batch in sixteen parts, each of leases from all over it."""
    spans = site.spans(items, 64)

    def act() -> None:
        strategy = MmapStrategy()
        leases = fine(strategy.load(spans)).leases
        for part in range(16):
            chosen = np.arange(part, items, 16)
            fine(strategy.release(Leases(leases.slot[chosen], leases.generation[chosen])))
        fine(strategy.close())

    return act


def beside_a_lease(site: Site, items: int) -> Action:
    """Map, look at and release span after span of a file of which one stays looked at."""
    spans = site.spans(2, 64, gap=4096)
    first, second = (spans.take(np.array([i])) for i in range(2))

    def act() -> None:
        strategy = MmapStrategy()
        stays: Leases = strategy.load(first).leases
        looked_at = strategy.view(*stays[0])
        for _ in range(items):
            leases: Leases = strategy.load(second).leases
            strategy.view(*leases[0])
            fine(strategy.release(leases))
        del looked_at
        fine(strategy.release(stays))
        fine(strategy.close())

    return act


def many_files(site: Site, items: int) -> Action:
    """Map a batch of one span in each of many files."""
    spans = site.spans(items, 64, files=items)

    def act() -> None:
        strategy = MmapStrategy(slots=items)
        fine(strategy.release(fine(strategy.load(spans)).leases))
        fine(strategy.close())

    return act


def named_twice(site: Site, items: int) -> Action:
    """Map a span of a file that is named twice, among many of which nothing is wanted."""
    path = site.file(64)
    spans = Spans([path, *(f"{i}.bin" for i in range(items)), path], [items + 1], [0], [64])

    def act() -> None:
        with MmapStrategy() as strategy:
            loaded = strategy.load(spans)
            fine(loaded)
            fine(strategy.release(loaded.leases))

    return act


def after_many_files(site: Site) -> Callable[[], AbstractContextManager[object]]:
    """Map file after file, and release each before the next."""
    paths = site.spans(128, 64, files=128).files
    alone = [Spans([path], [0], [0], [64]) for path in paths]

    @contextmanager
    def opened() -> Generator[None]:
        with MmapStrategy() as strategy:
            for span in alone:
                loaded = strategy.load(span)
                fine(loaded)
                fine(strategy.release(loaded.leases))
            yield

    return opened


def identify_files(site: Site) -> Action:
    """Look at files without opening them."""
    paths = site.spans(8, 64, files=8).files
    return lambda: fine(MmapStrategy().identify(paths).result)


WORKLOADS: Workloads = (
    Workload("map-1000-spans-of-4-files", load_and_release, items=1000, files=4),
    Workload("map-64-spans-and-close", load_and_close, items=64, files=4),
    Workload("map-16-mib-and-view-16-spans", view_all, items=16, nbytes=16 * MIB),
    Workload("map-64-spans-one-by-one", one_by_one, items=64),
    Workload("map-300-spans-of-16-gib-one-by-one", as_a_model, items=300),
    Workload("map-64-spans-twice", map_again, items=64, files=4),
    Workload("populate-64-spans", partial(advise_all, advice=Advice.POPULATE), items=64),
    Workload("give-back-64-spans", partial(advise_all, advice=Advice.DONT_NEED), items=64),
    Workload("identify-8-files", identify_files, files=8),
    Scaled("map-spans", load_and_release),
    Scaled("view-spans", partial(view_all, nbytes=64)),
    each("map-spans-one-by-one", one_by_one),
    Scaled("release-spans-in-16-parts", release_parts),
    Scaled("map-spans-beside-a-lease", beside_a_lease, sizes=(32, 256), growth=None),
    Scaled("map-a-file-that-is-named-twice-among-files", named_twice),
    Held("a-strategy-after-128-files", after_many_files),
    Scaled("map-files", many_files, sizes=(16, 64), growth=None),
)
