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


def emel_digest(path):
    command = [sys.executable, "-m", "emel", "digest", "--json", str(path)]
    document = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return document["model"], document["tensors"]


@pytest.fixture(scope="session")
def reader(models):
    return gguf.GGUFReader(models / GGUF)


def test_gguf_tensors_equal_gguf_pys(models, reader):
    with emel.open(models / GGUF) as model:
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


def test_gguf_digest_equals_one_through_gguf_py(models, reader):
    rows = [
        (t.name, t.tensor_type.name, t.shape.tolist()[::-1], t.data.tobytes())
        for t in reader.tensors
    ]
    assert emel_digest(models / GGUF) == model_digest(rows)


def test_safetensors_equals_its_own_reader_and_digest(models):
    rows = []
    with (
        emel.open(models / SAFETENSORS) as model,
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
    assert emel_digest(models / SAFETENSORS) == model_digest(rows)
