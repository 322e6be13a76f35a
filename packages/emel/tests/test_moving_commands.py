"""`load`, `digest` and `verify` through every strategy, and what may be wrong with their files."""

import json
import os
import re

import numpy as np
import pytest
from safetensors.numpy import save_file

import emel
from emel.budget import Budget
from emel.cli._platform import resident_nbytes
from emel.cli.options import parse_nbytes

MIB = 1 << 20
STRATEGIES = ("mmap", "read", "staged", "auto")
THROUGH = pytest.mark.parametrize("strategy", STRATEGIES)


@pytest.mark.behaviour("CLI-02")
def test_memory_in_use_is_what_is_in_memory_and_looking_leaves_nothing_open(held):
    before = resident_nbytes()
    assert before is not None
    kept = np.ones(64 * MIB, np.uint8)
    assert 60 * MIB < resident_nbytes() - before < 80 * MIB
    assert kept.all()
    assert held("/statm") == []


@pytest.mark.behaviour("CLI-05")
@THROUGH
@pytest.mark.parametrize("more", [[], ["--direct"], ["--threads", "4"], ["--touch"]])
def test_load_through_every_strategy(run, checkpoints, strategy, more):
    for path, contents in checkpoints.values():
        code, out, err = run("load", "--json", "--strategy", strategy, *more, path)
        assert (code, err) == (0, "")
        facts = json.loads(out)
        used = facts["strategy"]["used"]
        assert facts["strategy"]["requested"] == strategy
        assert strategy in ("auto", used)
        assert facts["how"] == ("mapped" if used == "mmap" else "copied")
        state = "mmap-resident" if used == "mmap" else "resident"
        nbytes = sum(map(len, contents.values()))
        assert facts["loaded"] == {state: {"tensors": len(contents), "nbytes": nbytes}}
        assert set(facts["released"]) == {"evicted"}


@pytest.mark.behaviour("CLI-05")
@pytest.mark.parametrize("strategy", ["read", "staged", "auto"])
def test_load_streams_what_a_limit_does_not_hold(run, checkpoint, strategy, monkeypatch):
    path, contents = checkpoint
    tight = Budget(256 << 10, copies=1 << 10)  # the smallest limit holds these models
    monkeypatch.setattr("emel.opening.part", lambda *_, direct: tight._replace(direct=direct))
    words = ["load", "--strategy", strategy, "--memory-limit", "64KiB"]
    code, out, err = run(*words, "--json", path)
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["how"] == "streamed"
    assert facts["nbytes"] == sum(map(len, contents.values()))
    assert set(facts["loaded"]) == set(facts["released"]) == {"bound"}
    code, out, err = run(*words, path)
    assert (code, err) == (0, "")
    assert "streamed" in out
    if strategy == "auto":
        assert "65536 bytes" in out


@pytest.mark.behaviour("CLI-05")
def test_load_keeps_what_a_limit_holds(run, checkpoint):
    path, _ = checkpoint
    facts = json.loads(run("load", "--memory-limit", "40MiB", "--json", path)[1])
    assert facts["strategy"]["used"] == "staged"
    assert facts["strategy"]["code"] == "memory-limit"
    assert facts["how"] == "copied"


@pytest.mark.behaviour("CLI-05")
@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("65536", 65536),
        ("65536B", 65536),
        ("64KiB", 65536),
        ("64 kib", 65536),
        (" 64KIB ", 65536),
        ("66kB", 66000),
        ("0.5MiB", 1 << 19),
        ("1.5 GB", 1_500_000_000),
        ("2TiB", 2 << 40),
        ("3tb", 3 * 10**12),
    ],
)
def test_limits_are_read_as_people_write_them(run, safetensors_file, text, nbytes):
    code, out, err = run("load", "--memory-limit", text, "--json", safetensors_file)
    assert (code, err) == (0, "")
    assert f"{nbytes} bytes" in json.loads(out)["strategy"]["reason"]


@pytest.mark.behaviour("CLI-05")
@pytest.mark.parametrize(
    ("unit", "nbytes"),
    [
        *(("", 1), ("B", 1), ("kB", 10**3), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12)),
        *(("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)),
    ],
)
def test_a_unit_is_worth_the_same_in_large_and_small_letters(unit, nbytes):
    for spelled in (unit, unit.lower(), unit.upper(), f" {unit}"):
        assert parse_nbytes(f"70000{spelled}") == 70_000 * nbytes
        assert parse_nbytes(f"65537.5{spelled}") == 65537 * nbytes + nbytes // 2


@pytest.mark.behaviour("CLI-04", "CLI-05")
@pytest.mark.parametrize("command", ["load", "digest"])
@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "1", "65535", "63KiB", "-1GiB", "1e9", "64 KiBs", "KiB", "1.MiB", "٦٥٥٣٦"),
        *("nan", "inf", "0x10000", "64K iB", "1,5GB", "9" * 400, "9" * 5000 + "TiB", "1" * 20),
    ],
)
def test_what_is_no_limit_is_a_usage_error(run, safetensors_file, command, text):
    code, out, err = run(command, "--memory-limit", text, safetensors_file)
    assert (code, out) == (2, "")
    assert "Invalid value" in err
    assert "Traceback" not in err


@pytest.mark.behaviour("CLI-04", "CLI-05")
@pytest.mark.parametrize(
    "more", [["--threads", "0"], ["--threads", "-1"], ["--threads", "x"], ["--no-such-option"]]
)
def test_options_that_make_no_sense_are_usage_errors(run, safetensors_file, more):
    code, out, err = run("load", *more, safetensors_file)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


@pytest.mark.behaviour("CLI-04", "CLI-05")
@pytest.mark.parametrize("words", [["load"], ["digest"], ["verify", "other"]])
def test_an_unknown_strategy_is_one_line_with_those_that_there_are(run, safetensors_file, words):
    code, out, err = run(*words, "--strategy", "telepathy", safetensors_file)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "'telepathy'" in err
    assert "mmap, read, staged" in err


@pytest.mark.behaviour("CLI-06")
def test_digest_prints_the_same_through_every_strategy(run, checkpoint):
    path, contents = checkpoint
    printed = {
        run("digest", "--strategy", strategy, *more, path)
        for strategy in STRATEGIES
        for more in ([], ["--direct"], ["--memory-limit", "1MiB"])
    }
    assert len(printed) == 1
    code, out, err = printed.pop()
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == len(contents) + 1


@pytest.mark.behaviour("CLI-07")
@THROUGH
def test_verify_agrees_with_itself_in_one_file_and_in_many(run, checkpoints, strategy):
    for one, many in (("gguf", "last shard"), ("safetensors", "index"), ("folder", "index")):
        first, second = checkpoints[one][0], checkpoints[many][0]
        code, out, err = run("verify", "--strategy", strategy, first, second)
        assert (code, err) == (0, "")
        assert out.startswith(f"the same: {len(checkpoints[one][1])} tensors, ")
        code, out, _ = run("verify", "--strategy", strategy, "--json", first, second)
        document = json.loads(out)
        assert code == 0
        assert document["same"] is True
        assert (document["first"], document["second"]) == (str(first), str(second))
        assert document["nbytes"] == sum(map(len, checkpoints[one][1].values()))
        assert document["differences"] == []


@pytest.fixture
def pair(tmp_path):
    """Two files, and by name in what their tensors differ."""
    same = {"same": np.arange(5, dtype=np.float32), "shape": np.zeros((2, 3), np.float32)}
    mine = same | {"bytes": np.arange(12, dtype=np.int16).reshape(3, 4), "mine": np.zeros(1)}
    theirs = same | {"bytes": mine["bytes"].copy(), "theirs": np.zeros(1)}
    theirs["bytes"][1, 2] += 256
    theirs["shape"] = np.zeros((3, 2), np.float32)
    mine["dtype"], theirs["dtype"] = np.zeros(3, np.float32), np.zeros(3, np.int32)
    save_file(mine, tmp_path / "a.safetensors")
    save_file(theirs, tmp_path / "b.safetensors")
    what = {"bytes": "bytes", "shape": "shape", "dtype": "dtype"}
    what |= {"mine": "only-in-first", "theirs": "only-in-second"}
    return tmp_path / "a.safetensors", tmp_path / "b.safetensors", what


@pytest.mark.behaviour("CLI-07")
@THROUGH
def test_verify_says_which_tensors_differ_and_where(run, pair, strategy):
    first, second, what = pair
    code, out, err = run("verify", "--strategy", strategy, first, second)
    assert (code, err) == (1, "")
    for name, kind in what.items():
        assert re.search(rf"^{name} +{kind} ", out, re.MULTILINE)
    assert re.search(r"^bytes +bytes +00 +01 +\[1, 2\], byte 13 of the tensor", out, re.MULTILINE)
    assert re.search(r"^shape +shape +2x3 +3x2 *$", out, re.MULTILINE)
    assert re.search(r"^dtype +dtype +F32 +I32 *$", out, re.MULTILINE)
    assert "same " not in out
    assert out.endswith("5 differ; 4 tensors in both\n")

    code, out, _ = run("verify", "--strategy", strategy, "--json", first, second)
    document = json.loads(out)
    assert code == 1
    assert document["same"] is False
    assert document["tensors"] == 4
    assert {d["tensor"]: d["what"] for d in document["differences"]} == what
    (differing,) = [d for d in document["differences"] if d["what"] == "bytes"]
    assert (differing["element"], differing["offset"]) == ([1, 2], 13)


@pytest.mark.behaviour("CLI-07")
def test_verify_tells_where_a_scalar_differs(run, tmp_path):
    for name, value in (("a", 1), ("b", 2)):
        save_file({"s": np.array(value, np.uint8)}, tmp_path / name)
    words = ("verify", tmp_path / "a", tmp_path / "b")
    code, out, _ = run(*words)
    assert code == 1
    assert re.search(r"^s +bytes +01 +02 +\[\], byte 0 of the tensor", out, re.MULTILINE)
    (told,) = json.loads(run(*words, "--json")[1])["differences"]
    assert told == {
        "tensor": "s",
        "what": "bytes",
        "first": "01",
        "second": "02",
        "element": [],
        "offset": 0,
    }


@pytest.mark.behaviour("CLI-04")
def test_what_differs_cannot_command_the_terminal(run, tmp_path):
    evil = "\x1b[31mred\x07"
    for name, value in (("a", 1), ("b", 2)):
        save_file({evil: np.array(value)}, tmp_path / name)
    recorded = {"algorithm": "xxh3_128", "model": evil, "tensors": {evil: evil}}
    (tmp_path / "record").write_text(json.dumps(recorded))
    for second in ("b", "record"):
        code, out, _ = run("verify", tmp_path / "a", tmp_path / second)
        assert code == 1
        assert r"\x1b[31mred\x07" in out
        assert out.replace("\n", "").isprintable()


@pytest.fixture(params=["text", "json"])
def record(request, run, tmp_path):
    """Record the digest of a file; answers the record's path."""

    def recorded(path):
        words = ["digest", "--json"] if request.param == "json" else ["digest"]
        code, out, _ = run(*words, path)
        assert code == 0
        made = tmp_path / "record"
        made.write_text(out, encoding="utf-8")
        return made

    return recorded


@pytest.mark.behaviour("CLI-07")
@THROUGH
def test_verify_agrees_with_what_was_recorded(run, checkpoints, record, strategy):
    recorded = record(checkpoints["safetensors"][0])
    code, out, err = run("verify", "--strategy", strategy, checkpoints["index"][0], recorded)
    assert (code, err) == (0, "")
    assert out == f"the same: {len(checkpoints['index'][1])} tensors\n"


@pytest.mark.behaviour("CLI-07")
def test_verify_says_how_a_model_differs_from_what_was_recorded(run, pair, record):
    first, second, _ = pair
    recorded = record(first)
    code, out, err = run("verify", "--json", second, recorded)
    assert (code, err) == (1, "")
    found = {d["tensor"]: d["what"] for d in json.loads(out)["differences"]}
    # An int32 zero has the bytes of a float32 one: that is left to the model's own digest.
    assert found == {"bytes": "digest", "theirs": "only-in-first", "mine": "only-in-second"}
    code, out, _ = run("verify", second, recorded)
    assert code == 1
    assert out.endswith("3 differ; 4 tensors in both\n")


@pytest.mark.behaviour("CLI-07")
@pytest.mark.parametrize(
    "other", [np.zeros(3, np.int32), np.zeros((3, 1), np.float32)], ids=["dtype", "shape"]
)
def test_a_record_tells_other_types_and_shapes_of_the_same_bytes(run, tmp_path, record, other):
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "a.safetensors")
    save_file({"a": other}, tmp_path / "b.safetensors")
    recorded = record(tmp_path / "a.safetensors")
    code, out, _ = run("verify", "--json", tmp_path / "b.safetensors", recorded)
    assert code == 1
    assert [d["tensor"] for d in json.loads(out)["differences"]] == ["(model)"]


ODD = (
    *(
        "",
        " ",
        "two  spaces",
        " at the ends ",
        "(model)",
        "0" * 32 + "  a",
        "a\nb",
        "a\r\nb",
        "a\tb",
    ),
    *("a\\nb", "\\", "\\\\", "a\x0bb", "a\x1cb", "a\x85b", "a\u2028b", "a\\u2028b", "ü", "🙂", "{"),
    *("a\x00b", "\x1b[31mred", "[bold]x[/bold]", "'\"", "%s{0}", "../up", "-", "--json"),
)


@pytest.mark.behaviour("CLI-07")
def test_odd_names_are_recorded_and_found_again(run, tmp_path, record):
    arrays = {name: np.full(3, i, np.float32) for i, name in enumerate(ODD)}
    save_file(arrays, tmp_path / "odd.safetensors")
    recorded = record(tmp_path / "odd.safetensors")
    code, out, err = run("verify", tmp_path / "odd.safetensors", recorded)
    assert (code, out, err) == (0, f"the same: {len(ODD)} tensors\n", "")

    changed = arrays | {"a\nb": np.full(3, 77, np.float32)}
    save_file(changed, tmp_path / "changed.safetensors")
    code, out, _ = run("verify", "--json", tmp_path / "changed.safetensors", recorded)
    assert code == 1
    assert len(json.loads(out)["differences"]) == 1


@pytest.mark.behaviour("CLI-07")
def test_one_tensor_is_told_as_one(run, tmp_path):
    path = tmp_path / "one.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path, metadata={"by": "hand"})
    assert run("verify", path, path)[1].startswith("the same: 1 tensor, ")
    assert re.search(r"^metadata +1 key *$", run("inspect", path)[1], re.MULTILINE)
    assert re.search(r"^loaded +1 tensor, ", run("load", path)[1], re.MULTILINE)
    with emel.open(path) as model:
        assert repr(model).endswith(", 1 tensor>")


@pytest.mark.behaviour("CLI-07")
def test_no_tensors_are_the_same_as_none(run, tmp_path, record):
    save_file({}, tmp_path / "none.safetensors")
    recorded = record(tmp_path / "none.safetensors")
    for second in (recorded, tmp_path / "none.safetensors"):
        assert run("verify", tmp_path / "none.safetensors", second)[0] == 0
    assert run("load", tmp_path / "none.safetensors")[0] == 0


@pytest.mark.behaviour("CLI-07")
@pytest.mark.parametrize("words", [["verify"], ["verify", "--json"]], ids=" ".join)
def test_files_without_a_common_tensor_are_not_the_same(run, tmp_path, record, words):
    files = {name: tmp_path / f"{name}.safetensors" for name in ("a", "b", "none")}
    for name, path in files.items():
        save_file({} if name == "none" else {name: np.zeros(3, np.float32)}, path)
    recorded = record(files["a"])
    for first, second, n in (("a", "b", 2), ("a", "none", 1), ("none", "a", 1)):
        code, out, err = run(*words, files[first], files[second])
        assert (code, err) == (1, "")
        if "--json" in words:
            document = json.loads(out)
            assert (document["same"], document["tensors"]) == (False, 0)
            assert len(document["differences"]) == n
        else:
            assert out.endswith(f"\n{n} differ; 0 tensors in both\n")
    for other in ("b", "none"):
        assert run(*words, files[other], recorded)[0] == 1


@pytest.mark.behaviour("CLI-07")
@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b'{"algorithm": "md5", "model": "0", "tensors": {}}',
        b'{"algorithm": "xxh3_128", "model": "0"}',
        b'{"algorithm": "xxh3_128", "model": "0", "tensors": {"a": 1}}',
        b'{"algorithm": "xxh3_128", "model": 0, "tensors": {}}',
        b'{"algorithm": "xxh3_128", "model": "0", "tensors": []}',
        b"{" * 100_000,
        b"0" * 32,
        b"0" * 32 + b"  a\n",
        b"0" * 32 + b"  a\n" + b"0" * 31 + b"  (model)\n",
        b"0" * 32 + b"  \xff\n" + b"0" * 32 + b"  (model)\n",
        b"0" * 32 + b"  a\n\n" + b"0" * 32 + b"  (model)\n",
        b"0" * 32 + b"  a\n" + b"1" * 32 + b"  a\n" + b"0" * 32 + b"  (model)\n",
    ],
)
def test_what_is_no_record_is_refused_as_what_it_is(run, safetensors_file, tmp_path, content):
    (tmp_path / "record").write_bytes(content)
    code, out, err = run("verify", safetensors_file, tmp_path / "record")
    assert (code, out) == (1, "")
    assert err.startswith("emel: ")
    assert err.count("\n") == 1
    assert str(tmp_path / "record") in err


BAD = ("missing", "empty", "folder", "truncated", "pointer", "fifo", "dangling")


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory, gguf_file):
    """A path of each of them."""
    paths = {name: tmp_path_factory.mktemp(name) / "x.gguf" for name in BAD}
    paths["empty"].write_bytes(b"")
    paths["folder"].mkdir()
    paths["truncated"].write_bytes(gguf_file.read_bytes()[:-2000])
    paths["pointer"].write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    )
    os.mkfifo(paths["fifo"])
    paths["dangling"].symlink_to(paths["dangling"].with_name("nowhere"))
    return paths


@pytest.fixture(params=BAD)
def bad(request, bad_files):
    return bad_files[request.param]


@pytest.mark.behaviour("CLI-04", "CLI-07")
@THROUGH
@pytest.mark.parametrize("place", ["load", "digest", "verify first", "verify second"])
def test_a_bad_file_is_one_line_through_every_strategy(
    run, bad, safetensors_file, strategy, place, held
):
    command, _, which = place.partition(" ")
    files = {"": [bad], "first": [bad, safetensors_file], "second": [safetensors_file, bad]}
    code, out, err = run(command, "--strategy", strategy, *files[which])
    assert (code, out) == (1, "")
    assert err.startswith("emel: ")
    assert err.count("\n") == 1
    assert str(bad) in err
    assert held(safetensors_file) == []


@pytest.mark.behaviour("CLI-04", "CLI-07")
@pytest.mark.parametrize("first", [b"{", b"0" * 8])
def test_a_fifo_with_a_writer_is_not_read(run, tmp_path, safetensors_file, first):
    """Whoever writes into it may never end."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    try:
        os.write(writer, first)
        code, _, err = run("verify", safetensors_file, path)
        assert code == 1
        assert "not a regular file" in err
        assert os.read(reader, 99) == first
    finally:
        os.close(writer)
        os.close(reader)


@pytest.mark.behaviour("CLI-04")
@pytest.mark.parametrize("command", ["load", "digest"])
def test_too_little_memory_is_one_line(run, monkeypatch, safetensors_file, command):
    def scarce(self, *words, **more):
        raise MemoryError

    monkeypatch.setattr(emel.Model, command, scarce)
    code, out, err = run(command, safetensors_file)
    assert (code, out) == (1, "")
    assert err == "emel: there is not enough memory\n"
