"""FMT-02: everything that a valid safetensors file can contain."""

import json

import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy

from emel_model_format import DTYPES, Header, parse
from emel_model_format.testing import SafetensorsTensor, safetensors_bytes

PLAIN = {
    "BOOL": np.bool_,
    "U8": np.uint8,
    "I8": np.int8,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E8M0": ml_dtypes.float8_e8m0fnu,
    "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    "I16": np.int16,
    "U16": np.uint16,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I32": np.int32,
    "U32": np.uint32,
    "F32": np.float32,
    "C64": np.complex64,
    "F64": np.float64,
    "I64": np.int64,
    "U64": np.uint64,
}


def parsed(data):
    header = parse(data, len(data))
    assert isinstance(header, Header), header
    return header


def upstream(data):
    """What the reference implementation finds: name -> (dtype, shape, data)."""
    entries = safetensors.deserialize(data)
    return {name: (e["dtype"], tuple(e["shape"]), bytes(e["data"])) for name, e in entries}


def found(header, data):
    tensors = header.tensors
    return {
        name: (
            DTYPES[tensors.dtype[i]].name,
            tensors.shape(i),
            data[tensors.offset[i] : tensors.offset[i] + tensors.nbytes[i]],
        )
        for i, name in enumerate(tensors.names)
    }


@pytest.mark.behaviour("FMT-02")
@pytest.mark.parametrize("name", PLAIN)
def test_plain_dtypes(name):
    size = np.dtype(PLAIN[name]).itemsize
    payload = bytes(range(6 * size))
    data = safetensors_bytes({"t": SafetensorsTensor(dtype=name, shape=(2, 3), data=payload)})
    header = parsed(data)
    assert found(header, data) == upstream(data) == {"t": (name, (2, 3), payload)}
    dtype = DTYPES[header.tensors.dtype[0]]
    assert not dtype.raw
    assert dtype.numpy() == np.dtype(PLAIN[name])
    assert header.tensors.array_shape(0) == (2, 3)


@pytest.mark.behaviour("FMT-02")
@pytest.mark.parametrize(
    ("name", "shape", "nbytes"),
    [("F4", (3, 2), 3), ("F6_E2M3", (2, 6), 9), ("F6_E3M2", (4, 1), 3), ("F4", (0, 5), 0)],
)
def test_types_of_less_than_a_byte_are_raw_bytes(name, shape, nbytes):
    payload = bytes(range(nbytes))
    data = safetensors_bytes({"t": SafetensorsTensor(dtype=name, shape=shape, data=payload)})
    header = parsed(data)
    assert found(header, data) == {"t": (name, shape, payload)}
    assert DTYPES[header.tensors.dtype[0]].raw
    assert DTYPES[header.tensors.dtype[0]].numpy() == np.uint8
    assert header.tensors.array_shape(0) == (nbytes,)
    assert header.tensors.array_shapes() == [(nbytes,)]


@pytest.mark.behaviour("FMT-02")
def test_the_independent_writer(tmp_path):
    tensors = {
        "b": np.arange(12, dtype=np.float32).reshape(3, 4),
        "a": np.arange(5, dtype=np.int64),
        "half": np.ones((2, 2, 2), np.float16),
        "scalar": np.array(3.5),
        "empty": np.zeros((3, 0), np.int8),
    }
    data = safetensors.numpy.save(tensors, {"format": "np", "a\nb": 'quoted "and" \\'})
    header = parsed(data)
    assert found(header, data) == upstream(data)
    assert header.metadata == {"format": "np", "a\nb": 'quoted "and" \\'}
    assert (header.format, header.version, header.byteorder) == ("safetensors", 0, "little")
    assert header.alignment == 1
    assert header.nbytes == min(header.tensors.offset)


@pytest.mark.behaviour("FMT-02")
def test_metadata_that_looks_like_a_tensor():
    metadata = {"dtype": "x", "shape": "y", "data_offsets": "z", "__metadata__": "w"}
    data = safetensors_bytes({"t": SafetensorsTensor()}, metadata=metadata)
    header = parsed(data)
    assert header.metadata == metadata
    assert header.tensors.names == ("t",)


@pytest.mark.behaviour("FMT-02")
@pytest.mark.parametrize("metadata", [None, {}, {"k": ""}])
def test_metadata_may_be_absent_or_empty(metadata):
    assert parsed(safetensors_bytes({}, metadata=metadata)).metadata == (metadata or {})


@pytest.mark.behaviour("FMT-02")
@pytest.mark.parametrize("padding", [b" ", b"      \n\t"])
def test_padded_headers(padding):
    data = safetensors_bytes({"t": SafetensorsTensor()}, padding=padding)
    assert found(parsed(data), data) == upstream(data)


NOTE = [1.5, {"a": [None, ""], "b": {"c": {}, "d": True}}]
"""What no reader knows, and each passes over."""


@pytest.mark.behaviour("FMT-02")
@pytest.mark.parametrize("indent", [None, 2])
def test_the_careful_reader_agrees_with_the_quick_one(indent):
    entry = {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 32]}
    more = {"dtype": "I8", "shape": [], "data_offsets": [32, 33], "note": NOTE}
    entries = {"__metadata__": {"k": "v"}, 'a"b\\ü\u2028😀': entry, "plain": more}
    for escaped in (True, False):
        text = json.dumps(entries, ensure_ascii=escaped, indent=indent)
        json_header = text.replace("[]", "[ ]").encode()
        data = safetensors_bytes({}, header=json_header, trailing=bytes(33))
        header = parsed(data)
        assert found(header, data) == upstream(data)
        assert list(header.tensors.names) == ['a"b\\ü\u2028😀', "plain"]
        assert header.metadata == {"k": "v"}


@pytest.mark.behaviour("FMT-02")
def test_tensors_keep_the_order_of_the_header_whatever_the_order_of_the_data():
    entries = {
        "last": {"dtype": "U8", "shape": [2], "data_offsets": [3, 5]},
        "empty": {"dtype": "U8", "shape": [0], "data_offsets": [3, 3]},
        "first": {"data_offsets": [0, 3], "shape": [3], "dtype": "U8"},
    }
    data = safetensors_bytes({}, header=json.dumps(entries).encode(), trailing=b"abcde")
    header = parsed(data)
    assert header.tensors.names == ("last", "empty", "first")
    assert found(header, data) == upstream(data)
