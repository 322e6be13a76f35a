"""Rules: what is left behind, which is nothing; and progress, which may raise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from emel_io_loader.outcomes import Leases, Reaction
from emel_io_loader.spans import Spans
from emel_io_loader.testing.conformance.trial import (
    NBYTES,
    StrategyCase,
    Trial,
    content,
    one_file,
    said,
    two_files,
)

_SHARE_NBYTES = 1 << 18
"""What each of many spans has, so that there is work for four threads."""


_FILES: Final = ("descriptors", "mappings")
_ALL: Final = ("descriptors", "mappings", "threads")


class _StopError(Exception):
    """What a caller's `progress` raises."""


def _failing(trial: Trial) -> Iterator[Spans]:
    path = trial.write()
    yield two_files(path, trial.folder.at("nothing-is-here"))
    yield two_files(path, trial.folder.folder("sub"))
    yield one_file(path, (0, 9), (NBYTES - 5, 6))
    yield one_file(path, (0, 9), (-1, 9))


def _stopped(trial: Trial, spans: Spans) -> bool:
    """Load a batch whose `progress` raises; answers whether that came out."""

    def stop(nbytes: int) -> None:
        raise _StopError(nbytes)

    try:
        trial.load(spans, progress=stop)
    except _StopError:
        return True
    return False


class LeftoverRules(StrategyCase):
    """All or nothing: no descriptor, mapping, thread or lease outlives what it was for."""

    def test_a_failed_batch_leaves_no_descriptor(self, tmp_path: object) -> None:
        """Counted in /proc/self/fd."""
        with self.trial(tmp_path, watched=("descriptors",)) as trial:
            for spans in _failing(trial):
                answer = trial.load(spans).answer
                left = trial.left.descriptors
                assert not left, f"descriptors {sorted(left)} are open after {said(answer)}"

    def test_a_failed_batch_leaves_no_mapping(self, tmp_path: object) -> None:
        """Counted in /proc/self/maps."""
        with self.trial(tmp_path, watched=("mappings",)) as trial:
            for spans in _failing(trial):
                answer = trial.load(spans).answer
                left = trial.left.mappings
                assert not left, f"{left} is mapped after {said(answer)}"

    def test_a_failed_batch_leaves_no_lease(self, tmp_path: object) -> None:
        """It answers with none, and no more slots and leases are in use than before."""
        with self.trial(tmp_path) as trial:
            before = trial.strategy.usage()._replace(nbytes=0)
            for spans in _failing(trial):
                answer = trial.load(spans).answer
                assert not len(answer.leases), f"{said(answer)} gives leases all the same"
                # A stage of its own may stay for the next batch.
                now = trial.strategy.usage()._replace(nbytes=0)
                assert now == before, f"{now} is held after {said(answer)}, {before} was before"

    def test_no_thread_outlives_a_load(self, tmp_path: object) -> None:
        """Done or failed: counted in /proc/self/task."""
        with self.trial(tmp_path, watched=("threads",)) as trial:
            path = trial.write(nbytes=16 * _SHARE_NBYTES)
            rows = [(i * _SHARE_NBYTES, _SHARE_NBYTES) for i in range(16)]
            for spans in (one_file(path, *rows), *_failing(trial)):
                answer = trial.load(spans, threads=4).answer
                left = trial.left.threads
                assert not left, f"threads {sorted(left)} are left after {said(answer)}"

    def test_a_done_copy_leaves_nothing(self, tmp_path: object) -> None:
        """No descriptor, no mapping, and no lease: the bytes are where they should be."""
        with self.trial(tmp_path, watched=_FILES) as trial:
            if trial.copies:
                answer = trial.load(one_file(trial.write(), (0, NBYTES))).answer
                left, usage = trial.left, trial.strategy.usage()
                text = f"after {said(answer)} there are left: {left}, {usage}"
                nothing = not left.descriptors and not left.mappings
                assert nothing, text
                assert usage.slots == usage.leases == 0, text

    def test_releasing_the_last_lease_leaves_nothing(self, tmp_path: object) -> None:
        """No descriptor and no mapping of a file that nothing is leased of."""
        with self.trial(tmp_path, watched=_FILES) as trial:
            leases = trial.load(one_file(trial.write(), (0, 9), (50, 9))).leases
            answer = trial.strategy.release(leases if trial.maps else Leases.vacant())
            assert answer.ok, f"releasing all leases: {said(answer)}"
            left = trial.left
            nothing = not left.descriptors and not left.mappings
            assert nothing, f"after the release there are left: {left}"

    def test_closing_leaves_nothing(self, tmp_path: object) -> None:
        """Closing releases what is leased, and can be asked for again."""
        with self.trial(tmp_path, watched=_ALL) as trial:
            trial.load(one_file(trial.write(), (0, 9), (50, 9)))
            for _ in range(2):
                answer = trial.strategy.close()
                assert answer.ok, f"closing: {said(answer)}"
                left = trial.left
                nothing = not left.descriptors and not left.mappings and not left.threads
                assert nothing, f"after closing there are left: {left}"
            usage = trial.strategy.usage()
            assert usage.leases == usage.nbytes == 0, f"after closing usage is {usage}"

    def test_a_closed_one_loads_no_more(self, tmp_path: object) -> None:
        """CLOSED, and nothing is opened for it."""
        with self.trial(tmp_path) as trial:
            trial.strategy.close()
            answer = trial.load(one_file(trial.write(), (0, 9))).answer
            closed = answer.reaction is Reaction.CLOSED
            assert closed, f"loading after closing was answered with {said(answer)}"

    def test_progress_rises_to_the_total(self, tmp_path: object) -> None:
        """One that copies tells bytes done so far: never fewer than before, at last all."""
        with self.trial(tmp_path) as trial:
            told: list[int] = []
            pairs = [(i * 7000, 6000) for i in range(14)]
            answer = trial.load(one_file(trial.write(), *pairs), progress=told.append).answer
            assert answer.ok, f"a load with progress: {said(answer)}"
            if trial.copies:
                assert told == sorted(told), f"progress went back: {told}"
                assert told[-1:] == [84_000], f"the last of 84000 bytes is told as {told[-1:]}"

    def test_what_progress_raises_ends_the_load(self, tmp_path: object) -> None:
        """It comes out of the load of one that copies, as it is."""
        with self.trial(tmp_path) as trial:
            stopped = _stopped(trial, one_file(trial.write(), (0, 9), (50, 9)))
            assert stopped or trial.maps, "what progress raised was swallowed"

    def test_a_load_that_progress_ended_leaves_nothing(self, tmp_path: object) -> None:
        """No descriptor, mapping, thread or lease."""
        with self.trial(tmp_path, watched=_ALL) as trial:
            if _stopped(trial, one_file(trial.write(), (0, 9), (50, 9))):
                left, usage = trial.left, trial.strategy.usage()
                nothing = not (left.descriptors or left.mappings or left.threads or usage.leases)
                assert nothing, f"after progress raised there are left: {left}, {usage}"

    def test_a_load_after_one_that_progress_ended_works(self, tmp_path: object) -> None:
        """The strategy is as usable as before."""
        with self.trial(tmp_path) as trial:
            spans = one_file(trial.write(), (0, 9), (50, 9))
            _stopped(trial, spans)
            trial.check(spans, [content()], "the load after progress raised")
