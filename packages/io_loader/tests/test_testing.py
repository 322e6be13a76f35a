from enum import IntEnum

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emel_io_loader import (
    Advice,
    BatchOutcome,
    FileIdentity,
    Lease,
    Leases,
    Mode,
    Reaction,
    Spans,
    Strategy,
    StrategyError,
    Targets,
    Usage,
)
from emel_io_loader.testing import FakeStrategy

FILES = {"a": b"0123456789", "b": b"abcdef"}


class Outcome(IntEnum):
    OK = 0
    BROKEN = 1


BROKEN = BatchOutcome(outcome=Outcome.BROKEN, reaction=Reaction.SOURCE, index=0)


def batch(*rows):
    """Spans of (file, offset, nbytes) rows over FILES."""
    file, offset, nbytes = zip(*rows, strict=True) if rows else ((), (), ())
    return Spans(["a", "b"], file, offset, nbytes)


def mapped(*rows):
    """A fake and the leases of one batch that it has mapped."""
    fake = FakeStrategy(FILES)
    answer = fake.load(batch(*rows))
    assert answer.ok, answer.message
    return fake, answer.leases


@pytest.mark.behaviour("FAKE-01")
@pytest.mark.parametrize("mode", Mode)
def test_it_is_a_strategy(mode):
    assert isinstance(FakeStrategy({}, mode), Strategy)


@pytest.mark.behaviour("FAKE-01")
@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(0, 6)).filter(
            lambda row: row[1] + row[2] <= (10, 6)[row[0]]
        ),
        max_size=12,
    )
)
def test_both_modes_give_exactly_the_spans_bytes(rows):
    wanted = [FILES["ab"[file]][offset : offset + nbytes] for file, offset, nbytes in rows]
    maps, copies = FakeStrategy(FILES), FakeStrategy(FILES, Mode.COPIES)
    targets = [bytearray(len(part)) for part in wanted]

    leased = maps.load(batch(*rows))
    copied = copies.load(batch(*rows), Targets.each(targets))

    assert [bytes(maps.view(*lease)) for lease in leased.leases] == wanted
    assert targets == wanted
    for answer in (leased, copied):
        assert (answer.nspans, answer.nbytes) == (len(rows), sum(map(len, wanted)))
    assert len(copied.leases) == 0


@pytest.mark.behaviour("FAKE-01")
@pytest.mark.parametrize("rows", [[(0, 0, 2)], [(0, 0, 0)]])
def test_views_are_read_only(rows):
    fake, leases = mapped(*rows)

    assert not fake.view(*leases[0]).flags.writeable


@pytest.mark.behaviour("FAKE-01")
def test_a_larger_target_keeps_what_is_behind_the_span():
    target = bytearray(b"------")

    FakeStrategy(FILES, Mode.COPIES).load(batch((1, 1, 3)), Targets.each([target]))

    assert target == b"bcd---"


@pytest.mark.behaviour("FAKE-01")
def test_a_target_is_not_kept():
    target = bytearray(3)
    FakeStrategy(FILES, Mode.COPIES).load(batch((1, 1, 3)), Targets.each([target]))

    target.clear()  # BufferError, if anything still points into it

    assert target == b""


@pytest.mark.behaviour("FAKE-01")
@pytest.mark.parametrize(
    ("rows", "code", "reaction", "index"),
    [
        ([(0, 0, 2), (0, -1, 2)], "offset-negative", Reaction.INVALID, 1),
        ([(0, 0, 2), (1, 5, 2)], "span-beyond-end", Reaction.INVALID, 1),
    ],
)
@pytest.mark.parametrize("mode", Mode)
def test_a_refused_batch_leaves_nothing_behind(mode, rows, code, reaction, index):
    fake = FakeStrategy(FILES, mode)
    target = bytearray(2)
    targets = Targets.each([target, bytearray(2)]) if mode is Mode.COPIES else None

    answer = fake.load(batch(*rows), targets)

    assert (answer.code, answer.reaction, answer.index) == (code, reaction, index)
    assert (len(answer.leases), answer.nspans) == (0, 0)
    assert fake.usage()[0] == fake.usage().leases == fake.usage().nbytes == 0
    assert target == b"\0\0"


@pytest.mark.behaviour("FAKE-01")
def test_the_end_of_a_short_file_is_the_offset_of_the_failure():
    assert FakeStrategy(FILES).load(batch((1, 5, 2))).offset == 6


@pytest.mark.behaviour("FAKE-01")
def test_a_missing_file_has_the_systems_reason():
    answer = FakeStrategy({}).load(batch((1, 0, 1)))

    assert (answer.code, answer.errno) == ("file-missing", 2)
    assert isinstance(answer.cause, FileNotFoundError)


@pytest.mark.behaviour("FAKE-01")
@pytest.mark.parametrize(
    ("mode", "targets", "code"),
    [
        pytest.param(
            Mode.MAPS,
            Targets.each([bytearray(2)]),
            "targets-given",
            id="a-target-where-none-is-used",
        ),
        pytest.param(Mode.COPIES, None, "targets-missing", id="none"),
        pytest.param(Mode.COPIES, Targets.each([]), "targets-differ", id="too-few"),
        pytest.param(Mode.COPIES, Targets.each([bytearray(1)]), "target-too-small", id="too-small"),
        pytest.param(
            Mode.COPIES, Targets.each([memoryview(bytes(2))]), "target-read-only", id="read-only"
        ),
        pytest.param(
            Mode.COPIES,
            Targets.each([memoryview(bytearray(4))[::2]]),
            "target-not-contiguous",
            id="not-contiguous",
        ),
    ],
)
def test_targets_that_do_not_serve_are_refused(mode, targets, code):
    answer = FakeStrategy(FILES, mode).load(batch((0, 0, 2)), targets)

    assert (answer.code, answer.reaction) == (code, Reaction.INVALID)


@pytest.mark.behaviour("FAKE-01")
def test_a_file_that_changed_since_it_was_identified_is_refused():
    fake = FakeStrategy(FILES)
    identities = fake.identify(["a", "b"]).identities
    fake.files["b"] = b"ABCDEF"

    answer = fake.load(Spans(["a", "b"], [0, 1], [0, 0], [1, 1], identities))

    assert (answer.code, answer.index) == ("file-changed", 1)
    assert "it was modified" in answer.message


@pytest.mark.behaviour("FAKE-01")
def test_identities_tell_files_apart_and_stay_the_same():
    fake = FakeStrategy({"a": b"same", "b": b"same"})

    first = fake.identify(["a", "b"]).identities
    again = fake.identify(["b", "a"]).identities

    assert first == again[::-1]
    assert first[0].changes(first[1]) == "another file stands at this path"
    assert isinstance(first[0], FileIdentity)


@pytest.mark.behaviour("FAKE-01")
def test_identify_names_the_first_file_that_is_missing():
    found = FakeStrategy(FILES).identify(["a", "c", "d"])

    assert (found.result.code, found.result.index) == ("file-missing", 1)
    assert found.identities == ()


@pytest.mark.behaviour("FAKE-01")
def test_spans_of_one_file_share_a_slot_and_empty_ones_take_none():
    fake, leases = mapped((0, 0, 2), (1, 0, 2), (0, 5, 2), (0, 3, 0))

    assert leases.slot.tolist() == [0, 1, 0, -1]
    assert fake.usage() == Usage(slots=2, capacity=256, leases=3, nbytes=6)


@pytest.mark.behaviour("FAKE-01")
def test_a_batch_that_needs_more_slots_than_are_free_is_refused_whole():
    fake = FakeStrategy(FILES, capacity=1)

    answer = fake.load(batch((0, 0, 2), (1, 0, 2)))

    assert (answer.code, answer.reaction) == ("pool-full", Reaction.BUSY)
    assert fake.usage().slots == 0
    assert fake.load(batch((0, 0, 2), (0, 4, 2))).ok


@pytest.mark.behaviour("FAKE-02")
def test_a_slot_is_given_again_and_a_generation_never():
    fake = FakeStrategy(FILES, capacity=1)
    given = []
    for _ in range(4):
        leases = fake.load(batch((0, 0, 2), (0, 2, 2))).leases
        given.extend(leases)
        assert fake.release(leases).ok

    assert {lease.slot for lease in given} == {0}
    assert len({lease.generation for lease in given}) == 8


STALE = [
    pytest.param(lambda lease: (lease.slot, lease.generation + 1), id="never-given"),
    pytest.param(lambda lease: (lease.slot + 1, lease.generation), id="another-slot"),
]


@pytest.mark.behaviour("FAKE-02")
@pytest.mark.parametrize("change", STALE)
def test_a_view_of_a_stale_lease_is_an_error(change):
    fake, leases = mapped((0, 0, 2))

    with pytest.raises(StrategyError) as caught:
        fake.view(*change(leases[0]))

    assert (caught.value.result.code, caught.value.result.reaction) == (
        "stale-lease",
        Reaction.CLOSED,
    )


@pytest.mark.behaviour("FAKE-02")
def test_a_view_of_a_released_lease_is_an_error():
    fake, leases = mapped((0, 0, 2))
    fake.release(leases)

    with pytest.raises(StrategyError, match="stale"):
        fake.view(*leases[0])


@pytest.mark.behaviour("FAKE-02")
@pytest.mark.parametrize("change", [*STALE, pytest.param(lambda lease: lease, id="twice")])
def test_a_stale_lease_refuses_the_whole_release(change):
    fake, leases = mapped((0, 0, 2))
    before = fake.usage()

    answer = fake.release(Leases.of(*zip(leases[0], change(leases[0]), strict=True)))

    assert (answer.code, answer.index) == ("stale-lease", 1)
    assert answer.done is not None
    assert answer.done.tolist() == [False, False]
    assert fake.usage() == before


@pytest.mark.behaviour("FAKE-02")
def test_advice_on_a_stale_lease_is_an_outcome():
    fake, leases = mapped((0, 0, 2))
    fake.release(leases)

    assert fake.advise(*leases[0], Advice.SEQUENTIAL).code == "stale-lease"
    assert fake.advised == []


@pytest.mark.behaviour("FAKE-01")
@pytest.mark.parametrize(
    ("advice", "start", "nbytes"), [(9, 0, 1), (0, -1, 1), (0, 0, 3), (0, 3, None), (0, 1, -1)]
)
def test_advice_outside_the_lease_or_of_no_known_kind_is_refused(advice, start, nbytes):
    fake, leases = mapped((0, 0, 2))

    answer = fake.advise(*leases[0], advice, start, nbytes)

    assert (answer.code, answer.reaction) == ("advice-invalid", Reaction.INVALID)
    assert fake.advised == []


@pytest.mark.behaviour("FAKE-01")
def test_releasing_an_empty_span_is_legal():
    fake, leases = mapped((0, 3, 0), (0, 0, 2))

    answer = fake.release(leases)

    assert (answer.ok, answer.nspans, answer.nbytes) == (True, 2, 2)
    assert fake.usage().leases == 0


@pytest.mark.behaviour("FAKE-03")
def test_a_borrowed_lease_stays_while_the_others_of_the_batch_go():
    fake, leases = mapped((0, 0, 2), (0, 2, 2), (1, 0, 2))
    array = fake.view(*leases[1])

    answer = fake.release(leases)

    assert (answer.code, answer.reaction, answer.index) == ("still-borrowed", Reaction.BUSY, 1)
    assert answer.done is not None
    assert answer.done.tolist() == [True, False, True]
    assert (answer.nspans, answer.nbytes) == (2, 4)
    assert fake.usage()[::2] == (1, 1)
    assert array.tobytes() == b"23"


@pytest.mark.behaviour("FAKE-03")
@pytest.mark.parametrize(
    "borrow",
    [
        pytest.param(lambda view: view, id="itself"),
        pytest.param(lambda view: view[1:], id="slice"),
        pytest.param(lambda view: view.view(np.uint16).reshape(1, 1), id="another-shape"),
        pytest.param(memoryview, id="memoryview"),
        pytest.param(lambda view: np.ndarray(2, np.int8, buffer=view), id="array-over-it"),
    ],
)
def test_whatever_is_made_of_a_view_borrows_it_until_it_is_gone(borrow):
    fake, leases = mapped((0, 0, 2))
    borrowed = borrow(fake.view(*leases[0]))

    refused = fake.release(leases)
    whole = bytes(fake.view(*leases[0]))
    del borrowed

    assert refused.code == "still-borrowed"
    assert whole == b"01"
    assert fake.release(leases).ok


@pytest.mark.behaviour("FAKE-03")
def test_a_view_is_the_same_array_for_as_long_as_it_lives():
    fake, leases = mapped((0, 0, 2))

    view = fake.view(*leases[0])

    assert (view.dtype, view.shape) == (np.uint8, (2,))
    assert fake.view(*leases[0]) is view


@pytest.mark.behaviour("FAKE-03")
def test_a_copy_borrows_nothing():
    fake, leases = mapped((0, 0, 2))

    copied = fake.view(*leases[0]).copy()

    assert fake.release(leases).ok
    assert copied.tobytes() == b"01"


@pytest.mark.behaviour("FAKE-03")
def test_the_slot_of_a_borrowed_lease_is_not_given_to_anyone_else():
    fake, leases = mapped((0, 0, 2))
    array = fake.view(*leases[0])
    fake.release(leases)

    others = fake.load(batch((1, 0, 2))).leases

    assert others.slot.tolist() != leases.slot.tolist()
    assert array.tobytes() == b"01"


@pytest.mark.behaviour("FAKE-03")
def test_files_that_are_still_borrowed_are_told_in_order_and_once():
    names = list("fedcba")
    fake = FakeStrategy(dict.fromkeys(names, b"0123"))
    leases = fake.load(Spans(names, [0, 1, 2, 3, 4, 5, 0], [0] * 6 + [2], [2] * 7)).leases
    kept = [fake.view(*leases[i]) for i in range(7)]
    assert fake.close().message == "still borrowed: spans of a, b, c, d, e, f"
    del kept
    assert fake.close().ok


@pytest.mark.behaviour("FAKE-03")
def test_closing_reports_what_is_borrowed_and_can_be_tried_again():
    fake, leases = mapped((0, 0, 2), (1, 0, 2))
    array = fake.view(*leases[1])

    answer = fake.close()

    assert (answer.code, answer.message) == ("still-borrowed", "still borrowed: spans of b")
    assert array.tobytes() == b"ab"
    del array
    assert fake.close().ok
    assert fake.usage().leases == 0


@pytest.mark.behaviour("FAKE-03")
def test_nothing_loads_after_closing():
    fake = FakeStrategy(FILES)
    fake.close()

    answer = fake.load(batch((0, 0, 2)))

    assert (answer.code, answer.reaction) == ("closed", Reaction.CLOSED)


@pytest.mark.behaviour("FAKE-02")
def test_a_file_that_no_longer_reaches_the_span_is_an_error_with_its_end():
    fake, leases = mapped((0, 0, 2), (0, 8, 2))
    fake.files["a"] = b"012345678"

    with pytest.raises(StrategyError, match="a has 9 bytes now") as caught:
        fake.view(*leases[1])

    assert caught.value.result.offset == 9
    assert bytes(fake.view(*leases[0])) == b"01"
    assert fake.release(leases).ok


@pytest.mark.behaviour("FAKE-02")
def test_a_file_that_was_removed_is_still_mapped():
    fake, leases = mapped((0, 0, 2))
    del fake.files["a"]

    assert bytes(fake.view(*leases[0])) == b"01"


@pytest.mark.behaviour("FAKE-04")
def test_just_the_load_that_was_told_to_fail_fails():
    fake = FakeStrategy(FILES)
    fake.load(batch())
    fake.fail_load(BROKEN, nth=2)

    answers = [fake.load(batch((0, 0, 2))) for _ in range(3)]

    assert [answer is BROKEN for answer in answers] == [False, True, False]
    assert fake.usage().leases == 2
    assert len(fake.loads) == 4


@pytest.mark.behaviour("FAKE-04")
def test_just_the_release_that_was_told_to_fail_fails_and_keeps_the_lease():
    fake, leases = mapped((0, 0, 2))
    fake.fail_release(BROKEN)

    assert fake.release(leases) is BROKEN
    assert fake.usage().leases == 1
    assert fake.release(leases).ok


@pytest.mark.behaviour("FAKE-04")
def test_a_release_that_was_told_to_fail_in_part_lets_go_of_that_part():
    fake, leases = mapped((0, 0, 2), (0, 2, 2), (0, 4, 0))
    done = np.array([False, True, True])
    fake.fail_release(BatchOutcome(outcome=Outcome.BROKEN, reaction=Reaction.SOURCE, done=done))

    fake.release(leases)

    assert fake.usage().leases == 1
    assert bytes(fake.view(*leases[0])) == b"01"
    assert fake.release(leases.take(np.array([1]))).code == "stale-lease"


@pytest.mark.behaviour("FAKE-01")
def test_one_that_copies_gives_no_leases():
    fake = FakeStrategy(FILES, Mode.COPIES)

    assert fake.usage() == Usage(0, 0, 0, 0)
    assert fake.release(Leases.of([0], [1])).code == "stale-lease"
    with pytest.raises(StrategyError):
        fake.view(*Lease(0, 1))


@pytest.mark.behaviour("FAKE-01")
def test_changing_the_dict_it_was_given_changes_nothing():
    files = dict(FILES)
    fake = FakeStrategy(files)

    files.clear()

    assert fake.load(batch((0, 0, 2))).ok
