"""Any order of requests, borrowings and faults, against a plain dictionary of what is leased."""

import errno
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from emel_io_loader import Leases, Spans
from emel_io_mmap import MmapStrategy
from emel_io_mmap.testing import CALLS, CountingPort, Fault

NBYTES = 3 * 4096 + 17
CONTENTS = [((np.arange(NBYTES) + i) % 251).astype(np.uint8).tobytes() for i in range(3)]


class MmapMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.files = []
        for i, content in enumerate(CONTENTS):
            path = Path(self.folder.name) / f"{i}.bin"
            path.write_bytes(content)
            self.files.append(str(path))
        self.counting = CountingPort()
        self.strategy = MmapStrategy(slots=2, port=self.counting.port)
        self.leased = {}
        self.released = []
        self.borrowed = {}
        self.half_released = set()  # unmapping or closing failed: good for another release alone

    @rule(
        wanted=st.lists(
            st.tuples(st.integers(0, 2), st.integers(0, NBYTES), st.integers(0, NBYTES)), max_size=5
        )
    )
    def load(self, wanted):
        file = [f for f, _, _ in wanted]
        offset = [min(a, b) for _, a, b in wanted]
        nbytes = [abs(a - b) for _, a, b in wanted]
        answer = self.strategy.load(Spans(self.files, file, offset, nbytes))
        if not answer.ok:
            assert self.counting.fault or answer.code == "pool-full"
            return
        for i, span in enumerate(zip(file, offset, nbytes, strict=True)):
            if span[2]:
                self.leased[tuple(answer.leases[i])] = span

    @rule(data=st.data())
    def borrow(self, data):
        whole = sorted(self.leased.keys() - self.half_released)
        if whole:
            lease = data.draw(st.sampled_from(whole))
            file, offset, nbytes = self.leased[lease]
            self.counting.fault = None
            array = self.strategy.view(*lease)
            assert array.tobytes() == CONTENTS[file][offset : offset + nbytes]
            self.borrowed.setdefault(lease, []).append(array[nbytes // 2 :])

    @rule(data=st.data())
    def drop(self, data):
        if self.borrowed:
            del self.borrowed[data.draw(st.sampled_from(sorted(self.borrowed)))]

    @rule(data=st.data())
    def release(self, data):
        chosen = (
            data.draw(st.lists(st.sampled_from(sorted(self.leased)), unique=True))
            if self.leased
            else []
        )
        leases = Leases.of([s for s, _ in chosen], [g for _, g in chosen])
        answer = self.strategy.release(leases)
        for lease, done in zip(chosen, answer.done.tolist(), strict=True):
            if lease in self.borrowed:
                assert not done
            elif not done:
                assert self.counting.fault
                self.half_released.add(lease)
            if done:
                self.released.append(lease)
                del self.leased[lease]

    @rule(data=st.data())
    def release_stale(self, data):
        if self.released:
            stale = data.draw(st.sampled_from(self.released))
            both = [*list(self.leased)[:1], stale]
            before = self.strategy.usage()
            answer = self.strategy.release(Leases.of(*zip(*both, strict=True)))
            assert answer.code == "stale-lease"
            assert self.strategy.usage() == before

    @rule(kind=st.sampled_from(CALLS), nth=st.integers(1, 3))
    def let_a_call_fail(self, kind, nth):
        self.counting.fault = Fault(OSError(errno.EIO, "EIO"), nth, kind)

    @rule()
    def let_calls_through(self):
        self.counting.fault = None

    @invariant()
    def books_are_right(self):
        usage = self.strategy.usage()
        assert usage.leases == len(self.leased)
        assert usage.slots <= 2
        assert len(self.counting.opened) <= 2
        assert len(self.counting.mapped) <= 2

    @invariant()
    def borrowed_bytes_are_right(self):
        for lease, arrays in self.borrowed.items():
            file, offset, nbytes = self.leased[lease]
            content = CONTENTS[file][offset + nbytes // 2 : offset + nbytes]
            for array in arrays:
                assert array.tobytes() == content

    def teardown(self):
        self.counting.fault = None
        self.borrowed.clear()
        assert self.strategy.close().ok
        assert self.counting.holds_nothing
        self.folder.cleanup()


TestMmap = MmapMachine.TestCase
TestMmap.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestMmap.pytestmark = [pytest.mark.behaviour("MAP-01", "MAP-02", "MAP-05", "MAP-07")]
