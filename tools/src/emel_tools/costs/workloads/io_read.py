"""What copying into the caller's buffers costs: large calls, and no memory of its own."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from functools import partial

import numpy as np

from emel_io_loader import OnBytes, Spans, Targets
from emel_io_read import Port, ReadStrategy, congruent_empty
from emel_tools.costs.site import GAP, Site
from emel_tools.costs.workload import (
    GROWTH_OF_CALLS,
    MIB,
    Action,
    RefusedError,
    Scaled,
    Workload,
    Workloads,
    each,
    fine,
)


def sink(_: int) -> None:
    """Look away."""


def _load(
    spans: Spans,
    targets: Targets,
    *,
    threads: int | None = 1,
    direct: bool = False,
    progress: OnBytes | None = None,
) -> Action:
    # Not every file system opens around its cache: what is read here comes from it all the same.
    port = Port(open_direct=Port().open)

    def act() -> None:
        with ReadStrategy(direct=direct, port=port) as strategy:
            fine(strategy.load(spans, targets, threads=threads, progress=progress))

    return act


def into_one(
    site: Site,
    items: int = 16,
    nbytes: int = MIB,
    *,
    threads: int | None = 1,
    files: int = 1,
    gap: int = 0,
) -> Action:
    """Fill one buffer with spans, one after another."""
    spans = site.spans(items, nbytes, files=files, gap=gap)
    memory = np.zeros(items * nbytes, np.uint8)
    return _load(spans, Targets.one_after_another(memory, spans.nbytes), threads=threads)


def into_each(site: Site, items: int = 16, nbytes: int = MIB) -> Action:
    """Fill a buffer for each span."""
    spans = site.spans(items, nbytes)
    return _load(spans, Targets.each([np.zeros(nbytes, np.uint8) for _ in range(items)]))


def around_the_cache(site: Site, skew: int) -> Action:
    """Fill one buffer by direct reads; it lies as the file does if `skew` is 0."""
    spans = site.spans(16, MIB)
    memory = congruent_empty(16 * MIB + skew, 0)[skew:]
    return _load(spans, Targets.one_after_another(memory, spans.nbytes), direct=True)


def told_of_each(site: Site, items: int) -> Action:
    """Fill one buffer with spans that lie too far apart to be read together, and hear of each."""
    spans = site.spans(items, 64, gap=256)
    memory = np.zeros(items * 64, np.uint8)
    return _load(spans, Targets.one_after_another(memory, spans.nbytes), progress=sink)


def shuffled(site: Site, items: int = 64) -> Action:
    """Fill one buffer with spans that are asked for from the last to the first."""
    spans = site.spans(items, 64 << 10)
    backwards = spans.take(np.arange(items)[::-1])
    memory = np.zeros(items << 16, np.uint8)
    return _load(backwards, Targets.one_after_another(memory, backwards.nbytes))


def one_by_one(site: Site, items: int = 64) -> Action:
    """Fill the parts of a buffer each with a batch of its own."""
    spans, memory = site.spans(items, 4096), np.zeros(items * 4096, np.uint8)
    alone = [
        (spans.take(np.array([i])), Targets.each([memory[i * 4096 :][:4096]])) for i in range(items)
    ]

    def act() -> None:
        with ReadStrategy() as strategy:
            for span, target in alone:
                fine(strategy.load(span, target))

    return act


def past_a_bad_block(site: Site) -> Action:
    """Fail to read the second of many spans that are read in one call."""
    spans = site.spans(64, 4096)
    targets = Targets.one_after_another(np.zeros(64 * 4096, np.uint8), spans.nbytes)

    def failing(descriptor: int, buffers: Sequence[memoryview], offset: int) -> int:
        if offset <= 4096 < offset + sum(map(len, buffers)):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return os.preadv(descriptor, buffers, offset)

    def act() -> None:
        with ReadStrategy(port=Port(preadv=failing)) as strategy:
            answer = strategy.load(spans, targets, threads=1)
        if (answer.ok, answer.index) != (False, 1):
            raise RefusedError(f"{answer.outcome!r}: span {answer.index}")

    return act


WORKLOADS: Workloads = (
    Workload("read-16-mib-into-one-buffer", into_one, items=16, nbytes=16 * MIB),
    Workload("read-16-mib-into-16-buffers", into_each, items=16, nbytes=16 * MIB),
    Workload(
        "read-16-mib-with-2-threads",
        partial(into_one, threads=2),
        items=16,
        nbytes=16 * MIB,
    ),
    Workload(
        "read-32-mib-with-threads-of-its-choice",
        partial(into_one, items=32, threads=None),
        items=32,
        nbytes=32 * MIB,
    ),
    Workload(
        "read-16-mib-of-4-files",
        partial(into_one, files=4),
        items=16,
        files=4,
        nbytes=16 * MIB,
    ),
    Workload(
        "read-4-mib-with-gaps",
        partial(into_one, items=64, nbytes=64 << 10, gap=4 << 10),
        items=64,
        nbytes=4 * MIB,
    ),
    Workload(
        "read-4-mib-with-wide-gaps",
        partial(into_one, items=64, nbytes=64 << 10, gap=64 << 10),
        items=64,
        nbytes=4 * MIB,
    ),
    Workload(
        "read-300-spans-of-16-gib",
        partial(into_one, items=300, nbytes=64, gap=GAP),
        items=300,
    ),
    Workload("read-4-mib-backwards", shuffled, items=64, nbytes=4 * MIB),
    Workload("read-64-spans-one-by-one", one_by_one, items=64),
    Workload("fail-to-read-1-of-64-spans", past_a_bad_block, items=64),
    Workload(
        "read-16-mib-around-the-cache",
        partial(around_the_cache, skew=0),
        items=16,
        nbytes=16 * MIB,
    ),
    Workload(
        "read-16-mib-around-the-cache-askew",
        partial(around_the_cache, skew=64),
        items=16,
        nbytes=16 * MIB,
    ),
    Scaled("read-spans-into-one-buffer", partial(into_one, nbytes=64)),
    Scaled("read-spans-with-gaps", partial(into_one, nbytes=64, gap=8)),
    Scaled("read-spans-and-tell-of-each", told_of_each, growth=GROWTH_OF_CALLS),
    Scaled("read-spans-into-each-buffer", partial(into_each, nbytes=64)),
    each("read-spans-one-by-one", one_by_one),
)
