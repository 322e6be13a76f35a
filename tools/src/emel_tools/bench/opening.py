"""What opens and maps: imports, headers, arrays, and a file read through its mapping."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import safetensors
from numpy.typing import NDArray

import emel
from emel_tools.bench.files import GIB, safetensors_file, warm
from emel_tools.bench.timing import Row, best_of, in_fresh_process, milliseconds

MEMORY = """
import sys, emel
def anonymous():
    text = open("/proc/self/smaps_rollup").read()
    return int(text.split("Anonymous:")[1].split()[0]) * 1024
before = anonymous()
model = emel.open(sys.argv[1])
arrays = [model[name] for name in model]
print(anonymous() - before)
"""
IMPORT = """
from time import perf_counter
start = perf_counter()
import numpy
between = perf_counter()
import emel
print(between - start, perf_counter() - between)
"""


class Opened:
    """An opened model with every tensor as an array; closing drops the arrays first."""

    def __init__(self, path: Path) -> None:
        self.model = emel.open(path)
        self.arrays = [self.model[name] for name in self.model]

    def close(self) -> None:
        """Let go of everything."""
        self.arrays.clear()
        self.model.close()


def real_gguf(folder: Path, models: Path) -> Iterator[Row]:
    """A real GGUF file with a vocabulary of 262,144: open, and every tensor as an array."""
    path = models / "gemma-3-270m-q4_k_m.gguf"
    if not path.exists():
        yield Row("gemma: absent; run `nox -s real_models` first", "", "", "", "", kept=False)
        return
    warm(path)
    (ours,) = best_of(15, lambda: Opened(path))
    (control,) = best_of(1, lambda: gguf.GGUFReader(path))
    (again,) = best_of(15, lambda: Opened(path))
    ours = min(ours, again)
    yield Row(
        "gemma GGUF: open and all arrays; control gguf.GGUFReader",
        milliseconds(ours),
        milliseconds(control),
        f"{control / ours:.0f} times faster",
        "<= 40 ms, >= 400 times",
        kept=ours <= 0.040 and control / ours >= 400,
    )
    memory = min(
        in_fresh_process(MEMORY, str(path), bytecode=folder / "bytecode")[0] for _ in range(3)
    )
    mib = memory / 2**20
    yield Row(
        "gemma GGUF: additional anonymous memory",
        f"{mib:.1f} MiB",
        "",
        "",
        "< 40 MB",
        memory < 40e6,
    )


def many(folder: Path, _models: Path) -> Iterator[Row]:
    """Files of many small tensors: open, and every tensor as an array."""
    for count in (10_000, 50_000, 200_000):
        path = safetensors_file(folder, count, 16)
        warm(path)
        opening, both = best_of(
            9, lambda path=path: emel.open(path), lambda path=path: Opened(path)
        )
        (control,) = best_of(2, lambda path=path: read_all(path))
        limit = 0.080 if count == 50_000 else count * 2e-6
        yield Row(
            f"{count} tensors: open",
            milliseconds(opening),
            "",
            f"{opening / count * 1e6:.2f} us a tensor",
            f"<= {milliseconds(limit)}",
            opening <= limit,
        )
        yield Row(
            f"{count} tensors: open, all arrays; control safe_open(numpy)",
            milliseconds(both),
            milliseconds(control),
            f"{both / count * 1e6:.2f} us a tensor",
            f"arrays <= 3 x {milliseconds(limit)}",
            both - opening <= 3 * limit,
        )


def read_all(path: Path) -> list[NDArray[Any]]:
    """Take every tensor the way that safetensors' own numpy reader does."""
    opened: Any = safetensors.safe_open(path, framework="np")  # its own types are incomplete
    with opened as reader:
        return [reader.get_tensor(name) for name in reader.keys()]  # noqa: SIM118 - not a mapping


def gibibyte(folder: Path, _models: Path) -> Iterator[Row]:
    """A file of 1 GiB: open, take every array, read every byte; and opening alone."""
    count, each = 64, GIB // 64
    path = safetensors_file(folder, count, each)
    warm(path)
    with emel.open(path) as model:
        offsets = [model.info(name).offset for name in model]

    def ours() -> None:
        with emel.open(path) as model:
            total = sum(int(checksum(model[name].view(np.uint8))) for name in model)
        if total == 0:
            raise AssertionError("nothing was read")

    def control() -> None:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        ):
            total = sum(
                int(checksum(np.frombuffer(mapped, np.uint8, each, offset))) for offset in offsets
            )
        if total == 0:
            raise AssertionError("nothing was read")

    mine, plain = best_of(9, ours, control)
    yield Row(
        "1 GiB: open, all arrays, every byte; control one mmap and numpy",
        milliseconds(mine),
        milliseconds(plain),
        f"{mine / plain:.3f}",
        "<= 1.05",
        kept=mine / plain <= 1.05,
    )
    small = safetensors_file(folder, count, GIB // 64 // 1024)
    large_open, small_open = best_of(40, lambda: emel.open(path), lambda: emel.open(small))
    yield Row(
        "open alone: 1 GiB; control 1 MiB of as many tensors",
        milliseconds(large_open),
        milliseconds(small_open),
        f"{large_open / small_open:.2f}",
        "independent of size (<= 1.25)",
        kept=large_open / small_open <= 1.25,
    )


def checksum(stored: NDArray[np.uint8]) -> np.uint64:
    """Read every byte, at the speed of memory; both sides start unaligned alike."""
    whole = stored.reshape(-1)
    return np.bitwise_xor.reduce(whole[: len(whole) // 8 * 8].view(np.uint64)) + np.uint64(1)


def importing(folder: Path, _models: Path) -> Iterator[Row]:
    """What `import emel` adds to `import numpy`, each in a fresh process."""
    bytecode = folder / "bytecode"
    tries = [in_fresh_process(IMPORT, bytecode=bytecode) for _ in range(20)]
    numpy, ours = (min(column) for column in zip(*tries, strict=True))
    yield Row(
        "import emel; control import numpy, which comes first",
        milliseconds(ours),
        milliseconds(numpy),
        f"{ours / numpy:.2f}",
        "<= 60 ms",
        ours <= 0.060,
    )
