import os
from pathlib import Path

import numpy as np
import pytest

from emel_io_loader import Spans
from emel_io_mmap import MmapStrategy
from emel_io_mmap.testing import CountingPort


@pytest.fixture
def counting():
    return CountingPort()


@pytest.fixture
def strategy(counting):
    made = MmapStrategy(slots=4, port=counting.port)
    yield made
    assert made.close().ok
    assert counting.holds_nothing


@pytest.fixture
def make(tmp_path):
    """Write a file of n bytes that tell their place."""

    def write(name="a.bin", nbytes=20_000):
        path = tmp_path / name
        path.write_bytes(np.resize(np.arange(251, dtype=np.uint8), nbytes).tobytes())
        return str(path)

    return write


@pytest.fixture
def spans():
    """Spans of one file: (offset, nbytes) each."""

    def of(path, *pairs, identities=()):
        offset, nbytes = zip(*pairs, strict=True)
        return Spans([path], [0] * len(pairs), offset, nbytes, identities)

    return of


@pytest.fixture
def spans_of():
    """Spans of any files: (path, offset, nbytes) each."""

    def of(*wanted, identities=None):
        files = list(dict.fromkeys(str(path) for path, _, _ in wanted))
        return Spans(
            files,
            [files.index(str(path)) for path, _, _ in wanted],
            [offset for _, offset, _ in wanted],
            [nbytes for _, _, nbytes in wanted],
            [identities.get(path) for path in files] if identities else (),
        )

    return of


@pytest.fixture
def left(tmp_path_factory):
    """Count descriptors and mappings of files of this process beyond those before the test."""
    below = str(tmp_path_factory.getbasetemp())

    def files():
        maps = Path("/proc/self/maps").read_text().splitlines()
        return len(os.listdir("/proc/self/fd")), len([line for line in maps if below in line])  # noqa: PTH208

    before = files()
    return lambda: tuple(now - then for now, then in zip(files(), before, strict=True))
