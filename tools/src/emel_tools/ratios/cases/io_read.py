"""Spans copied into buffers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from emel_tools.ratios.case import Case, Unit
from emel_tools.ratios.files import payload

_NBYTES = 1 << 20


def _spans(folder: Path, files: int, count: int, hole: int = 0) -> Any:  # of either world
    from emel_io_loader import Spans

    nbytes = _NBYTES // count
    paths = [folder / f"model-{i:05}.safetensors" for i in range(files)]
    for path in paths:
        path.write_bytes(payload((nbytes + hole) * -(-count // files)))
    number = np.arange(count)
    offset = number // files * (nbytes + hole)
    return Spans([str(path) for path in paths], number % files, offset, np.full(count, nbytes))


def _loading(spans: Any, targets: Any, threads: int) -> Unit:  # of either world
    from emel_io_read import ReadStrategy

    strategy = ReadStrategy()

    def unit() -> None:
        answer = strategy.load(spans, targets, threads=threads)
        if not answer.ok:
            raise RuntimeError(answer.message)

    return unit


def _one_buffer(spans: Any, threads: int) -> Unit:  # of either world
    from emel_io_loader import Targets

    memory = np.ones(int(spans.nbytes.sum()), np.uint8)
    return _loading(spans, Targets.one_after_another(memory, spans.nbytes), threads)


def _large(folder: Path) -> Unit:
    return _one_buffer(_spans(folder, 1, 8), 1)


def _small(folder: Path) -> Unit:
    return _one_buffer(_spans(folder, 1, 2048), 1)


def _apart(folder: Path) -> Unit:
    return _one_buffer(_spans(folder, 1, 256, hole=1 << 16), 1)


def _files(folder: Path) -> Unit:
    return _one_buffer(_spans(folder, 16, 32), 1)


def _arrays(folder: Path) -> Unit:
    from emel_io_loader import Targets

    spans = _spans(folder, 1, 256)
    arrays = [np.ones(_NBYTES // 256, np.uint8) for _ in range(256)]
    return _loading(spans, Targets.each(arrays), 1)


def _threads(folder: Path) -> Unit:
    return _one_buffer(_spans(folder, 1, 64), 2)


def _single(folder: Path) -> Unit:
    from emel_io_loader import Targets

    spans = _spans(folder, 1, 1024).take(np.array([7]))
    return _loading(spans, Targets.each([np.ones(1024, np.uint8)]), 1)


def _buffers(_folder: Path) -> Unit:
    from emel_io_read import congruent_empty

    # Let go one by one: what an allocator does with hundreds at once depends on what lies behind.
    return lambda: [len(congruent_empty(4096, 64 * i)) for i in range(400)]


CASES = (
    Case("1 MiB in 8 spans into one buffer", "copy", _large, 3),
    Case("1 MiB in 2048 spans into one buffer", "copy", _small),
    Case("256 spans that lie apart", "copy", _apart),
    Case("32 spans of 16 files", "calls", _files),
    Case("1 MiB into 256 arrays", "copy", _arrays),
    Case("1 MiB by two threads", "copy", _threads),
    Case("one span of 1 KiB", "calls", _single, 4),
    Case("make 400 buffers for direct reads", "python", _buffers),
)
