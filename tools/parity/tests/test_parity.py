"""Every byte and every digest of two published models, against gguf-py and safetensors."""

import json
import subprocess
import sys

import gguf
import numpy as np
import pytest
import safetensors
import xxhash

import emel
from emel_tools.real_models import GGUF, SAFETENSORS


def model_digest(rows):
    """The documented digest, computed without emel: rows of (name, dtype, shape, bytes)."""
    lines = b""
    tensors = {}
    for name, dtype, shape, stored in sorted(rows, key=lambda row: row[0].encode()):
        tensors[name] = xxhash.xxh3_128_hexdigest(stored)
        axes = "x".join(map(str, shape))
        lines += f"{name}\0{dtype}\0{axes}\0{tensors[name]}\n".encode()
    return xxhash.xxh3_128_hexdigest(lines), tensors


STRATEGIES = ("mmap", "read", "staged")


def emel_digest(path, strategy="auto"):
    command = [sys.executable, "-m", "emel", "digest", "--json", "--strategy", strategy, str(path)]
    document = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return document["model"], document["tensors"]


@pytest.fixture(scope="session")
def reader(models):
    return gguf.GGUFReader(models / GGUF)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_gguf_tensors_equal_gguf_pys(models, reader, strategy):
    with emel.open(models / GGUF, strategy) as model:
        assert list(model) == [tensor.name for tensor in reader.tensors]
        for tensor in reader.tensors:
            array = model[tensor.name]
            assert array.dtype == tensor.data.dtype
            assert array.shape == tensor.data.shape
            assert np.array_equal(array.view(np.uint8), tensor.data.view(np.uint8))
        del array


def test_gguf_metadata_equals_gguf_pys(models, reader):
    with emel.open(models / GGUF) as model:
        metadata = model.metadata
    fields = {name: field for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    assert list(metadata) == list(fields)
    for name, field in fields.items():
        ours, theirs = metadata[name], field.contents()
        assert list(ours) == theirs if isinstance(theirs, list) else ours == theirs, name
    assert len(metadata["tokenizer.ggml.tokens"]) == 262_144


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_gguf_digest_equals_one_through_gguf_py(models, reader, strategy):
    rows = [
        (t.name, t.tensor_type.name, t.shape.tolist()[::-1], t.data.tobytes())
        for t in reader.tensors
    ]
    assert emel_digest(models / GGUF, strategy) == model_digest(rows)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_safetensors_equals_its_own_reader_and_digest(models, strategy):
    rows = []
    with (
        emel.open(models / SAFETENSORS, strategy) as model,
        safetensors.safe_open(models / SAFETENSORS, "np") as theirs,
    ):
        assert list(model) == list(theirs.offset_keys())
        for name in model:
            tensor = theirs.get_tensor(name)
            ours = model[name]
            assert (ours.dtype, ours.shape) == (tensor.dtype, tensor.shape)
            assert ours.tobytes() == tensor.tobytes()
            dtype = theirs.get_slice(name).get_dtype()
            rows.append((name, dtype, tensor.shape, tensor.tobytes()))
        del ours
    assert emel_digest(models / SAFETENSORS, strategy) == model_digest(rows)


@pytest.mark.parametrize("name", [GGUF, SAFETENSORS])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_verify_agrees_across_the_strategies(models, tmp_path, name, strategy):
    """Each strategy's bytes against those that mmap recorded, and against a plain open's."""
    path = str(models / name)
    command = [sys.executable, "-m", "emel"]
    record = subprocess.run(
        [*command, "digest", "--json", "--strategy", "mmap", path], check=True, capture_output=True
    ).stdout
    (tmp_path / "recorded.json").write_bytes(record)
    for other in (str(tmp_path / "recorded.json"), path):
        verify = [*command, "verify", "--json", "--strategy", strategy, path, other]
        document = json.loads(subprocess.run(verify, check=True, capture_output=True).stdout)
        assert document["same"]
        assert document["differences"] == []
        assert document["tensors"] > 100


def test_every_gguf_tensor_dequantises_as_gguf_py_does(models, reader):
    with emel.open(models / GGUF, memory_limit=8 << 20) as model:
        for tensor in reader.tensors[::8]:
            expected = gguf.dequantize(tensor.data, tensor.tensor_type)
            assert np.array_equal(model.dequantize(tensor.name).reshape(-1), expected.reshape(-1))
