"""The lane fuzz: oracles that are right, findings that say what was found, a corpus that holds."""

import math
from pathlib import Path
from random import Random

import gguf
import numpy as np
import pytest
import safetensors.numpy

import emel
from emel_model_format import (
    parse,
)
from emel_tools.fuzzing import __main__ as explore
from emel_tools.fuzzing import (
    corpus,
    folders,
    games,
    gguf_files,
    headers,
    json_files,
    judging,
    planning,
    run,
    spans,
)
from emel_tools.fuzzing.case import accepted, refused
from emel_tools.fuzzing.covering import Steps, sites
from emel_tools.fuzzing.facts import BrokenError
from emel_tools.fuzzing.gguf_rules import read_gguf
from emel_tools.fuzzing.mutating import mutated
from emel_tools.fuzzing.safetensors_rules import read_safetensors
from emel_tools.fuzzing.shrinking import smallest
from emel_tools.fuzzing.testing import OTHER, SHARED, VALID, answering
from emel_tools.gates.fuzz import LANE
from emel_tools.running import Job
from emel_tools.workspace import packages

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.behaviour("GATE-53")
def test_a_parser_that_shares_bytes_between_tensors_is_found_with_the_file(monkeypatch, tmp_path):
    (tmp_path / headers.SOURCES).mkdir(parents=True)
    source = 'Rule("overlapping-data", None)\n'
    (tmp_path / headers.SOURCES / "_rules.py").write_text(source)
    cases = [refused("overlapping-data", "one byte shared", SHARED), accepted("fine", VALID)]
    monkeypatch.setattr(headers, "families", lambda _: (("spans", case) for case in cases))
    monkeypatch.setattr(headers, "MUTATIONS", 0)
    monkeypatch.setattr(headers, "POOL", 2)
    fine = headers.check(tmp_path, tmp_path / "kept", 0, full=False)
    assert fine.findings == []
    answering(monkeypatch, parse(VALID, len(VALID)))
    finding = headers.check(tmp_path, tmp_path / "kept", 0, full=False).findings[0]
    assert (finding.file, finding.line) == (f"{headers.SOURCES.as_posix()}/_rules.py", 1)
    assert finding.rule == "accepted"
    assert "two tensors share bytes" in finding.what
    (kept,) = (tmp_path / "kept").glob("*.txt")
    assert kept.relative_to(tmp_path).as_posix() in finding.what
    assert corpus.Entry(kept, "", "", kept.read_text().partition("\n\n")[2]).data == SHARED


@pytest.mark.behaviour("GATE-54")
def test_a_refusal_that_no_case_reaches_is_found(monkeypatch, tmp_path):
    (tmp_path / headers.SOURCES).mkdir(parents=True)
    text = 'def f():\n    refuse("never", 0)\nRule("overlapping-data", None)\n(b"X", "magic", "")\n'
    (tmp_path / headers.SOURCES / "_rules.py").write_text(text)
    cases = [refused("overlapping-data", "one byte shared", SHARED)]
    monkeypatch.setattr(headers, "families", lambda _: (("spans", case) for case in cases))
    monkeypatch.setattr(headers, "MUTATIONS", 0)
    monkeypatch.setattr(headers, "POOL", 1)
    found = headers.check(tmp_path, tmp_path / "kept", 0, full=False).findings
    assert [(f.line, f.rule) for f in found] == [(2, "unexercised"), (4, "unexercised")]
    assert "never" in found[0].what
    assert "magic" in found[1].what


@pytest.fixture(scope="module")
def cases():
    """All cases of all families, each with its family's name."""
    return list(headers.families(3))


@pytest.mark.behaviour("GATE-54")
def test_each_family_breaks_one_rule_and_has_twins_that_do_not(cases):
    kinds, arranged = {}, {True: set(), False: set()}
    for family, case in cases:
        kinds.setdefault(family, set()).add(case.rules)
        if family == "arranged":
            arranged[case.data.startswith(b"GGUF")].add(case.data)
    # Three tensors at 5 places and of 4 sizes, and four at 3 and of 3, in each format.
    assert [len(files) for files in arranged.values()] == [math.comb(22, 3) + math.comb(12, 4)] * 2
    lonely = [name for name, rules in kinds.items() if ("accepted",) not in rules]
    # Files cut short, limits of what is read and values of another type have no twin that is whole.
    alone = ["counts", "headers_over_limit", "kinds", "lookalikes", "truncations"]
    assert sorted(lonely) == alone
    rules = {rule for them in kinds.values() for each in them for rule in each}
    assert len(rules) > 45


@pytest.mark.behaviour("GATE-54")
def test_a_case_of_each_family_and_rule_gets_the_answer_that_it_expects(cases, tmp_path):
    game = headers._Run(ROOT, tmp_path, 0, full=False)
    first = {(family, case.rules): (case, case.label, family) for family, case in reversed(cases)}
    for each in first.values():
        game.case(*each)
    assert game.found == {}
    assert len(game.rules) > 45


@pytest.mark.behaviour("GATE-54")
def test_sites_are_calls_and_lines_of_tables(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(
        'refuse("one", 0)\nself.refuse(\n    "two",\n)\n'
        'refuse(rule)\nRule("three", f)\nother("x")\n'
    )
    found = sites([path], frozenset({"refuse"}), frozenset({"Rule"}))
    assert [(s.first, s.last, s.rule, s.is_table) for s in found] == [
        (1, 1, "one", False),
        (2, 4, "two", False),
        (5, 5, "", False),
        (6, 6, "three", True),
    ]


@pytest.mark.behaviour("GATE-54")
def test_steps_are_those_of_one_folder_and_new_ones_are_told(tmp_path):
    steps = Steps(Path(judging.__file__).parent)
    _, first = steps.watch(judging.expected_of, VALID)
    _, again = steps.watch(judging.expected_of, VALID)
    _, other = steps.watch(judging.expected_of, SHARED)
    assert (first, again, other) == (True, False, True)
    assert all(Path(file).parent.name == "fuzzing" for file, _ in steps.lines())


@pytest.mark.behaviour("GATE-55")
def test_the_oracle_reads_what_gguf_py_writes(tmp_path):
    path = tmp_path / "m.gguf"
    writer = gguf.GGUFWriter(path, "test", endianess=gguf.GGUFEndian.BIG)
    writer.add_custom_alignment(64)
    writer.add_array("a", ["x", "yz"])
    writer.add_tensor("t", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.add_tensor("u", np.arange(3, dtype=np.int8))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    facts = read_gguf(path.read_bytes())
    theirs = gguf.GGUFReader(path)
    assert (facts.byteorder, facts.alignment) == ("big", 64)
    assert dict(facts.metadata)["a"] == ("strings", (b"x", b"yz"))
    assert [(t.name, t.dtype, t.shape, t.offset, t.nbytes) for t in facts.tensors] == [
        (t.name, t.tensor_type.name, tuple(t.shape.tolist()[::-1]), t.data_offset, t.n_bytes)
        for t in theirs.tensors
    ]


@pytest.mark.behaviour("GATE-55")
def test_the_oracle_reads_what_safetensors_writes(tmp_path):
    path = tmp_path / "m.safetensors"
    arrays = {"t": np.arange(6, dtype=np.float16).reshape(2, 3), "u": np.empty((0, 4), np.int64)}
    safetensors.numpy.save_file(arrays, path, {"k": "v"})
    facts = read_safetensors(path.read_bytes())
    assert facts.metadata == (("k", ("text", b"v")),)
    found = {t.name: (t.dtype, t.shape, t.nbytes) for t in facts.tensors}
    assert found == {"t": ("F16", (2, 3), 12), "u": ("I64", (0, 4), 0)}


@pytest.mark.behaviour("GATE-55")
@pytest.mark.parametrize(
    "data",
    [
        SHARED,
        VALID + b"x",
        VALID[:-1],
        VALID.replace(b"[4]", b"[4.0]").replace(b"\x33", b"\x35", 1),
        gguf_files.GGUFFile(entries=(gguf_files.Entry(b"a"), gguf_files.Entry(b"a"))).data(),
        gguf_files.GGUFFile(entries=(gguf_files.Entry(b"a", (2**32, 2**32), 24),)).data(),
        gguf_files.GGUFFile(keys=((b"k", 7, b"\2"),)).data(),
        gguf_files.GGUFFile(keys=((b"k", 9, gguf_files.GGUFFile().array(7, [b"\2"])),)).data(),
        json_files.JSONFile((f'"a":{"[" * 200_000}{"]" * 200_000}',), 0).data(),
        json_files.JSONFile(('"a":{"b":["\\ud800"]}',), 0).data(),
        json_files.JSONFile(('"__metadata__":[]',), 0).data(),
        json_files.JSONFile(('"a":{}',), 0).data(),
        json_files.JSONFile(
            (json_files.item("a", "U8", (4,), 0).but("shape", "[true]").text(),), 4
        ).data(),
        json_files.JSONFile(
            (json_files.item("a", "U8", (4,), 0).and_("x", '{"y":["\\ud800"]}').text(),), 4
        ).data(),
    ],
)
def test_the_oracle_refuses_what_breaks_a_rule(data):
    with pytest.raises(BrokenError):
        (read_gguf if data.startswith(b"GGUF") else read_safetensors)(data)


@pytest.mark.behaviour("GATE-55")
def test_the_oracle_lets_a_field_that_means_nothing_be_any_json():
    item = json_files.item("a", "U8", (4,), 0).and_("x", '[1,[2,{"y":["z"]}],null]')
    facts = read_safetensors(json_files.JSONFile((item.text(),), 4).data())
    assert [tensor.name for tensor in facts.tensors] == ["a"]
    for depth, knows in ((9, True), (99, False)):  # more is refused for its depth, too
        with pytest.raises(BrokenError) as broken:
            read_safetensors(json_files.JSONFile((f'"a":{"[" * depth}',), 0).data())
        assert bool(broken.value.places) is knows


def toy(lost):
    """A game of numbers that is lost where `lost` says so."""
    return games.Game(
        "toy",
        lambda rng: [["n", rng.randrange(100)] for _ in range(20)],
        lambda moves, reached: next(
            (f"{n} expected to be allowed" for _, n in moves if reached.add("ok") or lost(n)), ""
        ),
        30,
        frozenset({"ok"}),
    )


@pytest.mark.behaviour("GATE-56")
def test_what_is_found_is_made_small_and_kept_in_the_form_of_the_corpus(tmp_path):
    found = games.check(tmp_path, tmp_path / "kept", "p", [toy(lambda n: n == 7)], 0, full=False)
    (finding,) = found.findings
    (kept,) = (tmp_path / "kept" / "toy").glob("*.txt")
    assert "7 expected to be allowed" in finding.what
    assert "seed 0, round" in finding.what
    assert kept.relative_to(tmp_path).as_posix() in finding.fix
    place = tmp_path / corpus.FOLDER / "p" / "toy"
    place.mkdir(parents=True)
    kept.rename(place / kept.name)
    (entry,) = corpus.entries(tmp_path, "p/toy")
    assert entry.moves == [["n", 7]]


@pytest.mark.behaviour("GATE-56")
def test_each_entry_of_the_corpus_is_held_to_its_answer(tmp_path):
    place = tmp_path / corpus.FOLDER / "p" / "toy"
    place.mkdir(parents=True)
    (place / "a.txt").write_text('expects: nothing wrong\nreason: it was\n\n["n", 777]\n')
    fine = games.check(tmp_path, tmp_path / "kept", "p", [toy(lambda _: False)], 0, full=False)
    assert fine.findings == []
    assert "1 known" in fine.checked
    broken = games.check(tmp_path, tmp_path / "k", "p", [toy(lambda n: n == 777)], 0, full=False)
    assert broken.findings[0].file == f"{corpus.FOLDER.as_posix()}/p/toy/a.txt"
    assert broken.findings[0].what.startswith("it was: expected nothing wrong")


@pytest.mark.behaviour("GATE-56")
def test_shrinking_leaves_what_fails_and_ends():
    assert smallest(list(range(50)), lambda some: {3, 41} <= {*some}) == [3, 41]
    assert smallest(b"abcXdef", lambda some: b"X" in some) == b"X"
    assert smallest([1], lambda _: False) == [1]


@pytest.mark.behaviour("GATE-57")
def test_the_same_seed_draws_the_same(cases):
    for draw in (spans.SPANS.draw, planning.PLAN.draw, lambda rng: mutated(rng, VALID, [OTHER])):
        assert draw(Random(4)) == draw(Random(4))
    assert list(headers.families(3)) == cases


@pytest.fixture
def asked(monkeypatch):
    """Which shards are judged, from which seed, and whether in full."""
    asked = []

    def check(_root, _folder, shard, seed, *, full):
        asked.append((shard, seed, full))
        return games.Found([], "all")

    monkeypatch.setattr(run, "check", check)
    monkeypatch.setattr(explore, "check", check)
    return asked


@pytest.mark.behaviour("GATE-57")
@pytest.mark.parametrize("full", [False, True])
def test_the_gate_leaves_nothing_to_chance_and_says_its_seed(asked, tmp_path, full):
    (outcome,) = LANE.run(Job(tmp_path, ("machine",), full, "", 99))
    assert asked == [("machine", 0, full)]
    assert outcome.checked == "all; seed 0"


@pytest.mark.behaviour("GATE-57")
def test_another_seed_explores_in_full(asked, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert explore.main(["99", "machine", "emel"]) == 0
    assert asked == [("machine", 99, True), ("emel", 99, True)]
    assert "fuzz/emel" in capsys.readouterr().out
    assert {*run.SHARDS} == {shard.name for shard in LANE.shards(ROOT)}


@pytest.mark.behaviour("GATE-58")
def test_a_plan_that_joins_too_much_is_found(monkeypatch, tmp_path):
    right = planning.plan

    def wrong(spans, *, gap_nbytes, over_read, run_nbytes):
        return right(spans, gap_nbytes=gap_nbytes + 1, over_read=over_read, run_nbytes=run_nbytes)

    monkeypatch.setattr(planning, "plan", wrong)
    found = games.check(tmp_path, tmp_path / "kept", "io_loader", [planning.PLAN], 0, full=False)
    assert "the runs" in found.findings[0].what


@pytest.mark.behaviour("GATE-58")
def test_planning_whose_work_grows_faster_than_the_spans_is_found(monkeypatch, tmp_path):
    right = planning.plan

    def quadratic(spans, **limits):
        for _ in range(len(spans) // 8):
            _ = spans.offset + 1
        return right(spans, **limits)

    monkeypatch.setattr(planning, "plan", quadratic)
    found = games.check(tmp_path, tmp_path / "kept", "io_loader", [planning.GROWTH], 0, full=False)
    assert "work that grows as the spans do" in found.findings[0].what


@pytest.mark.behaviour("GATE-58", "GATE-59")
@pytest.mark.parametrize("shard", ["io_loader", "machine"])
def test_what_no_round_comes_to_is_found(tmp_path, shard):
    never = games.Game("never", lambda _: [], lambda _moves, _reached: "", 3, frozenset({"this"}))
    (finding,) = games.check(tmp_path, tmp_path / "k", shard, [never], 0, full=False).findings
    assert finding.rule == "unexercised"
    assert "this" in finding.what


@pytest.mark.behaviour("GATE-59")
def test_every_package_with_behaviour_of_its_own_is_a_shard():
    shards = {shard.name: shard for shard in LANE.shards(ROOT)}
    names = {package.name for package in packages(ROOT)}
    # What only opens files for others is played through the strategies that read them.
    assert shards.keys() == names - {"io_file"}
    for name, shard in shards.items():
        assert shard.reads.calls
        assert f"tools/corpus/{name}/**" in shard.reads.paths


@pytest.mark.behaviour("GATE-59")
@pytest.mark.parametrize("shard", ["io_mmap", "io_read", "io_staged", "model_tensor", "machine"])
def test_a_play_that_raises_is_a_finding(monkeypatch, tmp_path, shard):
    (game, *_) = run.games_of(shard)
    broken = game._replace(play=lambda _moves, _reached: 1 // 0, rounds=1)
    (finding,) = games.check(tmp_path, tmp_path / "k", shard, [broken], 0, full=False).findings
    assert "ZeroDivisionError" in finding.what


@pytest.mark.behaviour("GATE-59")
def test_a_folder_that_opens_otherwise_than_expected_is_found(monkeypatch, tmp_path):
    (tmp_path / folders.SOURCES).mkdir(parents=True)
    monkeypatch.setattr(
        folders, "opened", lambda _folder, case: (case.code and "other", case.names)
    )
    found = folders.check(tmp_path, tmp_path, 0, full=False).findings
    assert len(found) > 40
    assert all("got other" in finding.what for finding in found)


@pytest.mark.behaviour("GATE-59")
@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "/a/x.gguf"},
        {"path": "/a"},
        {"files": ("x.gguf",)},
        {"tensors": ()},
        {"tensors": ("t", "u")},
    ],
)
def test_a_refusal_that_blames_another_file_or_tensor_is_told(wrong):
    case = folders.FolderCase("no", "label", {}, blamed="b.gguf", tensors=("t",))
    right = {"code": "no", "path": "/a/b.gguf", "files": ("b.gguf",), "tensors": ("t",)}
    assert folders.told(emel.InvalidFileError("oh", **right), case) == "no"
    assert folders.told(emel.InvalidFileError("oh", **(right | {"files": ()})), case) == "no"
    error = emel.InvalidFileError("oh", **(right | wrong))
    assert folders.told(error, case).startswith("no of ")
    assert folders.told(error, case._replace(blamed="", tensors=())) == "no"


@pytest.mark.behaviour("GATE-59")
def test_a_folder_that_opens_has_names_and_another_a_code(tmp_path):
    cases = [
        next(case for case in folders.counted() if bool(case.code) is no) for no in (False, True)
    ]
    for case in cases:
        home = tmp_path / (case.code or "fine")
        home.mkdir()
        for name, data in case.files.items():
            (home / name).write_bytes(data)
        assert folders.opened(home, case) == (case.code, case.names)
