"""FMT-03, FMT-04: any bytes have an answer, and what is accepted is what others read as well."""

import gguf
import numpy as np
import pytest
import safetensors
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emel_model_format import DTYPES, Header, NeedMore, Refusal, parse
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
        ("a.key", 4, 7),
        ("flags", ARRAY, (7, [0, 1])),
        ("words", ARRAY, (STRING, ["one", "", "two"])),
        ("nested", ARRAY, (ARRAY, [(5, [1, 2]), (STRING, ["x"])])),
    ],
    [
        GGUFTensor(name="f32", dims=(4, 2)),
        GGUFTensor(name="q4_0", dims=(32, 2), type=2, data=bytes(range(36))),
        GGUFTensor(name="bf16", dims=(3,), type=30, data=bytes(6)),
    ],
)
SAFETENSORS = safetensors_bytes(
    {
        "first": SafetensorsTensor(dtype="F32", shape=[4, 2]),
        "second": SafetensorsTensor(dtype="I16", shape=[3], data=b"abcdef"),
        "empty": SafetensorsTensor(dtype="U8", shape=[0, 3], data=b""),
    },
    metadata={"k": "v"},
    padding=b"  ",
)
EDGES = st.sampled_from(
    [0, 1, 7, 8, 9, 13, 31, 32, 255, 256, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
)
TOKENS = st.sampled_from(
    [
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"-",
        b".",
        b"\\",
        b"e9",
        b"null",
        b"0",
        b"\xff",
        b"",
    ]
)


@st.composite
def mutated(draw, original):
    data = bytearray(original)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, min(len(data), 420)))
        change = draw(st.sampled_from(["byte", "u32", "u64", "token", "cut", "double"]))
        if change == "byte":
            data[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif change in {"u32", "u64"}:
            n = 4 if change == "u32" else 8
            data[at : at + n] = (draw(EDGES) % (1 << 8 * n)).to_bytes(n, "little")
        elif change == "token":
            data[at : at + draw(st.integers(0, 2))] = draw(TOKENS)
        elif change == "cut":
            del data[at : at + draw(st.integers(1, 40))]
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
    return bytes(data)


def checked(data):
    answer = parse(data, len(data))
    assert isinstance(answer, Header | Refusal), "the whole file was given"
    assert isinstance(parse(data[: len(data) // 2], len(data)), Header | NeedMore | Refusal)
    if isinstance(answer, Header):
        tensors = answer.tensors
        assert all(n >= 0 for n in tensors.nbytes)
        assert all(tensors.offset + tensors.nbytes <= len(data))
        assert all(np.prod(shape, dtype=object) >= 0 for shape in tensors.shapes())
        for key in answer.metadata:
            assert answer.metadata[key] is not None
    return answer


@pytest.mark.behaviour("FMT-03", "FMT-04")
@given(
    data=st.one_of(mutated(SAFETENSORS), st.binary(max_size=60).map(lambda b: SAFETENSORS[:9] + b))
)
@settings(deadline=None, max_examples=300)
def test_mutated_safetensors(data):
    answer = checked(data)
    try:
        entries = safetensors.deserialize(data)
    except safetensors.SafetensorError:
        assert isinstance(answer, Refusal)
        return
    if isinstance(answer, Refusal):
        # Upstream keeps the last of two equal keys, takes null for no metadata, and counts in u64.
        assert answer.rule.startswith("duplicate") or answer.rule in {
            "wrong-type",
            "dimensions-overflow",
        }, answer
        return
    tensors = answer.tensors
    assert sorted(tensors.names) == sorted(name for name, _ in entries)
    for name, expected in entries:
        i = tensors.names.index(name)
        begin = tensors.offset[i]
        assert DTYPES[tensors.dtype[i]].name == expected["dtype"]
        assert list(tensors.shape(i)) == expected["shape"]
        assert data[begin : begin + tensors.nbytes[i]] == bytes(expected["data"])


@pytest.mark.behaviour("FMT-03", "FMT-04")
@given(data=st.one_of(mutated(GGUF), st.binary(max_size=60).map(lambda b: GGUF[:24] + b)))
@example(data=GGUF)
@settings(deadline=None, max_examples=300)
def test_mutated_gguf(tmp_path_factory, data):
    answer = checked(data)
    if isinstance(answer, Refusal) or "GGUF.version" in answer.metadata:
        return
    path = tmp_path_factory.getbasetemp() / "mutated.gguf"
    path.write_bytes(data)
    try:
        reader = gguf.GGUFReader(path)
    except (ValueError, IndexError, KeyError):  # stricter here and there, and less so elsewhere
        assert data != GGUF
        return
    tensors = answer.tensors
    assert list(tensors.names) == [tensor.name for tensor in reader.tensors]
    for i, expected in enumerate(reader.tensors):
        assert DTYPES[tensors.dtype[i]].name == expected.tensor_type.name
        assert tensors.shape(i) == tuple(reversed(expected.shape.tolist()))
        assert tensors.nbytes[i] == expected.n_bytes
        if expected.n_bytes:
            begin = tensors.offset[i]
            assert begin == expected.data_offset
            assert data[begin : begin + tensors.nbytes[i]] == expected.data.tobytes()
