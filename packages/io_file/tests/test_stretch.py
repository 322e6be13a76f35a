import errno
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emel_io_file import ReadPort, Stretch, StretchOutcome, read_fully
from emel_io_file.testing import CountingReads, Fault, no_bytes, short

CONTENT = bytes(i % 251 for i in range(10_000))


@pytest.fixture
def descriptor(make):
    number = os.open(make(), os.O_RDONLY)
    yield number
    os.close(number)


def stretch_of(port, descriptor, offset, *sizes):
    buffers = [bytearray(n) for n in sizes]
    views = [memoryview(buffer) for buffer in buffers]
    return Stretch(port, descriptor, offset, views, sum(sizes)), buffers


@pytest.mark.behaviour("FILE-05")
def test_every_buffer_is_filled_in_turn_by_one_call(counting, descriptor):
    stretch, buffers = stretch_of(counting.port, descriptor, 100, 10, 1, 500)

    assert read_fully(stretch) is StretchOutcome.OK
    assert [bytes(b) for b in buffers] == [CONTENT[100:110], CONTENT[110:111], CONTENT[111:611]]
    assert (counting.calls, counting.nbytes) == (["preadv"], 511)
    assert (stretch.got, stretch.offset, stretch.buffers) == (511, 611, [])


@pytest.mark.behaviour("FILE-05")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(any),
    pieces=st.lists(st.one_of(st.integers(1, 30), st.just(0)), min_size=1),
)
def test_short_reads_go_on_where_they_stopped(descriptor, sizes, pieces):
    left = list(pieces)

    def preadv(number, buffers, offset):
        limit = left.pop(0) if left else 9
        if limit == 0:
            raise InterruptedError(errno.EINTR, "EINTR")
        whole = bytearray(limit)
        count = min(os.preadv(number, [whole], offset), sum(map(len, buffers)))
        at = 0
        for buffer in buffers:
            take = min(len(buffer), count - at)
            buffer[:take] = whole[at : at + take]
            at += take
        return count

    stretch, buffers = stretch_of(ReadPort(preadv=preadv), descriptor, 77, *sizes)

    assert read_fully(stretch) is StretchOutcome.OK
    assert b"".join(buffers) == CONTENT[77 : 77 + sum(sizes)]
    assert stretch.got == sum(sizes)


@pytest.mark.behaviour("FILE-05")
@pytest.mark.parametrize("nth", range(1, 6))
def test_one_short_answer_costs_one_more_call(descriptor, nth):
    counting = CountingReads(Fault(nth=nth, instead=short))
    for _ in range(5):
        stretch, buffers = stretch_of(counting.port, descriptor, 9, 100, 100)
        assert read_fully(stretch) is StretchOutcome.OK
        assert b"".join(buffers) == CONTENT[9:209]
    assert counting.calls == ["preadv"] * 6


@pytest.mark.behaviour("FILE-05")
def test_an_interrupted_call_is_made_again(descriptor):
    counting = CountingReads(Fault(InterruptedError(errno.EINTR, "EINTR")))
    stretch, buffers = stretch_of(counting.port, descriptor, 0, 9)

    assert read_fully(stretch) is StretchOutcome.OK
    assert buffers[0] == CONTENT[:9]
    assert len(counting.calls) == 2


@pytest.mark.behaviour("FILE-05")
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOMEM, errno.EAGAIN, errno.EINVAL])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_call_that_fails_ends_it_and_keeps_the_reason(descriptor, number, nth):
    faults = Fault(OSError(number, os.strerror(number)), nth)
    counting = CountingReads(faults, preadv=lambda fd, b, at: short(ReadPort().preadv, fd, b, at))
    stretch, _ = stretch_of(counting.port, descriptor, 0, 9)

    assert read_fully(stretch) is StretchOutcome.READ_FAILED
    assert (stretch.error.errno, stretch.error.__traceback__) == (number, None)
    assert stretch.got == nth - 1


@pytest.mark.behaviour("FILE-05")
def test_an_offset_that_python_refuses_is_a_call_that_fails(descriptor):
    stretch, _ = stretch_of(ReadPort(), descriptor, 2**63, 9)

    assert read_fully(stretch) is StretchOutcome.READ_FAILED
    assert isinstance(stretch.error, OverflowError)


@pytest.mark.behaviour("FILE-05")
def test_the_end_of_the_file_tells_what_came(descriptor):
    stretch, buffers = stretch_of(ReadPort(), descriptor, 9_990, 4, 100)

    assert read_fully(stretch) is StretchOutcome.END_OF_FILE
    assert (stretch.nbytes, stretch.got) == (104, 10)
    assert b"".join(buffers)[:10] == CONTENT[9_990:]


@pytest.mark.behaviour("FILE-05")
def test_an_answer_of_no_bytes_is_the_end(descriptor):
    counting = CountingReads(Fault(instead=no_bytes))
    stretch, _ = stretch_of(counting.port, descriptor, 0, 9)

    assert read_fully(stretch) is StretchOutcome.END_OF_FILE
    assert stretch.got == 0


@pytest.mark.behaviour("FILE-05")
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_more_buffers_than_a_call_takes_are_split(descriptor, n):
    seen = []

    def preadv(number, buffers, offset):
        seen.append(len(buffers))
        return os.preadv(number, buffers, offset)

    counting = CountingReads(preadv=preadv, iov_max=3)
    stretch, buffers = stretch_of(counting.port, descriptor, 5, *[11] * n)

    assert read_fully(stretch) is StretchOutcome.OK
    assert b"".join(buffers) == CONTENT[5 : 5 + 11 * n]
    assert seen == [3] * (n // 3) + [n % 3] * (n % 3 > 0)


@pytest.mark.behaviour("FILE-05")
def test_more_buffers_than_the_system_takes_are_read_all_the_same(descriptor):
    stretch, buffers = stretch_of(ReadPort(), descriptor, 0, *[2] * 3000)

    assert read_fully(stretch) is StretchOutcome.OK
    assert b"".join(buffers) == CONTENT[:6000]


@pytest.mark.behaviour("FILE-05")
def test_a_stretch_of_nothing_is_done_without_a_call(counting, descriptor):
    stretch, _ = stretch_of(counting.port, descriptor, 10_000)

    assert read_fully(stretch) is StretchOutcome.OK
    assert counting.calls == []


@pytest.mark.behaviour("FILE-05")
def test_whatever_python_refuses_is_a_call_that_fails(counting, descriptor):
    refused = CountingReads(Fault(ValueError("embedded"), kind="preadv"))
    stretch, _ = stretch_of(refused.port, descriptor, 0, 9)

    assert read_fully(stretch) is StretchOutcome.READ_FAILED
    assert (type(stretch.error), stretch.error.__traceback__) == (ValueError, None)
