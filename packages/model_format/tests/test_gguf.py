"""FMT-01: everything that a valid GGUF file can contain."""

import gguf
import ml_dtypes
import numpy as np
import pytest

from emel_model_format import DTYPES, Header, PackedArrays, PackedStrings, parse
from emel_model_format.testing import ARRAY, STRING, GGUFTensor, gguf_bytes

ENDIANS = {"little": gguf.GGUFEndian.LITTLE, "big": gguf.GGUFEndian.BIG}


def parsed(data, file_nbytes=None):
    header = parse(data, len(data) if file_nbytes is None else file_nbytes)
    assert isinstance(header, Header), header
    return header


def array(header, data, index):
    """The numpy array of one tensor, as the packages above make it."""
    tensors = header.tensors
    dtype = DTYPES[tensors.dtype[index]].numpy(header.byteorder)
    begin, nbytes = int(tensors.offset[index]), int(tensors.nbytes[index])
    return np.frombuffer(data[begin : begin + nbytes], dtype).reshape(tensors.array_shape(index))


def written(tmp_path, byteorder="little", fill=None, alignment=None):
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "test", endianess=ENDIANS[byteorder])
    if alignment:
        writer.add_custom_alignment(alignment)
    if fill is not None:
        fill(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.behaviour("FMT-01")
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_every_value_type_of_the_independent_writer(tmp_path, byteorder):
    def fill(writer):
        writer.add_uint8("a.u8", 200)
        writer.add_int8("a.i8", -100)
        writer.add_uint16("a.u16", 60_000)
        writer.add_int16("a.i16", -30_000)
        writer.add_uint32("a.u32", 4_000_000_000)
        writer.add_int32("a.i32", -2_000_000_000)
        writer.add_float32("a.f32", 0.5)
        writer.add_uint64("a.u64", 2**64 - 1)
        writer.add_int64("a.i64", -(2**63))
        writer.add_float64("a.f64", 1e300)
        writer.add_bool("a.bool", True)  # noqa: FBT003
        writer.add_string("a.string", "Ω and more")
        writer.add_array("a.ints", [1, -2, 3])
        writer.add_array("a.floats", [0.5, -1.5])
        writer.add_array("a.bools", [True, False])
        writer.add_array("a.strings", ["one", "zwei", "три"])

    metadata = parsed(written(tmp_path, byteorder, fill).read_bytes()).metadata

    assert dict(list(metadata.items())[1:13]) == {
        "a.u8": 200,
        "a.i8": -100,
        "a.u16": 60_000,
        "a.i16": -30_000,
        "a.u32": 4_000_000_000,
        "a.i32": -2_000_000_000,
        "a.f32": 0.5,
        "a.u64": 2**64 - 1,
        "a.i64": -(2**63),
        "a.f64": 1e300,
        "a.bool": True,
        "a.string": "Ω and more",
    }
    assert metadata["a.ints"].tolist() == [1, -2, 3]
    assert metadata["a.floats"].tolist() == [0.5, -1.5]
    assert metadata["a.bools"].tolist() == [True, False]
    assert list(metadata["a.strings"]) == ["one", "zwei", "три"]


@pytest.mark.behaviour("FMT-01")
@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("version", [2, 3])
def test_versions_and_byte_orders(version, byteorder):
    data = gguf_bytes(
        [("key", 4, 7)], [GGUFTensor(name="t", dims=(4, 2))], version=version, byteorder=byteorder
    )
    header = parsed(data)
    assert (header.format, header.version, header.byteorder) == ("gguf", version, byteorder)
    assert header.metadata["key"] == 7
    assert header.tensors.names == ("t",)
    assert header.tensors.shapes() == [(2, 4)]


@pytest.mark.behaviour("FMT-01")
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_arrays_of_every_number_type(byteorder):
    codes = {0: "u1", 1: "i1", 2: "u2", 3: "i2", 4: "u4", 5: "i4", 6: "f4", 7: "?"}
    codes |= {10: "u8", 11: "i8", 12: "f8"}
    for kind, code in codes.items():
        data = gguf_bytes([("key", ARRAY, (kind, [0, 1, 1]))], byteorder=byteorder)
        value = parsed(data).metadata["key"]
        assert value.dtype == np.dtype(code).newbyteorder(byteorder)
        assert value.tolist() == [0, 1, 1]
        assert not value.flags.writeable


@pytest.mark.behaviour("FMT-01")
def test_a_file_may_end_with_an_array_of_nothing():
    padded = gguf_bytes([("key", ARRAY, (0, []))])
    header = parsed(padded[: 24 + 8 + len("key") + 4 + 12])
    assert header.metadata["key"].size == 0


@pytest.mark.behaviour("FMT-01", "FMT-06")
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_nested_arrays(byteorder):
    nested = (ARRAY, [(5, [1, -2]), (STRING, ["a", ""]), (ARRAY, [(7, [1]), (ARRAY, [])]), (0, [])])
    header = parsed(gguf_bytes([("n", ARRAY, nested), ("after", 4, 1)], byteorder=byteorder))

    value = header.metadata["n"]
    assert isinstance(value, PackedArrays)
    assert repr(value) == "<PackedArrays of 4 arrays>"
    assert len(value) == 4
    assert value[0].tolist() == [1, -2]
    assert isinstance(value[1], PackedStrings)
    assert list(value[1]) == ["a", ""]
    assert value[2][0].tolist() == [True]
    assert len(value[2][1]) == 0
    assert value[-1].tolist() == []
    assert [len(element) for element in value] == [2, 2, 2, 0]
    assert [len(element) for element in value[1:3]] == [2, 2]
    assert header.metadata["after"] == 1
    with pytest.raises(IndexError):
        value[4]


@pytest.mark.behaviour("FMT-01")
def test_every_tensor_type_as_the_independent_reader_sees_it(tmp_path):
    rng = np.random.default_rng(0)

    def fill(writer):
        for kind, (block, nbytes) in gguf.GGML_QUANT_SIZES.items():
            shape = (3, 2, 2 * block)
            raw = rng.integers(0, 256, (*shape[:-1], 2 * nbytes), np.uint8)
            writer.add_tensor(f"{kind.name}.weight", raw, raw_dtype=kind)
            row = rng.integers(0, 256, nbytes, np.uint8)
            writer.add_tensor(f"{kind.name}.row", row, raw_dtype=kind)

    path = written(tmp_path, fill=fill)
    data = path.read_bytes()
    header = parsed(data)
    tensors = header.tensors
    expected = gguf.GGUFReader(path).tensors
    assert len(tensors) == len(expected) == 2 * len(gguf.GGML_QUANT_SIZES)
    for i, tensor in enumerate(expected):
        assert tensors.names[i] == tensor.name
        assert DTYPES[tensors.dtype[i]].name == tensor.tensor_type.name
        assert tensors.shape(i) == tuple(reversed(tensor.shape.tolist()))
        assert (tensors.offset[i], tensors.nbytes[i]) == (tensor.data_offset, tensor.n_bytes)
        actual = array(header, data, i)
        if tensor.tensor_type == gguf.GGMLQuantizationType.BF16:  # gguf-py leaves these as bytes
            assert actual.dtype == ml_dtypes.bfloat16
            assert actual.shape == tensors.shape(i)
        else:
            assert actual.dtype == tensor.data.dtype
            assert actual.shape == tensor.data.shape
        assert actual.tobytes() == tensor.data.tobytes()


@pytest.mark.behaviour("FMT-01")
def test_big_endian_tensors_have_swapped_dtypes(tmp_path):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    path = written(tmp_path, "big", lambda writer: writer.add_tensor("t", values))
    data = path.read_bytes()
    header = parsed(data)
    assert header.byteorder == "big"
    actual = array(header, data, 0)
    assert actual.dtype == np.dtype(">f4")
    np.testing.assert_array_equal(actual, values)


@pytest.mark.behaviour("FMT-01")
@pytest.mark.parametrize("alignment", [1, 8, 32, 4096])
def test_general_alignment_moves_the_data(tmp_path, alignment):
    def fill(writer):
        writer.add_tensor("a", np.arange(3, dtype=np.int8))
        writer.add_tensor("b", np.arange(5, dtype=np.int8))

    path = written(tmp_path, fill=fill, alignment=alignment)
    header = parsed(path.read_bytes())
    assert header.alignment == alignment
    assert header.nbytes % alignment == 0
    assert header.nbytes == header.tensors.offset[0]
    expected = [tensor.data_offset for tensor in gguf.GGUFReader(path).tensors]
    assert header.tensors.offset.tolist() == expected


@pytest.mark.behaviour("FMT-01")
def test_a_file_without_tensors_or_metadata():
    header = parsed(gguf_bytes()[:24])  # not even the padding
    assert len(header.tensors) == len(header.metadata) == 0
    assert header.tensors.shapes() == []
    assert header.nbytes == 24


@pytest.mark.behaviour("FMT-01")
def test_unaligned_tensor_data_holes_and_trailing_bytes_load():
    tensors = [
        GGUFTensor(name="a", data=bytes(range(32)), offset=7),
        GGUFTensor(name="b", data=bytes(range(32, 64)), offset=101),
    ]
    data = gguf_bytes(tensors=tensors, trailing=b"tail")
    header = parsed(data)
    assert header.tensors.offset.tolist() == [header.nbytes + 7, header.nbytes + 101]
    assert array(header, data, 1).tobytes() == bytes(range(32, 64))


@pytest.mark.behaviour("FMT-01")
def test_tensors_without_elements_and_without_axes():
    tensors = [
        GGUFTensor(name="empty", dims=(0, 4), data=b""),
        GGUFTensor(name="scalar", dims=(), data=bytes(4)),
    ]
    header = parsed(gguf_bytes(tensors=tensors))
    assert header.tensors.shapes() == [(4, 0), ()]
    assert header.tensors.nbytes.tolist() == [0, 4]


@pytest.mark.behaviour("FMT-01")
def test_an_empty_tensor_at_the_end_of_a_file_without_padding_lies_within_it():
    data = gguf_bytes(tensors=[GGUFTensor(name="empty", dims=(0,), data=b"")], alignment=1)
    assert len(data) % 32
    header = parsed(data)
    assert header.nbytes == header.tensors.offset[0] == len(data)


@pytest.mark.behaviour("FMT-01")
def test_more_tensors_than_the_first_block_and_axes_of_every_number():
    shapes = [tuple(range(1, n + 1)) for n in range(5)] * 50
    tensors = [
        GGUFTensor(name=f"t{i}", dims=shape[::-1], data=bytes(4 * int(np.prod(shape))))
        for i, shape in enumerate(shapes)
    ]
    header = parsed(gguf_bytes(tensors=tensors))
    assert header.tensors.shapes() == shapes
    assert [header.tensors.shape(i) for i in range(-1, 4)] == [shapes[-1], *shapes[:4]]
    assert header.tensors.ndim.tolist() == [len(shape) for shape in shapes]


@pytest.mark.behaviour("FMT-01")
def test_shapes_of_all_arrays_are_those_of_each():
    tensors = [
        GGUFTensor(name="numbers", dims=(3, 2), data=bytes(24)),
        GGUFTensor(name="blocks", dims=(64, 2), type=8, data=bytes(136)),
        GGUFTensor(name="scalar", dims=(), data=bytes(4)),
    ]
    found = parsed(gguf_bytes(tensors=tensors)).tensors
    assert found.array_shapes() == [(2, 3), (2, 68), ()]
    assert found.array_shapes() == [found.array_shape(i) for i in range(3)]
