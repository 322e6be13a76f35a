"""Reads around the page cache: right bytes whatever is aligned, and an honest count."""

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emel_io_file import file_system
from emel_io_loader import Spans, Targets
from emel_io_read import ReadStrategy, congruent_empty
from emel_io_read._reading import Room
from emel_io_read.memory import address_of
from emel_io_read.testing import CountingPort, Fault

PAGE = 4096


@pytest.fixture
def path(make, tmp_path):
    """A file on a file system that reads around the page cache."""
    found = make(nbytes=100_000)
    port = CountingPort().port
    try:
        port.close(port.open_direct(found))
    except OSError:
        pytest.skip(f"{file_system(found)} has no direct reads")
    return found


@pytest.fixture
def load(counting, small, path, wanted):
    """Load one span at (offset, nbytes) with a target at `away` from its place in the file."""

    def of(offset, nbytes, away=0, threads=1):
        spans = Spans([path], [0], [offset], [nbytes])
        target = congruent_empty(nbytes, offset + away)
        strategy = ReadStrategy(direct=True, port=counting.port, _limits=small)
        outcome = strategy.load(spans, Targets.each([target]), threads=threads)
        assert outcome.ok
        assert target.tobytes() == wanted(spans)[0]
        return outcome.direct_nbytes

    return of


@pytest.mark.behaviour("READ-07")
@pytest.mark.parametrize(("offset", "nbytes"), [(0, 1), (5, 1), (4095, 9000), (8192, 4096)])
def test_a_congruent_array_lies_in_memory_as_in_the_file(offset, nbytes):
    array = congruent_empty(nbytes, offset)
    assert (array.shape, array.dtype) == ((nbytes,), np.uint8)
    assert (array.__array_interface__["data"][0] - offset) % PAGE == 0
    assert array.flags.writeable
    assert array.flags.c_contiguous


@pytest.mark.behaviour("READ-07")
@pytest.mark.parametrize(
    ("offset", "nbytes", "sizes"),
    [
        (0, 8192, [8192]),
        (100, 8092, [8192]),  # the first block by way of a page
        (4096, 4096 + 700, [8192]),  # too small for that: all by way of aligned memory
        (4000, 8192, [12_288]),  # the first and the last block by way of a page each
        (8000, 20_000, [12_288, 8192, 8192]),  # in three pieces, of which two share a block
    ],
)
def test_whole_blocks_go_right_into_a_congruent_target(
    load, counting, path, small, offset, nbytes, sizes
):
    assert load(offset, nbytes) == nbytes
    assert counting.sizes == sizes

    target, filled = congruent_empty(60_000, offset), []

    def preadv(descriptor, buffers, at):
        filled.extend(np.frombuffer(buffer, np.uint8) for buffer in buffers)
        return counting.port.preadv(descriptor, buffers, at)

    port, limits = replace(counting.port, preadv=preadv), small._replace(call=1 << 20)
    with ReadStrategy(direct=True, port=port, _limits=limits) as strategy:
        assert strategy.load(Spans([path], [0], [offset], [60_000]), Targets.each([target])).ok
    blocks = (offset + 60_000) // PAGE - -(-offset // PAGE)
    assert sum(part.nbytes for part in filled if np.shares_memory(part, target)) == blocks * PAGE


@pytest.mark.behaviour("READ-07")
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize(
    ("offset", "nbytes"), [(0, 8192), (100, 8000), (3, 90_000), (91_000, 9000), (8000, 9000)]
)
def test_other_targets_are_reached_by_way_of_aligned_memory(load, offset, nbytes, threads):
    assert load(offset, nbytes, away=1, threads=threads) == nbytes


@pytest.mark.behaviour("READ-07")
def test_spans_with_gaps_are_scattered_from_one_direct_read(
    counting, small, path, batch, arrived, wanted
):
    spans, targets = batch((path, 10, 3000), (path, 3050, 2000), (path, 5050, 3000))
    strategy = ReadStrategy(direct=True, port=counting.port, _limits=small)
    outcome = strategy.load(spans, targets)
    assert arrived(spans, targets) == wanted(spans)
    assert outcome.direct_nbytes == 8000
    assert counting.sizes == [8192]


@pytest.mark.behaviour("READ-07")
def test_small_calls_go_through_the_cache(load, counting):
    assert load(0, 4095) == 0
    assert counting.sizes == [4095]


@pytest.mark.behaviour("READ-07")
@pytest.mark.parametrize("away", [0, 1])
@pytest.mark.parametrize("came", [0, 1000, 4096])
def test_short_direct_reads_go_on_through_the_cache(path, small, wanted, away, came):
    def short(preadv, descriptor, buffers, offset):
        return min(preadv(descriptor, [buffers[0][:PAGE]], offset), came)

    counting = CountingPort(Fault(kind="preadv", instead=short))
    spans, target = Spans([path], [0], [0], [8192]), congruent_empty(8192, away)
    strategy = ReadStrategy(direct=True, port=counting.port, _limits=small)
    outcome = strategy.load(spans, Targets.each([target]))
    assert outcome.ok
    assert target.tobytes() == wanted(spans)[0]
    assert outcome.direct_nbytes == came
    assert counting.sizes == [came, 8192 - came]


@pytest.mark.behaviour("READ-07")
@pytest.mark.parametrize("code", [errno.EINVAL, errno.EOPNOTSUPP])
@pytest.mark.parametrize("away", [0, 1])
def test_a_file_that_refuses_when_it_is_read_is_not_asked_again(path, small, wanted, away, code):
    counting = CountingPort(Fault(OSError(code, "refused"), kind="preadv"))
    spans, target = Spans([path], [0], [0], [80_000]), congruent_empty(80_000, away)
    strategy = ReadStrategy(direct=True, port=counting.port, _limits=small)
    outcome = strategy.load(spans, Targets.each([target]), threads=1)
    assert outcome.ok
    assert outcome.direct_nbytes == 0
    assert target.tobytes() == wanted(spans)[0]
    assert counting.calls.count("preadv") == 13, "one in vain"
    assert counting.holds_nothing


@pytest.mark.behaviour("READ-07")
def test_the_second_file_that_refuses_is_not_asked_again_either(make, batch, small):
    descriptors, port = [], CountingPort().port

    def open_direct(path):
        descriptors.append(port.open(path))
        return descriptors[-1]

    asked = []

    def preadv(descriptor, buffers, offset):
        if descriptor in descriptors:
            asked.append(descriptors.index(descriptor))
            if asked[-1] == 1:
                raise OSError(errno.EINVAL, "refused")
        return port.preadv(descriptor, buffers, offset)

    counting = CountingPort(open_direct=open_direct, preadv=preadv)
    strategy = ReadStrategy(direct=True, port=counting.port, _limits=small)
    rows = (make("a.bin"), 0, 20_000), (make("b.bin"), 0, 80_000)
    assert strategy.load(*batch(*rows), threads=1).ok
    assert asked.count(1) == 1


@pytest.mark.behaviour("READ-07")
@pytest.mark.parametrize("away", [0, 1, 512, 2048])
def test_a_direct_read_lands_at_whole_pages_of_memory(make, small, wanted, away):
    descriptors, addresses, port = [], [], CountingPort().port

    def open_direct(path):
        descriptors.append(port.open(path))
        return descriptors[-1]

    def preadv(descriptor, buffers, offset):
        if descriptor in descriptors:
            addresses.extend(address_of(np.frombuffer(buffer, np.uint8)) for buffer in buffers)
        return port.preadv(descriptor, buffers, offset)

    counting = CountingPort(open_direct=open_direct, preadv=preadv)
    spans, target = Spans([make()], [0], [100], [60_000]), congruent_empty(60_000, 100 + away)
    large = small._replace(call=32_768)
    strategy = ReadStrategy(direct=True, port=counting.port, _limits=large)
    assert strategy.load(spans, Targets.each([target])).ok
    assert target.tobytes() == wanted(spans)[0]
    assert addresses
    assert {address % PAGE for address in addresses} == {0}


@pytest.mark.behaviour("READ-07")
def test_reading_ahead_is_not_asked_for_where_the_cache_is_gone_around(make, batch, small):
    counting = CountingPort(open_direct=CountingPort().port.open)
    strategy = ReadStrategy(direct=True, port=counting.port, _limits=small)
    assert strategy.load(*batch((make(), 0, 80_000))).ok
    assert counting.calls.count("advise_sequential") == 0


@pytest.mark.behaviour("READ-07")
@pytest.mark.parametrize("away", [0, 1])
def test_a_direct_read_that_fails_is_a_failure(path, small, away):
    error = OSError(errno.EIO, "EIO")
    counting = CountingPort(Fault(error, kind="preadv"))
    spans, target = Spans([path], [0], [0], [8192]), congruent_empty(8192, away)
    outcome = ReadStrategy(direct=True, port=counting.port, _limits=small).load(
        spans, Targets.each([target])
    )
    assert (outcome.code, outcome.index, outcome.cause) == ("read-failed", 0, error)


@pytest.mark.behaviour("READ-07")
@pytest.mark.parametrize("away", [0, 1])
def test_a_direct_read_that_failed_keeps_no_buffer_alive(make, small, away):
    error = OSError(errno.EIO, "EIO")
    counting = CountingPort(Fault(error, kind="preadv"), open_direct=CountingPort().port.open)
    spans, target = Spans([make()], [0], [0], [8192]), congruent_empty(8192, away)
    strategy = ReadStrategy(direct=True, port=counting.port, _limits=small)
    outcome = strategy.load(spans, Targets.each([target]))
    assert outcome.cause is error
    assert error.__traceback__ is None


@pytest.fixture
def memory_folder(tmp_path):
    """A folder on a file system of another kind: tmpfs, whose direct reads came with Linux 6.6."""
    folder = Path("/dev/shm")  # noqa: S108 - a tmpfs
    if not folder.is_dir() or file_system(str(folder)) != "tmpfs":
        pytest.skip("no tmpfs here")
    made = folder / f"emel-{tmp_path.parent.name}-{tmp_path.name}"
    made.mkdir()
    yield made
    shutil.rmtree(made)


@pytest.mark.behaviour("READ-07")
@pytest.mark.parametrize("threads", [1, 4])
def test_what_is_told_is_what_came_through_the_direct_descriptor(
    small, make, batch, arrived, wanted, memory_folder, threads
):
    directly, descriptors, port = [], set(), CountingPort().port

    def open_direct(path):
        descriptors.add(port.open_direct(path))
        return max(descriptors)

    def preadv(descriptor, buffers, offset):
        directly.append(descriptor in descriptors and port.preadv(descriptor, buffers, offset))
        return directly[-1] or port.preadv(descriptor, buffers, offset)

    for path in (make(), make(folder=memory_folder)):
        directly.clear()
        descriptors.clear()
        counting = CountingPort(open_direct=open_direct, preadv=preadv)
        spans, targets = batch((path, 0, 81_920))
        blocks = small._replace(call=32_768)  # large enough to be cut at whole blocks
        strategy = ReadStrategy(direct=True, port=counting.port, _limits=blocks)
        outcome = strategy.load(spans, targets, threads=threads)
        assert outcome.ok
        assert arrived(spans, targets) == wanted(spans)
        assert outcome.direct_nbytes == sum(directly)
        assert counting.holds_nothing


@pytest.mark.behaviour("READ-07")
def test_a_file_system_that_refuses_reads_the_same_bytes(small, make, batch, arrived, wanted):
    def refuse(path):
        raise OSError(errno.EINVAL, "Invalid argument", path)

    counting = CountingPort(open_direct=refuse)
    spans, targets = batch((make(), 5, 90_000))
    outcome = ReadStrategy(direct=True, port=counting.port, _limits=small).load(spans, targets)
    assert outcome.ok
    assert arrived(spans, targets) == wanted(spans)
    assert outcome.direct_nbytes == 0
    assert counting.holds_nothing


@pytest.mark.behaviour("READ-07")
def test_memory_for_direct_reads_is_kept_until_it_is_closed(path, small, batch):
    strategy = ReadStrategy(direct=True, threads=4, _limits=small)
    kept = strategy._reader.bounces
    for _ in range(3):
        targets = Targets.each([congruent_empty(90_000, 1)])
        assert strategy.load(Spans([path], [0], [0], [90_000]), targets).ok
        assert 1 <= len(kept) <= 4
        assert {len(bounce) for bounce in kept} == {small.call + 2 * PAGE}
    strategy.close()
    assert kept == []


@pytest.mark.behaviour("READ-07")
def test_the_memory_of_every_thread_is_kept():
    kept = []
    rooms = [Room(0, kept) for _ in range(3)]
    lent = [room.bounce(PAGE) for room in rooms]
    for room in rooms:
        room.hand_back()
    assert list(map(id, kept)) == list(map(id, lent))


@pytest.mark.behaviour("READ-07")
def test_where_another_thread_was_faster_to_take_memory_it_is_made():
    class Raced(list):
        def pop(self):
            self.clear()
            return super().pop()

    assert len(Room(0, Raced([congruent_empty(PAGE, 0)])).bounce(2 * PAGE)) == 2 * PAGE


@pytest.mark.behaviour("READ-07")
@pytest.mark.parametrize(
    "error", [ValueError("no buffer"), OverflowError("too large"), OSError(5, "EIO")], ids=repr
)
def test_a_direct_read_that_python_refuses_is_one_that_fails(small, path, error):
    counting = CountingPort(Fault(error, kind="preadv"))
    strategy = ReadStrategy(direct=True, port=counting.port, _limits=small)
    outcome = strategy.load(Spans([path], [0], [0], [8192]), Targets.each([bytearray(8192)]))
    assert counting.fault.met == "preadv"
    assert outcome.code == "read-failed"
    assert type(outcome.cause) is type(error)
    assert counting.holds_nothing
