"""FMT-06: large metadata stays packed, and decodes one entry, a slice, or all on demand."""

import gc
import tracemalloc

import numpy as np
import pytest

from emel_model_format import Header, Metadata, PackedStrings, parse
from emel_model_format.testing import ARRAY, STRING, GGUFTensor, gguf_bytes

WORDS = [f"wörd{i}" for i in range(5000)]


def metadata_of(*entries):
    data = gguf_bytes(entries)
    header = parse(data, len(data))
    assert isinstance(header, Header), header
    return header.metadata


@pytest.fixture
def words():
    return metadata_of(("words", ARRAY, (STRING, WORDS)))["words"]


@pytest.mark.behaviour("FMT-06")
def test_one_entry_a_slice_and_all(words):
    assert isinstance(words, PackedStrings)
    assert len(words) == 5000
    assert repr(words) == "<PackedStrings of 5000 strings>"
    assert words[0] == WORDS[0]
    assert words[-1] == WORDS[-1]
    assert words[4090:4100] == WORDS[4090:4100]
    assert words[::-777] == WORDS[::-777]
    assert words[4100:4090:-1] == WORDS[4100:4090:-1]
    assert words[10:5] == []
    assert list(words) == WORDS
    assert list(reversed(words)) == WORDS[::-1]
    assert words.index("wörd77") == 77
    assert "wörd4999" in words
    assert words.raw(3) == "wörd3".encode()


@pytest.mark.behaviour("FMT-06")
@pytest.mark.parametrize("index", [5000, -5001])
def test_no_such_entry(words, index):
    with pytest.raises(IndexError):
        words[index]
    with pytest.raises(IndexError):
        words.raw(index)


@pytest.mark.behaviour("FMT-06")
def test_bytes_that_are_not_utf8_are_not_lost():
    values = metadata_of(("s", ARRAY, (STRING, [b"ok", b"\xff\xfea\0"])), ("t", STRING, b"\x80x"))
    assert values["s"].raw(1) == b"\xff\xfea\0"
    for texts in (values["s"], values["s"][:], [values["s"][i] for i in range(2)]):
        assert [text.encode("utf-8", "surrogateescape") for text in texts] == [
            b"ok",
            b"\xff\xfea\0",
        ]
    assert values["t"].encode("utf-8", "surrogateescape") == b"\x80x"


@pytest.mark.behaviour("FMT-06")
def test_metadata_is_a_mapping_in_the_order_of_the_file():
    values = metadata_of(("z", 4, 1), ("a", STRING, "text"), ("", 6, 0.25))
    assert isinstance(values, Metadata)
    assert dict(values) == {"z": 1, "a": "text", "": 0.25}
    assert list(values) == ["z", "a", ""]
    assert "b" not in values
    with pytest.raises(KeyError):
        values["b"]
    assert "3 keys" in repr(values)


@pytest.mark.behaviour("FMT-06")
def test_numbers_are_views_of_the_section():
    value = metadata_of(("n", ARRAY, (4, list(range(100)))))["n"]
    assert value.base is not None
    assert not value.flags.owndata
    np.testing.assert_array_equal(value, np.arange(100))


@pytest.mark.behaviour("FMT-06", "FMT-05")
def test_walking_through_a_vocabulary_makes_few_objects_at_a_time():
    tokens = metadata_of(("tokens", ARRAY, (STRING, ["token"] * 20_000)))["tokens"]
    tracemalloc.start()
    try:
        walked = sum(1 for _ in tokens)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert walked == 20_000
    assert peak < 300_000  # for all of them at once it would be 720,000


@pytest.mark.behaviour("FMT-06", "FMT-05")
def test_a_vocabulary_costs_its_bytes_and_four_more_each():
    data = gguf_bytes([("tokens", ARRAY, (STRING, [f"token{i:06}" for i in range(100_000)]))])
    parse(data, len(data))
    tracemalloc.start()
    try:
        header = parse(data, len(data))
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(header, Header)
    assert kept < len(data) + 4 * 100_000 + 50_000
    assert peak < kept + 4_000_000


@pytest.mark.behaviour("FMT-06", "FMT-05")
def test_metadata_keeps_its_section_and_none_of_the_tensors():
    data = gguf_bytes([("k", 4, 1)], [GGUFTensor(name=f"{i:060}") for i in range(2000)])
    parse(data, len(data))
    tracemalloc.start()
    try:
        metadata = parse(data, len(data)).metadata
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert metadata["k"] == 1
    assert kept < 20_000
