"""Valid files with bytes changed: the reference reader's tensors, or an EmelError."""

import gguf
import pytest
import safetensors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import emel

CHANGES = st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=4)
RELAXED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def mutated(source, target, changes, limit):
    content = bytearray(source.read_bytes())
    for at, value in changes:
        content[at % limit] = value
    target.write_bytes(content)
    return target


@pytest.mark.behaviour("FACE-04")
@RELAXED
@given(changes=CHANGES)
def test_a_mutated_safetensors_file(tmp_path, small_safetensors_file, changes):
    nbytes = small_safetensors_file.stat().st_size
    path = mutated(small_safetensors_file, tmp_path / "m.safetensors", changes, nbytes)
    data = 8 + int.from_bytes(small_safetensors_file.read_bytes()[:8], "little")
    try:
        model = emel.open(path)
    except emel.EmelError:
        assert any(at % nbytes < data for at, _ in changes)  # a tensor's bytes may be any
        return
    with model:
        theirs = dict(safetensors.deserialize(path.read_bytes()))
        assert set(model) == set(theirs)
        for name, tensor in theirs.items():
            info = model.info(name)
            assert (list(info.shape), info.dtype) == (tensor["shape"], tensor["dtype"])
            assert model[name].tobytes() == bytes(tensor["data"])


@pytest.mark.behaviour("FACE-04")
@RELAXED
@given(changes=CHANGES)
def test_a_mutated_gguf_file(tmp_path, small_gguf_file, changes):
    nbytes = small_gguf_file.stat().st_size
    path = mutated(small_gguf_file, tmp_path / "m.gguf", changes, nbytes)
    data = gguf.GGUFReader(small_gguf_file).data_offset
    try:
        model = emel.open(path)
    except emel.EmelError:
        assert any(at % nbytes < data for at, _ in changes)  # a tensor's bytes may be any
        return
    with model:
        reader = gguf.GGUFReader(path)
        assert list(model) == [tensor.name for tensor in reader.tensors]
        for tensor in reader.tensors:
            assert model[tensor.name].tobytes() == tensor.data.tobytes()
        for value in model.metadata.values():
            repr(value)
