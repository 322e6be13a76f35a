"""What planner, router and strategies say by themselves."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import SimpleNamespace

import numpy as np

from emel_io_loader import BatchOutcome, Router, Spans, Targets, discover, plan
from emel_io_mmap import MmapStrategy
from emel_io_read import Port, ReadStrategy
from emel_io_staged import StagedStrategy
from emel_tools.determinism import samples
from emel_tools.determinism.scribe import Scribe


def plans(scribe: Scribe) -> None:
    """How spans are joined into runs."""
    rng = Random(5)
    for number in range(20):
        rows = [(rng.randrange(3), rng.randrange(4000), rng.randrange(90)) for _ in range(30)]
        file, offset, nbytes = zip(*rows, strict=True)
        spans = Spans(["a", "b", "c"], file, offset, nbytes)
        runs = plan(spans, gap_nbytes=40, over_read=0.5, run_nbytes=600)
        told = (runs.file.tolist(), runs.start.tolist(), runs.stop.tolist(), runs.order.tolist())
        scribe.say(f"plan {number}", told)


def strategies(scribe: Scribe) -> None:
    """What strategies say by themselves, of several files at once."""
    folder = str(scribe.folder / "several")
    paths = [f"{folder}/{name}.safetensors" for name in samples.SEVERAL]
    n = len(paths)
    spans = Spans(paths, list(range(n)), [8] * n, [16] * n)
    with MmapStrategy() as strategy:
        leases = strategy.load(spans).leases
        held = [strategy.view(*leases[i]) for i in range(n)]
        _batch(scribe, "mmap: release of what is borrowed", strategy.release(leases))
        _batch(scribe, "mmap: close of what is borrowed", strategy.close())
        held.clear()
    with MmapStrategy(slots=2) as strategy:
        _batch(scribe, "mmap: more files than slots", strategy.load(spans))
    gone = Spans([f"{path}.gone" for path in paths], list(range(n)), [8] * n, [16] * n)
    ended = Spans(paths, list(range(n)), [1 << 30] * n, [16] * n)
    targets = Targets.each([np.zeros(16, np.uint8) for _ in range(n)])
    for name, make in (("mmap", MmapStrategy), ("read", ReadStrategy), ("staged", StagedStrategy)):
        for what, asked in (("missing files", gone), ("files that end before", ended)):
            with make() as strategy:
                into = None if name == "mmap" else targets
                answer = strategy.load(asked, into, threads=scribe.threads)
                _batch(scribe, f"{name}: {what}", answer)


def targets(scribe: Scribe) -> None:
    """Say which targets overlap, of several that do, wherever they lie in memory."""
    nbytes, count = 16, 12
    path = str(scribe.folder / "one.gguf")
    # Each shares its place with another, and places are taken in another order in each process.
    places = {place: i for i, place in enumerate({f"place {i}" for i in range(count // 2)})}
    offset = [nbytes * places[f"place {i * 5 % (count // 2)}"] for i in range(count)]
    asked = Spans([path], [0] * count, [0] * count, [nbytes] * count)
    into = Targets([np.zeros(nbytes * count, np.uint8)], [0] * count, offset)
    for name, make in (("read", ReadStrategy), ("staged", StagedStrategy)):
        with make() as strategy:
            _batch(scribe, f"{name}: targets that overlap", strategy.load(asked, into))


def calls(scribe: Scribe) -> None:
    """Calls that fail in several threads: which of them is told of."""
    nbytes = 1 << 16
    path = str(scribe.folder / "long.bin")
    Path(path).write_bytes(bytes(16 * nbytes))

    def failing(descriptor: int, buffers: Sequence[memoryview], offset: int) -> int:
        got = os.preadv(descriptor, buffers, offset)
        if offset >= 4 * nbytes:
            number = (errno.EIO, errno.ENXIO, errno.ENODEV)[offset // nbytes % 3]
            raise OSError(number, os.strerror(number))
        return got

    spans = Spans([path], [0], [0], [16 * nbytes])
    targets = Targets.each([np.zeros(16 * nbytes, np.uint8)])
    port = Port(preadv=failing)
    with ReadStrategy(call_nbytes=nbytes, port=port) as strategy:
        answer = strategy.load(spans, targets, threads=scribe.threads or 3)
    _batch(scribe, "calls that fail", answer)


class _Point:
    """An entry point of some distribution."""

    name = "mine"

    def __init__(self, owner: str) -> None:
        self.dist = SimpleNamespace(name=owner)

    def load(self) -> object:
        """Nobody gets here."""
        raise NotImplementedError


def owners(scribe: Scribe) -> None:
    """Who offers a strategy twice, in whatever order they are found."""
    points = [_Point(owner) for owner in {f"dist-{letter}" for letter in "abcdefgh"}]
    found = Router({}, found=lambda: discover(points)).route("mine")
    scribe.say("a strategy that several have", getattr(found, "message", ""))


def _batch(scribe: Scribe, key: str, answer: BatchOutcome) -> None:
    told = (answer.code, answer.message, answer.index, answer.offset, answer.nspans, answer.nbytes)
    held = answer.leases.slot.tolist(), answer.leases.generation.tolist()
    scribe.say(key, (*told, *held))
