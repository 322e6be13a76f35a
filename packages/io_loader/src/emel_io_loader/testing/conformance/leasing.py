"""Rules of leases, for one that maps; for one that copies they hold by themselves."""

from __future__ import annotations

import numpy as np

from emel_io_loader.outcomes import BatchOutcome, Leases, Reaction, StrategyError
from emel_io_loader.testing.conformance.trial import (
    NBYTES,
    Loaded,
    StrategyCase,
    Trial,
    content,
    one_file,
    said,
)

_PAIRS = (10, 100), (400, 50), (9000, 4)


def _load(trial: Trial) -> Loaded:
    loaded = trial.load(one_file(trial.write(), *_PAIRS))
    assert loaded.answer.ok, f"a good batch was refused with {said(loaded.answer)}"
    return loaded


def _must_be_stale(trial: Trial, leases: Leases, kind: str, stale: int) -> None:
    """Hold a release to being refused whole, and changing nothing."""
    before = trial.strategy.usage()
    answer = trial.strategy.release(leases)
    as_told = answer.reaction is Reaction.CLOSED and answer.index == stale
    assert as_told, f"releasing {kind} was answered with {said(answer)}"
    assert trial.strategy.usage() == before, f"releasing {kind} was refused and has let go of some"
    gone = answer.done is not None and answer.done.any()
    assert not gone, f"releasing {kind} was refused, and done says otherwise"


def _refused_view(trial: Trial, leases: Leases, i: int) -> BatchOutcome | None:
    """Look at a lease; answers with what the refusal says, or None if there was none."""
    try:
        trial.strategy.view(*leases[i])
    except StrategyError as error:
        return error.result
    return None


def _must_not_be_seen(trial: Trial, leases: Leases, i: int) -> None:
    refusal = _refused_view(trial, leases, i)
    assert refusal is not None, f"a stale lease {leases[i]} was looked at"
    assert refusal.reaction is Reaction.CLOSED, f"looking at a stale lease: {said(refusal)}"


class LeaseRules(StrategyCase):
    """A lease is looked at, and let go of once; an array that is alive keeps it."""

    def test_views_are_read_only(self, tmp_path: object) -> None:
        """What is mapped is nobody's to write to: (nbytes,) uint8, read-only."""
        with self.trial(tmp_path) as trial:
            if trial.maps:
                view = trial.strategy.view(*_load(trial).leases[0])
                facts = view.shape, view.dtype.name, view.flags.writeable
                assert facts == ((100,), "uint8", False), f"a view of 100 bytes is {facts}"

    def test_a_lease_that_was_released_is_stale(self, tmp_path: object) -> None:
        """Releasing it again is refused with CLOSED, whole, and looking at it raises."""
        with self.trial(tmp_path) as trial:
            if trial.maps:
                leases = _load(trial).leases
                trial.strategy.release(leases.take(np.array([1])))
                _must_be_stale(trial, leases, "a lease that was released", 1)
                _must_not_be_seen(trial, leases, 1)

    def test_a_lease_that_was_never_given_is_stale(self, tmp_path: object) -> None:
        """That of another strategy, or one that somebody made up."""
        with self.trial(tmp_path) as trial:
            if trial.maps:
                leases = _load(trial).leases
                foreign = Leases.of(leases.slot, leases.generation)
                foreign.generation[2] += 1_000_000
                _must_be_stale(trial, foreign, "a generation that was never given", 2)
                _must_not_be_seen(trial, foreign, 2)
                foreign = Leases.of(leases.slot, leases.generation)
                foreign.slot[0] += 1_000_000
                _must_be_stale(trial, foreign, "a slot that isn't there", 0)
                _must_not_be_seen(trial, foreign, 0)

    def test_a_lease_given_twice_is_refused(self, tmp_path: object) -> None:
        """One release can't let go of it twice: the second is stale, and nothing is done."""
        with self.trial(tmp_path) as trial:
            if trial.maps:
                twice = _load(trial).leases.take(np.array([0, 1, 0]))
                _must_be_stale(trial, twice, "a lease given twice", 2)

    def test_a_borrowed_lease_stays_until_it_is_let_go(self, tmp_path: object) -> None:
        """BUSY: the array stays whole, the others are gone, and the same lease goes later."""
        with self.trial(tmp_path) as trial:
            if trial.maps:
                strategy, leases = trial.strategy, _load(trial).leases
                array = strategy.view(*leases[1])
                answer = strategy.release(leases)
                as_told = answer.reaction is Reaction.BUSY and answer.index == 1
                assert as_told, f"releasing what is borrowed was answered with {said(answer)}"
                done = None if answer.done is None else answer.done.tolist()
                assert done == [True, False, True], f"one of three is borrowed, done is {done}"
                assert array.tobytes() == content()[400:450], "the borrowed array has other bytes"
                del array
                again = strategy.release(leases.take(np.array([1])))
                assert again.ok, f"releasing it once it was let go: {said(again)}"

    def test_an_array_made_of_a_view_borrows_too(self, tmp_path: object) -> None:
        """A slice, another type and another shape keep the lease, without the view itself."""
        with self.trial(tmp_path) as trial:
            if trial.maps:
                leases = _load(trial).leases.take(np.array([0]))
                array = trial.strategy.view(*leases[0])[4:].view(np.uint16).reshape(2, -1)
                answer = trial.strategy.release(leases)
                busy = answer.reaction is Reaction.BUSY
                assert busy, f"releasing what an array points into: {said(answer)}"
                assert array.tobytes() == content()[14:110], "the array has other bytes"

    def test_a_release_says_which_are_done(self, tmp_path: object) -> None:
        """`done` (n,) bool is true for each lease that is gone; those of zero bytes are, too."""
        with self.trial(tmp_path) as trial:
            if trial.maps:
                loaded = trial.load(one_file(trial.write(), (0, 9), (5, 0)))
                answer = trial.strategy.release(loaded.leases)
                assert answer.ok, f"releasing two leases: {said(answer)}"
                done = None if answer.done is None else answer.done.tolist()
                assert done == [True, True], f"two leases were released, and done is {done}"

    def test_a_view_of_a_file_that_shrank_is_refused(self, tmp_path: object) -> None:
        """Its bytes aren't there any more: StrategyError with SOURCE, and never a signal."""
        with self.trial(tmp_path) as trial:
            if trial.maps:
                loaded = trial.load(one_file(trial.write(), (0, 9), (NBYTES - 9, 9)))
                trial.folder.cut("a.bin", NBYTES - 1)
                refusal = _refused_view(trial, loaded.leases, 1)
                assert refusal is not None, "a view was given of bytes that the file has lost"
                assert refusal.reaction is Reaction.SOURCE, f"a file shrank: {said(refusal)}"

    def test_usage_counts_what_is_leased(self, tmp_path: object) -> None:
        """A lease a span of more than zero bytes, until it is released; nothing for copies."""
        with self.trial(tmp_path) as trial:
            strategy, counts = trial.strategy, [trial.strategy.usage().leases]
            loaded = trial.load(one_file(trial.write(), *_PAIRS, (7, 0)))
            counts.append(strategy.usage().leases)
            if trial.maps:
                strategy.release(loaded.leases)
            counts.append(strategy.usage().leases)
            wanted = [0, 3 if trial.maps else 0, 0]
            assert counts == wanted, f"leases before, with and after a batch: {counts}"

    def test_closing_reports_what_is_borrowed(self, tmp_path: object) -> None:
        """BUSY: it stays usable, and closing again finishes once it is let go."""
        with self.trial(tmp_path) as trial:
            if trial.maps:
                array = trial.strategy.view(*_load(trial).leases[0])
                closed = trial.strategy.close()
                busy = closed.reaction is Reaction.BUSY
                assert busy, f"closing what is borrowed was answered with {said(closed)}"
                assert array.tobytes() == content()[10:110], "the borrowed array has other bytes"
                del array
                again = trial.strategy.close()
                assert again.ok, f"closing once it was let go: {said(again)}"
