"""The command line, as a person and as a program sees it."""

import json
import os
import re
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
import xxhash
from rich.progress import Progress
from rich.table import Table
from safetensors.numpy import save_file

import emel
from emel import cli
from emel.cli import _platform, progress, render


@pytest.mark.behaviour("CLI-01")
def test_inspect_shows_what_the_file_holds(run, gguf_file):
    code, out, err = run("inspect", gguf_file)
    assert (code, err) == (0, "")
    assert "gguf v3" in out
    assert "llama" in out
    assert re.search(r"Q4_0 +1 ", out)
    assert "largest tensors" in out
    assert "tokenizer.ggml.tokens" not in out  # that takes --metadata, or a --grep that finds it


@pytest.mark.behaviour("CLI-01")
def test_inspect_lists_and_summarises_metadata(run, gguf_file):
    _, out, _ = run("inspect", "--metadata", gguf_file)
    assert "tokenizer.ggml.tokens" in out
    assert "(3000)" in out
    assert "token2999" not in out


@pytest.mark.behaviour("CLI-01")
def test_inspect_filters_by_regular_expression(run, gguf_file):
    _, out, _ = run("inspect", "--grep", r"^plain\.int", "--json", gguf_file)
    names = [tensor["name"] for tensor in json.loads(out)["tensors"]]
    assert names == ["plain.int8", "plain.int16", "plain.int32", "plain.int64"]


@pytest.mark.behaviour("CLI-01")
def test_a_regular_expression_is_found_anywhere_in_names_and_keys(run, gguf_file):
    _, out, _ = run("inspect", "--grep", r"architecture$|int8$", "--json", gguf_file)
    found = json.loads(out)
    assert list(found["metadata"]) == ["general.architecture"]
    assert [tensor["name"] for tensor in found["tensors"]] == ["plain.int8"]


@pytest.mark.behaviour("CLI-01")
@pytest.mark.parametrize("rows", [500, 501])
def test_no_more_than_500_rows_are_laid_out_by_rich(monkeypatch, capsys, rows):
    laid_out = []
    monkeypatch.setattr(render, "table", lambda *names: laid_out.append(names) or Table(*names))
    render.print_columns(
        render.console(), ("n", ">twice"), [(f"{i}", f"{2 * i}") for i in range(rows)]
    )
    assert len(laid_out) == (rows <= 500)
    assert len(capsys.readouterr().out.splitlines()) >= rows


@pytest.mark.behaviour("CLI-01", "CLI-04")
def test_a_bad_regular_expression_is_a_usage_error(run, gguf_file):
    code, _, err = run("inspect", "--grep", "(", gguf_file)
    assert code == 2
    assert "regular" in err


@pytest.mark.behaviour("CLI-01")
def test_inspect_speaks_json(run, model_file):
    _, out, _ = run("inspect", "--json", model_file)
    document = json.loads(out)
    with emel.open(model_file) as model:
        assert document["tensor_count"] == len(model)
        assert document["nbytes"] == sum(model.info(name).nbytes for name in model)
        assert [t["name"] for t in document["tensors"]] == list(model)
        for told in document["tensors"]:
            facts = model.info(told["name"])._asdict()
            del facts["residency"]
            assert told | {"shape": tuple(told["shape"])} == facts
        head = (model.format, model.version or None, model.byteorder, list(model.files))
        assert (*(document[key] for key in ("format", "version", "byteorder", "files")),) == head
        most_first = [count["nbytes"] for count in document["dtypes"].values()]
        assert most_first == sorted(most_first, reverse=True)


@pytest.mark.behaviour("CLI-01")
def test_inspect_names_every_file_that_tensors_lie_in(run, checkpoints):
    path, contents = checkpoints["index"]
    document = json.loads(run("inspect", "--json", path)[1])
    assert document["files"] == sorted({tensor["file"] for tensor in document["tensors"]})
    assert len(document["files"]) == 3
    assert len(document["tensors"]) == len(contents)


@pytest.mark.behaviour("CLI-02")
@pytest.mark.parametrize("touch", [[], ["--touch"]])
def test_load_loads_everything_and_gives_it_back(run, model_file, touch):
    code, out, err = run("load", "--json", *touch, model_file)
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["slots_used"] == 1
    assert facts["loaded"] == {
        "mmap-resident": {"tensors": facts["tensors"], "nbytes": facts["nbytes"]}
    }
    assert list(facts["released"]) == ["evicted"]


@pytest.mark.behaviour("CLI-02")
def test_touched_memory_is_there_and_comes_back(run, safetensors_file):
    facts = json.loads(run("load", "--touch", "--json", safetensors_file)[1])
    assert facts["resident_loaded"] - facts["resident_before"] > 3 << 20
    assert facts["resident_loaded"] - facts["resident_after"] > 2 << 20


@pytest.mark.behaviour("CLI-02")
def test_load_says_it_to_people(run, model_file):
    _, out, _ = run("load", "--touch", model_file)
    for word in ("loaded", "GiB/s", "slots", "1 of 256", "after release"):
        assert word in out


@pytest.mark.behaviour("CLI-02")
def test_the_rate_is_bytes_by_time(run, safetensors_file):
    facts = json.loads(run("load", "--json", safetensors_file)[1])
    assert facts["gib_per_second"] * facts["seconds"] * (1 << 30) == pytest.approx(facts["nbytes"])


@pytest.mark.behaviour("CLI-02")
def test_load_tells_what_memory_rose_by_and_what_is_left_of_that(
    run, monkeypatch, safetensors_file
):
    pages = (n * (1 << 20) // os.sysconf("SC_PAGE_SIZE") for n in (1, 5, 2))
    monkeypatch.setattr(_platform.os, "read", lambda *_: b"9 %d 9" % next(pages))
    _, out, _ = run("load", safetensors_file)
    assert "1.0 MiB before" in out
    assert "5.0 MiB loaded (+4.0 MiB)" in out
    assert "2.0 MiB after release (+1.0 MiB)" in out


@pytest.mark.behaviour("CLI-02")
def test_the_bar_is_moved_by_bytes(monkeypatch):
    bars = []

    def make(*columns, **options):
        bars.append(Progress(*columns, **options))
        return bars[0]

    monkeypatch.setattr(progress, "Progress", make)
    with progress.bar("loading") as move:
        move(emel.Progress(5, 10, 1, 2))
    (task,) = bars[0].tasks
    assert (task.completed, task.total) == (5, 10)


@pytest.mark.behaviour("CLI-02")
def test_the_bar_is_drawn_ten_times_a_second_at_most_and_by_nobody_else(monkeypatch):
    now, draws, options = [0.0], [], {}

    class Drawn(Progress):
        def __init__(self, *columns, **given):
            options.update(given)
            super().__init__(*columns, **given, get_time=lambda: now[0])

        def refresh(self):
            draws.append(now[0])

    monkeypatch.setattr(progress, "Progress", Drawn)
    with progress.bar("loading") as move:
        for now[0] in (1.0, 1.05, 1.125, 1.2, 1.5):
            move(emel.Progress(5, 10, 1, 2))
    assert draws == [0.0, 1.0, 1.125, 1.5]
    assert options["auto_refresh"] is False


@pytest.mark.behaviour("CLI-02")
def test_the_bar_is_shown_on_stderr_while_the_answer_goes_into_a_pipe(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = os.openpty()
    try:
        with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
            monkeypatch.setattr(sys, "stderr", terminal)
            with progress.bar("loading") as move:
                move(emel.Progress(5, 10, 1, 2))
            terminal.write("the end")
            terminal.flush()
            shown = os.read(ours, 1 << 12)
    finally:
        os.close(ours)
    assert b"loading" in shown
    assert capsys.readouterr().out == ""


@pytest.mark.behaviour("CLI-03")
def test_digest_is_the_documented_one(run, safetensors_file, arrays):
    document = json.loads(run("digest", "--json", safetensors_file)[1])
    names = {
        "float32": "F32",
        "uint8": "U8",
        "bfloat16": "BF16",
        "complex64": "C64",
        "bool": "BOOL",
    }
    for name, dtype in names.items():
        assert document["tensors"][name] == xxhash.xxh3_128_hexdigest(arrays[name].tobytes()), dtype
    lines = b""
    with emel.open(safetensors_file) as model:
        for name in sorted(model, key=str.encode):
            info = model.info(name)
            shape = "x".join(map(str, info.shape))
            digest = xxhash.xxh3_128_hexdigest(arrays[name].tobytes())
            lines += f"{name}\0{info.dtype}\0{shape}\0{digest}\n".encode()
    assert document["model"] == xxhash.xxh3_128_hexdigest(lines)


@pytest.mark.behaviour("CLI-03")
def test_digest_does_not_depend_on_the_layout(run, tmp_path):
    import gguf

    weights = {"b": np.arange(64, dtype=np.float32).reshape(4, 16), "a": np.ones(8, np.float16)}
    save_file(weights, tmp_path / "one.safetensors")
    writer = gguf.GGUFWriter(tmp_path / "two.gguf", "llama")
    for name, array in weights.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    one = json.loads(run("digest", "--json", tmp_path / "one.safetensors")[1])
    two = json.loads(run("digest", "--json", tmp_path / "two.gguf")[1])
    assert one["model"] == two["model"]
    assert one["tensors"] == two["tensors"]


@pytest.mark.behaviour("CLI-03")
def test_digest_prints_one_line_a_tensor(run, model_file):
    lines = run("digest", model_file)[1].splitlines()
    with emel.open(model_file) as model:
        assert len(lines) == len(model) + 1
    assert re.fullmatch(r"[0-9a-f]{32}  \(model\)", lines[-1])


SAID = {
    "missing": "x.gguf: No such file or directory",
    "empty": "the file is empty",
    "folder": "no GGUF or safetensors file",
    "truncated": "but the file has",
    "pointer": "Git LFS pointer",
}


@pytest.mark.behaviour("CLI-04")
@pytest.mark.parametrize("command", ["inspect", "load", "digest"])
@pytest.mark.parametrize("what", SAID)
def test_an_error_is_one_line_and_exit_code_1(run, tmp_path, gguf_file, command, what):
    path = tmp_path / "x.gguf"
    if what == "empty":
        path.write_bytes(b"")
    elif what == "folder":
        path.mkdir()
    elif what == "truncated":
        path.write_bytes(gguf_file.read_bytes()[:-2000])
    elif what == "pointer":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    code, out, err = run(command, path)
    assert code == 1
    assert out == ""
    assert err.startswith("emel: ")
    assert err.count("\n") == 1
    assert str(path) in err
    assert SAID[what] in err
    assert "Traceback" not in err


@pytest.mark.behaviour("CLI-04")
def test_text_of_the_file_cannot_command_the_terminal(run, tmp_path):
    name = "\x1b[31mred\x07[bold]x[/bold]"
    save_file({name: np.ones(3, ml_dtypes.bfloat16)}, tmp_path / "x.safetensors")
    for words in (["inspect", "--tensors"], ["digest"]):
        _, out, _ = run(*words, tmp_path / "x.safetensors")
        assert "\x1b[31m" not in out
        assert "\x07" not in out
        assert "[bold]x[/bold]" in out


EVIL = "\x1b]0;owned\x07\x1b[31mred"


@pytest.mark.behaviour("CLI-04")
def test_paths_and_metadata_cannot_command_the_terminal(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_file({"a": np.ones(3)}, EVIL, metadata={EVIL: EVIL})
    _, out, _ = run("inspect", "--metadata", EVIL)
    assert out.count(r"\x1b[31mred") == 3  # the path, the key and the value
    assert out.replace("\n", "").isprintable()


@pytest.mark.behaviour("CLI-04")
def test_json_says_what_commands_a_terminal_by_its_number(run, tmp_path):
    name = "\x7f\x9b31mred\u202eleft ü🦀\U000e0001"
    save_file({name: np.ones(3)}, tmp_path / "x.safetensors")
    _, out, _ = run("digest", "--json", tmp_path / "x.safetensors")
    assert out.replace("\n", "").isprintable()
    assert "left ü🦀" in out
    assert list(json.loads(out)["tensors"]) == [name]


@pytest.mark.behaviour("CLI-04")
@pytest.mark.parametrize("what", ["shards", "index"])
def test_names_in_an_error_cannot_command_the_terminal(run, tmp_path, what):
    if what == "shards":  # both have it
        for i in (1, 2):
            save_file({EVIL: np.ones(3)}, tmp_path / f"m-{i:05}-of-00002.safetensors")
    else:
        name = json.dumps(EVIL)
        index = f'{{"weight_map": {{{name}: "a", {name}: "b"}}}}'
        (tmp_path / "model.safetensors.index.json").write_text(index)
    code, out, err = run("inspect", tmp_path)
    assert (code, out) == (1, "")
    assert r"\x1b[31mred" in err
    assert err.removesuffix("\n").isprintable()


ENDS = """
import json, os, runpy, sys
from io import TextIOWrapper
import emel.cli  # it takes longer than all that follows

def closed_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return writer

said = []
for output, unbuffered, words in json.loads(sys.argv[1]):
    errors = os.memfd_create("errors")
    child = os.fork()
    if not child:
        os.dup2(closed_pipe() if output == "pipe" else os.open("/dev/full", os.O_WRONLY), 1)
        os.dup2(errors, 2)
        if unbuffered:  # as the interpreter makes it of PYTHONUNBUFFERED
            raw = open(1, "wb", buffering=0, closefd=False)
            sys.stdout = TextIOWrapper(raw, newline="\\n", write_through=True)
        sys.argv = ["emel", *words]
        runpy.run_module("emel", run_name="__main__")
        sys.exit()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said.append((code, os.pread(errors, 1 << 16, 0).decode()))
json.dump(said, sys.stdout)
"""
UNBUFFERED = ("", "1")
WORDS = (["inspect"], ["digest"], ["inspect", "--json", "--grep", "none"])


@pytest.fixture(scope="module")
def ends(gguf_file):
    """What `python -m emel` exits with and says on stderr where its output can't be written.

    Each in a process of its own, forked from one that has imported what they need: by whether it
    writes unbuffered into a closed pipe, and by its words where the disk is full.
    """
    cases = [("pipe", unbuffered, ["inspect", "--json"]) for unbuffered in UNBUFFERED]
    cases += [("full", "", words) for words in WORDS]
    words = json.dumps([(*how, [*words, str(gguf_file)]) for *how, words in cases])
    done = subprocess.run(
        [sys.executable, "-c", ENDS, words],
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        check=True,
    )
    keys = (*UNBUFFERED, *map(tuple, WORDS))
    return dict(zip(keys, json.loads(done.stdout), strict=True))


@pytest.mark.behaviour("CLI-04")
@pytest.mark.parametrize("unbuffered", UNBUFFERED)
def test_a_closed_pipe_is_no_traceback(ends, unbuffered):
    code, errors = ends[unbuffered]
    assert code == 1
    assert errors == ""


@pytest.mark.behaviour("CLI-04")
def test_an_error_is_said_though_nobody_reads_what_was_said_before(tmp_path, monkeypatch, capsys):
    """In one process, with an answer that can't be written out any more."""

    class Gone:
        def __init__(self, file):
            self.file = file

        def fileno(self):
            return self.file.fileno()

        def flush(self):
            raise BrokenPipeError

        def write(self, text):
            return len(text)

    monkeypatch.setattr(sys, "argv", ["emel", "inspect", str(tmp_path / "none.gguf")])
    with (tmp_path / "out").open("wb") as file:
        monkeypatch.setattr(sys, "stdout", Gone(file))
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert str(ended.value).startswith("emel: ")


@pytest.mark.behaviour("CLI-04")
@pytest.mark.parametrize("pattern", ["a{99999999999999999999}", "(" * 2000 + ")" * 2000, "["])
def test_odd_patterns_are_usage_errors(run, gguf_file, pattern, frozen):
    # What other tests have left is frozen: it can't end where no call goes any deeper.
    code, _, err = run("inspect", "--grep", pattern, gguf_file)
    assert code == 2
    assert "Traceback" not in err


@pytest.mark.behaviour("CLI-04")
def test_a_path_that_is_not_utf8_is_no_traceback(run, gguf_file, tmp_path):
    path = os.fsencode(tmp_path) + b"/bad\xff.gguf"
    with open(path, "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(gguf_file.read_bytes())
    code, out, _ = run("inspect", "--json", os.fsdecode(path))
    assert code == 0
    assert json.loads(out)["files"][0].endswith("bad\\udcff.gguf")


@pytest.mark.behaviour("CLI-04")
@pytest.mark.parametrize("words", WORDS)
def test_output_that_cannot_be_written_is_one_line(ends, words):
    code, errors = ends[tuple(words)]
    assert code == 1
    assert errors.count("\n") == 1
    assert "No space left" in errors


@pytest.mark.behaviour("CLI-04")
def test_a_terminal_that_is_not_utf8_gets_escapes(gguf_file):
    words = [sys.executable, "-m", "emel", "inspect", "--metadata", str(gguf_file)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.behaviour("CLI-01")
def test_many_tensors_are_listed_in_the_same_columns(run, tmp_path):
    tensors = {f"layer.{i}.weight": np.ones((2, i % 7 + 1), np.float32) for i in range(700)}
    save_file(tensors, tmp_path / "many.safetensors")
    _, out, _ = run("inspect", "--tensors", tmp_path / "many.safetensors")
    listed = [line for line in out.splitlines() if line.startswith("layer.")]
    assert len(listed) == 700
    assert len({line.index(" F32 ") for line in listed}) == 1
    assert len({line.index(" B ") for line in listed}) == 1  # of 8 bytes as of 56


@pytest.mark.behaviour("CLI-04")
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BrokenPipeError(32, "gone"), "1"),
        (OSError(28, "full"), "emel: [Errno 28] full"),
        (OSError(5, "torn\nof \x1b[31mred"), r"emel: [Errno 5] torn of \x1b[31mred"),
    ],
)
def test_whoever_cannot_be_written_to_is_written_to_no_more(monkeypatch, error, said):
    def broken():
        raise error

    hung_up = []
    monkeypatch.setattr(cli, "command", lambda: broken)
    monkeypatch.setattr(cli, "hang_up", lambda: hung_up.append(True))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert str(ended.value.code) == said
    assert hung_up == [True]


@pytest.mark.behaviour("CLI-04")
def test_without_standard_output_there_is_one_line(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == "emel: there is no standard output to write to"


@pytest.mark.behaviour("CLI-01")
def test_inspect_lists_nothing_where_nothing_matches(run, safetensors_file):
    code, out, err = run("inspect", "--tensors", "--grep", "no such tensor", safetensors_file)
    assert (code, err) == (0, "")
    assert re.search(r"tensors +0 of 19 match, 0 B", out)
    assert "dtype" not in out


@pytest.mark.behaviour("CLI-02")
def test_where_nobody_says_what_is_in_memory_it_is_left_out(run, monkeypatch, safetensors_file):
    def without_statm(path, *more):
        if path == "/proc/self/statm":
            raise OSError
        return real(path, *more)

    real = _platform.os.open
    assert "resident memory" in run("load", safetensors_file)[1]
    monkeypatch.setattr(_platform.os, "open", without_statm)
    code, out, err = run("load", safetensors_file)
    assert (code, err) == (0, "")
    assert "resident memory" not in out


@pytest.mark.behaviour("CLI-02", "CLI-04")
def test_a_load_that_gives_way_to_nothing_is_one_line(run, monkeypatch, safetensors_file):
    def busy(self, **_):
        raise emel.BusyError("somebody looks at it", code="still-borrowed")

    monkeypatch.setattr(emel.Model, "load", busy)
    words = ("load", "--memory-limit", "1 MiB", safetensors_file)
    assert run(*words) == (1, "", "emel: somebody looks at it\n")


@pytest.mark.behaviour("CLI-07")
def test_a_record_that_cannot_be_read_is_none(tmp_path, monkeypatch):
    path = tmp_path / "record"
    path.write_bytes(b"{} and more than eight bytes")
    whole = _platform.small_file(str(path), 99, lambda head: head[:1] == b"{")
    assert whole == path.read_bytes()

    def broken(*_):
        raise OSError

    monkeypatch.setattr(_platform.os, "read", broken)
    assert _platform.small_file(str(path), 99, lambda _: True) == b""


@pytest.mark.behaviour("CLI-01")
@pytest.mark.parametrize(
    ("nbytes", "spelled"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1023.6, "1.0 KiB"),
        ((1 << 20) - 1, "1.0 MiB"),
        (3 << 40, "3.0 TiB"),
        (1 << 60, "1048576.0 TiB"),
    ],
)
def test_sizes_are_told_in_the_largest_unit_that_leaves_one(nbytes, spelled):
    assert render.size(nbytes) == spelled


@pytest.mark.behaviour("CLI-01")
def test_long_values_are_cut_and_those_at_the_limit_are_whole():
    assert render.summary("x" * 72) == "x" * 72
    assert render.summary("x" * 73) == "x" * 71 + "… (73 characters)"
    assert render.summary([1, 2, 3]) == "[1, 2, 3] (3)"
    assert render.summary([1, 2, 3, 4]) == "[1, 2, 3, …] (4)"
    assert render.plain([1] * 72) == [1] * 72
    assert render.plain([1] * 73) == {"length": 73, "first": [1, 1, 1]}


@pytest.mark.behaviour("CLI-04")
def test_a_path_of_several_lines_is_one_line(run, tmp_path):
    code, out, err = run("inspect", tmp_path / "a\nb.gguf")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1


@pytest.mark.behaviour("CLI-07")
def test_a_record_is_read_up_to_the_limit_and_no_further(tmp_path):
    path = tmp_path / "record"
    path.write_bytes(b"{" * 20)
    assert _platform.small_file(str(path), 20, lambda _: True) == b"{" * 20
    assert _platform.small_file(str(path), 19, lambda _: True) == b""
