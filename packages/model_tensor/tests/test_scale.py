"""RES-11: what a request costs follows its tensors, counted in steps and bytes and not in time."""

import gc
import sys
import tracemalloc

import numpy as np
import pytest

from emel_io_loader import BatchOutcome, Leases, Mode, Reaction, Spans
from emel_io_loader.testing import FakeOutcome
from emel_model_tensor import TensorSet

MANY = 50_000


class Instant:
    """Moves nothing, in the same number of steps whatever the batch."""

    name = "instant"

    def __init__(self, mode=Mode.MAPS):
        self.mode = mode
        self.dispatches = []

    def load(self, spans, targets=None, **options):
        n = len(spans)
        self.dispatches.append(("load", n))
        leases = Leases(np.zeros(n, np.int32), np.arange(n))
        return BatchOutcome(outcome=FakeOutcome.OK, reaction=Reaction.NONE, leases=leases)

    def release(self, leases):
        n = len(leases)
        self.dispatches.append(("release", n))
        return BatchOutcome(
            outcome=FakeOutcome.OK, reaction=Reaction.NONE, done=np.ones(n, np.bool_)
        )


def bound(n):
    tensors = TensorSet()
    columns = (np.zeros(n, np.int64), np.arange(n), np.ones(n, np.int64))
    assert tensors.bind(Spans(("f",), *columns), np.zeros(n, np.uint8)).ok
    return tensors


def cycle(n):
    """Everything that can be asked of all the tensors at once."""
    maps, copies = Instant(), Instant(Mode.COPIES)
    everything, done = np.arange(n), np.ones(n, np.bool_)
    tensors = bound(n)
    assert tensors.load(everything, maps).ok
    assert tensors.load(everything, maps).tensors.size == n
    assert tensors.release(everything, maps).ok
    assert tensors.load(everything, copies, []).ok
    tensors.pin(everything)
    tensors.unpin(everything)
    assert tensors.evict(everything).ok
    plan = tensors.plan_load(everything, Mode.COPIES)
    assert tensors.commit_load(plan, done).ok
    assert tensors.capture().totals() == {"resident": (n, n)}
    return maps.dispatches + copies.dispatches


def calls(work):
    """Python and C functions that are called on the way."""
    count = 0

    def step(frame, event, argument):
        nonlocal count
        count += event in {"call", "c_call"}

    gc.disable()  # a collection would run others' callbacks here
    before = sys.getprofile()
    sys.setprofile(step)
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


def peak(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.behaviour("RES-11")
def test_a_batch_of_any_size_is_one_dispatch():
    assert cycle(MANY) == [("load", MANY), ("release", MANY), ("load", MANY)]


@pytest.mark.behaviour("RES-11")
def test_the_steps_of_a_batch_dont_grow_with_it():
    cycle(2)

    assert calls(lambda: cycle(MANY)) == calls(lambda: cycle(500))


@pytest.mark.behaviour("RES-11")
def test_the_memory_of_a_batch_grows_with_its_tensors_and_no_faster():
    cycle(2)

    assert peak(lambda: cycle(MANY)) < 300 * MANY


@pytest.mark.behaviour("RES-11")
@pytest.mark.parametrize("size", [1, 2])
def test_a_small_request_to_a_large_set_costs_what_it_costs_in_a_small_one(size):
    maps, index = Instant(), np.arange(size)

    def work(tensors):
        assert tensors.load(index, maps).ok
        assert tensors.release(index, maps).ok

    few, many = bound(10), bound(MANY)
    work(few)

    assert calls(lambda: work(many)) == calls(lambda: work(few))
    assert peak(lambda: work(many)) < 16_384  # the states alone are 50,000 bytes
