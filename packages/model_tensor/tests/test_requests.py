"""Each request to the set, row by row: what it answers, and that a refusal changes nothing."""

from dataclasses import replace
from enum import IntEnum
from itertools import pairwise

import numpy as np
import pytest

from emel_io_loader import BatchOutcome, Leases, Mode, Reaction, Spans, Targets
from emel_model_tensor import LoadPlan, SetOutcome, TensorOutcome, TensorSet


class Broken(IntEnum):
    OK = 0
    READ_FAILED = 1


FAILED = BatchOutcome(
    outcome=Broken.READ_FAILED, reaction=Reaction.SOURCE, message="no luck", index=1, errno=5
)
ONE = Spans(("a",), [0], [0], [4])
S, T, R = SetOutcome, TensorOutcome, Reaction


def targets(*sizes):
    return Targets.each([bytearray(size) for size in sizes])


def shown(tensors, *index):
    return Leases.of(*zip(*(tensors.lease(i) for i in index), strict=True))


def aged(tensors, index):
    slot, generation = tensors.lease(index)
    return Leases.of([slot], [generation + 1])


# what is asked, (set's outcome, tensor's outcome), the tensors named, reaction, code
REFUSALS = {
    "bind: spans break a rule": (
        lambda w: w.tensors.bind(Spans(("a",), [0, 0], [0, -1], [1, 1]), [0, 0]),
        (S.BINDING_INVALID, T.OK), [1], R.INVALID, "binding-invalid",
    ),
    "bind: no spans": (
        lambda w: w.tensors.bind(None, []),
        (S.BINDING_INVALID, T.OK), [0], R.INVALID, "binding-invalid",
    ),
    "bind: columns of other lengths": (
        lambda w: w.tensors.bind(Spans(("a",), [0], [0, 1], [1, 1]), [0, 0]),
        (S.BINDING_INVALID, T.OK), [1], R.INVALID, "binding-invalid",
    ),
    "bind: dtypes of another length": (
        lambda w: w.tensors.bind(ONE, [0, 0]),
        (S.BINDING_INVALID, T.OK), [0], R.INVALID, "binding-invalid",
    ),
    "bind: dtypes of another shape": (
        lambda w: w.tensors.bind(ONE, 0),
        (S.BINDING_INVALID, T.OK), [0], R.INVALID, "binding-invalid",
    ),
    "bind: a dtype that is no uint8": (
        lambda w: w.tensors.bind(Spans(("a",), [0, 0], [0, 1], [1, 1]), [7, 256]),
        (S.BINDING_INVALID, T.OK), [1], R.INVALID, "binding-invalid",
    ),
    "bind: a negative dtype": (
        lambda w: w.tensors.bind(ONE, np.array([-1])),
        (S.BINDING_INVALID, T.OK), [0], R.INVALID, "binding-invalid",
    ),
    "bind: dtypes that are no integers": (
        lambda w: w.tensors.bind(ONE, [0.5]),
        (S.BINDING_INVALID, T.OK), [0], R.INVALID, "binding-invalid",
    ),
    "bind: dtypes that are true or false": (
        lambda w: w.tensors.bind(ONE, [True]),
        (S.BINDING_INVALID, T.OK), [0], R.INVALID, "binding-invalid",
    ),
    "bind: still mapped": (
        lambda w: w.tensors.bind(ONE, [0]),
        (S.STILL_MAPPED, T.OK), [2, 6, 7], R.BUSY, "still-mapped",
    ),
    "load: no strategy": (
        lambda w: w.tensors.load([0], None),
        (S.STRATEGY_MISSING, T.OK), [], R.INVALID, "strategy-missing",
    ),
    "load: no such tensor": (
        lambda w: w.tensors.load([0, 8], w.maps),
        (S.INDEX_INVALID, T.OK), [], R.INVALID, "index-invalid",
    ),
    "load: negative": (
        lambda w: w.tensors.load([-1], w.maps),
        (S.INDEX_INVALID, T.OK), [], R.INVALID, "index-invalid",
    ),
    "load: named twice": (
        lambda w: w.tensors.load([0, 3, 0], w.maps),
        (S.INDEX_INVALID, T.OK), [], R.INVALID, "index-invalid",
    ),
    "load: mapped already": (
        lambda w: w.tensors.load([0, 2, 7], w.maps),
        (S.TENSOR_REFUSED, T.ALREADY_RESIDENT), [2, 7], R.BUSY, "already-resident",
    ),
    "load: copied already": (
        lambda w: w.tensors.load([1, 0], w.copies, targets(3, 4)),
        (S.TENSOR_REFUSED, T.ALREADY_RESIDENT), [1], R.BUSY, "already-resident",
    ),
    "load: mapped what is copied": (
        lambda w: w.tensors.load([5], w.maps),
        (S.TENSOR_REFUSED, T.ALREADY_RESIDENT), [5], R.BUSY, "already-resident",
    ),
    "release: no strategy": (
        lambda w: w.tensors.release([2], None),
        (S.STRATEGY_MISSING, T.OK), [], R.INVALID, "strategy-missing",
    ),
    "release: no such tensor": (
        lambda w: w.tensors.release([9], w.maps),
        (S.INDEX_INVALID, T.OK), [], R.INVALID, "index-invalid",
    ),
    "release: not mapped": (
        lambda w: w.tensors.release([2, 0, 1, 3, 4], w.maps),
        (S.TENSOR_REFUSED, T.NOT_MAPPED), [0, 1, 3, 4], R.CLOSED, "not-mapped",
    ),
    "release: another tensor's lease": (
        lambda w: w.tensors.release([2, 7], w.maps, shown(w.tensors, 2, 2)),
        (S.LEASE_FOREIGN, T.OK), [7], R.CLOSED, "lease-foreign",
    ),
    "release: another generation of a lease": (
        lambda w: w.tensors.release([7], w.maps, aged(w.tensors, 7)),
        (S.LEASE_FOREIGN, T.OK), [7], R.CLOSED, "lease-foreign",
    ),
    "release: fewer leases": (
        lambda w: w.tensors.release([2, 7], w.maps, Leases.vacant(1)),
        (S.LEASE_FOREIGN, T.OK), [2, 7], R.CLOSED, "lease-foreign",
    ),
    "release: more leases": (
        lambda w: w.tensors.release([2, 7], w.maps, shown(w.tensors, 2, 7, 7)),
        (S.LEASE_FOREIGN, T.OK), [2, 7], R.CLOSED, "lease-foreign",
    ),
    "release: the lease of one tensor twice": (
        lambda w: w.tensors.release([2], w.maps, shown(w.tensors, 2, 2)),
        (S.LEASE_FOREIGN, T.OK), [2], R.CLOSED, "lease-foreign",
    ),
    "evict: no such tensor": (
        lambda w: w.tensors.evict([1, 1]),
        (S.INDEX_INVALID, T.OK), [], R.INVALID, "index-invalid",
    ),
    "evict: mapped": (
        lambda w: w.tensors.evict([1, 7]),
        (S.TENSOR_REFUSED, T.MUST_BE_RELEASED), [7], R.BUSY, "must-be-released",
    ),
    "evict: pinned": (
        lambda w: w.tensors.evict([1, 5]),
        (S.TENSOR_REFUSED, T.PINNED), [5], R.BUSY, "pinned",
    ),
    "evict: not resident": (
        lambda w: w.tensors.evict([0, 1, 3, 4]),
        (S.TENSOR_REFUSED, T.NOT_RESIDENT), [0, 3, 4], R.CLOSED, "not-resident",
    ),
    "plan: no such tensor": (
        lambda w: w.tensors.plan_load([8], Mode.MAPS),
        (S.INDEX_INVALID, T.OK), [], R.INVALID, "index-invalid",
    ),
    "plan: resident": (
        lambda w: w.tensors.plan_load([0, 1], Mode.COPIES),
        (S.TENSOR_REFUSED, T.ALREADY_RESIDENT), [1], R.BUSY, "already-resident",
    ),
    "commit: nothing planned": (
        lambda w: w.tensors.commit_load(LoadPlan(np.arange(1), ONE, Mode.COPIES), np.ones(1, bool)),
        (S.NOTHING_PLANNED, T.OK), [], R.CLOSED, "nothing-planned",
    ),
    "abandon: nothing planned": (
        lambda w: w.tensors.abandon_load(),
        (S.NOTHING_PLANNED, T.OK), [], R.CLOSED, "nothing-planned",
    ),
}  # fmt: skip


@pytest.mark.behaviour("RES-01", "RES-02", "RES-03", "RES-04", "RES-05", "RES-06")
@pytest.mark.parametrize(
    ("ask", "outcomes", "named", "reaction", "code"), REFUSALS.values(), ids=REFUSALS
)
def test_a_refused_request_changes_nothing_and_says_whom_it_concerns(
    world, ask, outcomes, named, reaction, code
):
    before = world.everything()
    dispatched = [len(world.maps.loads), len(world.maps.releases), len(world.copies.loads)]

    report = ask(world)

    assert not report.ok
    assert ((report.outcome, report.tensor), report.tensors.tolist()) == (outcomes, named)
    assert (report.reaction, report.code, report.strategy) == (reaction, code, None)
    assert (report.outcome is S.BINDING_INVALID) == bool(report.message)
    assert world.everything() == before
    after = [len(world.maps.loads), len(world.maps.releases), len(world.copies.loads)]
    assert after == dispatched


@pytest.mark.behaviour("RES-01", "RES-02")
@pytest.mark.parametrize(
    ("ask", "outcome"),
    [
        (lambda s: s.load([], None), S.NOT_BOUND),
        (lambda s: s.release([], None), S.NOT_BOUND),
        (lambda s: s.evict([]), S.NOT_BOUND),
        (lambda s: s.plan_load([], Mode.MAPS), S.NOT_BOUND),
        (lambda s: s.abandon_load(), S.NOTHING_PLANNED),
        (
            lambda s: s.commit_load(LoadPlan(np.arange(0), ONE, Mode.MAPS), np.ones(0, bool)),
            S.NOTHING_PLANNED,
        ),
        (lambda s: s.bind(ONE, []), S.BINDING_INVALID),
    ],
    ids=["load", "release", "evict", "plan", "abandon", "commit", "bind"],
)
def test_a_set_without_a_binding_takes_nothing_but_one(ask, outcome):
    tensors = TensorSet()

    report = ask(tensors)

    assert report.outcome is outcome
    assert len(tensors) == 0
    assert tensors.bind(ONE, [3]).ok
    assert len(tensors) == 1


@pytest.mark.behaviour("RES-01")
def test_binding_takes_the_columns_of_a_header(world):
    known = world.tensors.capture()

    assert known.files == ("a", "b")
    assert known.file.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert known.offset.tolist() == [0, 4, 7, 12, 0, 6, 7, 7]
    assert known.nbytes.tolist() == [4, 3, 5, 2, 6, 1, 0, 7]
    assert known.dtype.tolist() == list(range(8))
    assert world.tensors.identity(1) == world.maps.identify(["b"]).identities[0]


@pytest.mark.behaviour("RES-01")
@pytest.mark.parametrize("dtype", [[], np.empty(0, np.int64), np.empty(0, np.uint8)])
def test_a_header_without_tensors_binds(dtype):
    tensors = TensorSet()

    assert tensors.bind(Spans(("a",), [], [], []), dtype).ok
    assert tensors.capture().totals() == {}
    assert tensors.mapped().tolist() == tensors.absent().tolist() == []


@pytest.mark.behaviour("RES-01")
def test_the_binding_keeps_no_array_of_the_caller(world):
    dtype = np.array([5], np.uint8)
    tensors = TensorSet()
    assert tensors.bind(ONE, dtype).ok

    dtype[0] = 9

    assert tensors.capture().dtype.tolist() == [5]


@pytest.mark.behaviour("RES-02")
def test_a_rebind_clears_what_the_old_binding_left(world):
    tensors = world.tensors
    assert tensors.release([2, 6, 7], world.maps).ok

    assert tensors.bind(Spans(("b",), [0, 0], [3, 1], [1, 2]), [9, 8]).ok

    known = tensors.capture()
    assert known.totals() == {"bound": (2, 3)}
    assert (known.files, known.dtype.tolist()) == (("b",), [9, 8])
    assert tensors.mapped().size == 0
    assert tensors.load([0, 1], world.copies, targets(1, 2)).ok
    assert tensors.evict([0, 1]).ok  # tensor 5's pin is gone, too
    assert tensors.identity(0) is None


@pytest.mark.behaviour("RES-02", "RES-08")
@pytest.mark.parametrize(
    "ask",
    [
        lambda w: w.tensors.bind(ONE, [0]),
        lambda w: w.tensors.load([3], w.maps),
        lambda w: w.tensors.release([2], w.maps),
        lambda w: w.tensors.evict([1]),
        lambda w: w.tensors.plan_load([3], Mode.MAPS),
    ],
    ids=["bind", "load", "release", "evict", "plan"],
)
def test_while_a_load_is_in_flight_nothing_else_goes(world, ask):
    plan = world.tensors.plan_load([0], Mode.COPIES)
    before = world.everything()

    report = ask(world)

    assert (report.outcome, report.reaction) == (S.LOAD_IN_FLIGHT, R.BUSY)
    assert world.everything() == before
    assert world.tensors.commit_load(plan, np.array([True])).ok


@pytest.mark.behaviour("RES-03")
def test_a_mapped_load_ends_mapped_with_a_lease_that_shows_the_bytes(world):
    report = world.tensors.load([3, 0], world.maps)

    assert report.ok
    assert report.code == "ok"
    assert report.strategy.nspans == 2
    for i in (0, 3):
        assert world.tensors.state_of(i) == "mmap-resident"
        assert bytes(world.maps.view(*world.tensors.lease(i))) == world.content(i)


@pytest.mark.behaviour("RES-03")
def test_a_copied_load_ends_resident_with_the_bytes_in_the_callers_buffers(world):
    buffers = [bytearray(2), bytearray(4)]

    report = world.tensors.load([3, 0], world.copies, Targets.each(buffers))

    assert report.ok
    assert [bytes(b) for b in buffers] == [world.content(3), world.content(0)]
    assert [world.tensors.state_of(i) for i in (0, 3)] == ["resident", "resident"]
    assert world.tensors.lease(0) is None


@pytest.mark.behaviour("RES-03", "RES-04")
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("at", "tensor"), [(0, 3), (1, 0)])
def test_a_failed_load_leaves_all_as_it_was_and_hands_on_the_strategys_answer(
    world, mode, at, tensor
):
    strategy = world.maps if mode is Mode.MAPS else world.copies
    given = None if mode is Mode.MAPS else targets(2, 4)
    failed = replace(FAILED, index=at)
    strategy.fail_load(failed)
    before = world.everything()

    report = world.tensors.load([3, 0], strategy, given)

    assert (report.outcome, report.strategy) == (S.STRATEGY_FAILED, failed)
    assert (report.reaction, report.code) == (R.SOURCE, "read-failed")
    assert (report.tensors.tolist(), report.message) == ([tensor], "no luck")
    assert world.everything() == before
    assert given is None or not any(bytes(target).strip(b"\0") for target in given.buffers)
    assert world.tensors.load([3, 0], strategy, given).ok


@pytest.mark.behaviour("RES-04")
def test_a_batch_that_failed_as_a_whole_names_no_tensor(world):
    report = world.tensors.load([0], world.copies, targets())

    assert (report.outcome, report.tensors.tolist()) == (S.STRATEGY_FAILED, [])
    assert report.code == "targets-differ"


@pytest.mark.behaviour("RES-05")
def test_a_released_tensor_is_evicted_and_its_lease_is_gone(world):
    report = world.tensors.release([7, 6, 2], world.maps, shown(world.tensors, 7, 6, 2))

    assert report.ok
    assert [world.tensors.state_of(i) for i in (2, 6, 7)] == ["evicted"] * 3
    assert [world.tensors.lease(i) for i in (2, 6, 7)] == [None] * 3
    assert world.maps.usage().leases == 0


@pytest.mark.behaviour("RES-06")
def test_a_copied_tensor_is_evicted_once_nobody_pins_it(world):
    world.tensors.pin([5, 1])
    world.tensors.unpin([1, 5])
    assert world.tensors.evict([5]).tensor is T.PINNED
    world.tensors.unpin([5])

    assert world.tensors.evict([1, 5]).ok

    assert [world.tensors.state_of(i) for i in (1, 5)] == ["evicted", "evicted"]


@pytest.mark.behaviour("RES-06")
def test_pins_are_counted_and_never_below_nothing(world):
    with pytest.raises(ValueError, match="without a pin"):
        world.tensors.unpin([5, 0])

    assert world.tensors.evict([5]).tensor is T.PINNED
    world.tensors.pin([1, 1])
    world.tensors.unpin([1])
    assert world.tensors.evict([1]).tensor is T.PINNED
    with pytest.raises(ValueError, match="without a pin"):
        world.tensors.unpin([1, 1])
    world.tensors.pin([1])
    world.tensors.unpin([1, 1])
    assert world.tensors.evict([1]).ok


@pytest.mark.behaviour("RES-07")
def test_a_borrowed_tensor_stays_mapped_with_its_lease_and_can_be_released_later(world):
    lease = world.tensors.lease(2)
    borrowed = world.maps.view(*lease)

    report = world.tensors.release([2, 6, 7], world.maps)

    assert (report.outcome, report.reaction) == (S.STRATEGY_FAILED, R.BUSY)
    assert (report.code, report.tensors.tolist()) == ("still-borrowed", [2])
    assert world.tensors.lease(2) == lease
    assert world.tensors.mapped().tolist() == [2]
    assert bytes(borrowed) == world.content(2)
    del borrowed
    assert world.tensors.release([2], world.maps).ok
    assert world.maps.usage().leases == 0


@pytest.mark.behaviour("RES-07")
def test_a_release_of_nothing_that_failed_is_told_as_failed(world):
    world.maps.fail_release(replace(FAILED, index=-1, done=np.zeros(0, np.bool_)))

    report = world.tensors.release([], world.maps)

    assert (report.outcome, report.tensors.tolist()) == (S.STRATEGY_FAILED, [])


@pytest.mark.behaviour("RES-07")
@pytest.mark.parametrize("done", [None, [False, True, False]])
def test_a_failed_release_keeps_what_is_not_gone(world, done):
    done = None if done is None else np.array(done)
    world.maps.fail_release(
        BatchOutcome(
            outcome=Broken.READ_FAILED, reaction=Reaction.SOURCE, message="stuck", done=done
        )
    )
    leases = {i: world.tensors.lease(i) for i in (2, 6, 7)}

    report = world.tensors.release([2, 7, 6], world.maps)

    kept = [2, 7, 6] if done is None else [2, 6]
    assert (report.outcome, report.message) == (S.STRATEGY_FAILED, "stuck")
    assert report.tensors.tolist() == kept
    assert {i: world.tensors.lease(i) for i in kept} == {i: leases[i] for i in kept}
    assert world.tensors.mapped().tolist() == sorted(kept)
    assert world.tensors.release(kept, world.maps).ok
    assert world.maps.usage().leases == 0


@pytest.mark.behaviour("RES-08")
def test_a_plan_is_the_effects_to_carry_out(world):
    plan = world.tensors.plan_load([4, 0], Mode.MAPS)

    assert isinstance(plan, LoadPlan)
    assert (plan.index.tolist(), plan.mode) == ([4, 0], Mode.MAPS)
    assert plan.spans.offset.tolist() == [0, 0]
    assert plan.spans.file.tolist() == [1, 0]
    assert world.tensors.state_of(0) == "bound"
    answer = world.maps.load(plan.spans)
    assert world.tensors.commit_load(plan, np.array([True, True]), answer.leases).ok
    assert bytes(world.maps.view(*world.tensors.lease(0))) == world.content(0)
    assert world.tensors.release([0, 4], world.maps).ok


@pytest.mark.behaviour("RES-08")
@pytest.mark.parametrize(
    ("mode", "done", "leases"),
    [
        (Mode.COPIES, [True], None),
        (Mode.COPIES, [True] * 3, None),
        (Mode.COPIES, [], None),
        (Mode.COPIES, [True, True], Leases.vacant(2)),
        (Mode.MAPS, [True, True], Leases.vacant(1)),
        (Mode.MAPS, [True, True], None),
    ],
    ids=["fewer", "more", "none", "leases of copies", "fewer leases", "no leases"],
)
def test_results_of_another_count_are_refused_and_the_plan_stays(world, mode, done, leases):
    plan = world.tensors.plan_load([0, 3], mode)
    before = world.everything()

    report = world.tensors.commit_load(plan, np.array(done, np.bool_), leases)

    assert (report.outcome, report.reaction) == (S.RESULTS_MISMATCHED, R.INVALID)
    assert world.everything() == before
    assert world.tensors.load([0], world.maps).outcome is S.LOAD_IN_FLIGHT
    assert world.tensors.abandon_load().ok
    assert world.everything() == before


@pytest.mark.behaviour("RES-08")
def test_the_results_of_an_earlier_plan_are_refused(world):
    earlier = world.tensors.plan_load([0], Mode.MAPS)
    world.tensors.abandon_load()
    later = world.tensors.plan_load([0], Mode.COPIES)

    report = world.tensors.commit_load(earlier, np.array([True]), Leases.vacant(1))

    assert report.outcome is S.RESULTS_MISMATCHED
    assert world.tensors.commit_load(later, np.array([True])).ok
    assert world.tensors.state_of(0) == "resident"


@pytest.mark.behaviour("RES-08")
def test_a_plan_doesnt_follow_the_callers_array(world):
    index = np.array([0, 3])
    plan = world.tensors.plan_load(index, Mode.COPIES)

    index[:] = [1, 2]

    assert plan.index.tolist() == [0, 3]
    assert world.tensors.commit_load(plan, np.array([True, True])).ok
    assert world.tensors.capture().state.tolist()[:4] == [2, 2, 3, 2]


@pytest.mark.behaviour("RES-08")
@pytest.mark.parametrize("mode", list(Mode))
def test_a_failed_effect_marks_its_tensor_and_no_other(world, mode):
    plan = world.tensors.plan_load([0, 4, 3], mode)
    leases = world.maps.load(plan.spans).leases if mode is Mode.MAPS else None

    report = world.tensors.commit_load(plan, np.array([True, False, False]), leases)

    assert (report.outcome, report.reaction) == (S.EFFECT_FAILED, R.SOURCE)
    assert report.tensors.tolist() == [4, 3]
    loaded = "mmap-resident" if mode is Mode.MAPS else "resident"
    states = [world.tensors.state_of(i) for i in range(8)]
    rest = ["mmap-resident", "failed", "failed", "resident", "mmap-resident", "mmap-resident"]
    assert states == [loaded, "resident", *rest]
    assert world.tensors.lease(3) is None


@pytest.mark.behaviour("RES-08")
def test_a_mapping_plan_that_failed_whole_needs_no_leases(world):
    plan = world.tensors.plan_load([0, 3], Mode.MAPS)

    report = world.tensors.commit_load(plan, np.array([False, False]))

    assert (report.outcome, report.tensors.tolist()) == (S.EFFECT_FAILED, [0, 3])


@pytest.mark.behaviour("RES-09")
def test_a_snapshot_is_not_altered_by_what_comes_later(world):
    known = world.tensors.capture()
    columns = (known.state, known.nbytes, known.file, known.offset, known.dtype)
    before = [column.tolist() for column in columns]

    assert world.tensors.release([2, 6, 7], world.maps).ok
    assert world.tensors.load([0], world.copies, targets(4)).ok
    assert world.tensors.bind(ONE, [0]).ok

    assert [column.tolist() for column in columns] == before
    assert known.totals() == {
        "bound": (1, 4),
        "resident": (2, 4),
        "mmap-resident": (3, 12),
        "evicted": (1, 2),
        "failed": (1, 6),
    }


@pytest.mark.behaviour("RES-09")
def test_writing_to_a_snapshot_alters_nothing(world):
    before = world.everything()
    known = world.tensors.capture()

    for column in (known.state, known.nbytes, known.file, known.offset, known.dtype):
        column[:] = 1

    assert world.everything() == before


@pytest.mark.behaviour("RES-09")
def test_totals_count_bytes_exactly():
    tensors = TensorSet()
    n, nbytes = 2**13 + 1, 2**40 - 1
    columns = ([0] * n, [0] * n, [nbytes] * n)
    assert tensors.bind(Spans(("a",), *columns), np.zeros(n, np.uint8)).ok

    assert tensors.capture().totals() == {"bound": (n, n * nbytes)}


@pytest.mark.behaviour("RES-10")
def test_what_was_evicted_released_or_failed_loads_again_by_any_strategy(world):
    tensors = world.tensors
    for mapped, copied in pairwise([[4], [3], [4], [3]]):
        assert tensors.load(mapped, world.maps).ok
        sizes = [int(world.spans.nbytes[i]) for i in copied]
        assert tensors.load(copied, world.copies, targets(*sizes)).ok
        assert tensors.release(mapped, world.maps).ok
        assert tensors.evict(copied).ok
    assert [tensors.state_of(i) for i in (3, 4)] == ["evicted", "evicted"]


def test_selections_by_presence(world):
    assert world.tensors.mapped().tolist() == [2, 6, 7]
    assert world.tensors.mapped([7, 0, 1, 2]).tolist() == [7, 2]
    assert world.tensors.absent().tolist() == [0, 3, 4]
    assert world.tensors.absent([4, 1, 0]).tolist() == [4, 0]
    assert world.tensors.copied().tolist() == [1, 5]
    assert world.tensors.copied([7, 5, 0]).tolist() == [5]
    assert world.tensors.copied([]).tolist() == []


def test_spans_are_told_of_whatever_tensors_in_the_order_that_they_are_asked_for(world):
    spans = world.tensors.spans([4, 0, 6])

    assert (spans.files, spans.file.tolist()) == (("a", "b"), [1, 0, 1])
    assert (spans.offset.tolist(), spans.nbytes.tolist()) == ([0, 0, 7], [6, 4, 0])
    assert spans.identities == world.spans.identities


def test_an_empty_request_is_done_with_nothing_changed(world):
    before = world.everything()

    for report in (
        world.tensors.load([], world.maps),
        world.tensors.release([], world.maps),
        world.tensors.evict([]),
    ):
        assert report.ok

    assert world.everything() == before


@pytest.mark.behaviour("RES-07")
def test_after_an_interrupted_release_the_others_can_go_too(world):
    """The strategy let one go, and the set never heard of it."""
    assert world.maps.release(shown(world.tensors, 2)).ok
    answer = world.tensors.release([2, 7], world.maps)
    assert answer.ok, answer
    assert [world.tensors.lease(i) for i in (2, 7)] == [None, None]
    assert world.maps.usage().leases == 0


@pytest.mark.behaviour("RES-07")
def test_what_is_still_borrowed_stays_though_another_went_in_an_interrupted_release(world):
    assert world.maps.release(shown(world.tensors, 2)).ok
    borrowed = world.maps.view(*world.tensors.lease(7))
    answer = world.tensors.release([2, 7], world.maps)
    assert (answer.reaction, answer.tensors.tolist()) == (R.BUSY, [7])
    assert bytes(borrowed) == world.content(7)
    del borrowed
    assert world.tensors.release([7], world.maps).ok
