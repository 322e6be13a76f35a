"""FMT-05, FMT-06: packed strings are found by a guess that is proved, and fall back to a loop."""

import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emel_model_format import _strings
from emel_model_format._strings import string_ends

ORDERS = {"little": "<Q", "big": ">Q"}


def no_more(end, what, at=None):
    raise AssertionError((end, what, at))


def pack(strings, byteorder):
    return b"".join(struct.pack(ORDERS[byteorder], len(s)) + s for s in strings)


def walk(strings, byteorder, before=b"", after=b""):
    data = before + pack(strings, byteorder) + after
    limit = len(data)

    def need(end, what, at=None):
        assert end <= limit, (end, what, at)

    return string_ends(memoryview(data), len(before), len(strings), byteorder, need).tolist()


def expected(strings):
    return [0, *np.cumsum([8 + len(s) for s in strings], dtype=np.int64).tolist()]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks so small that a handful of strings crosses their edges, and guesses always run."""
    monkeypatch.setattr(_strings, "BLOCK", 96)
    monkeypatch.setattr(_strings, "FEW", 1)
    monkeypatch.setattr(_strings, "RESUMES", 3)


HOSTILE = st.sampled_from(
    [b"", b"\0", b"\0" * 8, b"\x01" + b"\0" * 7, b"\0" * 300, b"a" * 255, b"b" * 256, b"c" * 70_000]
)
STRINGS = st.lists(st.one_of(st.binary(max_size=40), HOSTILE), max_size=60)


@pytest.mark.behaviour("FMT-06")
@pytest.mark.parametrize("byteorder", ORDERS)
@given(strings=STRINGS, before=st.binary(max_size=9), after=st.binary(max_size=20))
@settings(
    deadline=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_guess_and_loop_agree_on_any_strings(small_blocks, byteorder, strings, before, after):
    assert walk(strings, byteorder, before, after) == expected(strings)


@pytest.mark.behaviour("FMT-06")
@pytest.mark.parametrize("byteorder", ORDERS)
@pytest.mark.parametrize(
    "strings",
    [
        [b"token%d" % i for i in range(30_000)],
        [b""] * 40_000,
        [b"\0" * (i % 20) for i in range(20_000)],
        [b"x" * (i % 600) for i in range(3_000)],
        [b"\x05" + b"\0" * 7 + b"tail"] * 20_000,
        [b"plain"] * 10_000 + [b"y" * 400_000] + [b"plain"] * 10_000,
    ],
    ids=["plain", "empty", "nul", "long", "false-lengths", "one-huge"],
)
def test_whole_blocks_of_strings_of_one_kind(byteorder, strings):
    assert walk(strings, byteorder, b"abc") == expected(strings)


@pytest.mark.behaviour("FMT-05")
def test_the_loop_is_left_alone_where_the_guess_holds(monkeypatch):
    steps = 0
    loop = _strings._read_one_by_one

    def counted(*args, **kwargs):
        nonlocal steps
        ends = loop(*args, **kwargs)
        steps += len(ends)
        return ends

    monkeypatch.setattr(_strings, "_read_one_by_one", counted)
    strings = [b"token%d" % i for i in range(100_000)]
    strings[500] = b"long" * 100
    assert walk(strings, "little") == expected(strings)
    assert steps < 50


@pytest.mark.behaviour("FMT-05")
@pytest.mark.parametrize("byteorder", ORDERS)
def test_a_length_that_leaves_the_view_stops_before_anything_is_stored(byteorder):
    seen = []

    def need(end, what, at=None):
        seen.append(end)
        if end > len(data):
            raise LookupError

    strings = [b"abcdef"] * 1000
    data = pack(strings, byteorder) + struct.pack(ORDERS[byteorder], 2**64 - 1) + bytes(8000)
    with pytest.raises(LookupError):
        string_ends(memoryview(data), 0, 1001, byteorder, need)
    assert seen[-1] == 14_000 + 8 + 2**64 - 1


@pytest.mark.behaviour("FMT-05")
def test_strings_of_four_gibibytes_have_offsets_of_64_bits():
    long = 1 << 32
    data = np.zeros(long + 19, np.uint8)  # memory that nobody touches is never there
    data[:8] = np.frombuffer(struct.pack("<Q", long), np.uint8)
    data[8 + long] = 3

    ends = string_ends(memoryview(data), 0, 2, "little", lambda end, *_: end <= len(data))

    assert ends.dtype == np.int64
    assert ends.tolist() == [0, 8 + long, 8 + long + 8 + 3]
