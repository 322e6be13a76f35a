"""Rules: what is refused, with which outcome, and what an answer says."""

from __future__ import annotations

from typing import Final

from emel_io_loader.outcomes import BatchOutcome, Reaction, SpanOutcome
from emel_io_loader.outcomes import code_of as spelt
from emel_io_loader.spans import Spans
from emel_io_loader.strategy import Mode, Strategy
from emel_io_loader.testing.conformance.trial import StrategyCase, one_file, said

_O = SpanOutcome
_BAD: Final = (
    # What comes second in each column breaks the rule; the first span is a good one.
    (_O.FILE_UNKNOWN, 2, 0, 9),
    (_O.OFFSET_NEGATIVE, 0, -1, 9),
    (_O.NBYTES_NEGATIVE, 0, 0, -1),
    (_O.SPAN_OVERFLOWS, 0, 2**63 - 1, 9),
    (_O.SPAN_OVERFLOWS, 0, 2**64, 9),
    (_O.SPAN_TOO_LARGE, 0, 0, 2**40 + 1),
)
_BAD_PATHS: Final = (
    (_O.PATH_EMPTY, ""),
    (_O.PATH_TOO_LONG, "x" * 4096),
    (_O.PATH_HAS_NUL, "a\0b"),
)


class RefusalRules(StrategyCase):
    """A batch that breaks a rule is an outcome, never an exception, and nothing is opened."""

    def test_it_is_a_strategy(self, tmp_path: object) -> None:
        """It has every member of the protocol, a name, and a mode."""
        with self.trial(tmp_path) as trial:
            strategy = trial.strategy
            assert isinstance(strategy, Strategy), "it lacks a member of the Strategy protocol"
            name, mode = strategy.name, strategy.mode
            named = isinstance(name, str) and name != ""  # pyright: ignore[reportUnnecessaryIsInstance]
            assert named, f"its name is {name!r}"
            assert isinstance(mode, Mode), f"its mode is {mode!r}"  # pyright: ignore[reportUnnecessaryIsInstance]

    def test_spans_that_break_a_rule_are_refused_with_its_code(self, tmp_path: object) -> None:
        """Each rule of `validate` has its own code, and the reaction INVALID."""
        with self.trial(tmp_path) as trial:
            path = trial.write()
            cases = [(o, Spans([path], [0, f], [0, a], [9, n])) for o, f, a, n in _BAD]
            cases += [(o, Spans([path, bad], [0, 1], [0, 0], [9, 9])) for o, bad in _BAD_PATHS]
            cases.append((_O.LENGTHS_DIFFER, Spans([path], [0, 0], [0], [9])))
            for outcome, spans in cases:
                answer = trial.load(spans).answer
                as_told = answer.code == spelt(outcome) and answer.reaction is Reaction.INVALID
                assert as_told, f"{spelt(outcome)} was answered with {said(answer)}"

    def test_spans_are_held_to_the_rules_before_a_file_is_opened(self, tmp_path: object) -> None:
        """A missing file before the bad span isn't noticed: nobody has looked."""
        with self.trial(tmp_path) as trial:
            spans = Spans([trial.folder.at("nothing-is-here")], [0, 0], [0, -1], [9, 9])
            answer = trial.load(spans).answer
            as_told = answer.code == "offset-negative" and answer.index == 1
            assert as_told, f"a file was opened before the spans were checked: {said(answer)}"

    def test_a_done_batch_counts_its_spans_and_bytes(self, tmp_path: object) -> None:
        """`nspans` and `nbytes` are those of the batch."""
        with self.trial(tmp_path) as trial:
            answer = trial.load(one_file(trial.write(), (0, 9), (70, 0), (20, 30))).answer
            counted = answer.nspans, answer.nbytes
            assert counted == (3, 39), f"3 spans of 39 bytes were counted as {counted}"

    def test_a_done_batch_blames_nothing(self, tmp_path: object) -> None:
        """Its outcome is the member 0, it names no span, and has no errno and no cause."""
        with self.trial(tmp_path) as trial:
            answer = trial.load(one_file(trial.write(), (0, 9))).answer
            assert isinstance(answer, BatchOutcome), f"it answered with {type(answer).__name__}"  # pyright: ignore[reportUnnecessaryIsInstance]
            assert answer.ok, f"a good batch was refused with {said(answer)}"
            assert answer.outcome == 0, f"success is outcome {answer.outcome!r} and not 0"
            blamed = answer.index, answer.errno, answer.cause
            assert blamed == (-1, 0, None), f"success blames {blamed}"

    def test_a_done_batch_has_a_lease_a_span_or_none(self, tmp_path: object) -> None:
        """One that maps answers with a lease a span; one that copies with none."""
        with self.trial(tmp_path) as trial:
            answer = trial.load(one_file(trial.write(), (0, 9), (70, 0), (20, 30))).answer
            wanted = 3 if trial.maps else 0
            n = len(answer.leases)
            assert n == wanted, f"it answered 3 spans with {n} leases, not {wanted}"

    def test_a_failure_names_its_first_span(self, tmp_path: object) -> None:
        """`index` is the first span, in request order, that failed."""
        with self.trial(tmp_path) as trial:
            path, missing = trial.write(), trial.folder.at("nothing-is-here")
            batches = {
                "a refused": Spans([path], [0, 0, 0], [0, -1, -1], [9, 9, 9]),
                "a failed": Spans([path, missing], [0, 1, 1], [0, 0, 9], [9, 9, 9]),
            }
            for kind, spans in batches.items():
                answer = trial.load(spans).answer
                assert answer.index == 1, f"{kind} batch blames span {answer.index}, and not 1"

    def test_a_failure_is_told_in_words(self, tmp_path: object) -> None:
        """`message` is a sentence for a person; of a file, with its path."""
        with self.trial(tmp_path) as trial:
            path, missing = trial.write(), trial.folder.at("nothing-is-here")
            refused = trial.load(one_file(path, (-1, 9))).answer
            assert refused.message, f"{refused.code} has no message"
            failed = trial.load(one_file(missing, (0, 9))).answer
            assert missing in failed.message, f"{failed.message!r} doesn't name {missing}"

    def test_a_failure_counts_nothing_as_done(self, tmp_path: object) -> None:
        """A refused batch has done no span, and `ok` says no."""
        with self.trial(tmp_path) as trial:
            answer = trial.load(one_file(trial.write(), (0, 9), (-1, 9))).answer
            counted = answer.ok, answer.nspans, answer.nbytes
            assert counted == (False, 0, 0), f"a refused batch has done {counted}"
