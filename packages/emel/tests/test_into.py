"""Buffers of the caller's: filled, looked at until they are released, and never more than that."""

import gc
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

import emel
from emel_model_format.testing import SafetensorsTensor, safetensors_bytes

STRATEGIES = pytest.mark.parametrize("strategy", ["mmap", "read", "staged"])
RESIDENT = {"mmap-resident", "resident"}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two tensors: a (2, 3) float32, b (4,) bfloat16."""
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    b = np.arange(4).astype(ml_dtypes.bfloat16)
    path = tmp_path_factory.mktemp("small") / "small.safetensors"
    save_file({"a": a, "b": b}, path)
    return path, {"a": a, "b": b}


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
@pytest.mark.parametrize("threads", [1, 4])
def test_arrays_by_name_are_filled_and_become_the_models(checkpoint, strategy, threads):
    path, contents = checkpoint
    with emel.open(path, strategy) as model:
        into = model.empty()
        progress = []
        model.load(into=into, threads=threads, progress=progress.append)

        assert {name: array.tobytes() for name, array in into.items()} == contents
        assert set(model.residency().totals) == {"resident"}
        total = sum(map(len, contents.values()))
        assert progress[-1] == (total, total, len(contents), len(contents))
        for name, array in into.items():
            seen = model[name]
            assert (seen.dtype, seen.shape) == (array.dtype, array.shape)
            assert seen.flags.writeable
            assert not seen.nbytes or np.shares_memory(seen, array)


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
def test_one_buffer_takes_all_at_multiples_of_64(checkpoint, strategy):
    path, contents = checkpoint
    with emel.open(path, strategy) as model:
        nbytes = model.buffer_nbytes()
        for make in (bytearray, lambda n: np.full(n + 9, 7, np.uint8)):
            buffer = make(nbytes)
            model.load(into=buffer)

            at = 0
            for name in model:
                at = -(-at // 64) * 64
                stored = memoryview(buffer)[at : at + len(contents[name])]
                assert stored.tobytes() == contents[name]
                assert model[name].tobytes() == contents[name]
                at += len(contents[name])
            assert at == nbytes
            del stored
        assert buffer[nbytes:].tolist() == [7] * 9


BUFFERS = {
    "an array": lambda: np.empty((2, 3), np.float32),
    "a matrix": lambda: np.empty((2, 3), np.float32).view(np.matrix),
    "bytes": lambda: np.empty(24, np.uint8),
    "bytes of any shape": lambda: np.empty((4, 6), np.uint8),
    "a bytearray": lambda: bytearray(24),
    "a memoryview": lambda: memoryview(bytearray(24)),
    "a memoryview of floats": lambda: memoryview(np.empty((2, 3), np.float32)),
    "a part of a larger one": lambda: np.empty((9, 3), np.float32)[4:6],
}


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
@pytest.mark.parametrize("make", BUFFERS.values(), ids=BUFFERS)
def test_whatever_holds_the_bytes_is_filled(small, strategy, make):
    path, arrays = small
    with emel.open(path, strategy) as model:
        one, other = make(), make()
        model.load(into={"a": one})
        model.read_into("a", other)

        for buffer in (one, other):
            stored = buffer.tobytes() if isinstance(buffer, np.ndarray) else bytes(buffer)
            assert stored == arrays["a"].tobytes()
        assert model["a"].tolist() == arrays["a"].tolist()


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
def test_one_buffer_takes_tensors_in_the_models_order_however_they_are_named(small, strategy):
    path, arrays = small
    with emel.open(path, strategy) as model:
        first, second = model
        buffer = np.zeros(model.buffer_nbytes([second, first]), np.uint8)
        model.load([second, first], into=buffer)
        assert buffer[: arrays[first].nbytes].tobytes() == arrays[first].tobytes()
        assert buffer[64:].tobytes() == arrays[second].tobytes()


@pytest.mark.behaviour("FACE-06")
def test_one_buffer_takes_a_few_of_many_tensors_in_the_models_order(tmp_path):
    contents = {f"t{i:02}": np.full(16, i, np.float32) for i in range(40)}
    save_file(contents, tmp_path / "m.safetensors")
    with emel.open(tmp_path / "m.safetensors") as model:
        order = list(model)
        chosen = [order[i] for i in (33, 8, 1, 16, 39)]  # in a set of integers 33 comes before 8
        buffer = np.zeros(model.buffer_nbytes(chosen), np.uint8)
        model.load(chosen, into=buffer)
        stored = [int(number) for number in buffer.view(np.float32)[::16]]
        assert [f"t{number:02}" for number in stored] == [order[i] for i in (1, 8, 16, 33, 39)]


@pytest.mark.behaviour("FACE-06")
def test_an_array_of_nothing_shares_no_memory_wherever_it_is(tmp_path):
    save_file({"a": np.arange(6.0), "none": np.empty((0, 4))}, tmp_path / "m.safetensors")
    with emel.open(tmp_path / "m.safetensors") as model:
        one = np.empty(6)
        model.load(into={"a": one, "none": memoryview(one.view(np.uint8))[9:9]})
        assert one.tolist() == [0, 1, 2, 3, 4, 5]


def read_only(array):
    array.flags.writeable = False
    return array


BAD = {
    "another dtype": (lambda: np.full((2, 3), 9, np.int32), ValueError),
    "another shape": (lambda: np.full((3, 2), 9, np.float32), ValueError),
    "bytes swapped": (lambda: np.full((2, 3), 9, ">f4"), ValueError),
    "signed bytes": (lambda: np.full(24, 9, np.int8), ValueError),
    "too few bytes": (lambda: np.full(23, 9, np.uint8), ValueError),
    "too many bytes": (lambda: bytearray(b"\x09" * 25), ValueError),
    "read-only": (lambda: read_only(np.full((2, 3), 9, np.float32)), ValueError),
    "bytes object": (lambda: b"\x09" * 24, ValueError),
    "Fortran order": (lambda: np.full((2, 3), 9, np.float32, order="F"), ValueError),
    "with a stride": (lambda: np.full(48, 9, np.uint8)[::2], ValueError),
    "a strided view": (lambda: memoryview(bytearray(b"\x09" * 48))[::2], ValueError),
    "a list": (lambda: [9] * 24, TypeError),
    "text": (lambda: "9" * 24, TypeError),
    "nothing": (lambda: None, TypeError),
}


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
@pytest.mark.parametrize(("make", "kind"), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_refused_and_nothing_has_changed(small, strategy, make, kind):
    path, arrays = small
    with emel.open(path, strategy) as model:
        bad, good = make(), np.full(4, 9).astype(ml_dtypes.bfloat16)
        kept = bytes(memoryview(bad)) if kind is ValueError else None
        model.load()
        before = model.residency().state.tolist()
        requests = [
            lambda: model.load(into={"b": good, "a": bad}),
            lambda: model.read_into("a", bad),
        ]
        for request in requests:
            with pytest.raises(kind) as raised:
                request()
            assert not isinstance(raised.value, emel.EmelError)
        assert model.residency().state.tolist() == before
        assert good.tolist() == [9, 9, 9, 9]
        assert kept is None or bytes(memoryview(bad)) == kept
        assert model["b"].tobytes() == arrays["b"].tobytes()


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda n: np.full(n - 1, 9, np.uint8), ValueError),
        (lambda n: b"\x09" * n, ValueError),
        (lambda n: np.full((n, 2), 9, np.uint8)[:, 0], ValueError),
        (lambda n: [9] * n, TypeError),
    ],
    ids=["too small", "read-only", "strided", "a list"],
)
def test_one_buffer_that_does_not_fit_is_refused(small, strategy, make, kind):
    path, _ = small
    with emel.open(path, strategy) as model:
        model.load()
        before = model.residency().state.tolist()
        buffer = make(model.buffer_nbytes())
        with pytest.raises(kind) as raised:
            model.load(into=buffer)
        assert not isinstance(raised.value, emel.EmelError)
        assert model.residency().state.tolist() == before
        assert set(bytes(memoryview(buffer)) if kind is ValueError else buffer) == {9}


@pytest.mark.behaviour("FACE-06")
def test_a_buffer_that_does_not_fit_is_told_with_its_size_and_what_is_needed(small):
    path, _ = small
    with emel.open(path) as model:
        with pytest.raises(ValueError, match=r"^a has 24 bytes, and the buffer 23$"):
            model.read_into("a", bytearray(23))
        with pytest.raises(ValueError, match=r"^the buffer has 71 bytes, and 72 are needed$"):
            model.load(into=bytearray(71))


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
def test_two_targets_that_share_memory_are_refused_and_nothing_has_changed(small, strategy):
    path, _ = small
    with emel.open(path, strategy) as model:
        model.load()
        before = model.residency().state.tolist()
        memory = np.full(31, 9, np.uint8)
        with pytest.raises(ValueError, match="share memory") as raised:
            model.load(into={"a": memory[:24], "b": memory[23:]})
        assert not isinstance(raised.value, emel.EmelError)
        assert "a" in str(raised.value)
        assert "b" in str(raised.value)
        assert model.residency().state.tolist() == before
        assert set(memory.tolist()) == {9}


@pytest.mark.behaviour("FACE-06")
def test_of_many_that_share_memory_the_first_tensors_are_named_wherever_they_lie(tmp_path):
    path = tmp_path / "m.safetensors"
    save_file({name: np.zeros(8, np.uint8) for name in "abcdef"}, path)
    memory = np.zeros(99, np.uint8)
    with emel.open(path) as model:
        for placed, named in (
            ({"a": 0, "b": 40, "c": 60, "d": 64, "e": 80, "f": 41}, "b and f"),
            ({"a": 90, "b": 40, "c": 14, "d": 10, "e": 80, "f": 41}, "b and f"),
            ({"a": 30, "b": 60, "c": 23, "d": 37, "e": 10, "f": 10}, "a and c"),
            ({"a": 30, "b": 60, "c": 12, "d": 37, "e": 10, "f": 10}, "a and d"),
        ):
            into = {name: memory[at : at + 8] for name, at in placed.items()}
            with pytest.raises(ValueError, match=f"^the arrays of {named} share memory$"):
                model.load(into=into)


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
def test_names_choose_from_a_mapping_and_from_a_buffer(small, strategy):
    path, arrays = small
    with emel.open(path, strategy) as model:
        into = model.empty()
        into["a"][:] = 9
        model.load(["b"], into=into)
        assert into["b"].tobytes() == arrays["b"].tobytes()
        assert into["a"].tolist() == [[9] * 3] * 2
        assert model.info("a").residency == "bound"

        buffer = bytearray(model.buffer_nbytes("a"))
        assert len(buffer) == 24
        model.load("a", into=buffer)
        assert buffer == arrays["a"].tobytes()
        with pytest.raises(KeyError, match="no such tensor"):
            model.load(into={"no such tensor": buffer})
        with pytest.raises(KeyError, match="b"):
            model.load(["b"], into={"a": into["a"]})


@pytest.mark.behaviour("FACE-06")
def test_names_that_can_be_gone_through_but_once_choose_from_a_mapping(small):
    path, arrays = small
    with emel.open(path) as model:
        into = model.empty()
        model.load(iter(["b"]), into=into)
        assert into["b"].tobytes() == arrays["b"].tobytes()
        assert [model.info(name).residency for name in "ab"] == ["bound", "resident"]


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
def test_what_is_borrowed_refuses_a_load_over_it(small, strategy):
    path, arrays = small
    with emel.open(path, strategy) as model:
        borrowed = model["a"]
        into = model.empty()
        with pytest.raises(emel.BusyError) as refused:
            model.load(into=into)
        assert refused.value.tensors == ("a",)
        assert borrowed.tolist() == arrays["a"].tolist()
        assert model.info("a").residency in RESIDENT
        del borrowed
        model.load(into=into)
        assert into["a"].tolist() == arrays["a"].tolist()


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
def test_after_release_buffers_are_the_callers_alone(small, strategy, frozen):
    path, arrays = small
    with emel.open(path, strategy) as model:
        array, room = np.empty((2, 3), np.float32), bytearray(8)
        model.load(into={"a": array, "b": room})
        kept = model["a"]
        kept[0, 0] = 50
        assert array[0, 0] == 50
        del kept
        with pytest.raises(BufferError):
            room.append(1)  # the model looks at it
        model.release()
        gc.collect()
        room.append(1)
        array[:] = 7
        assert model["a"].tolist() == arrays["a"].tolist()
    assert array.tolist() == [[7] * 3] * 2


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
def test_arrays_over_the_callers_memory_outlive_the_model(small, strategy):
    path, arrays = small
    with emel.open(path, strategy) as model:
        model.load(into=model.empty())
        array = model["a"]
    assert model.closed
    assert array.tolist() == arrays["a"].tolist()


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
def test_read_into_leaves_residency_as_it_is(checkpoint, strategy):
    path, contents = checkpoint
    with emel.open(path, strategy) as model:
        first = next(iter(model))
        model.load([first])
        before = model.residency().state.tolist()
        for name in model:
            out = bytearray(len(contents[name]))
            model.read_into(name, out, threads=2)
            assert out == contents[name]
        assert model.residency().state.tolist() == before
        with pytest.raises(KeyError):
            model.read_into("no such tensor", out)


@pytest.mark.behaviour("FACE-06")
@STRATEGIES
@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_is_a_mistake_of_the_caller(small, strategy, threads):
    path, _ = small
    with emel.open(path, strategy) as model:
        out = bytearray(24)
        requests = [
            lambda: model.load(threads=threads),
            lambda: model.load(into={"a": out}, threads=threads),
            lambda: model.read_into("a", out, threads=threads),
        ]
        for request in requests:
            with pytest.raises(ValueError, match="threads is at least 1") as raised:
                request()
            assert not isinstance(raised.value, emel.EmelError)
        assert out == bytes(24)
        assert not RESIDENT & set(model.residency().totals)


@pytest.fixture(scope="module")
def large(tmp_path_factory, arrays):
    """A file of all types and of one tensor of 1 MiB, and name to bytes."""
    cut = arrays | {"big": arrays["big"][: 1 << 20]}
    path = tmp_path_factory.mktemp("large") / "large.safetensors"
    save_file(cut, path)
    return path, {name: array.tobytes() for name, array in cut.items()}


def _taken(load):
    """What is left of memory after five loads, and the most that there was."""
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(5):
            load()
        return tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


@pytest.mark.behaviour("FACE-06")
@pytest.mark.parametrize("strategy", ["mmap", "read", "staged"])
@pytest.mark.parametrize("whole", [False, True], ids=["arrays", "one buffer"])
def test_loading_again_into_the_same_buffers_allocates_nothing(large, strategy, whole, frozen):
    path, contents = large
    # So small a ring that it can't hide a copy of the 1 MiB tensor.
    with emel.open(path, strategy, memory_limit=64 << 10) as model:
        into = bytearray(model.buffer_nbytes()) if whole else model.empty()
        for _ in range(3):
            model.load(into=into)
        # The interpreter's own tables grow now and then, by more than a tensor; what a load takes
        # is what every one takes, so the least of three is held to the bounds, or of fewer.
        left = peak = sum(map(len, contents.values()))
        assert peak > 1 << 20
        for _ in range(3):
            if peak >= 200 << 10 or left >= 64 << 10:
                left, peak = map(min, (left, peak), _taken(lambda: model.load(into=into)))
        assert peak < 200 << 10
        assert left < 64 << 10
        assert model["big"].tobytes() == contents["big"]


@pytest.mark.behaviour("FACE-06")
def test_empty_arrays_are_one_buffer_that_lies_as_the_file_does(checkpoint):
    with emel.open(checkpoint[0]) as model:
        whole = model.empty_buffer()
        assert (whole.dtype, whole.shape) == (np.uint8, (model.buffer_nbytes(),))
        first = model.info(next(iter(model)))
        for start in (whole, model.empty()[first.name]):
            assert start.flags.writeable
            assert (start.ctypes.data - first.offset) % 4096 == 0
        model.load(into=whole)
        arrays = model.empty()
        for name, array in arrays.items():
            info = model.info(name)
            assert (array.nbytes, array.flags.writeable) == (info.nbytes, True)
            assert (array.dtype, array.shape) == (model[name].dtype, model[name].shape)
        named = "vector" if "vector" in model else "scalar"
        assert list(model.empty(named)) == [named]
        assert model.empty([]) == {}
        assert model.empty_buffer([]).nbytes == 0


@pytest.mark.behaviour("FACE-06")
def test_memory_is_aligned_for_numbers_where_the_files_are_not(tmp_path):
    tensor = SafetensorsTensor(dtype="F64", shape=(1 << 13,), data=bytes(1 << 16))
    (tmp_path / "m").write_bytes(safetensors_bytes({"a": tensor}))
    with emel.open(tmp_path / "m", "read", direct=True) as model:
        assert model.info("a").offset % 8
        assert model.empty()["a"].flags.aligned
        assert model["a"].flags.aligned


@pytest.mark.behaviour("FACE-06")
def test_empty_arrays_outlive_each_other(small, frozen):
    path, arrays = small
    with emel.open(path) as model:
        into = model.empty()
        model.load(into=into)
        kept = into.pop("b")
        model.release()
        into.clear()
    gc.collect()
    assert kept.tobytes() == arrays["b"].tobytes()
