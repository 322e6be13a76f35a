"""The files that are measured: written once into a folder that git ignores."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

import emel
from emel_io_loader import Spans

GIB = 1 << 30
CHUNK = bytes(range(256)) * 4096


def safetensors_file(
    folder: Path, count: int, nbytes_each: int, shape: tuple[int, int] | None = None
) -> Path:
    """Write (once) a file of `count` F32 tensors of `nbytes_each` bytes, 8 or more."""
    rows, columns = shape or (2, nbytes_each // 8)
    path = folder / f"{count}x{nbytes_each}.safetensors"
    total = count * nbytes_each
    entries = {
        f"model.layers.{i}.weight": {
            "dtype": "F32",
            "shape": [rows, columns],
            "data_offsets": [i * nbytes_each, (i + 1) * nbytes_each],
        }
        for i in range(count)
    }
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    if path.exists() and path.stat().st_size == 8 + len(header) + total:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for start in range(0, total, len(CHUNK)):
            file.write(CHUNK[: min(len(CHUNK), total - start)])
    return path


def spans_of(path: str | Path) -> Spans:
    """Say where the tensors of a file are."""
    with emel.open(path) as model:
        infos = [model.info(name) for name in model]
    offset, nbytes = [info.offset for info in infos], [info.nbytes for info in infos]
    return Spans([str(path)], np.zeros(len(infos), np.int64), offset, nbytes)


def warm(path: Path) -> None:
    """Bring a file into the page cache."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        while os.read(descriptor, 8 << 20):
            pass
    finally:
        os.close(descriptor)
