"""FMT-04: each malformation has its own rule, its byte, and says which tensor it concerns.

The bytes are written field by field from a valid file, with one field corrupted.
"""

import json
import struct

import pytest

from emel_model_format import Header, NeedMore, Refusal, parse
from emel_model_format.testing import (
    ARRAY,
    STRING,
    Encoded,
    GGUFTensor,
    SafetensorsTensor,
    gguf_bytes,
    safetensors_bytes,
)

U64 = struct.Struct("<Q").pack
NESTED = (0, [])
for _ in range(8):
    NESTED = (ARRAY, [NESTED])


def tensor(**fields):
    return gguf_bytes(tensors=[GGUFTensor(name="ok"), GGUFTensor(**{"name": "bad"} | fields)])


def refusal(data, file_nbytes=None):
    answer = parse(data, len(data) if file_nbytes is None else file_nbytes)
    assert isinstance(answer, Refusal), answer
    assert len(answer.message) < 300
    assert answer.message.isprintable()
    assert 0 <= answer.offset <= (len(data) if file_nbytes is None else file_nbytes)
    return answer


# rule, byte, file; the entry of the second tensor of `tensor()` stands at byte 58
GGUF_INVALID = [
    ("bad-magic", 0, gguf_bytes(magic=b"GGUX")),
    ("byte-swapped-magic", 0, gguf_bytes(magic=b"FUGG")),
    ("bad-version", 4, gguf_bytes(version=0)),
    ("bad-version", 4, gguf_bytes(version=0x12345678)),
    ("count-beyond-file", 8, gguf_bytes(tensor_count=2**63)),
    ("count-beyond-file", 8, gguf_bytes(tensor_count=2)),
    ("count-beyond-file", 16, gguf_bytes(key_count=2**64 - 1)),
    ("length-beyond-file", 24, gguf_bytes([("k" * 40, 4, 0)]).replace(U64(40), U64(2**63), 1)),
    ("length-beyond-file", 37, gguf_bytes([("k", STRING, Encoded(U64(2**64 - 1)))])),
    (
        "length-beyond-file",
        58,
        gguf_bytes([("k", ARRAY, (STRING, ["a", Encoded(U64(2**64 - 1))]))]),
    ),
    ("count-beyond-file", 41, gguf_bytes([("k", ARRAY, Encoded(b"\0\0\0\0" + U64(2**63)))])),
    ("count-beyond-file", 41, gguf_bytes([("k", ARRAY, Encoded(b"\x08\0\0\0" + U64(2**63)))])),
    ("count-beyond-file", 41, gguf_bytes([("k", ARRAY, Encoded(b"\x09\0\0\0" + U64(2**63)))])),
    ("count-beyond-file", 41, gguf_bytes([("k", ARRAY, Encoded(b"\x0a\0\0\0" + U64(2**61)))])),
    ("nested-too-deep", 133, gguf_bytes([("k", ARRAY, NESTED)])),
    ("invalid-utf8", 33, gguf_bytes([(b"k\xff", 4, 0)])),
    ("invalid-utf8", 32, gguf_bytes(tensors=[GGUFTensor(name=b"\xc3(")])),
    ("duplicate-metadata-key", 41, gguf_bytes([("k", 4, 0), ("k", 4, 1)])),
    ("duplicate-tensor-name", 58, tensor(name="ok")),
    ("duplicate-tensor-name", 61, gguf_bytes(tensors=[GGUFTensor(name="wörd")] * 2)),
    ("too-many-dimensions", 69, tensor(dims=(1,) * 5)),
    ("too-many-dimensions", 69, tensor(ndim=2**32 - 1)),
    ("dimensions-overflow", 58, tensor(dims=(2**63,))),
    ("dimensions-overflow", 58, tensor(dims=(2**32, 2**31))),
    ("dimensions-overflow", 58, tensor(dims=(2**32, 2**31, 0))),
    ("dimensions-overflow", 58, tensor(dims=(2**62,))),
    ("row-not-whole-blocks", 58, tensor(dims=(8, 32), type=2)),
    ("row-not-whole-blocks", 58, tensor(dims=(), type=2)),
    ("data-beyond-file", 58, tensor(dims=(9,))),
    ("data-beyond-file", 58, tensor(offset=2**63)),
    ("data-beyond-file", 58, tensor(offset=2**64 - 32)),
    ("data-beyond-file", 58, tensor(dims=(0,), offset=2**40, data=b"")),
    ("overlapping-data", 58, tensor(offset=16)),
    ("overlapping-data", 58, tensor(offset=0)),
    ("alignment-type", 49, gguf_bytes([("general.alignment", 10, 32)])),
    ("bad-alignment", 53, gguf_bytes([("general.alignment", 4, 0)])),
    ("bad-alignment", 53, gguf_bytes([("general.alignment", 4, 48)])),
    ("invalid-bool", 37, gguf_bytes([("k", 7, Encoded(b"\x02"))])),
    ("invalid-bool", 51, gguf_bytes([("k", ARRAY, (7, [1, 0, Encoded(b"\xff")]))])),
    ("truncated", 3, b"GGU"),
    ("truncated", 20, gguf_bytes()[:20]),
]

GGUF_UNSUPPORTED = [
    ("unsupported-version", 4, gguf_bytes(version=1)),
    ("unsupported-version", 4, gguf_bytes(version=4)),
    ("wrong-endian-version", 4, gguf_bytes(version=4, byteorder="big")),
    ("unknown-tensor-type", 58, tensor(type=4)),
    ("unknown-tensor-type", 58, tensor(type=255)),
    ("unknown-tensor-type", 58, tensor(type=256)),
    ("unknown-tensor-type", 58, tensor(type=2**32 - 1)),
    ("unknown-value-type", 33, gguf_bytes([("k", 13, Encoded(b"\0"))])),
    ("unknown-value-type", 37, gguf_bytes([("k", ARRAY, (13, []))])),
]

ENTRY = '"dtype":"U8","shape":[4],"data_offsets":[0,4]'


def raw(text, data=bytes(4), **fields):
    """A file whose header is this text; the text begins at byte 8."""
    return (
        safetensors_bytes({}, header=text if isinstance(text, bytes) else text.encode(), **fields)
        + data
    )


def one(**fields):
    return safetensors_bytes(
        {"a": SafetensorsTensor(dtype="U8", shape=[4], data=bytes(4), **fields)}
    )


def entry(**fields):
    return one(fields=fields)


def two(first, second, nbytes):
    spans = {"a": first, "b": second}
    header = {
        name: {"dtype": "U8", "shape": [end - begin], "data_offsets": [begin, end]}
        for name, (begin, end) in spans.items()
    }
    return raw(json.dumps(header, separators=(",", ":")), bytes(nbytes))


DEEP = 100_000

SAFETENSORS_INVALID = [
    ("header-over-limit", 0, one()[:3] + b"\xff" + one()[4:]),
    ("header-over-limit", 0, raw("{}", length=2**63)),
    ("length-beyond-file", 0, raw("{}", b"", length=3)),
    ("bad-header-start", 8, raw(" {}")),
    ("bad-header-start", 8, raw("[]")),
    ("invalid-utf8", 10, raw(b'{"\xff":{' + ENTRY.encode() + b"}}")),
    ("invalid-json", 11, raw("{} x")),
    ("invalid-json", 10, raw("{}{}")),
    ("invalid-json", 9, raw('{"a')),
    ("invalid-json", 9, raw("{1:2}")),
    ("invalid-json", None, raw('{"a":' + "[{" * 50_000)),
    ("invalid-json", 9, raw('{"\\ud800":{}}')),
    ("wrong-type", 13, raw('{"a":1}')),
    ("wrong-type", 13, raw('{"a":[]}')),
    ("invalid-json", 13, raw('{"a":NaN}')),
    ("invalid-json", 37, raw('{"a":{' + ENTRY.replace("4]", "4}", 1) + "}}")),
    ("nested-too-deep", 77, raw('{"a":' + "[" * DEEP + "]" * DEEP + "}")),
    ("nested-too-deep", 77, raw('{"a":' + "[" * DEEP)),
    ("nested-too-deep", None, raw('{"a":{"x":' + '{"":' * DEEP)),
    ("nested-too-deep", None, raw('{"a":{"shape":' + "[" * DEEP + "]" * DEEP + "}}")),
    ("nested-too-deep", None, raw('{"__metadata__":{"a":' + "[" * DEEP + "}}")),
    ("duplicate-tensor-name", 61, raw('{"a":{' + ENTRY + '},"a":{' + ENTRY + "}}")),
    ("duplicate-tensor-name", 61, raw('{"a":{' + ENTRY + '},"\\u0061":{' + ENTRY + "}}")),
    ("duplicate-field", 60, raw('{"a":{' + ENTRY + ',"dtype":"U8"}}')),
    ("duplicate-field", None, raw('{"a":{' + ENTRY + ',"shape":[4]}}')),
    ("duplicate-metadata-key", 27, raw('{"__metadata__":{},"__metadata__":{}}')),
    ("duplicate-metadata-key", 33, raw('{"__metadata__":{"k":"1","k":"2"}}')),
    ("duplicate-metadata-key", 33, raw('{"__metadata__":{"k":"1","\\u006b":"2"}}')),
    ("wrong-type", 24, raw('{"__metadata__":[]}')),
    ("wrong-type", 24, raw('{"__metadata__":null}')),
    ("wrong-type", 29, raw('{"__metadata__":{"k":1}}')),
    ("wrong-type", 29, raw('{"__metadata__":{"k":{}}}')),
    ("missing-field", 9, one(without=["dtype"])),
    ("missing-field", 9, one(without=["shape"])),
    ("missing-field", 9, one(without=["data_offsets"])),
    ("wrong-type", 22, entry(dtype=1)),
    ("wrong-type", 35, entry(shape=4)),
    ("wrong-type", 36, entry(shape=[4.0])),
    ("wrong-type", 36, entry(shape=[True])),
    ("wrong-type", 36, entry(shape=["4"])),
    ("wrong-type", 36, entry(shape=[None])),
    ("negative-number", 36, entry(shape=[-4])),
    ("negative-number", 55, entry(data_offsets=[-4, 0])),
    ("number-out-of-range", 36, entry(shape=[2**63])),
    ("number-out-of-range", 36, entry(shape=[10**4000])),
    ("wrong-type", 54, entry(data_offsets=[0, 4, 4])),
    ("wrong-type", 54, entry(data_offsets=[0])),
    ("wrong-type", 54, entry(data_offsets={})),
    ("wrong-type", 57, entry(data_offsets=[0, 4e0])),
    ("dimensions-overflow", 9, entry(shape=[2**32, 2**31])),
    ("dimensions-overflow", 9, entry(shape=[0, 2**32, 2**32])),
    ("dimensions-overflow", 9, entry(shape=[2**62], dtype="F32")),
    ("not-whole-bytes", 9, entry(shape=[7], dtype="F4")),
    ("not-whole-bytes", 9, entry(shape=[6], dtype="F6_E2M3")),
    ("offsets-reversed", 9, entry(shape=[0], data_offsets=[4, 0])),
    ("shape-mismatch", 9, entry(shape=[3])),
    ("shape-mismatch", 9, entry(dtype="F64")),
    ("data-beyond-file", 9, entry(shape=[5], data_offsets=[0, 5])),
    ("data-beyond-file", 9, entry(shape=[1], data_offsets=[2**63 - 2, 2**63 - 1])),
    ("overlapping-data", None, two((0, 4), (2, 6), 6)),
    ("overlapping-data", None, two((0, 4), (0, 4), 4)),
    ("hole-in-data", None, two((0, 4), (5, 6), 6)),
    ("hole-in-data", None, two((1, 4), (4, 6), 6)),
    ("hole-in-data", None, two((0, 4), (2, 2), 4)),
    ("trailing-bytes", 65, one() + b"x"),
    ("trailing-bytes", 10, raw("{}")),
    ("truncated", 8, raw("{}", length=2)[:8]),
    ("empty-file", 0, b""),
]

SAFETENSORS_UNSUPPORTED = [
    ("unknown-tensor-type", 22, entry(dtype="F12")),
    ("unknown-tensor-type", 22, entry(dtype="f32")),
    ("too-many-axes", 9, entry(shape=[1] * 32 + [4])),
]

LOOKALIKES = [
    (
        "git-lfs-pointer",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "git lfs pull",
    ),
    ("zip-archive", b"PK\x03\x04" + bytes(60), "PyTorch"),
    ("pickle", b"\x80\x02}q\x00" + bytes(60), "PyTorch"),
    ("pickle", b"\x80\x04}q\x00" + bytes(60), "pickle"),
    ("pickle", b"\x80\x05}q\x00" + bytes(60), "pickle"),
    ("html-page", b"\n<!DOCTYPE html><html><body>404 Not found</body></html>", "HTML"),
    ("html-page", b"\xef\xbb\xbf<html><body>404 Not found</body></html>", "HTML"),
    ("xml-file", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "download"),
    ("json-file", b'{"metadata": {"total_size": 1}, "weight_map": {}}', "JSON"),
    ("npy-file", b"\x93NUMPY\x01\x00" + bytes(60), "npy"),
    ("hdf5-file", b"\x89HDF\r\n\x1a\n" + bytes(60), "Keras"),
    ("gzip-file", b"\x1f\x8b\x08" + bytes(60), "unpack"),
    ("old-ggml-file", b"lmgg" + bytes(60), "convert"),
    ("old-ggml-file", b"fmgg" + bytes(60), "convert"),
    ("old-ggml-file", b"tjgg" + bytes(60), "convert"),
]


def cases(table):
    return [
        pytest.param(rule, at, data, id=f"{i}-{rule}") for i, (rule, at, data) in enumerate(table)
    ]


@pytest.mark.behaviour("FMT-04")
@pytest.mark.parametrize(("rule", "at", "data"), cases(GGUF_INVALID + SAFETENSORS_INVALID))
def test_invalid_files_are_refused_by_rule_and_byte(rule, at, data):
    answer = refusal(data)
    assert answer.rule == rule, answer
    assert at is None or answer.offset == at, answer
    assert answer.supported


@pytest.mark.behaviour("FMT-04")
@pytest.mark.parametrize(("rule", "at", "data"), cases(GGUF_UNSUPPORTED + SAFETENSORS_UNSUPPORTED))
def test_files_that_nothing_here_handles_are_told_from_invalid_ones(rule, at, data):
    answer = refusal(data)
    assert (answer.rule, answer.offset) == (rule, at), answer
    assert not answer.supported


@pytest.mark.behaviour("FMT-04")
def test_data_that_another_tensor_has_is_told_with_its_first_byte_and_its_end():
    said = "tensor 'bad' takes the bytes 112 to 144, and another tensor has some of them"
    assert refusal(tensor(offset=16)).message == said


@pytest.mark.behaviour("FMT-04")
def test_data_beyond_the_file_is_told_with_its_end_and_that_of_the_file():
    data = tensor(dims=(9,))
    said = f"tensor 'bad' takes the bytes 128 to 164, but the file has {len(data)}"
    assert refusal(data).message == said


TOLD = [
    (gguf_bytes(tensor_count=2), "2 tensors need 48 bytes at least, but the file has 8 left"),
    (
        gguf_bytes([("k", ARRAY, Encoded(b"\x04\0\0\0" + U64(9)))]) + bytes(8),
        "9 array elements need 36 bytes at least, but the file has 23 left",
    ),
    (
        gguf_bytes([("k", STRING, Encoded(U64(99)))]),
        "the file has 64 bytes, but a string claims to end at byte 144",
    ),
    (
        tensor(type=2, dims=(48, 2)),
        (
            "tensor 'bad' of type Q4_0 and shape (2, 48) has rows that are no multiple of the "
            "type's block of 32 elements"
        ),
    ),
    (
        raw('{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,4]}}'),
        "tensor 'a' of type U8 and shape (3,) takes 3 bytes, but its data_offsets span 4",
    ),
    (
        raw('{"a":{"dtype":"U8","shape":[0],"data_offsets":[4,2]}}'),
        "tensor 'a' has data_offsets that end, at 2, before they begin",
    ),
    (one() + b"x", "the tensors end at byte 65, but the file has 66"),
    (U64(99) + b"{}", "the file has 10 bytes, but its header claims to end at byte 107"),
]


@pytest.mark.behaviour("FMT-04")
@pytest.mark.parametrize(("data", "said"), TOLD)
def test_a_refusal_tells_its_numbers(data, said):
    assert refusal(data).message == said


@pytest.mark.behaviour("FMT-04")
@pytest.mark.parametrize(("rule", "data", "says"), LOOKALIKES)
def test_files_that_are_mistaken_for_models_are_named(rule, data, says):
    answer = refusal(data)
    assert answer.rule == rule
    assert says in answer.message


@pytest.mark.behaviour("FMT-04")
@pytest.mark.parametrize(
    ("data", "name"),
    [
        (tensor(dims=(2**63,)), "bad"),
        (tensor(name="ok"), "ok"),
        (tensor(dims=(1,) * 5), "bad"),
        (tensor(offset=0), "bad"),
        (entry(shape=[-1]), "a"),
        (entry(shape=[5]), "a"),
        (entry(dtype="F12"), "a"),
        (two((0, 4), (2, 6), 6), "b"),
        (raw('{"a":{' + ENTRY + '},"a":{' + ENTRY + "}}"), "a"),
    ],
)
def test_a_refusal_names_its_tensor(data, name):
    answer = refusal(data)
    assert answer.tensor == name
    assert repr(name) in answer.message


@pytest.mark.behaviour("FMT-04")
def test_the_first_bad_tensor_is_heard_and_of_it_the_first_rule():
    tensors = [
        GGUFTensor(name="fine"),
        GGUFTensor(name="second", dims=(2**40, 2**40), offset=2**62),
        GGUFTensor(name="third", type=4),
    ]
    answer = refusal(gguf_bytes(tensors=tensors))
    assert (answer.rule, answer.tensor) == ("dimensions-overflow", "second")


@pytest.mark.behaviour("FMT-04")
def test_the_first_tensor_is_heard_of_several_that_lie_within_another():
    tensors = [
        GGUFTensor(name="first", dims=(1,), offset=64, data=b""),
        GGUFTensor(name="second", dims=(1,), offset=32, data=b""),
        GGUFTensor(name="around", dims=(32,), offset=0, data=bytes(128)),
    ]
    answer = refusal(gguf_bytes(tensors=tensors))
    assert (answer.rule, answer.tensor) == ("overlapping-data", "first")


@pytest.mark.behaviour("FMT-04")
def test_hostile_names_are_cut_and_escaped_in_messages():
    answer = refusal(tensor(name="\n\x1b[31m" + "x" * 5000, type=4))
    assert "\\n\\x1b[31mxxx" in answer.message


@pytest.mark.behaviour("FMT-04")
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"offset": 2**64 - 32}, f"takes the bytes {2**64 + 64} to {2**64 + 96}, but the"),
        ({"dims": (1, 2**63)}, f"of type F32 and shape ({2**63}, 1) has"),
    ],
)
def test_numbers_of_2_to_the_63_and_more_are_told_as_they_stand_in_the_file(fields, said):
    assert said in refusal(tensor(**fields)).message


@pytest.mark.behaviour("FMT-04")
def test_a_header_at_the_limit_is_not_refused_for_its_size():
    size = 100_000_000
    assert refusal(U64(size + 1) + b"{" + bytes(30), 2 * size).rule == "header-over-limit"
    assert not isinstance(parse(U64(size) + b"{" + bytes(30), 2 * size), Refusal)


@pytest.mark.behaviour("FMT-04")
def test_a_gguf_header_is_read_up_to_the_limit_and_no_further():
    limit = 256 << 20
    # The string's length stands at byte 37.
    for over, outcome in ((0, NeedMore), (1, Refusal)):
        data = gguf_bytes([("k", STRING, Encoded(U64(limit + over - 45)))])
        answer = parse(data, 2 * limit)
        assert isinstance(answer, outcome), answer
    assert (answer.rule, answer.offset) == ("header-over-limit", 37)


@pytest.mark.behaviour("FMT-04")
def test_nesting_up_to_the_limit_is_accepted():
    data = gguf_bytes([("k", ARRAY, NESTED[1][0])])
    assert isinstance(parse(data, len(data)), Header)
    json_header = '{"a":{"x":' + "[" * 64 + "]" * 64 + "," + ENTRY + "}}"
    data = raw(json_header)
    assert isinstance(parse(data, len(data)), Header)


@pytest.mark.behaviour("FMT-04")
def test_a_length_that_looks_like_another_format_is_still_safetensors():
    size = int.from_bytes(b"PK\x03\x04", "little")
    assert not isinstance(parse(U64(size) + b"{" + bytes(30), size + 8), Refusal)
