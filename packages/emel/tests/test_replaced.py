"""A file that is replaced or rewritten after it was opened: no way of reading it is fooled."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

import emel

ARRAYS = {name: np.arange(4000, dtype=np.float32).reshape(50, 80) for name in "ab"}
USES = [
    *({"strategy": strategy} for strategy in ("mmap", "read", "staged")),
    {"strategy": "read", "direct": True},
]
THROUGH = pytest.mark.parametrize(
    "use", USES, ids=lambda use: "-".join([use["strategy"], *[*use][1:]])
)
WAYS = {
    "an array": lambda model, _: model["b"],
    "a load": lambda model, _: model.load(),
    "a load into a buffer": lambda model, _: model.load(into=model.empty_buffer()),
    "one tensor": lambda model, _: model.read_into("b", np.empty((50, 80), np.float32)),
    "a part in its order": lambda model, _: model.part("b")[7:9],
    "a part in slabs": lambda model, _: model.part("b")[::2, ::2],
    "numbers": lambda model, _: model.dequantize("b", dtype="f8"),
    "a stream": lambda model, _: model.stream(lambda *_: None),
    "a digest": lambda model, _: model.digest(),
    "a comparison": lambda model, other: model.compare(other),
    "a comparison of another with it": lambda model, other: other.compare(model),
}


@pytest.fixture
def shards(tmp_path):
    """Two files with a tensor each, and their index; answers the index and the second file."""
    files = {name: f"model-{i}-of-00002.safetensors" for i, name in ((1, "a"), (2, "b"))}
    for name, file in files.items():
        save_file({name: ARRAYS[name]}, tmp_path / file)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": files}))
    return index, tmp_path / files["b"]


def refusal(way, model, other, said):
    """What is told of a way that is refused, with `said` if it is in the message."""
    try:
        way(model, other)
    except emel.SourceError as error:
        message = str(error)
        return error.code, error.path, error.tensor, said if said in message else message
    return "not refused"


def replaced(path):
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def rewritten(path):
    found = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1))


@pytest.mark.behaviour("FACE-12")
@THROUGH
@pytest.mark.parametrize(
    ("change", "said"),
    [(replaced, "another file stands at this path"), (rewritten, "it was modified")],
    ids=["replaced", "rewritten"],
)
def test_every_way_of_reading_refuses_a_file_that_isnt_the_one_that_was_opened(
    shards, use, change, said
):
    index, second = shards
    with emel.open(index, **use) as model, emel.open(index) as other:
        other.load()  # what is mapped already is the file that was opened
        change(second)
        told = {name: refusal(way, model, other, said) for name, way in WAYS.items()}
        assert told == dict.fromkeys(WAYS, ("file-changed", str(second), "b", said))
        assert set(model.residency().totals) == {"bound"}


@pytest.mark.behaviour("FACE-12")
@THROUGH
def test_the_shards_that_stayed_are_read_all_the_same(shards, use):
    index, second = shards
    with emel.open(index, **use) as model:
        replaced(second)
        assert model["a"].tobytes() == ARRAYS["a"].tobytes()
        assert model.part("a")[::2].tobytes() == ARRAYS["a"][::2].tobytes()
