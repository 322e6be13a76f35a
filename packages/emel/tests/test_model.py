"""The main job: names to arrays, and letting go of them."""

import gc
import operator
import re
import sys
from collections.abc import Mapping

import gguf
import numpy as np
import pytest
import safetensors
from safetensors.numpy import save_file

import emel


@pytest.mark.behaviour("LOAD-03")
def test_gguf_arrays_equal_the_reference_readers(small_gguf_file):
    reader = gguf.GGUFReader(small_gguf_file)
    with emel.open(small_gguf_file) as model:
        assert list(model) == [tensor.name for tensor in reader.tensors]
        for tensor in reader.tensors:
            array = model[tensor.name]
            info = model.info(tensor.name)
            assert info.dtype == tensor.tensor_type.name
            assert info.shape == tuple(reversed(tensor.shape.tolist()))
            assert info.offset == tensor.data_offset
            assert info.nbytes == tensor.n_bytes == array.nbytes
            if info.dtype != "BF16":
                assert array.shape == tensor.data.shape
                assert array.dtype == tensor.data.dtype
            else:
                assert array.shape == info.shape
            assert array.tobytes() == tensor.data.tobytes()
        del array


@pytest.mark.behaviour("LOAD-03")
def test_safetensors_arrays_equal_what_was_saved(safetensors_file, arrays):
    with emel.open(safetensors_file) as model:
        assert set(model) == set(arrays)
        for name, saved in arrays.items():
            loaded = model[name]
            assert loaded.dtype == saved.dtype
            assert loaded.shape == saved.shape == model.info(name).shape
            assert loaded.tobytes() == saved.tobytes()
        del loaded


@pytest.mark.behaviour("LOAD-03")
def test_names_come_in_the_order_of_the_file(safetensors_file):
    with emel.open(safetensors_file) as model:
        with safetensors.safe_open(safetensors_file, "np") as reader:
            assert list(model) == list(reader.offset_keys())
        assert [model.info(name).offset for name in model] == sorted(
            model.info(name).offset for name in model
        )


@pytest.mark.behaviour("LOAD-03")
def test_arrays_are_read_only(model_file):
    with emel.open(model_file) as model:
        array = model[next(iter(model))]
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
        del array


@pytest.mark.behaviour("LOAD-03")
def test_a_model_is_a_mapping(model_file):
    with emel.open(model_file) as model:
        assert isinstance(model, Mapping)
        names = list(model)
        assert len(model) == len(names) == len(model.keys())
        assert names[0] in model
        assert "no such tensor" not in model
        assert 7 not in model
        assert model.get("no such tensor") is None
        with pytest.raises(KeyError, match="no such tensor"):
            model["no such tensor"]
        assert [name for name, _ in model.items()] == names


@pytest.mark.behaviour("FACE-03")
def test_asking_whether_a_tensor_is_there_loads_nothing(model_file):
    with emel.open(model_file) as model:
        assert next(iter(model)) in model
        assert model.usage().leases == 0


@pytest.mark.behaviour("FACE-03")
def test_metadata_decodes_on_demand_and_outlives_the_model(gguf_file):
    with emel.open(gguf_file) as model:
        metadata = model.metadata
        assert model.usage().leases == 0
    assert metadata["general.architecture"] == "llama"
    assert metadata["tokenizer.ggml.tokens"][2999] == "token2999"
    assert metadata["tokenizer.ggml.tokens"][10:12] == ["token10", "token11"]
    assert metadata["tokenizer.ggml.scores"][5] == 5.0


@pytest.mark.behaviour("FACE-03")
def test_residency_is_a_copy_with_totals(model_file):
    with emel.open(model_file) as model:
        before = model.residency()
        first = next(iter(model))
        model.load([first])
        after = model.residency()
        assert before.name == after.name == tuple(model)
        assert set(before.state) == {"bound"}
        assert after.state[0] == "mmap-resident" == model.info(first).residency
        assert after.bytes.sum() == sum(total.nbytes for total in after.totals.values())
        assert after.totals["mmap-resident"] == (1, model.info(first).nbytes)
        assert after.totals["bound"].tensors == len(model) - 1


@pytest.mark.behaviour("LOAD-04")
def test_release_refuses_while_an_array_lives_and_works_after(model_file):
    with emel.open(model_file) as model:
        name = next(iter(model))
        array = model[name]
        kept = array.copy()
        view = array.reshape(-1)[1:]
        del array
        with pytest.raises(emel.BusyError) as refused:
            model.release([name])
        assert refused.value.tensors == (name,)
        assert refused.value.tensor == name
        assert refused.value.code == "still-borrowed"
        assert view.tobytes() == kept.reshape(-1)[1:].tobytes()
        del view
        model.release([name])
        assert model.info(name).residency == "evicted"
        assert model[name].tobytes() == kept.tobytes()


@pytest.mark.behaviour("LOAD-04")
def test_a_neighbours_array_does_not_keep_a_tensor(model_file):
    with emel.open(model_file) as model:
        first, second = list(model)[:2]
        model.load()
        array = model[first]
        model.release([second])
        assert model.info(second).residency == "evicted"
        with pytest.raises(emel.BusyError) as refused:
            model.release()
        assert refused.value.tensors == (first,)
        assert model.residency().totals["mmap-resident"].tensors == 1
        del array


@pytest.mark.behaviour("LOAD-04")
def test_leaving_the_block_names_what_is_borrowed_and_can_be_retried(model_file, held):
    model = emel.open(model_file)
    name = list(model)[1]
    with pytest.raises(emel.BusyError) as refused, model:
        array = model[name]
        kept = array.tobytes()
    assert refused.value.tensors == (name,)
    assert name in str(refused.value)
    assert array.tobytes() == kept
    assert not model.closed
    del array
    model.close()
    assert model.closed
    assert held(model_file) == []


@pytest.mark.behaviour("LOAD-04")
def test_the_blocks_own_exception_is_not_hidden(model_file):
    with pytest.raises(RuntimeError, match="mine") as raised, emel.open(model_file) as model:
        array = model[next(iter(model))]
        raise RuntimeError("mine")
    assert any("still" in note for note in raised.value.__notes__)
    del array
    model.close()


@pytest.mark.behaviour("LOAD-04", "FACE-01")
def test_using_a_closed_model_is_a_closed_error(model_file):
    model = emel.open(model_file)
    name = next(iter(model))
    model.close()
    model.close()
    for use in (lambda: model[name], model.load, model.release, model.digest):
        with pytest.raises(emel.ClosedError):
            use()
    assert name in model
    assert model.info(name).name == name


@pytest.mark.behaviour("FACE-01")
def test_releasing_what_is_not_loaded_is_a_closed_error(model_file):
    with emel.open(model_file) as model:
        name = next(iter(model))
        with pytest.raises(emel.ClosedError) as refused:
            model.release([name])
        assert refused.value.code == "not-mapped"


@pytest.mark.behaviour("LOAD-03")
def test_every_tensor_of_many_is_one_mapping(safetensors_file):
    with emel.open(safetensors_file, slots=1) as model:
        everything = dict(model)
        assert model.usage().slots == 1
        assert sum(array.nbytes for array in everything.values()) == model.residency().bytes.sum()
        everything.clear()


@pytest.mark.behaviour("LOAD-03")
def test_load_reports_progress_up_to_the_totals(model_file):
    with emel.open(model_file) as model:
        seen = []
        model.load(touch=True, progress=seen.append)
        total = int(model.residency().bytes.sum())
        assert seen[0].nbytes_done == 0
        assert seen[-1] == (total, total, len(model), len(model))
        assert [p.nbytes_done for p in seen] == sorted(p.nbytes_done for p in seen)


@pytest.mark.behaviour("LOAD-03")
def test_one_name_is_a_name_and_not_its_letters(safetensors_file):
    with emel.open(safetensors_file) as model:
        model.load("big")
        model.release("big")
        assert model.info("big").residency == "evicted"


@pytest.mark.behaviour("LOAD-03")
def test_a_model_says_what_it_is_and_whether_it_is_closed(safetensors_file):
    with emel.open(safetensors_file) as model:
        assert repr(model) == f"<emel.Model {str(safetensors_file)!r}: safetensors, 19 tensors>"
    assert repr(model).endswith("safetensors, closed>")


@pytest.mark.behaviour("LOAD-03")
def test_comparing_models_loads_nothing(model_file):
    with emel.open(model_file) as model, emel.open(model_file) as other:
        assert operator.eq(model, model)
        assert model != other
        assert len({model, other}) == 2
        assert model.usage().leases == 0


# Of a clone in a folder called emel, all that is installed has that in its path.
OURS = re.compile(r"/packages/\w+/src/emel")


def interrupted_at(point, call):
    """Raise KeyboardInterrupt at the n-th line of ours that runs; False once there are fewer."""
    left = point

    def enter(frame, _event, _):
        return step if OURS.search(frame.f_code.co_filename) else None

    def step(_frame, event, _):
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return step

    # Finalizers of earlier models are lines of ours too, and what they raise nobody hears.
    gc.collect()
    gc.disable()
    before = sys.gettrace()
    sys.settrace(enter)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
        gc.enable()
    return False


@pytest.mark.behaviour("LOAD-04")
@pytest.mark.parametrize("request_name", ["release", "release two", "close"])
def test_an_interrupt_anywhere_leaves_a_model_that_can_be_closed(
    tmp_path, opened, frozen, request_name
):
    # As small as it takes for one to stay when two go: more is the same lines once more.
    path, names = tmp_path / "three.safetensors", ["a", "b", "c"]
    save_file({name: np.ones(4096, np.float32) for name in names}, path)

    def interrupted(point):
        model = emel.open(path, "mmap")
        model.load()
        requests = {
            "release": model.release,
            "release two": lambda: model.release(names[:2]),
            "close": model.close,
        }
        try:
            return interrupted_at(point, requests[request_name])
        finally:
            if not model.closed:
                model.release()
            model.close()
            assert opened(path) == []

    point = 1
    while interrupted(point):
        point += 1
    assert point > 100


@pytest.mark.behaviour("LOAD-04")
def test_an_interrupt_of_opening_leaves_nothing(tmp_path, opened, frozen):
    path = tmp_path / "three.safetensors"
    save_file({"a": np.ones(4096, np.float32)}, path)
    point, models = 1, []
    while interrupted_at(point, lambda: models.append(emel.open(path, "mmap"))):
        assert opened(path) == []
        point += 7  # each of them takes a second
    assert point > 1000
    models[0].close()
