"""Whatever the spans and the targets: exactly their bytes arrive, and nothing else changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emel_io_loader import Spans, Targets
from emel_io_read import ReadStrategy, congruent_empty
from emel_io_read.testing import CountingPort

NBYTES = 60_000
FILLED = 0xA5


@pytest.fixture(scope="module")
def files(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("files")
    paths = [folder / "a.bin", folder / "b.bin"]
    for seed, path in enumerate(paths):
        path.write_bytes(content(NBYTES - 5000 * seed, seed).tobytes())
    return [str(path) for path in paths]


@st.composite
def batches(draw, files):
    """Spans of two files, and targets in any order of one, two or a buffer each."""
    n = draw(st.integers(0, 12))
    rows = []
    for _ in range(n):
        nbytes = draw(st.one_of(st.integers(0, 200), st.integers(0, 30_000)))
        aligned = 4096 * draw(st.integers(0, 6))
        offset = draw(st.one_of(st.integers(0, 25_000), st.just(aligned)))
        rows.append((draw(st.integers(0, 1)), offset, nbytes))
    if rows and draw(st.booleans()):  # neighbours in the file, as tensors are
        at = 0
        for i, (_, offset, nbytes) in enumerate(rows):
            at += offset % 40
            rows[i] = (0, at, min(nbytes, 4000))
            at += rows[i][2]
    rows = draw(st.permutations(rows))
    file, offset, nbytes = zip(*rows, strict=True) if rows else ((), (), ())
    spans = Spans(files, file, offset, nbytes)
    placed = draw(st.permutations(range(n)))
    count = draw(st.sampled_from([1, 2, max(n, 1)]))
    buffer, place, ends = np.zeros(n, int), np.zeros(n, int), [0] * count
    for turn, i in enumerate(placed):
        b = turn % count
        congruent = draw(st.booleans())
        ends[b] += draw(st.sampled_from([0, 0, 3]))
        ends[b] += (spans.offset.item(i) - ends[b]) % 4096 if congruent else 0
        buffer[i], place[i] = b, ends[b]
        ends[b] += spans.nbytes.item(i)
    buffers = [congruent_empty(end + 7, 0) for end in ends]
    for made in buffers:
        made[:] = FILLED
    return spans, Targets(buffers, buffer, place)


@pytest.mark.behaviour("READ-01", "READ-06", "READ-07")
@pytest.mark.parametrize("direct", [False, True])
@settings(deadline=None)
@given(data=st.data())
def test_every_target_gets_its_bytes_and_no_other_changes(
    data, files, small, arrived, wanted, workers, direct
):
    spans, targets = data.draw(batches(files))
    limits = small._replace(call=data.draw(st.sampled_from([4096, 8192, 20_000])))
    counting = CountingPort(iov_max=data.draw(st.sampled_from([1, 2, 3, 1024])))
    threads = data.draw(st.sampled_from([1, 2, 4]))
    told = []
    with ReadStrategy(direct=direct, port=counting.port, _limits=limits) as strategy:
        answer = strategy.load(spans, targets, threads=threads, progress=told.append)
    assert answer.ok, answer.message
    assert arrived(spans, targets) == wanted(spans)
    total = int(spans.nbytes.sum())
    assert (answer.nspans, answer.nbytes) == (len(spans), total)
    assert told == sorted(set(told))
    assert told[-1] == total
    for n, buffer in enumerate(targets.buffers):
        untouched = np.ones(len(buffer), bool)
        for i in np.flatnonzero(targets.buffer == n):
            untouched[targets.offset[i] : targets.offset[i] + spans.nbytes[i]] = False
        assert (buffer[untouched] == FILLED).all()
    assert counting.holds_nothing
    assert workers() == []
    assert answer.direct_nbytes <= (total if direct else 0)
