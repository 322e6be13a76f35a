"""One class for each reaction, each also the builtin that people expect."""

import json
import os
import pickle
import struct

import pytest

import emel
from emel import errors
from emel.errors import raise_failure
from emel_io_loader import Reaction
from emel_model_loader import Failure, LoadOutcome

BUILTINS = {
    emel.InvalidFileError: ValueError,
    emel.UnsupportedError: NotImplementedError,
    emel.SourceError: OSError,
    emel.BusyError: BufferError,
    emel.ClosedError: ValueError,
}


@pytest.mark.behaviour("FACE-01")
@pytest.mark.parametrize(("ours", "builtin"), BUILTINS.items())
def test_each_error_is_also_a_builtin(ours, builtin):
    assert issubclass(ours, emel.EmelError)
    assert issubclass(ours, builtin)


@pytest.mark.behaviour("FACE-01")
@pytest.mark.parametrize("kind", BUILTINS)
def test_errors_survive_pickling(kind):
    assert pickle.loads(pickle.dumps(kind("why", code="a-code"))).errno is None
    tensors, files = ("a", "b"), ("f", "g")
    error = kind("why", code="a-code", path="f", tensors=tensors, files=files, offset=3, errno=5)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (str(copy), copy.code, copy.path) == ("why", "a-code", "f")
    assert (copy.tensors, copy.files) == (tensors, files)
    assert (copy.offset, copy.errno) == (3, 5)


@pytest.mark.behaviour("FACE-01")
def test_a_missing_file_is_a_source_error_with_its_cause(tmp_path):
    with pytest.raises(emel.SourceError) as raised:
        emel.open(tmp_path / "none.gguf")
    assert raised.value.errno == 2
    assert raised.value.path == raised.value.filename == str(tmp_path / "none.gguf")
    assert raised.value.strerror == str(raised.value)
    assert isinstance(raised.value.__cause__, FileNotFoundError)


@pytest.mark.behaviour("FACE-01")
@pytest.mark.parametrize("strategy", ["teleport", "", None])
def test_a_strategy_that_nobody_offers_is_unsupported(model_file, strategy):
    with pytest.raises(emel.UnsupportedError, match="mmap"):
        emel.open(model_file, strategy=strategy)


@pytest.mark.behaviour("FACE-01")
def test_no_slots_is_a_mistake_of_the_caller(model_file):
    with pytest.raises(ValueError, match="slots"):
        emel.open(model_file, slots=0)


@pytest.mark.behaviour("FACE-01")
@pytest.mark.parametrize(
    "words", [{"slots": 2.0}, {"slots": "2"}, {"memory_limit": 1e9}, {"memory_limit": "1000000"}]
)
def test_what_is_no_integer_is_a_mistake_of_the_callers_kind(model_file, words):
    with pytest.raises(TypeError):
        emel.open(model_file, **words)


@pytest.mark.behaviour("FACE-01", "FACE-02")
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", emel.InvalidFileError),
        (b"GG", emel.InvalidFileError),
        (b"nonsense" * 20, emel.InvalidFileError),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**62, 0), emel.InvalidFileError),
        (b"GGUF" + struct.pack("<IQQ", 99, 0, 0), emel.UnsupportedError),
        (struct.pack("<Q", 2**40) + b"{}", emel.InvalidFileError),
        (struct.pack("<Q", 2) + b"[]", emel.InvalidFileError),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", emel.EmelError),
    ],
)
def test_a_refused_file_is_a_typed_error_and_nothing_stays_open(tmp_path, held, content, kind):
    path = tmp_path / "bad.bin"
    path.write_bytes(content)
    with pytest.raises(kind) as raised:
        emel.open(path)
    assert raised.value.code
    assert raised.value.path == str(path)
    assert str(path) in str(raised.value)
    assert held(path) == []


@pytest.mark.behaviour("FACE-01")
@pytest.mark.parametrize("name", ["b", "it's", "layer." * 20])
def test_a_message_that_names_its_tensor_names_it_once(tmp_path, name):
    path = tmp_path / "bad.safetensors"
    header = json.dumps({name: {"dtype": "I8", "shape": [3], "data_offsets": [0, 4]}})
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(4))
    with pytest.raises(emel.InvalidFileError) as raised:
        emel.open(path)
    assert raised.value.tensors == (name,)
    assert str(raised.value).endswith(" span 4 (byte 9)")


@pytest.mark.behaviour("FACE-01")
def test_a_message_that_names_one_of_several_tensors_names_them_all():
    failure = Failure(
        stage=LoadOutcome.PARSE_FAILED,
        reaction=Reaction.INVALID,
        code="x",
        message="'a' and more",
        tensors=("a", "b"),
    )
    with pytest.raises(emel.InvalidFileError, match=r"^'a' and more \(a, b\)$"):
        raise_failure(failure)


@pytest.mark.behaviour("FACE-01")
@pytest.mark.parametrize(("count", "end"), [(0, ")"), (1, " and 1 more)"), (2, " and 2 more)")])
def test_a_message_names_some_tensors_and_counts_the_others(count, end):
    names = tuple(f"t{i}" for i in range(errors.NAMED + count))
    failure = Failure(
        stage=LoadOutcome.PARSE_FAILED,
        reaction=Reaction.INVALID,
        code="x",
        message="why",
        tensors=names,
    )
    with pytest.raises(emel.InvalidFileError) as raised:
        raise_failure(failure)
    assert str(raised.value) == f"why ({', '.join(names[: errors.NAMED])}{end}"


@pytest.mark.behaviour("FACE-01")
def test_a_message_names_the_tensors_that_its_sentence_does_not(safetensors_file):
    with emel.open(safetensors_file) as model:
        name = next(iter(model))
        held = memoryview(model[name])
        with pytest.raises(emel.BusyError) as raised:
            model.release()
        assert str(raised.value).endswith(f"({name})")
        held.release()


@pytest.mark.behaviour("FACE-01", "FACE-02")
def test_folders_of_nothing_and_fifos_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", "/dev/null"):
        with pytest.raises(emel.EmelError, match="not a regular file"):
            emel.open(path)
    with pytest.raises(emel.InvalidFileError, match="no GGUF or safetensors file"):
        emel.open(tmp_path)


@pytest.mark.behaviour("FACE-01")
def test_a_file_truncated_after_opening_is_an_error_and_not_a_signal(tmp_path, safetensors_file):
    path = tmp_path / "shrinks.safetensors"
    path.write_bytes(safetensors_file.read_bytes())
    with emel.open(path) as model:
        names = sorted(model, key=lambda name: model.info(name).offset)
        model.load()
        last = model.info(names[-1])
        os.truncate(path, last.offset + last.nbytes - 1)
        with pytest.raises(emel.SourceError) as raised:
            model[last.name]
        assert (raised.value.tensor, raised.value.path) == (last.name, str(path))
        assert raised.value.offset == last.offset
        assert raised.value.code == "file-shrank"


@pytest.mark.behaviour("FACE-01")
def test_a_file_replaced_after_opening_is_refused_for_new_tensors(tmp_path, safetensors_file):
    path = tmp_path / "replaced.safetensors"
    path.write_bytes(safetensors_file.read_bytes())
    with emel.open(path) as model:
        other = tmp_path / "other"
        other.write_bytes(safetensors_file.read_bytes())
        other.replace(path)
        with pytest.raises(emel.SourceError, match="another file") as raised:
            model.load()
        assert raised.value.code == "file-changed"


@pytest.mark.behaviour("FACE-01")
def test_a_sparse_file_cannot_ask_for_any_amount_of_memory(tmp_path):
    path = tmp_path / "sparse.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 3 << 30))
    os.truncate(path, (3 << 30) + 4096)
    with pytest.raises(emel.InvalidFileError) as raised:
        emel.open(path)
    assert raised.value.code == "header-over-limit"


@pytest.mark.behaviour("FACE-01")
def test_an_empty_path_is_said_to_be_one(tmp_path):
    with pytest.raises(emel.InvalidFileError, match="the path is empty"):
        emel.open("")
    assert emel.open is not open
    with pytest.raises(emel.InvalidFileError, match="no GGUF or safetensors file"):
        emel.open(os.fsencode(tmp_path))
