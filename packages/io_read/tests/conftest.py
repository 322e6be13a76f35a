import threading
from pathlib import Path

import numpy as np
import pytest

from emel_io_loader import Spans, Targets
from emel_io_read._calls import Limits
from emel_io_read.testing import CountingPort


@pytest.fixture(scope="session")
def small():
    """Limits that let small files meet every path."""
    return Limits(
        call=8192, gap=64, over_read=0.25, direct=4096, alone=0, advised=1, scattered=1, asked=0
    )


@pytest.fixture(scope="session")
def content():
    """n bytes that look like chance."""

    def of(nbytes, seed=0):
        return np.random.default_rng(seed).integers(0, 256, nbytes, np.uint8)

    return of


@pytest.fixture
def make(tmp_path, content):
    """Write a file of n bytes; answers its path."""

    def write(name="a.bin", nbytes=100_000, folder=tmp_path):
        path = Path(folder) / name
        path.write_bytes(content(nbytes, sum(name.encode())).tobytes())
        return str(path)

    return write


@pytest.fixture
def batch():
    """Make spans and targets out of (path, offset, nbytes): a buffer each, or one for all."""

    def of(*wanted, one=False):
        files = list(dict.fromkeys(path for path, _, _ in wanted))
        sizes = [nbytes for _, _, nbytes in wanted]
        file = [files.index(path) for path, _, _ in wanted]
        spans = Spans(files, file, [offset for _, offset, _ in wanted], sizes)
        if one:
            return spans, Targets.one_after_another(np.zeros(sum(sizes), np.uint8), sizes)
        return spans, Targets.each([np.zeros(nbytes, np.uint8) for nbytes in sizes])

    return of


@pytest.fixture(scope="session")
def arrived():
    """Look at the bytes in each target."""

    def of(spans, targets):
        columns = targets.buffer, targets.offset, spans.nbytes
        buffers = [memoryview(buffer).cast("B") for buffer in targets.buffers]
        return [bytes(buffers[b][o : o + n]) for b, o, n in zip(*columns, strict=True)]

    return of


@pytest.fixture(scope="session")
def wanted():
    """Read the bytes of each span by other means."""

    def of(spans):
        files = [Path(path).read_bytes() for path in spans.files]
        columns = spans.file, spans.offset, spans.nbytes
        return [files[f][o : o + n] for f, o, n in zip(*columns, strict=True)]

    return of


@pytest.fixture(scope="session")
def workers():
    """Name the threads of this package that are alive."""
    return lambda: [t.name for t in threading.enumerate() if t.name.startswith("emel-read")]


@pytest.fixture
def counting(workers):
    made = CountingPort()
    yield made
    assert made.holds_nothing
    assert workers() == []
