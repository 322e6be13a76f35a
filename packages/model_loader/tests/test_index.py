"""The index of safetensors shards: what it says, and what is wrong with it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emel_model_loader import LoadOutcome
from emel_model_loader.index import Index, follow_index
from emel_model_loader.index_json import read_index
from emel_model_loader.shards import Kind, Located

A, B = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def index_bytes(weight_map, **fields):
    return json.dumps({"weight_map": weight_map} | fields).encode()


@pytest.mark.behaviour("LOAD-02")
def test_an_index_says_which_file_has_which_tensor():
    index = read_index(index_bytes({"a": A, "b": B}, metadata={"total_size": 3, "by": "me"}), "i")

    assert index == Index({"a": A, "b": B}, {"by": "me"})


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize("metadata", [None, {}, {"total_size": 10**30}, {"x": {"y": ["z"]}}])
def test_metadata_that_is_no_text_is_let_be(metadata):
    assert read_index(index_bytes({"a": A}, metadata=metadata), "i").metadata == {}


INVALID = {
    "text": b"no json",
    "cut off": index_bytes({"a": A})[:-1],
    "an array": b"[1]",
    "another object": b'{"a": 1}',
    "a list of weights": b'{"weight_map": ["a"]}',
    "no weights": b'{"weight_map": null}',
    "a number for a file": b'{"weight_map": {"a": 1}}',
    "metadata in a list": b'{"weight_map": {"a": "b"}, "metadata": [1]}',
    "not UTF-8": b'{"weight_map": {"\xff": "b"}}',
    "deep": b'{"weight_map": {"a": "b"}, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep, and a field twice": b'{"x": 1, "x": ' + b"[" * 900 + b"]" * 900 + b"}",
    "a tail": index_bytes({"a": A}) + b"x",
}


@pytest.mark.behaviour("LOADER-10")
@pytest.mark.parametrize("data", INVALID.values(), ids=INVALID)
def test_what_is_no_index_is_refused(data):
    failure = read_index(data, "d/i")

    assert (failure.code, failure.path) == ("index-invalid", "d/i")
    assert failure.stage is LoadOutcome.SHARDS_REFUSED


@pytest.mark.behaviour("LOADER-10")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-lfs-pointer"),
        (b"", "empty-file"),
        (b"<!DOCTYPE html>", "html-page"),
        (b"<html><body>Not Found</body></html>", "html-page"),
        (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "xml-file"),
        (b"\x1f\x8b\x08\x00", "gzip-file"),
        (b"PK\x03\x04\x14\x00", "zip-archive"),
        (b'{"weight_map": {}}', "index-empty"),
    ],
)
def test_what_people_take_for_an_index_is_named(data, code):
    assert read_index(data, "i").code == code


@pytest.mark.behaviour("LOADER-10")
@pytest.mark.parametrize("second", ['"a"', r'"\u0061"'])
def test_tensors_named_twice_are_refused_with_their_names(second):
    data = f'{{"weight_map": {{"a": "{A}", {second}: "{B}", "b": "{B}"}}}}'.encode()

    failure = read_index(data, "i")

    assert (failure.code, failure.tensors) == ("index-duplicate-tensors", ("a",))


@pytest.mark.behaviour("LOADER-10")
def test_names_that_occur_twice_are_told_in_the_order_of_the_index():
    names = tuple(f"t{i * 7 % 20}" for i in range(20))
    pairs = ", ".join(f'"{name}": "{A}"' for name in (*names, *sorted(names)))

    failure = read_index(f'{{"weight_map": {{{pairs}}}}}'.encode(), "i")

    assert failure.tensors == names


@pytest.mark.behaviour("LOADER-10")
def test_a_second_weight_map_is_refused():
    one, two = (index_bytes({"a": name}) for name in (A, B))
    data = one[:-1] + b", " + two[1:]

    failure = read_index(data, "i")

    assert failure.code == "index-duplicate-fields"
    assert "weight_map" in failure.message


@pytest.mark.behaviour("LOADER-10")
@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), min_size=1),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_names_of_any_characters_are_read_as_json_has_them(weight_map, plain, indent):
    data = json.dumps({"weight_map": weight_map, 'q"': '"'}, ensure_ascii=plain, indent=indent)

    assert read_index(data.encode(), "i") == Index(weight_map, {})


@pytest.mark.behaviour("LOADER-10")
@given(st.binary(max_size=60) | st.text(st.sampled_from('{}[]":,\\ "weight_map"a1'), max_size=60))
def test_any_bytes_are_an_index_or_a_failure(data):
    answer = read_index(data if isinstance(data, bytes) else data.encode(), "i")

    assert isinstance(answer, Index) or answer.stage is LoadOutcome.SHARDS_REFUSED


def located(*listed, asked=None):
    return Located(Kind.INDEXED, "d/", (), "d/i", asked, listed or None)


@pytest.mark.behaviour("LOAD-02")
def test_the_files_are_those_that_the_index_names_in_the_order_of_their_names():
    found = follow_index(Index({"a": B, "b": A, "c": B}, {}), located(A, B, "other"))

    assert found.files == (f"d/{A}", f"d/{B}")


@pytest.mark.behaviour("LOAD-02", "LOADER-09")
def test_names_that_lead_outside_are_refused_with_the_list():
    index = Index({"a": A, "b": "../x", "c": "/etc/passwd", "d": "../x"}, {})

    failure = follow_index(index, located(A))

    assert (failure.code, failure.path) == ("name-escapes", "d/i")
    assert failure.files == ("../x", "/etc/passwd")
    assert failure.tensors == ("b", "c", "d")


@pytest.mark.behaviour("LOAD-02")
def test_shards_that_an_index_names_and_the_folder_lacks_are_all_named():
    files = [f"model-{i:05}-of-00009.safetensors" for i in range(1, 10)]

    failure = follow_index(Index(dict(zip("abcdefghi", files, strict=True)), {}), located(files[4]))

    assert (failure.code, failure.path) == ("shards-missing", "d/i")
    assert failure.files == tuple(files[:4] + files[5:])


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize("asked", [None, B])
@pytest.mark.parametrize("named", [A, B])
def test_shards_of_the_set_that_the_index_passes_over_are_looked_at_too(asked, named):
    found = follow_index(Index({"a": named}, {}), located(A, B, "other.safetensors", asked=asked))

    assert found.names == (A, B)


@pytest.mark.behaviour("LOAD-02")
def test_a_shard_asked_for_that_is_of_another_set_than_the_indexs_is_refused():
    asked = "model-00001-of-00007.safetensors"

    failure = follow_index(Index({"a": A, "b": B}, {}), located(A, B, asked, asked=asked))

    assert (failure.code, failure.path, failure.files) == ("shard-unindexed", "d/i", (asked,))
