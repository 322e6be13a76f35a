"""FMT-03: bytes in, and a header, a number of bytes, or a refusal out; nothing is kept."""

import ast
import mmap
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import emel_model_format
from emel_model_format import Header, NeedMore, Refusal, parse
from emel_model_format.testing import (
    ARRAY,
    STRING,
    GGUFTensor,
    SafetensorsTensor,
    gguf_bytes,
    safetensors_bytes,
)

GGUF = gguf_bytes(
    [
        ("tokens", ARRAY, (STRING, [f"tok{i}" for i in range(600)])),
        ("nested", ARRAY, (ARRAY, [(STRING, ["a", "b"]), (5, [1, 2])])),
        ("flags", ARRAY, (7, [0, 1])),
        ("name", STRING, "n"),
    ],
    [GGUFTensor(name=f"t{i}") for i in range(20)],
)
SAFETENSORS = safetensors_bytes(
    {f"t{i}": SafetensorsTensor() for i in range(20)}, metadata={"k": "v"}, padding=b"   "
)
FILES = {"gguf": GGUF, "safetensors": SAFETENSORS}


@pytest.fixture(params=FILES)
def data(request):
    return FILES[request.param]


@pytest.mark.behaviour("FMT-03")
def test_every_prefix_asks_for_more_until_the_header_is_whole(data):
    whole = parse(data, len(data))
    assert isinstance(whole, Header)
    for n in range(len(data) + 1):
        answer = parse(data[:n], len(data))
        if isinstance(answer, NeedMore):
            assert n < answer.nbytes <= whole.nbytes
        else:
            assert isinstance(answer, Header)
            assert n > whole.nbytes - whole.alignment
            assert answer.tensors.names == whole.tensors.names


@pytest.mark.behaviour("FMT-03")
def test_giving_just_what_is_asked_for_comes_to_an_end(data):
    n, calls = 0, 0
    while isinstance(answer := parse(data[:n], len(data)), NeedMore):
        n, calls = answer.nbytes, calls + 1
    assert isinstance(answer, Header)
    assert calls < 700


@pytest.mark.behaviour("FMT-03", "FMT-04")
def test_every_truncated_file_is_refused(data):
    whole = parse(data, len(data))
    for n in range(len(data)):
        answer = parse(data[:n], n)
        assert isinstance(answer, Refusal), n
        assert answer.offset <= n
        assert n >= whole.nbytes or answer.rule != "data-beyond-file" or n > whole.nbytes - 32


@pytest.mark.behaviour("FMT-03")
@pytest.mark.parametrize(
    "kind", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)]
)
def test_any_contiguous_buffer_will_do(data, kind):
    assert isinstance(parse(kind(data), len(data)), Header)


HOSTILE = [
    GGUF[:100],
    GGUF.replace(b"tok500", b"tok500\xff", 1),
    GGUF.replace(b"\x07\0\0\0\x02\0\0\0\0\0\0\0\0\x01", b"\x07\0\0\0\x02\0\0\0\0\0\0\0\0\x07"),
    GGUF.replace(b"t7", b"t8"),
    GGUF.replace(b"t7", b"\xff8"),
    SAFETENSORS.replace(b"t7", b"t8"),
    SAFETENSORS.replace(b"[8]", b"[9]"),
    SAFETENSORS.replace(b"[8]", b"[x]"),
    SAFETENSORS.replace(b'"t7"', b'"\xff\xff"'),
    GGUF,
    SAFETENSORS,
]


@pytest.mark.behaviour("FMT-03")
@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_the_bytes_are_let_go_whatever_the_outcome(hostile):
    buffer = bytearray(hostile)
    answer = parse(buffer, len(FILES["gguf"]) + len(FILES["safetensors"]))
    buffer.append(0)  # BufferError while anything looks into it
    exact = parse(buffer, len(hostile))
    buffer.append(0)
    with mmap.mmap(-1, len(hostile)) as mapping:
        mapping.write(hostile)
        mapped = parse(mapping, len(hostile))
    assert type(mapped) is type(exact)
    assert answer is not None


@pytest.mark.behaviour("FMT-03")
def test_a_header_lives_on_without_the_bytes():
    buffer = bytearray(GGUF)
    header = parse(buffer, len(buffer))
    assert isinstance(header, Header)
    buffer[:] = bytes(len(buffer))
    assert list(header.metadata["tokens"])[-1] == "tok599"
    assert list(header.metadata["nested"][0]) == ["a", "b"]
    assert header.metadata["name"] == "n"
    assert header.tensors.names[-1] == "t19"
    assert not header.tensors.offset.flags.writeable


@pytest.mark.behaviour("FMT-03")
def test_misuse_raises():
    with pytest.raises(ValueError, match="-1"):
        parse(b"", -1)
    with pytest.raises(TypeError):
        parse("GGUF", 4)
    with pytest.raises((BufferError, TypeError)):
        parse(memoryview(GGUF)[::2], len(GGUF))


@pytest.mark.behaviour("FMT-03")
def test_bytes_behind_the_file_are_ignored():
    assert isinstance(parse(SAFETENSORS + b"more", len(SAFETENSORS)), Header)
    bare = gguf_bytes([("name", STRING, "value")])
    for n in range(bare.index(b"value") + len("value")):
        assert isinstance(parse(bare, n), Refusal), n


@pytest.mark.behaviour("FMT-03")
def test_no_module_can_do_io():
    folder = pathlib.Path(emel_model_format.__file__).parent
    for path in folder.glob("[!.]*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = list(ast.walk(tree))
        imported = {name.name for n in nodes if isinstance(n, ast.Import) for name in n.names}
        imported |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
        assert not imported & {"os", "io", "mmap", "pathlib", "socket", "tempfile"}, path
        called = {n.func.id for n in nodes if isinstance(n, ast.Call) and hasattr(n.func, "id")}
        assert "open" not in called, path


@pytest.mark.behaviour("FMT-03")
def test_importing_imports_nothing_slow():
    slow = "{'ml_dtypes', 'msgspec'}"
    code = f"import sys, emel_model_format; sys.exit(bool({slow} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.behaviour("FMT-03")
def test_the_public_names_are_sorted_and_exist():
    assert sorted(emel_model_format.__all__) == emel_model_format.__all__
    assert all(hasattr(emel_model_format, name) for name in emel_model_format.__all__)
