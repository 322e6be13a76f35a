"""Files mapped, looked at and released."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from emel_tools.ratios.case import Case, Unit
from emel_tools.ratios.files import payload


def _spans(folder: Path, files: int, count: int) -> Any:  # of either world
    from emel_io_loader import Spans

    paths = [folder / f"model-{i:05}.safetensors" for i in range(files)]
    each = count // files
    for path in paths:
        path.write_bytes(payload(each * 256))
    number = np.arange(count)
    return Spans(
        [str(path) for path in paths], number % files, number // files * 256, np.full(count, 256)
    )


def _load_release(spans: Any) -> Unit:  # of either world
    from emel_io_mmap import MmapStrategy

    strategy = MmapStrategy()

    def unit() -> None:
        loaded = strategy.load(spans)
        if not (loaded.ok and strategy.release(loaded.leases).ok):
            raise RuntimeError(loaded.message or "not released")

    return unit


def _one_file(folder: Path) -> Unit:
    return _load_release(_spans(folder, 1, 4000))


def _many_files(folder: Path) -> Unit:
    return _load_release(_spans(folder, 24, 24))


def _views(folder: Path) -> Unit:
    from emel_io_mmap import MmapStrategy

    strategy = MmapStrategy()
    loaded = strategy.load(_spans(folder, 1, 600))
    pairs = list(zip(loaded.leases.slot.tolist(), loaded.leases.generation.tolist(), strict=True))

    def unit() -> object:
        view = strategy.view
        return [view(slot, generation) for slot, generation in pairs]

    return unit


def _one_by_one(folder: Path) -> Unit:
    from emel_io_mmap import MmapStrategy

    strategy = MmapStrategy()
    spans = _spans(folder, 1, 64)
    each = [spans.take(np.array([i])) for i in range(12)]
    held = strategy.load(spans)
    if not held.ok:
        raise RuntimeError(held.message)

    def unit() -> None:
        leases = [strategy.load(one).leases for one in each]
        for lease in leases:
            strategy.release(lease)

    return unit


def _advise(folder: Path) -> Unit:
    from emel_io_loader import Advice
    from emel_io_mmap import MmapStrategy

    strategy = MmapStrategy()
    loaded = strategy.load(_spans(folder, 1, 200))
    pairs = list(zip(loaded.leases.slot.tolist(), loaded.leases.generation.tolist(), strict=True))

    def unit() -> None:
        for slot, generation in pairs[:60]:
            strategy.advise(slot, generation, Advice.WILL_NEED)
        strategy.usage()

    return unit


CASES = (
    Case("map and release 4000 spans of a file", "columns", _one_file),
    Case("map and release 24 files", "calls", _many_files),
    Case("look at 600 leases", "python", _views),
    Case("map and release 12 spans one by one", "python", _one_by_one),
    Case("advise about 60 leases", "calls", _advise),
)
