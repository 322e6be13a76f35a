"""The lane determinism: what one process says otherwise than another is found."""

import os
import sys
from functools import partial
from pathlib import Path

import pytest

from emel_tools.determinism import samples, saying, variants
from emel_tools.determinism.disorder import age
from emel_tools.gates.determinism import LANE
from emel_tools.running import Job

SAID = """
import json, os, sys, time
folder, threads, order = sys.argv[1:]
names = [f"name {{i}}" for i in range(20)]
print(json.dumps({{"fine": "the same"}} | {{line: str(eval(line)) for line in {lines}}}))
"""
DIFFERING = {
    "list({*names})": "another hash seed",
    "threads": "1 thread",
    "order": "another order",
    "time.tzname": "time zone",
    "os.environ['TMPDIR']": "another folder",
    "folder": "another folder",
    "os.environ['LC_ALL']": "locale",
}
"""Lines, and the variant that each of them tells from the first run."""


def compared(tmp_path, *lines):
    (tmp_path / "said.py").write_text(SAID.format(lines=lines))
    return variants.compare(tmp_path, tmp_path / "kept", "said", variants.VARIANTS)[0]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """All that is found where every line differs: each process can say all of them."""
    return compared(tmp_path_factory.mktemp("said"), *DIFFERING)


@pytest.mark.behaviour("GATE-62")
def test_the_same_is_green_and_leaves_nothing(tmp_path):
    assert compared(tmp_path, "sorted({*names})") == []
    assert not (tmp_path / "kept").exists()


@pytest.mark.behaviour("GATE-62", "GATE-63")
@pytest.mark.parametrize(("line", "variant"), DIFFERING.items())
def test_what_differs_is_found_with_both_texts_and_the_variant(found, line, variant):
    findings = [finding for finding in found if finding.what.startswith(line)]
    assert any(variant in finding.what for finding in findings)
    for finding in findings:
        assert finding.what.startswith(f"{line}: with ")
        first, second = finding.what.split(" expected, got ")
        assert first.rpartition(": ")[2] != second.partition(" (")[0]


@pytest.mark.behaviour("GATE-62")
def test_a_line_that_is_missing_and_a_process_that_fails_are_found(tmp_path):
    base, other = {"a": "1", "b": "2"}, {"a": "1"}
    (finding,) = variants._differences("m.saying", variants.VARIANTS[0], base, other, set())
    assert "got 'nothing'" in finding.what
    (failed,) = compared(tmp_path, "1 // 0")
    assert failed.rule == "transcript"
    assert "ZeroDivisionError" in failed.what


@pytest.mark.behaviour("GATE-63")
def test_a_line_that_differs_in_several_variants_is_told_once(tmp_path):
    findings = compared(tmp_path, *(f"[*{{*names[{i}:]}}]" for i in range(8)))
    keys = [finding.what.partition(": with ")[0] for finding in findings]
    # Six by the first variant, and the other two by the next.
    assert [len(keys), len({*keys})] == [8, 8]
    assert all("(8 lines differ)" in finding.what for finding in findings)


@pytest.mark.behaviour("GATE-63")
def test_strategies_that_disagree_are_found(tmp_path):
    said = {"one, mmap: digest": "a b", "one, read: digest": "a b", "other, read: digest": "c"}
    assert list(variants._disagreements("m.saying", said)) == []
    said |= {"one, staged: digest": "b a", "one, staged: strategy": "why", "one, staged": "x"}
    (finding,) = variants._disagreements("m.saying", said)
    assert "one, staged: digest: 'a b' expected, as one, mmap: digest has it" in finding.what
    assert "got 'b a'" in finding.what
    (tmp_path / "said.py").write_text(f"import json; print(json.dumps({said!r}))")
    found, _ = variants.compare(tmp_path, tmp_path / "kept", "said", variants.VARIANTS[:1])
    assert [each.what for each in found] == [finding.what]


@pytest.mark.behaviour("GATE-63")
def test_listings_come_in_another_order_and_are_the_same(tmp_path, monkeypatch):
    for name in "abcdefgh":
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr(os, "listdir", os.listdir)
    monkeypatch.setattr(os, "scandir", os.scandir)
    before = list("abcdefgh")
    saying.shuffle_listings(3)
    listed = partial(os.listdir, tmp_path)
    assert listed() != before
    assert sorted(listed()) == before
    with os.scandir(tmp_path) as entries:
        found = [entry.name for entry in entries]
    assert found != before
    assert sorted(found) == before
    assert [place for place, _, _ in os.walk(tmp_path)] == [str(tmp_path)]


@pytest.mark.behaviour("GATE-63")
def test_files_are_as_old_as_the_order_says(tmp_path):
    (tmp_path / "deep").mkdir()
    paths = [tmp_path / name for name in ("a", "b", "c", "d", "deep/e")]
    ages = []
    for order in (1, 2, 1):
        for path in paths:
            path.write_bytes(b"")
        age(tmp_path, order)
        ages.append([path.stat().st_mtime_ns for path in paths])
    assert len({*ages[0]}) == len(paths)
    assert ages[0] == ages[2] != ages[1]


@pytest.mark.behaviour("GATE-63")
def test_the_transcript_speaks_of_digests_plans_residency_errors_and_commands(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["saying", str(tmp_path / "s"), "2", "0"])
    saying.main()
    text = capsys.readouterr().out
    for words in (
        "digest",
        "plan 3",
        "mmap: close of what is borrowed",
        "staged: missing files",
        "calls that fail",
        "a strategy that several have",
        "all loaded",
        "refusal of twice",
        "refusal of tensors-twice",
        "differences of alike and one",
        "$ emel verify",
        "files cut short, read",
        "empty_buffer of unknown names",
        "and b.7.weight share memory",
        "its target overlaps that of span",
        "shards of different kinds",
    ):
        assert words in text
    assert str(tmp_path) not in text
    assert len(samples.NAMES) == len({*samples.NAMES}) == samples.COUNT


@pytest.mark.behaviour("GATE-63")
def test_a_full_run_looks_at_more_variants(monkeypatch):
    asked = []

    def compare(_root, _folder, module, more):
        asked.append((module.rpartition(".")[2], len(more)))
        return [], "all"

    monkeypatch.setattr(variants, "compare", compare)
    for full in (False, True):
        [*LANE.run(Job(Path(), ("emel", "tools"), full, "", 1))]
    few, many = len(variants.VARIANTS), len(variants.VARIANTS) + len(variants.MORE)
    assert asked == [
        ("saying", few),
        ("reporting", 1),
        ("saying", many),
        ("reporting", many - few + 1),
    ]
