"""Files opened, looked at and read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from emel_tools.ratios.case import Case, Unit
from emel_tools.ratios.files import payload


def _files(folder: Path, count: int) -> list[str]:
    paths = [folder / f"model-{i:05}.safetensors" for i in range(count)]
    for path in paths:
        path.write_bytes(payload(16 * 1024))
    return [str(path) for path in paths]


def _identify(folder: Path) -> Unit:
    from emel_io_file import FilePort, identify

    files, port = _files(folder, 100), FilePort()
    return lambda: identify(port, files)


def _sources(folder: Path) -> Unit:
    from emel_io_file import FilePort, ReadPort, Sources, identify
    from emel_io_loader import Spans

    files = _files(folder, 40)
    identities = identify(FilePort(), files).identities
    number = np.arange(400)
    spans = Spans(files, number % 40, number // 40 * 64, np.full(400, 64), identities)
    port: Any = ReadPort()

    def unit() -> None:
        sources = Sources(port, spans)
        if sources.open() is not None or sources.close() is not None:
            raise RuntimeError("not opened, or not closed")

    return unit


def _stretches(folder: Path) -> Unit:
    import os

    from emel_io_file import ReadPort, Stretch, read_fully

    descriptor = os.open(_files(folder, 1)[0], os.O_RDONLY)
    port: Any = ReadPort()
    memory = memoryview(bytearray(16 * 1024))
    parts = [memory[i : i + 256] for i in range(0, 16 * 1024, 256)]

    def unit() -> None:
        for i in range(60):
            read_fully(Stretch(port, descriptor, i * 64, [memory[:4096]], 4096))
        read_fully(Stretch(port, descriptor, 0, list(parts), 16 * 1024))

    return unit


def _mounts(folder: Path) -> Unit:
    from emel_io_file import file_system

    lines = [
        f"{30 + i} 25 0:{i} / /srv/mount{i} rw,relatime shared:{i} - ext4 /dev/sd{i} rw"
        for i in range(120)
    ]
    text = "\n".join(["25 1 8:1 / / rw - ext4 /dev/root rw", *lines])
    path = str(folder)
    return lambda: file_system(path, mounts=lambda: text)


CASES = (
    Case("identify 100 files", "calls", _identify),
    Case("open and close the 40 files of 400 spans", "calls", _sources),
    Case("read 60 stretches, and one into 64 buffers", "calls", _stretches),
    Case("name a file system among 120 mounts", "python", _mounts, 2),
)
