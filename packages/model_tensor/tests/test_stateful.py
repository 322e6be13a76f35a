"""Any sequence of requests, against a model that is a plain dict."""

from enum import IntEnum

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from emel_io_loader import BatchOutcome, Mode, Reaction, Spans, Targets
from emel_io_loader.testing import FakeStrategy
from emel_model_tensor import LoadPlan, SetOutcome, TensorSet

SIZES = (3, 0, 5, 1, 4)
COUNT = len(SIZES)
CONTENT = bytes(range(1, 40))
INDEX = st.lists(st.integers(0, COUNT - 1), unique=True)
FLAGS = st.lists(st.booleans(), min_size=COUNT, max_size=COUNT)
HELD = {"resident", "mmap-resident"}


class Broken(IntEnum):
    OK = 0
    BROKEN = 1


def broken(done=None):
    return BatchOutcome(outcome=Broken.BROKEN, reaction=Reaction.SOURCE, done=done)


class Residency(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.maps = FakeStrategy({"f": CONTENT}, Mode.MAPS)
        self.copies = FakeStrategy({"f": CONTENT}, Mode.COPIES)
        self.tensors = TensorSet()
        self.state = {}  # the model: tensor -> name of its state
        self.pins = {}
        self.buffers = {}
        self.borrowed = {}
        self.plan = None
        self.start = 0

    def content(self, i):
        at = self.start + sum(SIZES[:i])
        return CONTENT[at : at + SIZES[i]]

    def targets(self, index):
        fresh = {i: bytearray(SIZES[i]) for i in index}
        return fresh, Targets.each(list(fresh.values()))

    def refusal(self, index, allowed):
        """What every request answers before it looks at what it is about."""
        if self.plan is not None:
            return SetOutcome.LOAD_IN_FLIGHT
        if not self.state:
            return SetOutcome.NOT_BOUND
        if not all(allowed(i) for i in index):
            return SetOutcome.TENSOR_REFUSED
        return None

    @rule(start=st.integers(0, 20), valid=st.booleans())
    def bind(self, start, valid):
        offset = start + np.cumsum((0, *SIZES[:-1])) if valid else np.full(COUNT, -1)
        report = self.tensors.bind(Spans(("f",), [0] * COUNT, offset, SIZES), [0] * COUNT)
        if self.plan is not None:
            assert report.outcome is SetOutcome.LOAD_IN_FLIGHT
        elif not valid:
            assert report.outcome is SetOutcome.BINDING_INVALID
        elif "mmap-resident" in self.state.values():
            assert report.outcome is SetOutcome.STILL_MAPPED
        else:
            assert report.ok
            self.start = start
            self.state = dict.fromkeys(range(COUNT), "bound")
            self.pins = dict.fromkeys(range(COUNT), 0)
            self.buffers.clear()

    @rule(index=INDEX, mode=st.sampled_from(Mode), fails=st.booleans())
    def load(self, index, mode, fails):
        strategy = self.maps if mode is Mode.MAPS else self.copies
        fresh, targets = self.targets(index)
        refusal = self.refusal(index, lambda i: self.state[i] not in HELD)
        if fails and refusal is None:
            strategy.fail_load(broken())
            refusal = SetOutcome.STRATEGY_FAILED
        report = self.tensors.load(index, strategy, None if mode is Mode.MAPS else targets)
        if refusal is not None:
            assert report.outcome is refusal
            return
        assert report.ok
        for i in index:
            self.state[i] = "mmap-resident" if mode is Mode.MAPS else "resident"
            if mode is Mode.COPIES:
                self.buffers[i] = fresh[i]

    @rule(index=INDEX, fails=st.booleans(), flags=FLAGS)
    def release(self, index, fails, flags):
        refusal = self.refusal(index, lambda i: self.state[i] == "mmap-resident")
        gone = [i not in self.borrowed for i in index]
        if fails and refusal is None:
            # What is borrowed can't go, however a release fails.
            gone = [a and b for a, b in zip(gone, flags, strict=False)]
            self.maps.fail_release(broken(np.array(gone, np.bool_)))
        report = self.tensors.release(index, self.maps)
        if refusal is not None:
            assert report.outcome is refusal
            return
        # A strategy that failed when everything was gone has released everything.
        assert report.ok == (all(gone) if index else not fails)
        assert report.tensors.tolist() == [i for i, g in zip(index, gone, strict=True) if not g]
        self.state |= {i: "evicted" for i, g in zip(index, gone, strict=True) if g}

    @rule(index=INDEX)
    def evict(self, index):
        refusal = self.refusal(index, lambda i: self.state[i] == "resident" and not self.pins[i])
        report = self.tensors.evict(index)
        assert report.outcome is (refusal or SetOutcome.OK)
        if refusal is None:
            for i in index:
                self.state[i] = "evicted"
                del self.buffers[i]

    @precondition(lambda self: self.state)
    @rule(index=INDEX)
    def pin(self, index):
        self.tensors.pin(index)
        self.pins |= {i: self.pins[i] + 1 for i in index}

    @precondition(lambda self: self.state)
    @rule(index=INDEX)
    def unpin(self, index):
        if all(self.pins[i] for i in index):
            self.tensors.unpin(index)
            self.pins |= {i: self.pins[i] - 1 for i in index}
        else:
            with pytest.raises(ValueError, match="without a pin"):
                self.tensors.unpin(index)

    @rule(index=INDEX, mode=st.sampled_from(Mode))
    def plan_load(self, index, mode):
        refusal = self.refusal(index, lambda i: self.state[i] not in HELD)
        plan = self.tensors.plan_load(index, mode)
        if refusal is not None:
            assert plan.outcome is refusal
            return
        assert isinstance(plan, LoadPlan)
        self.plan = plan

    @precondition(lambda self: self.plan is not None)
    @rule(flags=FLAGS, surplus=st.integers(-1, 1))
    def commit(self, flags, surplus):
        plan, index = self.plan, self.plan.index.tolist()
        done = np.array(flags[: len(index)], np.bool_)
        if surplus:
            wrong = np.ones(len(index) + surplus, np.bool_) if index or surplus > 0 else None
            if wrong is not None:
                report = self.tensors.commit_load(plan, wrong)
                assert report.outcome is SetOutcome.RESULTS_MISMATCHED
        fresh, targets = self.targets(index)
        leases = None
        if plan.mode is Mode.MAPS:
            leases = self.maps.load(plan.spans).leases
            self.maps.release(leases.take(np.flatnonzero(~done)))
        else:
            self.copies.load(plan.spans, targets)
        report = self.tensors.commit_load(plan, done, leases)
        assert report.outcome is (SetOutcome.OK if done.all() else SetOutcome.EFFECT_FAILED)
        for i, is_done in zip(index, done.tolist(), strict=True):
            self.state[i] = "failed"
            if is_done:
                self.state[i] = "mmap-resident" if plan.mode is Mode.MAPS else "resident"
                if plan.mode is Mode.COPIES:
                    self.buffers[i] = fresh[i]
        self.plan = None

    @rule()
    def abandon(self):
        report = self.tensors.abandon_load()
        planned = self.plan is not None
        assert report.outcome is (SetOutcome.OK if planned else SetOutcome.NOTHING_PLANNED)
        self.plan = None

    @precondition(lambda self: self.state)
    @rule(i=st.integers(0, COUNT - 1))
    def borrow(self, i):
        lease = self.tensors.lease(i)
        assert (lease is not None) == (self.state[i] == "mmap-resident")
        if lease is not None and SIZES[i]:  # nothing is borrowed with a view of no bytes
            self.borrowed[i] = self.maps.view(*lease)

    @rule(i=st.integers(0, COUNT - 1))
    def give_back(self, i):
        self.borrowed.pop(i, None)

    @invariant()
    def the_set_says_what_the_model_says(self):
        assert [self.tensors.state_of(i) for i in range(len(self.tensors))] == [
            *self.state.values()
        ]
        mapped = [i for i, state in self.state.items() if state == "mmap-resident"]
        assert self.tensors.mapped().tolist() == mapped
        assert self.tensors.copied().tolist() == [
            i for i, state in self.state.items() if state == "resident"
        ]
        assert self.tensors.absent().tolist() == [
            i for i, state in self.state.items() if state not in HELD
        ]

    @invariant()
    def what_is_held_is_what_is_mapped_and_no_more(self):
        mapped = [i for i, state in self.state.items() if state == "mmap-resident"]
        assert self.maps.usage().leases == sum(SIZES[i] > 0 for i in mapped)
        for i in mapped:
            assert bytes(self.maps.view(*self.tensors.lease(i))) == self.content(i)

    @invariant()
    def bytes_stay_what_they_are(self):
        assert {*self.buffers} == {i for i, state in self.state.items() if state == "resident"}
        for held in (self.buffers, self.borrowed):
            for i, data in held.items():
                assert bytes(data) == self.content(i)


Residency.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, database=None
)


@pytest.mark.behaviour(
    "RES-01", "RES-02", "RES-03", "RES-04", "RES-05", "RES-06", "RES-07", "RES-08", "RES-10"
)
class TestResidency(Residency.TestCase):
    pass
