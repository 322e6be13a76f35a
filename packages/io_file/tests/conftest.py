import os
from pathlib import Path

import numpy as np
import pytest

from emel_io_file import Sources
from emel_io_file.testing import CountingReads
from emel_io_loader import Spans


@pytest.fixture
def counting():
    return CountingReads()


@pytest.fixture
def make(tmp_path):
    """Write a file of n bytes that tell their place."""

    def write(name="a.bin", nbytes=10_000):
        path = tmp_path / name
        path.write_bytes((np.arange(nbytes) % 251).astype(np.uint8).tobytes())
        return str(path)

    return write


@pytest.fixture
def sources_of():
    """Sources of (path, offset, nbytes) rows."""

    def of(counting, *rows, identities=(), direct=False):
        files = list(dict.fromkeys(str(path) for path, _, _ in rows))
        file = [files.index(str(path)) for path, _, _ in rows]
        offset, nbytes = [row[1] for row in rows], [row[2] for row in rows]
        spans = Spans(files, file, offset, nbytes, identities)
        return Sources(counting.port, spans, direct=direct)

    return of


@pytest.fixture
def descriptors():
    """Count the process's descriptors beyond those that were open before the test."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    return lambda: len(list(Path("/proc/self/fd").iterdir())) - before
