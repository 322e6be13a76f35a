"""Rules: the same bytes for any spans."""

from __future__ import annotations

import numpy as np

from emel_io_loader.spans import Spans
from emel_io_loader.testing.conformance.trial import NBYTES, StrategyCase, content, one_file, said

_LARGE_NBYTES = (1 << 24) + 4097
_MANY = 1000


class ContentRules(StrategyCase):
    """Each span is answered with exactly its bytes, at its own index."""

    def test_a_whole_file_has_its_bytes(self, tmp_path: object) -> None:
        """One span may be the whole file."""
        with self.trial(tmp_path) as trial:
            spans = one_file(trial.write(), (0, NBYTES))
            trial.check(spans, [content()], "a span of the whole file")

    def test_unaligned_spans_have_their_bytes(self, tmp_path: object) -> None:
        """Offsets and sizes need not be multiples of anything."""
        with self.trial(tmp_path) as trial:
            pairs = (1, 1), (4095, 2), (8191, 4098), (30_001, 511), (NBYTES - 7, 7)
            trial.check(one_file(trial.write(), *pairs), [content()], "unaligned spans")

    def test_overlapping_spans_have_their_bytes(self, tmp_path: object) -> None:
        """Spans may share bytes, and the same one may come twice."""
        with self.trial(tmp_path) as trial:
            pairs = (100, 5000), (200, 100), (200, 100), (4000, 9000)
            trial.check(one_file(trial.write(), *pairs), [content()], "overlapping spans")

    def test_unordered_spans_are_answered_at_their_own_index(self, tmp_path: object) -> None:
        """The answer to span i is at index i, whatever the order of offsets."""
        with self.trial(tmp_path) as trial:
            pairs = [(i * 4999, 64) for i in (7, 2, 19, 0, 11, 3)]
            trial.check(one_file(trial.write(), *pairs), [content()], "unordered spans")

    def test_a_thousand_small_spans_have_their_bytes(self, tmp_path: object) -> None:
        """A batch may have many spans."""
        with self.trial(tmp_path) as trial:
            file = np.zeros(_MANY, np.int64)
            spans = Spans([trial.write()], file, np.arange(_MANY) * 96, file + 32)
            trial.check(spans, [content()], f"{_MANY} small spans")

    def test_spans_of_several_files_have_their_bytes(self, tmp_path: object) -> None:
        """A batch may name several files, in any order."""
        with self.trial(tmp_path) as trial:
            files = [trial.write(f"{turn}.bin", turn=turn) for turn in range(3)]
            spans = Spans(files, [1, 0, 2, 1], [0, 64, 128, 5000], [1024] * 4)
            contents = [content(turn=turn) for turn in range(3)]
            trial.check(spans, contents, "spans of several files")

    def test_more_than_16_mib_has_its_bytes(self, tmp_path: object) -> None:
        """A span may be larger than any buffer that a strategy works with."""
        with self.trial(tmp_path) as trial:
            path = trial.write(nbytes=_LARGE_NBYTES)
            spans = one_file(path, (1, _LARGE_NBYTES - 1))
            trial.check(spans, [content(_LARGE_NBYTES)], "a span of more than 16 MiB")

    def test_a_span_of_zero_bytes_is_empty(self, tmp_path: object) -> None:
        """It is legal beside others, and its file isn't looked at."""
        with self.trial(tmp_path) as trial:
            files = [trial.write(), trial.folder.at("nothing-is-here")]
            spans = Spans(files, [0, 1, 0, 0], [5, 7, NBYTES, 300], [9, 0, 0, 10])
            trial.check(spans, [content(), b""], "spans of zero bytes")

    def test_a_batch_without_spans_is_done(self, tmp_path: object) -> None:
        """There is nothing to do, and that isn't wrong."""
        with self.trial(tmp_path) as trial:
            answer = trial.load(Spans((), (), (), ())).answer
            assert answer.ok, f"a batch without spans was refused with {said(answer)}"
            assert answer.nspans == 0, f"a batch without spans has done {answer.nspans} spans"

    def test_a_second_batch_is_served_like_the_first(self, tmp_path: object) -> None:
        """Batches follow one another on one strategy."""
        with self.trial(tmp_path) as trial:
            path = trial.write()
            first = trial.check(one_file(path, (10, 100)), [content()], "the first batch")
            trial.check(one_file(path, (50, 1000)), [content()], "the second batch")
            kept = first.content(0) == content()[10:110]
            assert kept, "the first batch's bytes are others after the second batch"

    def test_a_batch_after_a_refused_one_is_served(self, tmp_path: object) -> None:
        """A refusal ends nothing but its batch."""
        with self.trial(tmp_path) as trial:
            trial.load(one_file(trial.folder.at("nothing-is-here"), (0, 9)))
            spans = one_file(trial.write(), (10, 100))
            trial.check(spans, [content()], "the batch after a refused one")

    def test_one_thread_and_four_give_the_same(self, tmp_path: object) -> None:
        """How many threads work changes neither the outcome nor the bytes."""
        with self.trial(tmp_path) as trial:
            files = [trial.write(f"{turn}.bin", turn=turn) for turn in range(4)]
            every = np.arange(64)
            good = Spans(files, every % 4, every * 1500, [1400] * 64)
            bad = Spans(files, every % 4, every * 1500, np.where(every > 40, NBYTES, 1400))
            for spans in (good, bad):
                one, four = (trial.load(spans, threads=threads) for threads in (1, 4))
                pair = one.answer, four.answer
                facts = [(a.code, a.index, a.nspans, a.nbytes) for a in pair]
                text = f"{said(one.answer)}, and with four {said(four.answer)}"
                assert facts[0] == facts[1], f"with one thread {text}"
                if one.answer.ok:
                    same = all(one.content(i) == four.content(i) for i in range(len(spans)))
                    assert same, "four threads have given other bytes than one"
