"""Spans moved through stages, with and without something done to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from emel_tools.ratios.case import Case, Unit
from emel_tools.ratios.files import payload

_CHUNK = 256 << 10


def _spans(
    folder: Path, count: int, nbytes: int, stored: bytes | None = None
) -> Any:  # of either world
    from emel_io_loader import Spans

    path = folder / "model.safetensors"
    path.write_bytes(payload(count * nbytes) if stored is None else stored)
    number = np.arange(count)
    return Spans([str(path)], number * 0, number * nbytes, np.full(count, nbytes))


def _moving(move: Any) -> Unit:  # of either world
    def unit() -> None:
        answer = move()
        if not answer.ok:
            raise RuntimeError(answer.message)

    return unit


def _strategy(chunk_nbytes: int = _CHUNK) -> Any:  # of either world
    from emel_io_staged import StagedStrategy

    return StagedStrategy(chunk_nbytes=chunk_nbytes, stages=4)


def _look(_span: int, _start: int, _chunk: object) -> None:
    return


def _stream_small(folder: Path) -> Unit:
    spans, staged = _spans(folder, 1000, 512), _strategy()
    return _moving(lambda: staged.stream(spans, _look))


def _stream_chunks(folder: Path) -> Unit:
    spans, staged = _spans(folder, 4, 256 << 10), _strategy(16 << 10)
    return _moving(lambda: staged.stream(spans, _look))


def _load(folder: Path) -> Unit:
    from emel_io_loader import Targets

    spans, staged = _spans(folder, 300, 4096), _strategy(1 << 20)
    targets = Targets.one_after_another(np.ones(300 * 4096, np.uint8), spans.nbytes)
    return _moving(lambda: staged.load(spans, targets, threads=1))


def _load_ahead(folder: Path) -> Unit:
    from emel_io_loader import Targets

    spans, staged = _spans(folder, 8, 128 << 10), _strategy(64 << 10)
    targets = Targets.one_after_another(np.ones(1 << 20, np.uint8), spans.nbytes)
    return _moving(lambda: staged.load(spans, targets))


def _convert(folder: Path) -> Unit:
    from emel_io_loader import Targets
    from emel_io_staged import Conversion

    count, nbytes = 8, 32 << 10
    spans, staged = _spans(folder, count, nbytes), _strategy(2 << 20)
    targets = Targets.each([np.ones(nbytes // 2, np.float32) for _ in range(count)])
    through = [Conversion("<f2", np.float32)] * count
    return _moving(lambda: staged.load_through(spans, targets, through))


def _convert_swapped(folder: Path) -> Unit:
    from emel_io_loader import Targets
    from emel_io_staged import Conversion

    spans, staged = _spans(folder, 1, 256 << 10), _strategy(2 << 20)
    targets = Targets.each([np.ones(1 << 17, np.float32)])
    through = [Conversion(">u2", np.float32, bits="<f2")]
    return _moving(lambda: staged.load_through(spans, targets, through))


def _convert_small(folder: Path) -> Unit:
    from emel_io_loader import Targets
    from emel_io_staged import Conversion

    count = 150
    spans, staged = _spans(folder, count, 256), _strategy()
    targets = Targets.each([np.ones(128, np.float32) for _ in range(count)])
    through = [Conversion("<f2", np.float32)] * count
    return _moving(lambda: staged.load_through(spans, targets, through))


def _dequantise(folder: Path) -> Unit:
    from emel_io_loader import Targets
    from emel_io_staged import Dequantisation

    blocks = 1500
    stored = (np.float16(0.5).tobytes() + bytes(range(32))) * blocks
    spans, staged = _spans(folder, 1, 34 * blocks, stored), _strategy()
    targets = Targets.each([np.ones(32 * blocks, np.float32)])
    through = [Dequantisation("Q8_0")]
    return _moving(lambda: staged.load_through(spans, targets, through))


def _digest(folder: Path) -> Unit:
    from emel_io_staged import Digest

    spans, staged = _spans(folder, 64, 16 << 10), _strategy(1 << 20)

    def move() -> object:
        hashed = xxhash.xxh3_128()
        return staged.load_through(spans, None, [Digest(hashed)] * 64)

    return _moving(move)


CASES = (
    Case("stream 1000 small spans", "python", _stream_small),
    Case("stream 1 MiB in 64 chunks", "copy", _stream_chunks),
    Case("load 300 spans in one thread", "copy", _load),
    Case("load 1 MiB, read ahead", "copy", _load_ahead),
    Case("convert 256 KiB of halves", "convert", _convert),
    Case("convert 256 KiB of swapped halves", "convert", _convert_swapped),
    Case("convert 150 small tensors", "python", _convert_small),
    Case("dequantise 1500 blocks", "convert", _dequantise),
    Case("digest 1 MiB", "digest", _digest),
)
