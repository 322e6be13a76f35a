"""Rules: files that aren't there, aren't files, or aren't what they were."""

from __future__ import annotations

from collections.abc import Callable
from errno import ENOENT

from emel_io_loader.outcomes import BatchOutcome, Reaction
from emel_io_loader.testing.conformance._platform import HAS_FIFOS, Rescue
from emel_io_loader.testing.conformance.trial import (
    NBYTES,
    StrategyCase,
    Trial,
    content,
    one_file,
    said,
    two_files,
)


def _is_the_files_fault(answer: BatchOutcome) -> bool:
    return answer.reaction is Reaction.SOURCE and answer.index == 1


class FileRules(StrategyCase):
    """What is wrong with a file is an outcome, found before its bytes are given out."""

    def test_a_span_beyond_the_end_is_refused(self, tmp_path: object) -> None:
        """The file is shorter, and nobody claimed otherwise: `span-beyond-end`, INVALID."""
        with self.trial(tmp_path) as trial:
            answer = trial.load(one_file(trial.write(), (0, 9), (NBYTES - 5, 6))).answer
            facts = answer.code, answer.reaction, answer.index
            wanted = "span-beyond-end", Reaction.INVALID, 1
            assert facts == wanted, f"a span past the end was answered with {said(answer)}"

    def test_a_missing_file_keeps_the_systems_reason(self, tmp_path: object) -> None:
        """SOURCE, with errno and the exception, without its traceback."""
        with self.trial(tmp_path) as trial:
            missing = trial.folder.at("nothing-is-here")
            answer = trial.load(two_files(trial.write(), missing)).answer
            assert _is_the_files_fault(answer), f"a missing file: {said(answer)}"
            assert answer.errno == ENOENT, f"a missing file has errno {answer.errno}"
            cause = answer.cause
            assert isinstance(cause, FileNotFoundError), f"a missing file has cause {cause!r}"
            assert cause.__traceback__ is None, "the cause's traceback keeps frames alive"

    def test_a_directory_is_refused(self, tmp_path: object) -> None:
        """It is no regular file: SOURCE."""
        with self.trial(tmp_path) as trial:
            answer = trial.load(two_files(trial.write(), trial.folder.folder("sub"))).answer
            assert _is_the_files_fault(answer), f"a directory was answered with {said(answer)}"

    def test_a_fifo_is_refused_and_not_waited_for(self, tmp_path: object) -> None:
        """Opening a named pipe waits for a writer, and a strategy must not."""
        with self.trial(tmp_path) as trial:
            if not HAS_FIFOS:
                return
            fifo = trial.folder.fifo("fifo")
            rescue = Rescue(fifo, self.patience_seconds)
            try:
                answer = trial.load(two_files(trial.write(), fifo)).answer
            finally:
                waited = rescue.came()
            assert not waited, "it waited for somebody to write to the FIFO"
            assert _is_the_files_fault(answer), f"a FIFO was answered with {said(answer)}"

    def test_a_file_that_is_the_same_is_served(self, tmp_path: object) -> None:
        """Spans may say what each file was, or say it of some."""
        with self.trial(tmp_path) as trial:
            path = trial.write()
            identities = trial.strategy.identify([path]).identities
            for known in (identities, [None]):
                spans = one_file(path, (3, 90), identities=known)
                trial.check(spans, [content()], "a file that is what it was")

    def test_a_replaced_file_is_refused(self, tmp_path: object) -> None:
        """Another file of the same size stands at the path."""
        with self.trial(tmp_path) as trial:
            trial.write()
            answer = self._changed(trial, lambda: trial.folder.replace("a.bin", content(turn=1)))
            assert answer.reaction is Reaction.SOURCE, f"a replaced file: {said(answer)}"

    def test_a_rewritten_file_is_refused(self, tmp_path: object) -> None:
        """The same file has other bytes, and another time."""
        with self.trial(tmp_path) as trial:
            trial.write()
            answer = self._changed(trial, lambda: trial.folder.rewrite("a.bin", content(turn=1)))
            assert answer.reaction is Reaction.SOURCE, f"a rewritten file: {said(answer)}"

    def test_a_file_that_shrank_is_refused(self, tmp_path: object) -> None:
        """It had the span's bytes when it was looked at: the file's fault, not the caller's."""
        with self.trial(tmp_path) as trial:
            trial.write()
            answer = self._changed(trial, lambda: trial.folder.cut("a.bin", 50))
            assert answer.reaction is Reaction.SOURCE, f"a file that shrank: {said(answer)}"

    def test_identify_tells_sizes_in_order(self, tmp_path: object) -> None:
        """An identity a file, in the order of the files, and the same one each time."""
        with self.trial(tmp_path) as trial:
            files = [trial.write("a.bin", 70), trial.write("b.bin", 30)]
            found, again = trial.strategy.identify(files), trial.strategy.identify(files)
            assert found.result.ok, f"identify refused two files with {said(found.result)}"
            sizes = [identity.nbytes for identity in found.identities]
            assert sizes == [70, 30], f"files of 70 and 30 bytes were identified as {sizes}"
            assert found.identities == again.identities, "the same files have other identities"

    def test_identify_refuses_what_is_no_file(self, tmp_path: object) -> None:
        """A missing file or a directory: SOURCE, its index among the files, no identities."""
        with self.trial(tmp_path) as trial:
            path = trial.write()
            for bad in (trial.folder.at("nothing-is-here"), trial.folder.folder("sub")):
                found = trial.strategy.identify([path, bad])
                assert _is_the_files_fault(found.result), f"identify: {said(found.result)}"
                assert not found.identities, "a failed identify has identities all the same"

    def _changed(self, trial: Trial, change: Callable[[], object]) -> BatchOutcome:
        path = trial.folder.at("a.bin")
        identities = trial.strategy.identify([path]).identities
        change()
        return trial.load(one_file(path, (10, 90), identities=identities)).answer
