import array

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import emel_io_loader.targets as targets_module
from emel_io_loader import Places, TargetOutcome, TargetRefusal, Targets, validate_targets


def sizes(*nbytes):
    return np.array(nbytes, np.int64)


def refused(targets, *nbytes):
    refusal = validate_targets(targets, sizes(*nbytes))
    assert isinstance(refusal, TargetRefusal)
    return refusal


def placed(targets, *nbytes):
    places = validate_targets(targets, sizes(*nbytes))
    assert isinstance(places, Places), places
    return places


def read_only(nbytes):
    made = np.zeros(nbytes, np.uint8)
    made.flags.writeable = False
    return made


def released():
    view = memoryview(bytearray(9))
    view.release()
    return view


GOOD = np.zeros(9, np.uint8)
O = TargetOutcome  # noqa: E741 - the outcomes' column


@pytest.mark.behaviour("TARGET-01")
@pytest.mark.parametrize(
    ("buffers", "buffer", "offset", "outcome", "span", "words"),
    [
        ([GOOD], [0], [0], O.TARGETS_DIFFER, -1, "2 spans have 1 targets at 1 offsets"),
        ([GOOD], [0, 0], [0], O.TARGETS_DIFFER, -1, "2 spans have 2 targets at 1 offsets"),
        ([GOOD], [0, 1], [0, 0], O.TARGETS_DIFFER, 1, "in buffer 1 of 1 buffers"),
        ([GOOD], [-1, 0], [0, 0], O.TARGETS_DIFFER, 0, "in buffer -1"),
        ([GOOD], [0, 2**70], [0, 0], O.TARGETS_DIFFER, 1, "of 1 buffers"),
        ([GOOD, read_only(9)], [0, 1], [0, 0], O.TARGET_READ_ONLY, 1, "is read-only"),
        ([GOOD, b"123456789"], [0, 1], [0, 0], O.TARGET_READ_ONLY, 1, "is read-only"),
        ([GOOD, np.zeros(18, "u1")[::2]], [0, 1], [0, 0], O.TARGET_NOT_CONTIGUOUS, 1, "C order"),
        ([GOOD, np.zeros((3, 3), order="F")], [0, 1], [0, 0], O.TARGET_NOT_CONTIGUOUS, 1, ""),
        ([GOOD, memoryview(bytearray(18))[::2]], [0, 1], [0, 0], O.TARGET_NOT_CONTIGUOUS, 1, ""),
        ([GOOD, bytearray(3)], [0, 1], [0, 0], O.TARGET_TOO_SMALL, 1, "3 bytes, and 4 are to go"),
        ([GOOD, GOOD.copy()], [0, 1], [0, 6], O.TARGET_TOO_SMALL, 1, "to byte 6"),
        ([GOOD, GOOD.copy()], [0, 1], [0, 99], O.TARGET_TOO_SMALL, 1, ""),
        ([GOOD, GOOD.copy()], [0, 1], [0, -1], O.TARGET_TOO_SMALL, 1, "to byte -1"),
        ([GOOD, GOOD.copy()], [0, 1], [0, 2**63 - 1], O.TARGET_TOO_SMALL, 1, ""),
        ([GOOD, GOOD.copy()], [0, 1], [0, 2**64], O.TARGET_TOO_SMALL, 1, ""),
        ([GOOD, GOOD.copy()], [0, 1], [0, -(2**80)], O.TARGET_TOO_SMALL, 1, ""),
        ([GOOD], [0, 0], [0, 3], O.TARGETS_OVERLAP, 1, "overlaps that of span 0"),
        ([GOOD], [0, 0], [3, 0], O.TARGETS_OVERLAP, 1, "overlaps that of span 0"),
        ([GOOD, GOOD[4:]], [0, 1], [2, 0], O.TARGETS_OVERLAP, 1, ""),
        ([GOOD, GOOD], [0, 1], [0, 0], O.TARGETS_OVERLAP, 1, ""),
        ([GOOD, np.zeros(9, object)], [0, 1], [0, 0], O.TARGET_NOT_BYTES, 1, "no buffer of bytes"),
        ([GOOD, [0] * 9], [0, 1], [0, 0], O.TARGET_NOT_BYTES, 1, ""),
        ([GOOD, released()], [0, 1], [0, 0], O.TARGET_NOT_BYTES, 1, ""),
    ],
)
def test_each_rule_has_its_outcome_and_its_first_span(
    buffers, buffer, offset, outcome, span, words
):
    refusal = refused(Targets(buffers, buffer, offset), 4, 4)

    assert (refusal.outcome, refusal.span) == (outcome, span)
    assert words in refusal.message


@pytest.mark.behaviour("TARGET-01")
def test_a_result_as_large_as_a_number_can_be_doesnt_wrap_around():
    targets = Targets([GOOD], [0], [1])

    assert refused(targets, 2**63 - 1).outcome is TargetOutcome.TARGET_TOO_SMALL


@pytest.mark.behaviour("TARGET-01")
def test_no_targets_are_missing_ones():
    assert refused(None, 4)[:2] == (-1, TargetOutcome.TARGETS_MISSING)


@pytest.mark.behaviour("TARGET-01")
def test_the_first_bad_target_is_told_whatever_its_rule():
    targets = Targets.each([GOOD, bytearray(1), read_only(9)])

    assert refused(targets, 4, 4, 4)[:2] == (1, TargetOutcome.TARGET_TOO_SMALL)


@pytest.mark.behaviour("TARGET-01")
@pytest.mark.parametrize("wrong", [[0.5], ["a"], [[0]], 3])
def test_a_column_that_holds_no_integers_is_a_type_error(wrong):
    with pytest.raises(TypeError):
        Targets([GOOD], wrong, [0])
    with pytest.raises(TypeError):
        Targets([GOOD], [0], wrong)


@pytest.mark.behaviour("TARGET-02")
@pytest.mark.parametrize(
    "buffer",
    [read_only(9), np.zeros(18, "u1")[::2], bytearray(), np.zeros(9, object), np.empty((0, 5))],
)
def test_a_span_of_zero_bytes_writes_nothing_and_asks_for_nothing(buffer):
    placed(Targets([GOOD, buffer], [0, 1], [0, 2**40]), 4, 0)


@pytest.mark.behaviour("TARGET-02")
def test_nothing_goes_nowhere():
    assert len(placed(Targets([], [], [])).address) == 0


@pytest.mark.behaviour("TARGET-02")
def test_zero_bytes_within_another_target_overlap_nothing():
    placed(Targets([GOOD], [0, 0, 0], [0, 2, 4]), 4, 0, 5)


@pytest.mark.behaviour("TARGET-03")
@pytest.mark.parametrize(
    "buffer",
    [
        np.zeros((2, 3), np.float32),
        np.zeros((), np.float64),
        np.zeros(3, ">f8"),
        np.zeros(4, "M8[s]"),
        np.zeros(2, [("a", "u1"), ("b", "<f8")]),
        np.zeros(8, ml_dtypes.bfloat16),
        np.zeros((2, 4), ml_dtypes.float8_e4m3fn),
        np.zeros((4, 4), np.uint8).view(np.matrix),
        bytearray(8),
        memoryview(bytearray(8)),
        memoryview(np.zeros((2, 3))),
        array.array("d", [0.0]),
    ],
    ids=lambda buffer: f"{type(buffer).__name__}-{getattr(buffer, 'dtype', '')}",
)
def test_any_buffer_is_seen_as_its_bytes_in_c_order(buffer):
    places = placed(Targets([buffer], [0, 0], [0, 5]), 3, 3)

    places.view(0, 3)[:] = b"abc"
    places.view(1, 3)[:] = b"def"

    got = buffer.tobytes() if hasattr(buffer, "tobytes") else bytes(buffer)
    assert got[:8] == b"abc\0\0def"
    assert len(places.views[0]) == len(got)


@pytest.mark.behaviour("TARGET-03")
def test_addresses_are_where_the_bytes_lie():
    buffers = [np.zeros(10, np.float32), bytearray(10)]

    places = placed(Targets(buffers, [1, 0, 0], [0, 4, 20]), 4, 4, 4)

    start = buffers[0].ctypes.data
    assert places.address[1:].tolist() == [start + 4, start + 20]
    assert places.address[0] == np.frombuffer(buffers[1], np.uint8).ctypes.data


@pytest.mark.behaviour("TARGET-03")
def test_one_after_another_leaves_no_gap():
    whole = bytearray(10)

    targets = Targets.one_after_another(whole, [3, 0, 5, 2])
    places = placed(targets, 3, 0, 5, 2)
    for i, (nbytes, byte) in enumerate([(3, b"a"), (0, b"b"), (5, b"c"), (2, b"d")]):
        places.view(i, nbytes)[:] = byte * nbytes

    assert whole == b"aaacccccdd"
    assert refused(Targets.one_after_another(whole, [3, 8]), 3, 8).span == 1
    assert Targets.one_after_another(whole, [2**40, 1, 2]).offset.tolist() == [0, 2**40, 2**40 + 1]


@pytest.mark.behaviour("TARGET-03")
def test_each_gives_every_span_a_buffer_and_take_picks_some():
    buffers = [bytearray(2), bytearray(3), bytearray(4)]

    some = Targets.each(buffers).take(np.array([2, 0]))

    assert [len(some.buffers[i]) for i in some.buffer] == [4, 2]
    assert some.offset.tolist() == [0, 0]
    assert some.buffers[0] is buffers[0]


@pytest.mark.behaviour("TARGET-03")
def test_validation_keeps_no_buffer():
    buffer = bytearray(4)
    targets = Targets.each([buffer])
    placed(targets, 4)

    buffer.clear()  # BufferError, if anything still points into it

    assert targets.buffers[0] is buffer


@pytest.mark.behaviour("TARGET-04")
def test_fifty_thousand_targets_take_a_step_a_buffer(monkeypatch):
    n, seen = 50_000, []
    look = targets_module._memory
    monkeypatch.setattr(targets_module, "_memory", lambda buffer: seen.append(1) or look(buffer))
    whole = np.zeros(n * 4 + 1, np.uint8)
    offset = np.random.default_rng(7).permutation(n) * 4

    places = placed(Targets([whole, bytearray(4)], np.zeros(n, int), offset), *[4] * n)

    assert len(seen) == 2
    assert np.array_equal(places.address, whole.ctypes.data + offset)
    offset[offset == n * 2] += 1  # it isn't the last in memory: it reaches into the next
    late = int(np.flatnonzero(offset == n * 2 + 1)[0])
    spoiled = refused(Targets([whole], np.zeros(n, int), offset), *[4] * n)
    assert spoiled.outcome is TargetOutcome.TARGETS_OVERLAP
    assert late in (spoiled.span, int(spoiled.message.rpartition(" ")[2]))


@pytest.mark.behaviour("TARGET-04")
@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 30), st.integers(0, 9)), max_size=8)
)
@example(rows=[(0, 20, 4), (0, 0, 4), (0, 22, 4), (0, 2, 4)])
@example(rows=[(0, 0, 4), (0, 20, 4), (0, 2, 4), (0, 22, 4)])
def test_overlaps_are_found_as_a_slow_look_at_each_byte_finds_them(rows):
    whole = np.zeros(60, np.uint8)
    shifts = 0, 11
    buffers = [whole, whole[shifts[1] :]]
    buffer, offset, nbytes = zip(*rows, strict=True) if rows else ((), (), ())

    answer = validate_targets(Targets(buffers, buffer, offset), sizes(*nbytes))

    taken = [set(range(shifts[b] + at, shifts[b] + at + n)) for b, at, n in rows]
    pairs = {(i, k) for k in range(len(rows)) for i in range(k) if taken[i] & taken[k]}
    if pairs:
        assert isinstance(answer, TargetRefusal)
        assert answer.outcome is TargetOutcome.TARGETS_OVERLAP
        other = int(answer.message.rpartition(" ")[2])
        assert (answer.span, other) == min((late, early) for early, late in pairs)
    else:
        assert isinstance(answer, Places)
        assert [a - whole.ctypes.data for a in answer.address] == [
            shifts[b] + at for b, at, _ in rows
        ]


@pytest.mark.behaviour("TARGET-01")
def test_there_are_as_many_targets_as_spans_however_few_the_buffers():
    assert len(Targets.each([bytearray(2), bytearray(2)])) == 2
    assert len(Targets.one_after_another(bytearray(6), [2, 2, 2])) == 3
    assert len(Targets([], [], [])) == 0
