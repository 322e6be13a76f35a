"""What the lane fuzz makes of a failure: whom it is blamed on, and how it is made small."""

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from emel_io_loader import TargetOutcome, TargetRefusal
from emel_io_read import Port, ReadStrategy
from emel_model_format import parse
from emel_model_tensor import SetOutcome, TensorSet
from emel_tools.fuzzing import (
    columns,
    copying,
    corpus,
    games,
    headers,
    judging,
    ports,
    residency,
    run,
    spans,
)
from emel_tools.fuzzing.case import accepted, refused
from emel_tools.fuzzing.shrinking import cause_of
from emel_tools.fuzzing.testing import OTHER, SHARED, VALID

ROOT = Path(__file__).resolve().parents[2]
SPANS = [[2, 4096, 126976], [1, 93117, 5000], [0, 1, 131071]]
BAD = ["bad", [[0, 856], [2, 25785]]]


@pytest.mark.behaviour("GATE-59")
def test_a_commit_before_the_first_binding_is_played(monkeypatch):
    for moves, expected in (
        ([["commit", [True], 0]], "NOTHING_PLANNED"),
        ([["bind", "fine"], ["plan", [1], "copies"], ["commit", [True], "stale"]], "RESULTS_"),
    ):
        reached = set()
        assert residency.RESIDENCY.play(moves, reached) == ""
        assert any(name.startswith(expected) for name in reached)
        with monkeypatch.context() as patch:
            report = replace(TensorSet().evict([]), outcome=SetOutcome.OK)
            patch.setattr(TensorSet, "commit_load", lambda *_, report=report: report)
            assert expected in residency.RESIDENCY.play(moves, set())


@pytest.mark.behaviour("GATE-58")
@pytest.mark.parametrize(
    ("heard", "moves"),
    [
        ("targets-missing", [["target", 0, 0, 1], ["none"]]),
        ("targets-differ", [["target", 0, 0, 1], ["missing"]]),
        ("targets-differ", [["target", 0, 0, 1], ["target", 3, 0, 1]]),
        ("target-read-only", [["buffers", ["bytes"], 8], ["target", 0, 0, 0], ["target", 0, 0, 1]]),
        ("target-too-small", [["target", 0, 8, 0], ["target", 0, 8, 1]]),
        ("targets-overlap", [["target", 0, at, 2] for at in (5, 0, 6, 1)]),
        ("ok", [["target", 0, 0, 4], ["target", 0, 4, 4], ["target", 0, 2, 0]]),
    ],
)
def test_of_targets_the_first_that_breaks_a_rule_has_to_be_named(monkeypatch, heard, moves):
    reached = set()
    assert spans.TARGETS.play(moves, reached) == ""
    assert reached == {heard}
    wrong = TargetRefusal(9, TargetOutcome.TARGETS_OVERLAP, "no")
    monkeypatch.setattr(spans, "validate_targets", lambda *_: wrong)
    assert "expected, got targets-overlap at 9" in spans.TARGETS.play(moves, reached)


@pytest.mark.behaviour("GATE-59")
@pytest.mark.parametrize("kind", [copying.READ, copying.STAGED])
def test_bytes_that_nobody_can_read_fail_a_batch_that_wants_them(kind):
    reached = set()
    assert kind.play([BAD, ["load", SPANS, 1], ["load", SPANS[1:2], 1]], reached) == ""
    assert reached == {"read-failed", "ok"}


@pytest.mark.behaviour("GATE-59")
def test_where_staged_spans_overlap_any_may_be_blamed(monkeypatch):
    moves = [BAD, ["load", [[1, 0, 10], [0, 0, 2000], [0, 500, 2000]], 1]]
    assert copying.STAGED.play(moves, set()) == ""


@pytest.mark.behaviour("GATE-59")
def test_all_tensors_that_are_refused_have_to_be_named(monkeypatch):
    moves = [["bind", "fine"], ["evict", [1, 2]]]
    assert residency.RESIDENCY.play(moves, set()) == ""
    evict = TensorSet.evict
    monkeypatch.setattr(
        TensorSet,
        "evict",
        lambda self, index: replace(evict(self, index), tensors=np.array(index[:1])),
    )
    assert "(why, tensors)" in residency.RESIDENCY.play(moves, set())


@pytest.mark.behaviour("GATE-59")
def test_the_first_of_two_spans_that_fail_has_to_be_named(monkeypatch):
    class Last(ReadStrategy):
        def load(self, *words, **named):
            answer = super().load(*words, **named)
            return answer if answer.ok else replace(answer, index=2)

    monkeypatch.setattr(copying, "ReadStrategy", Last)
    found = copying.READ.play([BAD, ["load", SPANS, 1]], set())
    assert "span [0] blamed expected, got 2" in found


@pytest.mark.behaviour("GATE-59")
def test_targets_that_lie_as_the_file_does_are_read_in_place(monkeypatch):
    moves = [["make", 1, True], ["lie", [[1, 1, 131071], [0, 5, 2]], 1]]
    reached = set()
    assert copying.READ.play(moves, reached) == ""
    assert reached == {"ok", "in place"}

    class Torn(ReadStrategy):
        def load(self, spans, targets, **named):
            answer = super().load(spans, targets, **named)
            np.frombuffer(targets.buffers[0], np.uint8)[5] ^= 1
            return answer

    monkeypatch.setattr(copying, "ReadStrategy", Torn)
    assert "the bytes of span 0 expected" in copying.READ.play(moves, set())


@pytest.mark.behaviour("GATE-56")
def test_what_is_made_small_fails_for_the_reason_that_was_found(tmp_path):
    def play(moves, _reached):
        sizes = [m[1] for m in moves if m[0] == "size"]
        wrong = [m[1] for m in moves if m[0] == "n" and m[1] > sizes[0]]
        return f"at most {sizes} expected, got {wrong}" if wrong else ""

    moves = [["size", 5], *(["n", i] for i in range(9))]
    game = games.Game("toy", lambda _: moves, play, 1)
    (finding,) = games.check(tmp_path, tmp_path / "k", "p", [game], 0, full=False).findings
    assert finding.what.startswith("at most [5] expected, got [8] (seed")
    broken = game._replace(play=lambda some, _: str(some[99]))
    (finding,) = games.check(tmp_path, tmp_path / "k", "p", [broken], 0, full=False).findings
    assert (
        "IndexError: list index out of range, in <lambda> of test_fuzzing_games.py" in finding.what
    )


@pytest.mark.behaviour("GATE-56")
@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("3 leases expected, got 2", "1 leases expected, got 0", True),
        ("[(1, {2: 'a'})] expected, got None", "[] expected, got None", True),
        ("ok expected, got late", "ok expected, got early", False),
        ("KeyError: 'a', in f of a.py", "KeyError: 'b', in g of a.py", False),
    ],
)
def test_the_cause_of_a_finding_is_what_it_says_without_the_values(one, other, alike):
    assert (cause_of(one) == cause_of(other)) is alike


@pytest.mark.behaviour("GATE-56")
def test_a_round_of_columns_without_its_tensors_is_not_lost():
    moves = columns.COLUMNS.draw(Random(0))
    for left_out in range(len(moves)):
        assert columns.COLUMNS.play(moves[:left_out] + moves[left_out + 1 :], set()) == ""


@pytest.mark.behaviour("GATE-56")
def test_a_mutated_file_is_made_small_for_the_reason_that_was_found(monkeypatch, tmp_path):
    def broken(data, _nbytes):
        return {}["here"] if b"shape" in bytes(data) else 1 // 0

    monkeypatch.setattr(judging, "parse", broken)
    found = judging.judge(VALID)[0]
    (tmp_path / headers.SOURCES).mkdir(parents=True)
    game = headers._Run(tmp_path, tmp_path / "kept", 0, full=False)
    game.shrink(VALID, found)
    game.shrink(VALID[:50], judging.judge(VALID[:50])[0])
    (finding,) = game.found.values()
    assert "KeyError: 'here'" in finding.what
    (kept,) = (tmp_path / "kept").glob("*.txt")
    assert corpus.Entry(kept, "", "", kept.read_text().partition("\n\n")[2]).data == b"shape"


@pytest.mark.behaviour("GATE-53")
def test_the_line_that_is_told_of_is_one_of_the_parser_of_the_file(tmp_path):
    game = headers._Run(ROOT, tmp_path, 0, full=False)
    names = {path.name for path in (ROOT / headers.SOURCES).glob("*.py")}
    assert names >= headers._GGUF | headers._SAFETENSORS
    wrong = judging.Wrong("accepted", "a refusal", "a header")
    for rule, ours, theirs in (
        ("nested-too-deep", "_walk.py", "_json_scan.py"),
        ("unknown-tensor-type", "_rules.py", "_json_scan.py"),
        ("duplicate-metadata-key", "_gguf.py", "_json_scan.py"),
        ("header-over-limit", "_walk.py", "_safetensors.py"),
        ("overlapping-data", "_rules.py", "_rules.py"),
    ):
        for data, name in ((b"GGUF", ours), (VALID, theirs)):
            assert game.site_of(data, wrong, {rule}).file.name == name
            refusal = judging.Wrong("refused", "a header", f"{rule}: oh", rule)
            assert game.site_of(data, refusal, {"accepted"}).file.name == name
        assert game.site_of(VALID, judging.Wrong("window", "a", "b"), {rule}) is None


@pytest.mark.behaviour("GATE-56")
def test_mutations_begin_with_the_first_file_of_each_kind(monkeypatch, tmp_path):
    monkeypatch.setattr(headers, "MUTATIONS", 9)
    monkeypatch.setattr(headers, "POOL", 2)
    game = headers._Run(tmp_path, tmp_path / "kept", 0, full=False)
    kinds = [headers._kind("a", accepted(label, b"")) for label in ("one", "two")]
    game.files = dict(zip(kinds, (VALID, OTHER), strict=True))
    game.mutate()
    assert game.counts["mutations"] == 9
    assert game.found == {}
    header = parse(VALID, len(VALID))
    monkeypatch.setattr(judging, "parse", lambda *_: header)
    game.mutate()
    assert {rule for rule, _ in game.found} <= {"accepted", "differs"}
    assert game.found


@pytest.mark.behaviour("GATE-54")
def test_another_rule_than_the_one_that_is_broken_is_found(monkeypatch, tmp_path):
    game = headers._Run(tmp_path, tmp_path / "kept", 0, full=False)
    for _ in range(2):
        game.case(refused("hole-in-data", "one byte shared", SHARED), "shared", "spans")
        game.case(accepted("fine", VALID), "fine", "spans")
    (finding,) = game.found.values()
    assert finding.rule == "rule"
    assert "expected hole-in-data, got overlapping-data" in finding.what


@pytest.mark.behaviour("GATE-56")
@pytest.mark.parametrize(
    "shard", [name for name in run.SHARDS if "model_" not in name or "tensor" in name]
)
def test_rounds_of_each_game_are_not_lost(shard):
    for game in run.games_of(shard):
        assert [game.play(game.draw(Random(seed)), set()) for seed in range(12)] == [""] * 12


@pytest.mark.behaviour("GATE-59")
@pytest.mark.parametrize("error", [OSError("no"), NotImplementedError("no")])
def test_where_nothing_is_read_directly_a_disk_reads_all_the_same(tmp_path, error):
    def open_direct(_path):
        raise error

    path = tmp_path / "a"
    path.write_bytes(b"abcd")
    calls = replace(Port(), open_direct=open_direct)
    disk = ports.Disk(calls)
    under = disk.under(calls)
    descriptor = under.open_direct(str(path))
    got = bytearray(4)
    assert under.preadv(descriptor, [memoryview(got)], 0) == 4
    under.close(descriptor)
    assert got == b"abcd"
    assert len(disk.landed) == 1
