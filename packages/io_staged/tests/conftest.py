import threading
from functools import cache

import numpy as np
import pytest

from emel_io_loader import Spans
from emel_io_staged import StagedStrategy
from emel_io_staged.testing import CountingPort


def written(path, nbytes, seed=0):
    content = np.random.default_rng(seed).integers(0, 256, nbytes, np.uint8)
    path.write_bytes(content.tobytes())
    return content


@pytest.fixture
def make(tmp_path):
    """Write a file of n random bytes: its path, and its bytes as (n,) uint8."""

    @cache  # examples of one test read the same files
    def write(name="a.bin", nbytes=20_000):
        path = tmp_path / name
        return str(path), written(path, nbytes, len(name))

    return write


@pytest.fixture
def counting():
    return CountingPort()


@pytest.fixture
def strategy(counting):
    made = StagedStrategy(chunk_nbytes=1000, stages=3, port=counting.port)
    yield made
    assert made.close().ok
    assert counting.holds_nothing
    assert made.usage() == (0, 0, 0, 0)


@pytest.fixture
def spans():
    """Spans of one file: (offset, nbytes) each."""

    def of(path, *pairs):
        offset, nbytes = zip(*pairs, strict=True)
        return Spans([path], [0] * len(pairs), offset, nbytes)

    return of


@pytest.fixture(autouse=True)
def no_thread_left():
    yield
    assert [t for t in threading.enumerate() if t.name.startswith("emel")] == []
