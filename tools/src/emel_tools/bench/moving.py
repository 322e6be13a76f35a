"""What moves bytes: read, staged, slices; each beside plain calls that move the same bytes."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

import emel
from emel_io_loader import BatchOutcome, Targets
from emel_io_read import ReadStrategy
from emel_io_staged import StagedStrategy
from emel_tools.bench.files import GIB, safetensors_file, spans_of, warm
from emel_tools.bench.plain import aligned, forget, opened, read_ring, read_shares
from emel_tools.bench.timing import Row, best_of, in_fresh_process, milliseconds

load_file = cast("Callable[[Path], object]", safetensors.numpy.load_file)  # pyright: ignore[reportUnknownMemberType] - its own types are incomplete
COUNT = 64
ROUNDS = 9
STAGES, STAGE = 4, 8 << 20
MEMORY = """
import sys, threading, time
import numpy as np
from emel_io_loader import Spans
from emel_io_staged import StagedStrategy
from emel_tools.bench.files import spans_of
def anonymous():
    text = open("/proc/self/smaps_rollup").read()
    return int(text.split("Anonymous:")[1].split()[0]) * 1024
spans = spans_of(sys.argv[1])
strategy = StagedStrategy(chunk_nbytes=8 << 20, stages=4)
before, most, done = anonymous(), 0, False
def watch():
    global most
    while not done:
        most = max(most, anonymous())
        time.sleep(0.002)
watcher = threading.Thread(target=watch)
watcher.start()
assert strategy.stream(spans, lambda *_: None).ok
done = True
watcher.join()
print(most - before)
"""


def reading(folder: Path, _models: Path) -> Iterator[Row]:
    """A warm file of 1 GiB into buffers that are used again, by two threads."""
    path = safetensors_file(folder, COUNT, GIB // COUNT)
    warm(path)
    plain = aligned(GIB)
    with emel.open(path, "read") as model:
        buffer = model.empty_buffer()
        buffer.fill(1)  # fresh memory is another measurement
        ours, control = best_of(
            ROUNDS,
            lambda: model.load(into=buffer, threads=2),
            lambda: read_shares(path, plain, 2, direct=False),
        )
    share = control / ours
    yield Row(
        "1 GiB warm, reused buffers, 2 threads; control 2 x preadv",
        milliseconds(ours),
        milliseconds(control),
        f"{share:.3f} of its rate",
        ">= 0.95",
        kept=share >= 0.95,
    )
    (theirs,) = best_of(2, lambda: load_file(path))
    yield Row(
        "the same; control safetensors.numpy.load_file",
        milliseconds(ours),
        milliseconds(theirs),
        f"{theirs / ours:.1f} times faster",
        ">= 8 times",
        kept=theirs / ours >= 8,
    )


def cold(folder: Path, _models: Path) -> Iterator[Row]:
    """A file of 1 GiB that isn't in the page cache, beside the best of six plain ways."""
    path = safetensors_file(folder, COUNT, GIB // COUNT)
    plain = aligned(GIB)
    with emel.open(path, "read") as model, emel.open(path, "read", direct=True) as around:
        buffer = model.empty_buffer()
        buffer.fill(1)
        units: dict[str, Callable[[], object]] = {
            "ours, direct": lambda: around.load(into=buffer),
            "ours, buffered": lambda: model.load(into=buffer),
        }
        for threads in (1, 2, 4):
            for direct in (False, True):
                name = (
                    f"{threads} thread{'s' * (threads > 1)}, {'direct' if direct else 'buffered'}"
                )
                units[name] = lambda threads=threads, direct=direct: read_shares(
                    path, plain, threads, direct=direct
                )
        best = best_cold(path, units)
        around.release()
        model.release()
    name = min((name for name in best if not name.startswith("ours")), key=best.__getitem__)
    control = best[name]
    for ours, bound in (("ours, direct", 1.05), ("ours, buffered", None)):
        ratio = best[ours] / control
        yield Row(
            f"1 GiB cold, {ours.removeprefix('ours, ')}; best control: {name}",
            milliseconds(best[ours]),
            milliseconds(control),
            f"{ratio:.3f}",
            "for comparison" if bound is None else f"<= {bound}",
            kept=bound is None or ratio <= bound,
        )


def best_cold(path: Path, units: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Run each unit in turn, the file forgotten before each: the least seconds of each."""
    best = dict.fromkeys(units, float("inf"))
    for _ in range(5):
        for name, unit in units.items():
            forget(path)
            gc.collect()
            start = perf_counter()
            unit()
            best[name] = min(best[name], perf_counter() - start)
    return best


def staging(folder: Path, _models: Path) -> Iterator[Row]:
    """A warm file of 1 GiB through a ring of 32 MiB, nothing done to it; and what that holds."""
    path = safetensors_file(folder, COUNT, GIB // COUNT)
    warm(path)
    ring, spans = aligned(STAGES * STAGE), spans_of(path)
    with StagedStrategy(chunk_nbytes=STAGE, stages=STAGES) as strategy:
        ours, control = best_of(
            ROUNDS,
            lambda: succeed(strategy.stream(spans, let_pass)),
            lambda: read_ring(path, ring, STAGES),
        )
    share = control / ours
    yield Row(
        "1 GiB staged, no transform; control preadv through such a ring",
        milliseconds(ours),
        milliseconds(control),
        f"{share:.3f} of its rate",
        ">= 0.90",
        kept=share >= 0.90,
    )
    bytecode = folder / "bytecode"
    memory = max(in_fresh_process(MEMORY, str(path), bytecode=bytecode)[0] for _ in range(3))
    allowed = STAGES * STAGE + (8 << 20)
    yield Row(
        "the same: anonymous memory over the base, the most that was seen",
        f"{memory / 2**20:.1f} MiB",
        "",
        "",
        f"<= {allowed >> 20} MiB",
        kept=memory <= allowed,
    )


def spans(folder: Path, _models: Path) -> Iterator[Row]:
    """50,000 spans of 2 KiB in one batch, into one buffer and into as many arrays."""
    count, each = 50_000, 2048
    path = safetensors_file(folder, count, each)
    warm(path)
    wanted, memory = spans_of(path), aligned(count * each)
    one = Targets.one_after_another(memory, wanted.nbytes)
    many = Targets.each([np.ones(each, np.uint8) for _ in range(count)])
    with ReadStrategy() as strategy, opened(path) as descriptor:
        ours, arrays, control = best_of(
            ROUNDS,
            lambda: succeed(strategy.load(wanted, one)),
            lambda: succeed(strategy.load(wanted, many)),
            lambda: read_from(descriptor, memory, wanted.offset.item(0)),
        )
    for what, seconds, bound in (("one buffer", ours, 3.0), ("50000 arrays", arrays, None)):
        yield Row(
            f"50000 spans of 2 KiB into {what}; control one sequential read",
            milliseconds(seconds),
            milliseconds(control),
            f"{seconds / control:.2f}",
            "for comparison" if bound is None else f"<= {bound:.0f}",
            kept=bound is None or seconds / control <= bound,
        )


def slicing(folder: Path, _models: Path) -> Iterator[Row]:
    """An eighth of the columns of a tensor of 64 MiB: bytes read, as /proc/self/io counts them."""
    side = 4096
    path = safetensors_file(folder, 1, 4 * side * side, shape=(side, side))
    warm(path)
    with emel.open(path, "read") as model:
        (name,) = model
        part = model.part(name)
        before = bytes_read()
        columns = part[:, : side // 8]
        read = bytes_read() - before
        sliced, whole = best_of(
            ROUNDS, lambda: part[:, : side // 8], lambda: safetensors_slice(path, name, side // 8)
        )
    allowed = int(1.25 * columns.nbytes)
    yield Row(
        "1/8 of the columns of 64 MiB: bytes read; control all of them",
        f"{read / 2**20:.1f} MiB",
        "64.0 MiB",
        f"{read / columns.nbytes:.3f} of the wanted",
        "<= 1.25",
        kept=read <= allowed,
    )
    yield Row(
        "the same: time; control safetensors' get_slice",
        milliseconds(sliced),
        milliseconds(whole),
        f"{whole / sliced:.1f} times faster",
        "for comparison",
        kept=True,
    )


def safetensors_slice(path: Path, name: str, columns: int) -> NDArray[Any]:
    """Take the same columns the way that safetensors does."""
    opened: Any = safetensors.safe_open(path, framework="np")
    with opened as reader:
        return reader.get_slice(name)[:, :columns]


def bytes_read() -> int:
    """Bytes that this process has asked read calls for, proc(5): rchar, less what asking takes."""
    text = Path("/proc/self/io").read_text("ascii")
    return int(text.split("rchar:")[1].split()[0])


def read_from(descriptor: int, memory: NDArray[np.uint8], offset: int) -> None:
    """Read one stretch, 8 MiB a call."""
    view, done = memory.data, 0
    while done < len(view):
        done += os.preadv(descriptor, [view[done : done + (8 << 20)]], offset + done)


def let_pass(span: int, start: int, chunk: NDArray[np.uint8]) -> None:
    """Look at nothing."""


def succeed(answer: BatchOutcome) -> None:
    """Hold a batch to success: a failure would be quick."""
    if not answer.ok:
        raise AssertionError(answer.message)
