"""What transforms make of any cut of the bytes is what their libraries make of the whole."""

import hashlib
import sys

import gguf
import ml_dtypes
import numpy as np
import pytest
import xxhash
from gguf.quants import quant_shape_to_byte_shape
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emel_io_loader import Reaction, Spans, StrategyError, Targets
from emel_io_staged import (
    Conversion,
    Dequantisation,
    Digest,
    StagedStrategy,
    _gguf,
    transforms,
)

LOOSE = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SOURCES = [
    "<f2", ">f2", "<f4", ">f4", "<f8", "i1", "<i2", ">i4", "<u2", "u1", "?", "<c8",
    ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, ml_dtypes.float8_e8m0fnu,
]  # fmt: skip
RESULTS = ["<f4", "<f8", ">f4", "<f2", "<i4", ml_dtypes.bfloat16, "<c8"]
KINDS = [kind.name for kind in gguf.GGML_QUANT_SIZES if Dequantisation.refusal(kind.name) is None]


def through(tmp_path, stored, offset, out, transform, chunk_nbytes):
    path = tmp_path / "stored"
    path.write_bytes(bytes(offset) + stored)
    with StagedStrategy(chunk_nbytes=chunk_nbytes, stages=2) as strategy:
        spans = Spans([str(path)], [0], [offset], [len(stored)])
        return strategy.load_through(spans, Targets.each([out]), [transform])


@pytest.mark.behaviour("STG-03")
@LOOSE
@given(
    source=st.sampled_from(SOURCES),
    target=st.sampled_from(RESULTS),
    n=st.integers(0, 300),
    offset=st.integers(0, 9),
    chunk_nbytes=st.integers(8, 500),
    seed=st.integers(0, 9),
)
@example(source="<f8", target="<f2", n=9, offset=0, chunk_nbytes=100, seed=1)
@example(source="<f8", target=ml_dtypes.bfloat16, n=9, offset=0, chunk_nbytes=100, seed=1)
def test_conversion_is_numpys(tmp_path, source, target, n, offset, chunk_nbytes, seed):
    source, target = np.dtype(source), np.dtype(target)
    if source.kind == "c" and target.kind != "c":
        with pytest.raises(ValueError, match="imaginary"):
            Conversion(source, target)
        return
    stored = np.random.default_rng(seed).integers(0, 256, n * source.itemsize, np.uint8)
    if source.kind == "b":
        stored &= 1
    if source == np.float64 and seed == 1:  # by way of float32 they would be rounded twice
        bits = 11 if target == np.float16 else 8
        stored = (1 + np.arange(1, 2 * n, 2) * 2.0**-bits + 2.0**-40).view(np.uint8)
    out = np.zeros(n, target)
    assert through(
        tmp_path, stored.tobytes(), offset, out, Conversion(source, target), chunk_nbytes
    ).ok
    with np.errstate(all="ignore"):
        wanted = stored.view(source).astype(target)
    assert out.tobytes() == wanted.tobytes()


@pytest.mark.behaviour("STG-03")
@pytest.mark.parametrize("n", [0, 1, 1000, 100_001])
@pytest.mark.parametrize("target", ["<f4", ml_dtypes.bfloat16])
def test_bits_are_swapped_and_viewed(tmp_path, n, target):
    numbers = np.random.default_rng(1).standard_normal(n).astype(ml_dtypes.bfloat16)
    stored = numbers.view(np.uint16).astype(">u2").tobytes()
    out = np.zeros(n, target)
    transform = Conversion(">u2", target, bits=ml_dtypes.bfloat16)
    assert through(tmp_path, stored, 3, out, transform, 70_000).ok
    assert out.tobytes() == numbers.astype(target).tobytes()


@pytest.mark.behaviour("STG-03")
@pytest.mark.parametrize(
    "words",
    [("O", "f4"), ("f4", "S4"), ("V2", "f4"), ([("a", "f4")], "f4"), ("f4", "M8[s]"), ("f4", "U1"),
     ("(2,)f4", "f4")],
    ids=str,
)  # fmt: skip
def test_what_is_no_number_is_not_converted(words):
    with pytest.raises(ValueError, match="no type of plain numbers"):
        Conversion(*words)


@pytest.mark.behaviour("STG-03")
def test_bits_need_their_room():
    with pytest.raises(ValueError, match="can't hold the bits"):
        Conversion(">u4", "f4", bits=ml_dtypes.bfloat16)


@pytest.mark.behaviour("STG-03")
def test_a_conversion_into_memory_at_any_address(tmp_path):
    numbers = np.arange(50, dtype="<f2")
    out = bytearray(201)
    path = tmp_path / "a"
    path.write_bytes(numbers.tobytes())
    with StagedStrategy(chunk_nbytes=10, stages=2) as strategy:
        spans = Spans([str(path)], [0], [0], [100])
        targets = Targets([out], [0], [1])
        assert strategy.load_through(spans, targets, [Conversion("<f2", "<f4")]).ok
    assert out[1:] == numbers.astype("<f4").tobytes()


@pytest.mark.behaviour("STG-03")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["f4", "f2"])
def test_dequantisation_is_ggufs(tmp_path, monkeypatch, kind, target):
    monkeypatch.setattr(transforms, "STEP_NBYTES", 4096)
    known = gguf.GGMLQuantizationType[kind]
    block, block_nbytes = gguf.GGML_QUANT_SIZES[known]
    n = 20_000 // block_nbytes  # three chunks, of several steps and a remainder
    stored = np.random.default_rng(7).integers(0, 256, n * block_nbytes, np.uint8)
    out = np.zeros(n * block, target)
    transform = Dequantisation(kind, target)
    assert transform.block_nbytes == block_nbytes
    assert transform.result_nbytes(len(stored)) == out.nbytes
    assert through(tmp_path, stored.tobytes(), 5, out, transform, 9001).ok
    with np.errstate(all="ignore"):
        whole = gguf.dequantize(stored.reshape(n, block_nbytes), known).astype(target)
    assert quant_shape_to_byte_shape((n * block,), known) == (len(stored),)
    assert out.tobytes() == whole.tobytes()


@pytest.mark.behaviour("STG-03")
@LOOSE
@given(n=st.integers(0, 40), chunk_nbytes=st.integers(34, 400), offset=st.integers(0, 5))
def test_dequantisation_with_any_chunk(tmp_path, n, chunk_nbytes, offset):
    known = gguf.GGMLQuantizationType.Q8_0
    stored = gguf.quantize(
        np.random.default_rng(n).standard_normal((n, 32)).astype(np.float32), known
    )
    out = np.zeros((n, 32), np.float32)
    transform = Dequantisation("Q8_0")
    assert through(tmp_path, stored.tobytes(), offset, out, transform, chunk_nbytes).ok
    assert out.tobytes() == gguf.dequantize(stored, known).tobytes()


@pytest.mark.behaviour("STG-03")
@pytest.mark.parametrize("kind", ["Q8_K", "Q4_KX", "", "q4_0"])
def test_a_type_without_a_dequantiser_is_told(kind):
    answer = Dequantisation.refusal(kind)
    assert (answer.code, answer.reaction) == ("dequantiser-unknown", Reaction.UNSUPPORTED)
    with pytest.raises(StrategyError) as caught:
        Dequantisation(kind)
    assert caught.value.result.code == "dequantiser-unknown"


@pytest.mark.behaviour("STG-03")
def test_that_gguf_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    _gguf.dequantiser.cache_clear()
    try:
        answer = Dequantisation.refusal("Q4_K")
    finally:
        _gguf.dequantiser.cache_clear()
    assert (answer.code, answer.reaction) == ("dequantiser-missing", Reaction.UNSUPPORTED)
    assert "Q4_K" in answer.message


@pytest.mark.behaviour("STG-03")
@pytest.mark.parametrize("make_hasher", [hashlib.sha256, xxhash.xxh3_128], ids=["sha256", "xxh3"])
@pytest.mark.parametrize("chunk_nbytes", [1, 999, 10_000, 50_000])
def test_a_digest_is_that_of_the_whole(tmp_path, make_hasher, chunk_nbytes):
    stored = np.random.default_rng(3).bytes(12_345 if chunk_nbytes > 1 else 300)
    hasher = make_hasher()
    assert through(tmp_path, stored, 7, bytearray(), Digest(hasher), chunk_nbytes).ok
    assert hasher.digest() == make_hasher(stored).digest()


@pytest.mark.behaviour("STG-03")
def test_a_conversion_that_would_lose_imaginary_parts_is_refused():
    with pytest.raises(ValueError, match="would lose imaginary parts"):
        Conversion("c8", "f4")
