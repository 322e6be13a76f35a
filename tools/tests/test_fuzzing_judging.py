"""How the lane fuzz judges one answer of a parser: its facts, its byte, its windows, its lists."""

import math

import numpy as np
import pytest

from emel_model_format import Metadata, NeedMore, PackedArrays, PackedStrings, Refusal, parse
from emel_tools.fuzzing import case, gguf_files, headers, json_files, judging
from emel_tools.fuzzing.case import refused
from emel_tools.fuzzing.json_places import KEY, byte_of
from emel_tools.fuzzing.testing import OTHER, SHARED, VALID, answering


@pytest.mark.behaviour("GATE-53")
@pytest.mark.parametrize(
    ("data", "answer", "rule"),
    [
        (SHARED, parse(VALID, len(VALID)), "accepted"),
        (VALID, Refusal("overlapping-data", 0, "no"), "refused"),
        (VALID, parse(OTHER, len(OTHER)), "differs"),
        (VALID, NeedMore(9), "answer"),
        (VALID, ZeroDivisionError("oh"), "raised"),
        (SHARED, Refusal("overlapping-data", 99999, "no"), "answer"),
        (SHARED, Refusal("overlapping-data", 0, "no\x1b"), "answer"),
        (SHARED, Refusal("overlapping-data", 0, "no", supported=False), "answer"),
    ],
)
def test_an_answer_that_the_oracle_does_not_give_is_wrong(monkeypatch, data, answer, rule):
    assert judging.judge(data)[0] is None
    answering(monkeypatch, answer)
    wrong, _ = judging.judge(data)
    assert wrong is not None
    assert wrong.rule == rule
    assert wrong.expected != wrong.got


NEGATIVE = json_files.JSONFile((json_files.item("a", "U8", (-4,), 0, 0).text(),), 0).data()
TWICE = gguf_files.GGUFFile(entries=(gguf_files.Entry(b"a"), gguf_files.Entry(b"a"))).data()
NESTED = gguf_files.GGUFFile(
    entries=tuple(
        gguf_files.Entry(name, (nbytes,), 24, begin, nbytes)
        for name, begin, nbytes in ((b"a", 0, 64), (b"b", 40, 4), (b"c", 4, 4))
    )
).data()
ENDED = gguf_files.GGUFFile(keys=((b"k", 8, b"\7" + bytes(7)),)).header()[0]


@pytest.mark.behaviour("GATE-53")
@pytest.mark.parametrize(
    ("data", "rule", "places"),
    [
        (SHARED, "overlapping-data", [SHARED.index(b'"b"')]),
        (NESTED, "overlapping-data", [24 + 8 + 1 + 4 + 8 + 4 + 8]),
        (SHARED.replace(b"[4]", b"[-]"), "invalid-json", [SHARED.index(b"[4]") + 1]),
        (SHARED.replace(b'"b"', b'"\xff"'), "invalid-utf8", [SHARED.index(b'"b"') + 1]),
        (NEGATIVE, "negative-number", [NEGATIVE.index(b"-4")]),
        (TWICE, "duplicate-tensor-name", [24 + 8 + 1 + 4 + 8 + 4 + 8]),
        (ENDED, "length-beyond-file", [24 + 8 + 1 + 4]),
        (ENDED[:20], "truncated", [20]),
    ],
)
def test_a_refusal_at_another_byte_is_wrong(monkeypatch, data, rule, places):
    assert judging.judge(data, alone=True) == (None, rule)
    named = parse(data, len(data)).tensor
    for place in places:
        answering(monkeypatch, Refusal(rule, place, "no", tensor=named))
        assert judging.judge(data, alone=True)[0] is None
        answering(monkeypatch, Refusal(rule, max(place - 8, 1), "no"))
        wrong, _ = judging.judge(data, alone=True)
        assert wrong.rule == "place"
        assert f"{rule} at byte" in wrong.expected
    # Where several rules are broken, another one may be heard first, and elsewhere.
    assert judging.judge(data)[0] is None or rule == "truncated"


@pytest.mark.behaviour("GATE-53")
@pytest.mark.parametrize(("data", "name"), [(SHARED, "b"), (NESTED, "b"), (TWICE, "a")])
def test_a_refusal_that_names_another_tensor_is_wrong(monkeypatch, data, name):
    right = parse(data, len(data))
    assert right.tensor == name
    for other in ("c", None):
        answering(monkeypatch, Refusal(right.rule, right.offset, "no", tensor=other))
        wrong, _ = judging.judge(data, alone=True)
        assert wrong[:3] == ("tensor", f"the tensor {name!r}", repr(other))
        assert judging.judge(data)[0] is None


@pytest.mark.behaviour("GATE-53")
def test_of_a_refusal_at_another_byte_a_rule_that_is_another_is_told_first(monkeypatch, tmp_path):
    answering(monkeypatch, Refusal("hole-in-data", 9, "no"))
    (tmp_path / headers.SOURCES).mkdir(parents=True)
    run = headers._Run(tmp_path, tmp_path / "kept", 0, full=False)
    run.case(refused("overlapping-data", "shared", SHARED), "shared", "spans")
    (finding,) = run.found.values()
    assert finding.what.startswith("shared: expected overlapping-data, got hole-in-data at byte 9 ")


@pytest.mark.behaviour("GATE-54")
def test_shapes_that_come_around_leave_few_elements_and_more_than_the_axes_before():
    for shape, left in case.wrapped():
        made = np.cumprod(np.array(shape, np.uint64))
        assert math.prod(shape) > 2**64
        assert left == made[-1] < 10_000
        assert made.tolist() == sorted(made.tolist())


@pytest.mark.behaviour("GATE-53")
def test_a_path_into_json_leads_to_its_byte():
    text = ' {"ü": [1, {"a\\"b": [ ], "c":"}"}] , "d" : ' + "9" * 5000 + "}"
    data = text.encode()
    for path, found in (
        ((), b"{"),
        ((0, KEY), '"ü"'.encode()),
        ((0,), b"[1"),
        ((0, 1), b'{"a'),
        ((0, 1, 0), b"[ ]"),
        ((0, 1, 1, KEY), b'"c"'),
        ((0, 1, 1), b'"}"'),
        ((1, KEY), b'"d"'),
        ((1,), b"999"),
    ):
        assert byte_of(text, path) == data.index(found)


WORDS = gguf_files.GGUFFile()
WORDS = gguf_files.GGUFFile(
    keys=(
        (b"w", 9, WORDS.array(8, [WORDS.text(b"%d" % i) for i in range(5)])),
        (b"a", 9, WORDS.array(9, [WORDS.array(0, [bytes([i])]) for i in range(5)])),
    )
).data()


@pytest.mark.behaviour("GATE-53")
def test_metadata_that_raises_when_it_is_read_is_wrong_and_ends_nothing(monkeypatch):
    monkeypatch.setattr(PackedStrings, "raw", lambda _self, _i: 1 // 0)
    monkeypatch.setattr(PackedStrings, "__iter__", lambda _self: 1 // 0)
    found = judging.judge(WORDS)[0], judging.judge_windows(WORDS, len(WORDS))
    for wrong in (*found, judging.judge_lists(WORDS, len(WORDS))):
        assert (wrong.rule, wrong.got.split(":")[0]) == ("raised", "ZeroDivisionError")


@pytest.mark.behaviour("GATE-53")
@pytest.mark.parametrize("kind", [PackedStrings, PackedArrays])
@pytest.mark.parametrize(
    ("asked", "broken"),
    [
        ("slice(1, 3, None)", lambda i: slice(1, 2) if i == slice(1, 3) else i),
        (
            "slice(None, None, -1)",
            lambda i: slice(None, 0, -1) if i == slice(None, None, -1) else i,
        ),
        ("[-1]", lambda i: -2 if i == -1 else i),
        ("[5]", lambda i: 4 if i == 5 else i),
    ],
)
def test_an_array_that_is_read_otherwise_than_a_list_is_wrong(monkeypatch, kind, asked, broken):
    assert judging.judge_lists(WORDS, len(WORDS)) is None
    right = kind.__getitem__
    monkeypatch.setattr(kind, "__getitem__", lambda self, i: right(self, broken(i)))
    # What is beyond the end ends an iteration, so that there it shows.
    wrong = judging.judge_lists(WORDS, len(WORDS))
    assert wrong.rule == "list"
    assert asked in wrong.expected or asked == "[5]"


@pytest.mark.behaviour("GATE-53")
def test_an_iteration_that_swaps_two_strings_is_wrong(monkeypatch):
    monkeypatch.setattr(PackedStrings, "__iter__", lambda self: iter([self[0], *self[2:0:-1]]))
    assert judging.judge_lists(WORDS, len(WORDS)).expected.startswith("[*'w']")


@pytest.mark.behaviour("GATE-53")
def test_an_answer_that_depends_on_how_much_was_given_is_wrong(monkeypatch):
    assert judging.judge_windows(VALID, len(VALID)) is None
    monkeypatch.setattr(
        judging,
        "parse",
        lambda data, n: parse(VALID, n) if len(data) == len(VALID) else NeedMore(len(data)),
    )
    assert judging.judge_windows(VALID, len(VALID)).rule == "window"


@pytest.mark.behaviour("GATE-53")
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda data, n: parse(data, n) if len(data) == n else NeedMore(len(data) + 1), "windows"),
        (lambda data, n: parse(VALID, n) if len(data) >= 60 else parse(data, n), "asked for at"),
        (lambda data, n: parse(data, n) if n - len(data) != 5 else 1 // 0, "an answer"),
    ],
)
def test_a_parser_that_asks_byte_by_byte_or_is_content_with_a_byte_less_is_wrong(
    monkeypatch, wrong, told
):
    assert parse(VALID[:60], len(VALID)) == NeedMore(61)
    monkeypatch.setattr(judging, "parse", wrong)
    assert told in judging.judge_windows(VALID, len(VALID)).expected


@pytest.mark.behaviour("GATE-53")
@pytest.mark.parametrize(
    ("answer", "rule", "heard"),
    [
        (ValueError("oh"), "raised", "raised"),
        (Refusal("a", 6, "oh"), "place", "a"),
        (Refusal("a", 5, "oh"), "", "a"),
        (NeedMore(9), "", "need-more"),
        (parse(VALID, len(VALID)), "", ""),
    ],
)
def test_of_the_beginning_of_a_file_the_byte_is_held_to_the_cases(monkeypatch, answer, rule, heard):
    answering(monkeypatch, answer)
    wrong, told = judging.judge_claimed(VALID, 1000, 5)
    assert ("" if wrong is None else wrong.rule, told) == (rule, heard)


@pytest.mark.behaviour("GATE-53")
def test_each_value_is_spelled_by_its_kind():
    values = (True, 1, 1.0, "a", np.arange(2, dtype="<u2"), None)
    spelled = [judging.spelled(value) for value in values]
    assert [each[0] for each in spelled] == ["bool", "int", "float", "text", "numbers", "?"]
    assert judging.spelled(-0.0) != judging.spelled(0.0)


@pytest.mark.behaviour("GATE-53")
def test_metadata_that_is_counted_wrong_is_wrong(monkeypatch):
    monkeypatch.setattr(Metadata, "__len__", lambda _: 3)
    wrong = judging.judge_lists(WORDS, len(WORDS))
    assert (wrong.expected, wrong.got) == ("len(metadata) with 2", "3")


@pytest.mark.behaviour("GATE-53")
def test_a_file_that_is_refused_may_be_so_with_a_byte_less_than_was_asked_for(monkeypatch):
    refusal = Refusal("a", 1, "no")
    monkeypatch.setattr(judging, "parse", lambda data, _: refusal if data else NeedMore(40))
    assert judging.judge_windows(VALID, len(VALID)) is None
