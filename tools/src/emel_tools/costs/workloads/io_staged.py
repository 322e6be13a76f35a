"""What moving bytes through a ring of stages costs: the ring, and nothing beside it."""

from __future__ import annotations

from functools import partial

import ml_dtypes
import numpy as np

from emel_io_loader import Spans, Targets
from emel_io_staged import Conversion, Digest, Identity, StagedStrategy
from emel_tools.costs.site import GAP, Site
from emel_tools.costs.workload import (
    GROWTH_OF_CALLS,
    MIB,
    Action,
    Scaled,
    Workload,
    Workloads,
    fine,
)


class _NoHash:
    """A hasher that costs nothing."""

    def update(self, _: object, /) -> None:
        """Look away."""


def sink(*_: object) -> None:
    """Look away."""


def _strategy() -> StagedStrategy:
    return StagedStrategy(chunk_nbytes=MIB // 2, stages=4)


def _spans(
    site: Site, items: int, nbytes: int, files: int = 1, gap: int = 0
) -> tuple[Spans, Targets]:
    spans = site.spans(items, nbytes, files=files, gap=gap)
    memory = np.zeros(items * nbytes, np.uint8)
    return spans, Targets.one_after_another(memory, spans.nbytes)


def copy(
    site: Site,
    items: int = 16,
    nbytes: int = MIB,
    *,
    threads: int | None = None,
    files: int = 1,
    gap: int = 0,
) -> Action:
    """Copy spans into one buffer."""
    spans, targets = _spans(site, items, nbytes, files, gap)

    def act() -> None:
        with _strategy() as strategy:
            fine(strategy.load(spans, targets, threads=threads))

    return act


def told_of_each(site: Site, items: int) -> Action:
    """Copy spans that lie too far apart to be read together, and hear of each."""
    spans, targets = _spans(site, items, 64, gap=256)

    def act() -> None:
        with _strategy() as strategy:
            fine(strategy.load(spans, targets, threads=1, progress=sink))

    return act


def twice(site: Site) -> Action:
    """Copy two batches: the ring is taken once."""
    spans, targets = _spans(site, 16, MIB)

    def act() -> None:
        with _strategy() as strategy:
            fine(strategy.load(spans, targets))
            fine(strategy.load(spans, targets))

    return act


def transform(site: Site, items: int = 16, nbytes: int = MIB) -> Action:
    """Convert the numbers of spans on their way."""
    spans = site.spans(items, nbytes)
    memory = np.zeros(items * nbytes // 2, np.uint8)
    targets = Targets.one_after_another(memory, spans.nbytes // 2)
    transforms = [Conversion("<f4", np.float16)] * items

    def act() -> None:
        with _strategy() as strategy:
            fine(strategy.load_through(spans, targets, transforms))

    return act


def swapped(site: Site) -> Action:
    """Convert numbers that are stored the other way round, and of a type that numpy can't swap."""
    spans, targets = _spans(site, 4, MIB)
    how = Conversion(">u2", np.float16, bits=ml_dtypes.bfloat16)

    def act() -> None:
        with _strategy() as strategy:
            fine(strategy.load_through(spans, targets, [how] * len(spans)))

    return act


def leave(site: Site) -> Action:
    """Let bytes through as they are, by a transform that says so."""
    spans, targets = _spans(site, 16, MIB)

    def act() -> None:
        with _strategy() as strategy:
            fine(strategy.load_through(spans, targets, [Identity()] * len(spans)))

    return act


def hashed(site: Site) -> Action:
    """Let a hasher see the bytes, and write nothing."""
    spans = site.spans(16, MIB)

    def act() -> None:
        with _strategy() as strategy:
            fine(strategy.load_through(spans, None, [Digest(_NoHash())] * len(spans)))

    return act


def stream(site: Site, items: int = 16, nbytes: int = MIB) -> Action:
    """Show spans to a sink."""
    spans = site.spans(items, nbytes)

    def act() -> None:
        with _strategy() as strategy:
            fine(strategy.stream(spans, sink))

    return act


_PAYLOAD = 16 * MIB

WORKLOADS: Workloads = (
    Workload("copy-16-mib-through-4-stages", copy, items=16, nbytes=_PAYLOAD),
    Workload(
        "copy-16-mib-in-one-thread",
        partial(copy, threads=1),
        items=16,
        nbytes=_PAYLOAD,
    ),
    Workload(
        "copy-16-mib-of-4-files",
        partial(copy, files=4),
        items=16,
        files=4,
        nbytes=_PAYLOAD,
    ),
    Workload("copy-16-mib-twice", twice, items=16, nbytes=_PAYLOAD),
    Workload("copy-1-span-of-16-mib", partial(copy, items=1, nbytes=_PAYLOAD), nbytes=_PAYLOAD),
    Workload("copy-300-spans-of-16-gib", partial(copy, items=300, nbytes=64, gap=GAP), items=300),
    Workload("convert-16-mib", transform, items=16, nbytes=_PAYLOAD),
    Workload("convert-4-mib-of-big-endian-bf16", swapped, items=4, nbytes=4 * MIB),
    Workload("let-16-mib-through", leave, items=16, nbytes=_PAYLOAD),
    Workload("hash-16-mib", hashed, items=16, nbytes=_PAYLOAD),
    Workload("stream-16-mib", stream, items=16, nbytes=_PAYLOAD),
    Scaled("copy-spans", partial(copy, nbytes=64)),
    Scaled("copy-spans-and-tell-of-each", told_of_each, growth=GROWTH_OF_CALLS),
    Scaled("convert-spans", partial(transform, nbytes=64)),
    Scaled("stream-spans", partial(stream, nbytes=64)),
)
