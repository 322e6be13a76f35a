"""Numbers of stored blocks, in memory that doesn't grow with the tensor."""

import os
import subprocess
import sys

import gguf
import ml_dtypes
import numpy as np
import pytest
from gguf.quants import quantize
from safetensors.numpy import save_file

import emel
from emel_model_format.testing import (
    GGUFTensor,
    SafetensorsTensor,
    gguf_bytes,
    safetensors_bytes,
)

STRATEGIES = pytest.mark.parametrize("strategy", ["mmap", "read", "staged"])
PLAIN = {"F32", "F16", "BF16"}


def quantised(values):
    """Every type that gguf can quantise to: name to raw blocks."""
    found = {}
    for kind in gguf.GGMLQuantizationType:
        if kind.name in PLAIN:
            continue
        try:
            found[kind.name] = quantize(values, kind)
        except NotImplementedError:
            continue
    return found


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    """A file of all of them, and name to the numbers that gguf itself makes of the blocks."""
    values = np.random.default_rng(3).standard_normal((5, 512)).astype(np.float32)
    raw = quantised(values)
    assert len(raw) >= 6
    path = tmp_path_factory.mktemp("blocks") / "blocks.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    for name, stored in raw.items():
        writer.add_tensor(name, stored, raw_dtype=gguf.GGMLQuantizationType[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    numbers = {
        name: gguf.dequantize(stored, gguf.GGMLQuantizationType[name])
        for name, stored in raw.items()
    }
    return path, numbers


@pytest.mark.behaviour("FACE-07")
@STRATEGIES
@pytest.mark.parametrize("limit", [None, 64 << 10])
def test_every_type_that_gguf_can_quantise(blocks, strategy, limit):
    path, numbers = blocks
    with emel.open(path, strategy, memory_limit=limit) as model:
        for name, expected in numbers.items():
            found = model.dequantize(name)
            assert (found.dtype, found.shape) == (np.float32, model.info(name).shape)
            np.testing.assert_array_equal(found, expected)
        assert not {"mmap-resident", "resident"} & set(model.residency().totals)


@pytest.mark.behaviour("FACE-07")
@STRATEGIES
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", ml_dtypes.bfloat16, ">f4", "f8"])
def test_the_numbers_come_as_what_was_asked_for(blocks, strategy, dtype):
    path, numbers = blocks
    wanted = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    with emel.open(path, strategy) as model:
        for name, expected in numbers.items():
            found = model.dequantize(name, dtype=dtype)
            assert found.dtype == np.dtype(wanted)
            assert found.tobytes() == expected.astype(wanted).tobytes()


@pytest.mark.behaviour("FACE-07")
@STRATEGIES
def test_plain_types_are_converted(checkpoints, arrays, strategy):
    path, _ = checkpoints["index"]
    with emel.open(path, strategy) as model:
        for name, saved in arrays.items():
            if saved.dtype.kind == "c":
                with pytest.raises(emel.UnsupportedError, match="imaginary") as refused:
                    model.dequantize(name)
                assert refused.value.code == "dequantize-unsupported"
                assert model.dequantize(name, dtype="complex128").tolist() == saved.tolist()
                continue
            found = model.dequantize(name)
            assert (found.dtype, found.shape) == (np.float32, saved.shape)
            np.testing.assert_array_equal(found, saved.astype(np.float32))


@pytest.mark.behaviour("FACE-07")
@STRATEGIES
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_numbers_of_either_byte_order_are_converted(tmp_path, strategy, byteorder):
    values = np.array([1.5, -2.0, 0.0, 3e38], np.float32)
    narrow = values.astype(ml_dtypes.bfloat16)
    order = "<" if byteorder == "little" else ">"
    stored = {
        "wide": (gguf.GGMLQuantizationType.F32, values.astype(f"{order}f4")),
        "narrow": (gguf.GGMLQuantizationType.BF16, narrow.view("u2").astype(f"{order}u2")),
    }
    path = tmp_path / f"{byteorder}.gguf"
    tensors = [
        GGUFTensor(name=name, dims=(4,), type=kind, data=numbers.tobytes())
        for name, (kind, numbers) in stored.items()
    ]
    path.write_bytes(gguf_bytes(tensors=tensors, byteorder=byteorder))
    with emel.open(path, strategy) as model:
        assert model.dequantize("wide", dtype="f8").tolist() == values.tolist()
        assert model.dequantize("narrow", dtype="f4").tolist() == narrow.astype("f4").tolist()


@pytest.mark.behaviour("FACE-07")
@STRATEGIES
def test_out_is_filled_and_answered_with(blocks, strategy):
    path, numbers = blocks
    with emel.open(path, strategy) as model:
        for dtype in (np.float32, np.float16, ml_dtypes.bfloat16):
            out = np.empty((5, 512), dtype)
            assert model.dequantize("Q8_0", out, dtype="float64") is out
            assert out.tobytes() == numbers["Q8_0"].astype(dtype).tobytes()


def read_only(array):
    array.flags.writeable = False
    return array


@pytest.mark.behaviour("FACE-07")
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: np.full((512, 5), 9, np.float32), ValueError),
        (lambda: np.full((5, 512), 9, np.float32, order="F"), ValueError),
        (lambda: np.full((5, 1024), 9, np.float32)[:, ::2], ValueError),
        (lambda: read_only(np.full((5, 512), 9, np.float32)), ValueError),
        (lambda: bytearray(b"\x09" * 4 * 5 * 512), TypeError),
        (lambda: [9], TypeError),
    ],
    ids=["shape", "Fortran", "strides", "read-only", "a bytearray", "a list"],
)
def test_out_that_does_not_fit_is_untouched(blocks, make, kind):
    path, _ = blocks
    with emel.open(path) as model:
        out = make()
        with pytest.raises(kind) as raised:
            model.dequantize("Q8_0", out)
        assert not isinstance(raised.value, emel.EmelError)
        assert set(np.asarray(out).reshape(-1).tolist()) == {9}


@pytest.mark.behaviour("FACE-07")
@pytest.mark.parametrize("dtype", ["no such type", "finfo", "f4, f4", object, "S4", "M8[s]"])
def test_what_is_no_type_of_numbers_is_refused(blocks, safetensors_file, dtype):
    for path, name in ((blocks[0], "Q8_0"), (safetensors_file, "float32")):
        with (
            emel.open(path) as model,
            pytest.raises((TypeError, emel.UnsupportedError)) as refused,
        ):
            model.dequantize(name, dtype=dtype)
        assert str(refused.value)


WITHOUT = """
import sys
sys.modules["gguf"] = None
import emel

for path, name in zip(sys.argv[1::2], sys.argv[2::2]):
    with emel.open(path) as model:
        try:
            print(model.dequantize(name).sum())
        except emel.UnsupportedError as error:
            print(error.code, error.tensor, error)
"""


@pytest.fixture(scope="module")
def half_bytes(tmp_path_factory):
    """A file of a type of safetensors' that gguf doesn't know."""
    path = tmp_path_factory.mktemp("half") / "half.safetensors"
    half = SafetensorsTensor(dtype="F4", shape=(4,), data=bytes(2))
    path.write_bytes(safetensors_bytes({"half": half}))
    return path


@pytest.fixture(scope="module")
def without_gguf(blocks, checkpoints, half_bytes):
    """What is said, by kind of file, where gguf isn't installed."""
    paths = [str(blocks[0]), "Q8_0", str(checkpoints["safetensors"][0]), "int16"]
    words = [sys.executable, "-c", WITHOUT, *paths, str(half_bytes), "half"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    kinds = ("gguf", "safetensors", "half bytes")
    return dict(zip(kinds, done.stdout.splitlines(), strict=True))


@pytest.mark.behaviour("FACE-07")
@pytest.mark.parametrize("kind", ["gguf", "safetensors"])
def test_without_gguf_blocks_are_refused_with_what_to_install(without_gguf, arrays, kind):
    if kind == "gguf":
        assert without_gguf[kind].startswith("dequantize-unsupported Q8_0 ")
        assert "emel[gguf]" in without_gguf[kind]
    else:
        assert float(without_gguf[kind]) == arrays["int16"].sum()


@pytest.mark.behaviour("FACE-07")
def test_without_gguf_nobody_is_told_to_install_it_for_what_it_does_not_know(without_gguf):
    assert without_gguf["half bytes"].startswith("dequantize-unsupported half ")
    assert without_gguf["half bytes"].endswith("F4 is no type that gguf knows (half)")


@pytest.mark.behaviour("FACE-07")
def test_a_closed_model_and_an_unknown_name(blocks):
    with emel.open(blocks[0]) as model, pytest.raises(KeyError):
        model.dequantize("no such tensor")
    with pytest.raises(emel.ClosedError):
        model.dequantize("Q8_0")


MEASURED = """
import os, re, sys
from pathlib import Path
import gguf
import numpy as np
import emel, emel.copying

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) << 10

def measure(strategy):
    with emel.open(sys.argv[1], strategy, memory_limit=1 << 20) as model:
        model.dequantize("small")  # what else is done once
        shape = model.info("large").shape
        out = np.zeros(shape, np.float16)
        out[:] = 1  # it is all there before anything is measured
        Path("/proc/self/clear_refs").write_text("5")
        before = peak()
        model.dequantize("large", out)
        print(strategy, peak() - before, out.any())

for strategy in "mmap", "read", "staged":  # each in a process of its own, for imports of this one
    if os.fork() == 0:
        measure(strategy)
        break
    assert os.wait()[1] == 0, strategy
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The process that says by how much the peak of memory grows, and whether any number isn't 0.

    5 MiB of Q8_0 blocks, all zero and sparse on disk, under a limit of 1 MiB: more than may be
    needed, and four times that as the numbers which they are.
    """
    path = tmp_path_factory.mktemp("large") / "large.gguf"
    kind = gguf.GGMLQuantizationType.Q8_0
    blocks = (5 << 20) // 34 // 64 * 64
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("small", np.zeros((1, 34), np.uint8), raw_dtype=kind)
    shape = (64, blocks // 64 * 34)
    writer.add_tensor_info("large", shape, np.dtype(np.uint8), blocks * 34, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    os.truncate(path, path.stat().st_size + blocks * 34 + 4096)
    words = [sys.executable, "-c", MEASURED, str(path)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.behaviour("FACE-07", "FACE-08")
@STRATEGIES
def test_memory_does_not_grow_with_the_tensor(measured, strategy):
    assert measured.returncode == 0, measured.stderr
    (line,) = [told for told in measured.stdout.splitlines() if told.startswith(strategy)]
    _, grown, anything = line.split()
    assert anything == "False"
    assert int(grown) < 4 << 20  # the stages, and some temporaries of gguf's


@pytest.mark.behaviour("FACE-07")
def test_what_no_transform_can_make_is_refused_in_words(tmp_path, half_bytes):
    blocks = tmp_path / "big.gguf"
    writer = gguf.GGUFWriter(blocks, "llama", endianess=gguf.GGUFEndian.BIG)
    kind = gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor("blocks", quantize(np.ones((1, 64), np.float32), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    numbers = tmp_path / "complex.safetensors"
    save_file({"numbers": np.ones(3, np.complex64)}, numbers)
    for path, name, why in (
        (blocks, "blocks", "big-endian file can't be dequantised"),
        (numbers, "numbers", "would lose imaginary parts"),
        (half_bytes, "half", "F4 is no type that gguf knows"),
    ):
        with emel.open(path) as model, pytest.raises(emel.UnsupportedError, match=why) as refused:
            model.dequantize(name, dtype="f4")
        assert (refused.value.code, refused.value.tensor) == ("dequantize-unsupported", name)
