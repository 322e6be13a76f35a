from types import SimpleNamespace

import numpy as np
import pytest

from emel_io_loader import Mode, Spans, Targets
from emel_io_loader.testing import FakeStrategy
from emel_model_tensor import TensorSet

SIZES = (4, 3, 5, 2, 6, 1, 0, 7)
FILES = {
    "a": bytes(range(sum(SIZES[:4]))),
    "b": bytes(range(100, 100 + sum(SIZES[4:]))),
}


@pytest.fixture
def world():
    """Eight tensors in two files, one of them empty; one in each state, and who moves bytes.

    0 bound, 1 copied, 2 mapped, 3 evicted, 4 failed, 5 copied and pinned, 6 mapped with no bytes,
    7 mapped.
    """
    maps = FakeStrategy(FILES, Mode.MAPS, name="maps")
    copies = FakeStrategy(FILES, Mode.COPIES, name="copies")
    offset = np.concatenate([np.cumsum((0, *SIZES[:4]))[:-1], np.cumsum((0, *SIZES[4:]))[:-1]])
    spans = Spans(
        ("a", "b"), [0] * 4 + [1] * 4, offset, SIZES, maps.identify(("a", "b")).identities
    )
    tensors = TensorSet()
    assert tensors.bind(spans, range(8)).ok
    buffers = {i: bytearray(SIZES[i]) for i in range(8)}
    targets = Targets.each([buffers[i] for i in (1, 3, 5)])
    assert tensors.load([1, 3, 5], copies, targets).ok
    assert tensors.evict([3]).ok
    tensors.pin([5])
    assert tensors.load([2, 6, 7], maps).ok
    plan = tensors.plan_load([4], Mode.COPIES)
    tensors.commit_load(plan, np.array([False]))

    def content(i):
        file, at = int(spans.file[i]), int(spans.offset[i])
        return FILES["ab"[file]][at : at + SIZES[i]]

    def everything():
        """All that can be seen of the set, for comparing before with after."""
        known = tensors.capture()
        return (
            [column.tolist() for column in (known.state, known.nbytes, known.file, known.offset)],
            known.dtype.tolist(),
            known.files,
            [tensors.lease(i) for i in range(len(tensors))],
            {i: bytes(buffer) for i, buffer in buffers.items()},
            maps.usage(),
        )

    return SimpleNamespace(
        tensors=tensors,
        maps=maps,
        copies=copies,
        spans=spans,
        buffers=buffers,
        content=content,
        everything=everything,
    )
