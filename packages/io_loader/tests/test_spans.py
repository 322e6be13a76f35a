import ast
import builtins
import itertools
import os
from pathlib import Path

import numpy as np
import pytest

import emel_io_loader
from emel_io_loader import FileIdentity, SpanOutcome, Spans, plan, validate
from emel_io_loader import spans as spans_module
from emel_io_loader.spans import INT64_MAX, NBYTES_MAX, PATH_NBYTES_MAX, RULES, SpanRule

OUTCOME_OF_NUMBERS = [
    pytest.param((-1, 0, 1), SpanOutcome.FILE_UNKNOWN, id="file-negative"),
    pytest.param((1, 0, 1), SpanOutcome.FILE_UNKNOWN, id="file-too-high"),
    pytest.param((2**64, 0, 1), SpanOutcome.FILE_UNKNOWN, id="file-beyond-int64"),
    pytest.param((0, -1, 1), SpanOutcome.OFFSET_NEGATIVE, id="offset-negative"),
    pytest.param((0, -(2**70), 1), SpanOutcome.OFFSET_NEGATIVE, id="offset-below-int64"),
    pytest.param((0, 0, -1), SpanOutcome.NBYTES_NEGATIVE, id="nbytes-negative"),
    pytest.param((0, 0, -(2**63)), SpanOutcome.NBYTES_NEGATIVE, id="nbytes-lowest-int64"),
    pytest.param((0, INT64_MAX, 1), SpanOutcome.SPAN_OVERFLOWS, id="sum-is-2-to-63"),
    pytest.param((0, 2**63, 0), SpanOutcome.SPAN_OVERFLOWS, id="offset-beyond-int64"),
    pytest.param((0, 2**200, 2**200), SpanOutcome.SPAN_OVERFLOWS, id="both-beyond-int64"),
    pytest.param((0, 0, 2**64), SpanOutcome.SPAN_OVERFLOWS, id="nbytes-beyond-int64"),
    pytest.param((0, 0, NBYTES_MAX + 1), SpanOutcome.SPAN_TOO_LARGE, id="nbytes-past-2-to-40"),
]
BAD_PATHS = [
    pytest.param("", SpanOutcome.PATH_EMPTY, id="empty"),
    pytest.param("a" * (PATH_NBYTES_MAX + 1), SpanOutcome.PATH_TOO_LONG, id="long"),
    pytest.param("é" * 2048, SpanOutcome.PATH_TOO_LONG, id="long-in-bytes-and-not-characters"),
    pytest.param("𐀀" * 1024, SpanOutcome.PATH_TOO_LONG, id="long-of-four-bytes-a-character"),
    pytest.param("a\0b", SpanOutcome.PATH_HAS_NUL, id="nul"),
    pytest.param("\0" + "a" * 4096, SpanOutcome.PATH_TOO_LONG, id="long-before-nul"),
    pytest.param("\ud800" * 2000, SpanOutcome.PATH_TOO_LONG, id="long-and-not-text"),
]


def one(file=0, offset=0, nbytes=1, path="a"):
    return Spans([path], [file], [offset], [nbytes])


@pytest.mark.behaviour("SPAN-01", "SPAN-02")
@pytest.mark.parametrize(("numbers", "outcome"), OUTCOME_OF_NUMBERS)
def test_numbers_that_break_a_rule_are_refused_with_its_outcome(numbers, outcome):
    refusal = validate(one(*numbers))

    assert refusal is not None
    assert (refusal.span, refusal.outcome) == (0, outcome)


@pytest.mark.behaviour("SPAN-01")
@pytest.mark.parametrize(("path", "outcome"), BAD_PATHS)
def test_a_path_that_breaks_a_rule_is_refused_with_its_outcome(path, outcome):
    refusal = validate(one(path=path))

    assert refusal is not None
    assert (refusal.span, refusal.outcome) == (0, outcome)


@pytest.mark.behaviour("SPAN-01")
def test_every_outcome_of_validation_is_covered_here():
    covered = {param.values[1] for param in (*OUTCOME_OF_NUMBERS, *BAD_PATHS)}

    assert covered == set(SpanOutcome) - {SpanOutcome.OK, SpanOutcome.LENGTHS_DIFFER}


@pytest.mark.behaviour("SPAN-01")
@pytest.mark.parametrize(
    ("lengths", "span"), [((2, 3, 3), 2), ((3, 1, 3), 1), ((3, 3, 0), 0), ((0, 1, 1), 0)]
)
def test_columns_of_different_lengths_are_refused_at_the_first_missing_span(lengths, span):
    refusal = validate(Spans(["a"], *([0] * n for n in lengths)))

    assert refusal is not None
    assert (refusal.span, refusal.outcome) == (span, SpanOutcome.LENGTHS_DIFFER)
    assert all(str(n) in refusal.message for n in lengths)


@pytest.mark.behaviour("SPAN-01")
def test_identities_that_are_not_one_a_file_are_refused():
    spans = Spans(["a", "b"], [0], [0], [1], identities=[None])

    refusal = validate(spans)

    assert refusal == (0, SpanOutcome.LENGTHS_DIFFER, "2 files have 1 identities")


@pytest.mark.behaviour("SPAN-01")
def test_the_first_bad_span_is_named_whichever_rule_it_breaks():
    # Span 2 breaks an earlier rule than span 1, and span 3 the same as span 1.
    spans = Spans(["a", ""], [0, 0, 1, 0], [0, 0, 0, 0], [1, 2**41, 1, 2**41])

    refusal = validate(spans)

    assert refusal is not None
    assert (refusal.span, refusal.outcome) == (1, SpanOutcome.SPAN_TOO_LARGE)


@pytest.mark.behaviour("SPAN-01")
def test_the_first_rule_wins_within_a_span():
    refusal = validate(Spans(["a", ""], [0, 1], [0, -1], [1, -1]))

    assert refusal is not None
    assert (refusal.span, refusal.outcome) == (1, SpanOutcome.PATH_EMPTY)


@pytest.mark.behaviour("SPAN-01")
@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((7, 0, 1), "span 0: its file index 7 is not one of 1 files"),
        ((0, -5, 1), "span 0: its offset -5 is negative"),
        ((0, 2**70, 1), f"span 0: its offset {2**70} plus its size 1 is past 2^63 - 1"),
        ((0, 0, 2**41), f"span 0: its size {2**41} is past 2^40 ({2**40}) bytes"),
    ],
)
def test_the_message_has_the_numbers(numbers, text):
    refusal = validate(one(*numbers))

    assert refusal is not None
    assert refusal.message == text


@pytest.mark.behaviour("SPAN-01")
def test_a_bad_path_that_no_span_uses_is_no_defect():
    assert validate(Spans(["a", "", "\0", "\ud800"], [0], [0], [1])) is None


@pytest.mark.behaviour("SPAN-01")
@pytest.mark.parametrize("unknown", [-1, 2, 2**64])
def test_a_file_that_is_unknown_is_not_looked_up_among_the_bad_paths(unknown):
    refusal = validate(Spans(["a", ""], [unknown, 1], [0, 0], [1, 1]))

    assert refusal is not None
    assert (refusal.span, refusal.outcome) == (0, SpanOutcome.FILE_UNKNOWN)


@pytest.mark.behaviour("SPAN-01")
def test_no_files_make_every_span_unknown():
    refusal = validate(Spans([], [0], [0], [0]))

    assert refusal is not None
    assert refusal.outcome is SpanOutcome.FILE_UNKNOWN


@pytest.mark.behaviour("SPAN-03")
@pytest.mark.parametrize(
    "spans",
    [
        pytest.param(Spans([], [], [], []), id="nothing"),
        pytest.param(Spans(["a"], [], [], []), id="no-spans"),
        pytest.param(one(nbytes=0), id="zero-bytes"),
        pytest.param(one(offset=INT64_MAX, nbytes=0), id="zero-bytes-at-the-last-offset"),
        pytest.param(one(nbytes=NBYTES_MAX), id="largest"),
        pytest.param(one(offset=INT64_MAX - NBYTES_MAX, nbytes=NBYTES_MAX), id="furthest"),
        pytest.param(one(path="a" * PATH_NBYTES_MAX), id="longest-path"),
        pytest.param(one(path="caf\udce9"), id="a-byte-that-is-not-utf-8"),
        pytest.param(one(path="a\ud800b"), id="half-a-surrogate-pair-is-for-the-system-to-refuse"),
    ],
)
def test_what_is_legal_keeps_the_rules(spans):
    assert validate(spans) is None


@pytest.mark.behaviour("SPAN-02")
@pytest.mark.parametrize(
    "offsets",
    [
        pytest.param([-1, 2**63], id="numpy-would-make-floats-of-these"),
        pytest.param([2**63, -1], id="the-other-way-round"),
        pytest.param([-1, 2**63 + 1, 2**64], id="beyond-uint64"),
        pytest.param((-(2**64), 2**63 - 1), id="a-tuple"),
        pytest.param(np.array([0, 2**64 - 1], np.uint64), id="uint64"),
        pytest.param(np.array([-(2**63), 5], np.int64), id="int64"),
        pytest.param([np.int64(-3), np.uint64(2**63)], id="numpy-scalars"),
    ],
)
def test_integers_of_any_size_stay_exact(offsets):
    spans = Spans(["a"], [0] * len(offsets), offsets, [0] * len(offsets))

    assert spans.offset.tolist() == [int(offset) for offset in offsets]
    assert {type(offset) for offset in spans.offset.tolist()} == {int}
    assert validate(spans) is not None


@pytest.mark.behaviour("SPAN-02")
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64, ">i8", object])
def test_integers_that_fit_become_int64(dtype):
    spans = Spans(["a"], np.zeros(3, dtype), np.array([1, 2, 3], dtype), np.ones(3, dtype))

    assert [c.dtype for c in (spans.file, spans.offset, spans.nbytes)] == [np.int64] * 3
    assert spans.offset.tolist() == [1, 2, 3]


@pytest.mark.behaviour("SPAN-02")
@pytest.mark.parametrize(
    "column",
    [
        pytest.param([1.0], id="float"),
        pytest.param([1, 2.5], id="one-float-among-integers"),
        pytest.param([True], id="bool"),
        pytest.param(["1"], id="text"),
        pytest.param([None], id="none"),
        pytest.param(np.array([1.0]), id="float-array"),
        pytest.param([[1]], id="two-dimensions"),
        pytest.param(1, id="no-dimension"),
    ],
)
def test_what_is_not_a_column_of_integers_is_a_type_error(column):
    with pytest.raises(TypeError, match="a column"):
        Spans(["a"], [0], column, [1])


@pytest.mark.behaviour("SPAN-03")
def test_an_identity_is_found_by_the_index_of_its_file():
    known = FileIdentity(1, 2, 3, 4)
    spans = Spans(["a", "b"], [1], [0], [1], identities=[None, known])

    assert (spans.identity(0), spans.identity(1)) == (None, known)
    assert one().identity(0) is None


@pytest.mark.behaviour("SPAN-02")
def test_taken_spans_come_in_the_asked_order_over_the_same_files():
    known = FileIdentity(1, 2, 3, 4)
    spans = Spans(["a", "b"], [0, 1, 0], [10, 20, 2**64], [1, 2, 3], identities=[known, None])

    taken = spans.take(np.array([2, 0, 2]))

    assert (taken.files, taken.identities) == (spans.files, spans.identities)
    assert taken.file.tolist() == [0, 0, 0]
    assert taken.offset.tolist() == [2**64, 10, 2**64]
    assert taken.nbytes.tolist() == [3, 1, 3]


@pytest.mark.behaviour("SPAN-03")
def test_no_spans_can_be_taken():
    assert len(one().take(np.empty(0, np.intp))) == 0


@pytest.mark.behaviour("SPAN-04")
def test_building_validating_and_planning_call_nothing_outside(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a call to the operating system")

    with monkeypatch.context() as patch:
        for name in ("open", "stat", "lstat", "fstat", "access", "fsencode", "fspath"):
            patch.setattr(os, name, refuse)
        patch.setattr(builtins, "open", refuse)
        spans = Spans(["/etc/hostname", "/nowhere"], [0, 1], [0, 4096], [4, 4])
        refusal, runs = validate(spans), plan(spans, gap_nbytes=0, over_read=0, run_nbytes=1)

    assert refusal is None
    assert len(runs) == 2


@pytest.mark.behaviour("SPAN-04")
def test_no_module_imports_what_could_call_outside():
    allowed = {
        *("__future__", "collections", "dataclasses", "enum", "errno", "inspect", "itertools"),
        *(
            "bisect",
            "math",
            "operator",
            "types",
            "typing",
            "weakref",
            "zlib",
            "numpy",
            "emel_io_loader",
            "emel_machine",
        ),
    }
    imported = set()
    for path in Path(emel_io_loader.__file__).parent.glob("[!.]*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])

    assert imported <= allowed
    assert "emel_machine" in imported  # the walk has found something


@pytest.mark.behaviour("SPAN-05")
@pytest.mark.parametrize(
    ("now", "text"),
    [
        pytest.param((1, 2, 30, 4), "", id="same"),
        pytest.param((9, 2, 30, 4), "another file stands at this path", id="device"),
        pytest.param((1, 9, 99, 9), "another file stands at this path", id="inode"),
        pytest.param((1, 2, 31, 4), "size 30 is now 31 bytes", id="size"),
        pytest.param((1, 2, 30, 5), "it was modified", id="time"),
        pytest.param((1, 2, 0, 5), "size 30 is now 0 bytes and it was modified", id="both"),
    ],
)
def test_an_identity_says_what_the_file_became(now, text):
    assert FileIdentity(1, 2, 30, 4).changes(FileIdentity(*now)) == text


NEAR = [-1, 0, 1, 2**40, 2**40 + 1, 2**63 - 2**40, 2**63 - 1, 2**63, -(2**63)]


@pytest.mark.behaviour("SPAN-01")
@pytest.mark.parametrize(
    ("path", "others"),
    [
        *((path, []) for path in ("a", "", "a\0", "x" * 4095, "x" * 4096, "\u00fc" * 2048)),
        ("\U00010000" * 1024, []),
        *itertools.product(("a", ""), ([(1, 7, 9)], [(1, 0, 0), (0, 2**63 - 2**40 - 1, 2**40)])),
    ],
)
def test_what_is_plain_at_first_sight_keeps_every_rule(path, others):
    plain = [
        spans
        for row in itertools.product((-1, 0, 1, 2), NEAR, NEAR)
        for rows in ([row, *others], [*others, row])
        if spans_module._are_plain(spans := Spans([path, "b"], *zip(*rows, strict=True)))
    ]

    assert bool(plain) == (path == "a")
    for spans in plain:
        assert not any(rule.broken(spans).any() for rule in RULES), spans


@pytest.mark.behaviour("SPAN-01")
@pytest.mark.parametrize("n", [1, 3])
def test_spans_that_keep_the_rules_are_plain_at_first_sight(n, monkeypatch):
    never = SpanRule(
        SpanOutcome.FILE_UNKNOWN, lambda spans: np.ones(len(spans), np.bool_), "{file}"
    )
    monkeypatch.setattr(spans_module, "RULES", (never,))
    columns = [0, 1, 1][:n], [0, 2**40, 2**62][:n], [2**40, 0, 9][:n]

    assert validate(Spans(["a", "b"], *columns)) is None
    assert validate(Spans(["a", ""], *columns)) == (0, SpanOutcome.FILE_UNKNOWN, "span 0: 0")
