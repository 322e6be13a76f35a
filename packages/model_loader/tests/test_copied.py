"""Tensors in buffers: made here, or the caller's."""

import gc
import tracemalloc

import numpy as np
import pytest

from emel_io_loader import Mode, Reaction, Router
from emel_model_format import DTYPES
from emel_model_format.testing import GGUFTensor, SafetensorsTensor, gguf_bytes, safetensors_bytes
from emel_model_loader import Limits, LoadOutcome, open_checkpoint
from emel_model_loader.companions import NO_COMPANIONS


def index(*tensors):
    return np.array(tensors, np.intp)


def states(checkpoint):
    return [checkpoint.state_of(i) for i in range(len(checkpoint.names))]


def buffers(*tensors):
    return {tensor: np.zeros(16, np.uint8) for tensor in tensors}


def floats(buffer):
    return buffer.view("<f4").tolist()


def kept(world):
    gc.collect()
    return sum(made() is not None for made in world.made)


@pytest.mark.behaviour("LOADER-12")
def test_all_copies_are_made_in_one_batch_and_lent_read_only(gguf, opened):
    world = opened(gguf(3), Mode.COPIES)

    assert world.checkpoint.load() is None

    assert world.batches() == [3]
    assert states(world.checkpoint) == ["resident"] * 3
    arrays = [world.checkpoint.array(i) for i in range(3)]
    assert [array.tolist() for array in arrays] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert not any(array.flags.writeable for array in arrays)
    for array in arrays:
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


@pytest.mark.behaviour("LOADER-12")
def test_what_is_copied_isnt_copied_again(gguf, opened):
    world = opened(gguf(3), Mode.COPIES)
    world.checkpoint.load(index(1))
    first = world.checkpoint.array(1)

    assert world.checkpoint.load() is None

    assert world.batches() == [1, 2]
    assert np.shares_memory(first, world.checkpoint.array(1))


@pytest.mark.behaviour("LOADER-12")
@pytest.mark.parametrize(
    "borrow",
    [
        lambda array: array,
        lambda array: array[1:2],
        lambda array: array.view(np.uint8).reshape(2, 8),
        memoryview,
        lambda array: np.frombuffer(array, np.uint8),
        lambda array: np.ndarray((2,), "<f4", array),
    ],
    ids=["array", "slice", "view", "memoryview", "frombuffer", "buffer"],
)
def test_whatever_is_made_of_a_copy_borrows_it(gguf, opened, borrow):
    world = opened(gguf(3), Mode.COPIES)
    world.checkpoint.load()
    borrowed = borrow(world.checkpoint.array(1))

    failure = world.checkpoint.release()

    assert (failure.stage, failure.reaction) == (LoadOutcome.MODEL_FAILED, Reaction.BUSY)
    assert (failure.code, failure.tensors) == ("still-borrowed", ("t1",))
    assert states(world.checkpoint) == ["evicted", "resident", "evicted"]
    assert kept(world) == 1
    del borrowed
    assert world.checkpoint.release(index(1)) is None
    assert kept(world) == 0


@pytest.mark.behaviour("LOADER-12")
def test_a_released_copy_is_made_again_when_it_is_asked_for(gguf, opened):
    world = opened(gguf(2), Mode.COPIES)
    world.checkpoint.load()
    world.checkpoint.release(index(1))

    assert world.checkpoint.array(1).tolist() == [4, 5, 6, 7]
    assert world.batches() == [2, 1]


TYPES = {
    **dict.fromkeys(("U8", "I8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}


@pytest.mark.behaviour("LOADER-02", "LOADER-04")
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("dtype", TYPES)
def test_an_array_of_any_type_is_what_was_loaded_and_no_copy_of_it(opened, dtype, mode):
    tensor = SafetensorsTensor(dtype=dtype, shape=(4,), data=bytes(4 * TYPES[dtype]))
    world = opened(safetensors_bytes({"w": tensor}), mode)
    assert world.checkpoint.load() is None

    array = world.checkpoint.array(0)

    assert np.shares_memory(array, world.checkpoint.array(0))
    failure = world.checkpoint.release()
    assert (failure.reaction, failure.tensors) == (Reaction.BUSY, ("w",))
    del array
    assert world.checkpoint.release() is None


@pytest.mark.behaviour("LOADER-12")
def test_copies_of_scalars_and_of_nothing(opened):
    tensors = {
        "scalar": SafetensorsTensor(dtype="I64", shape=(), data=np.int64(-5).tobytes()),
        "nothing": SafetensorsTensor(shape=(0, 4), data=b""),
    }
    world = opened(safetensors_bytes(tensors), Mode.COPIES)
    arrays = dict(zip(world.checkpoint.names, map(world.checkpoint.array, (0, 1)), strict=True))

    assert (arrays["scalar"].shape, arrays["scalar"].item()) == ((), -5)
    assert arrays["nothing"].shape == (0, 4)
    assert not any(array.flags.writeable for array in arrays.values())
    arrays.clear()
    assert world.checkpoint.close() is None


@pytest.mark.behaviour("LOADER-12")
def test_copies_of_a_big_endian_file_are_its_numbers(opened):
    tensor = GGUFTensor(name="a", dims=(3,), data=np.array([1, -2, 3], ">f4").tobytes())
    world = opened(gguf_bytes((), [tensor], byteorder="big"), Mode.COPIES)

    assert world.checkpoint.array(0).tolist() == [1, -2, 3]


@pytest.mark.behaviour("LOADER-12")
def test_a_release_names_what_isnt_loaded_and_drops_nothing(gguf, opened):
    world = opened(gguf(3), Mode.COPIES)
    world.checkpoint.load(index(0, 1))

    failure = world.checkpoint.release(index(0, 2))

    assert (failure.reaction, failure.tensors) == (Reaction.CLOSED, ("t2",))
    assert states(world.checkpoint)[:2] == ["resident", "resident"]


@pytest.mark.behaviour("LOADER-12")
def test_a_pinned_copy_stays_whole(gguf, opened):
    world = opened(gguf(2), Mode.COPIES)
    world.checkpoint.load()
    world.checkpoint.tensors.pin(index(1))

    failure = world.checkpoint.release()

    assert (failure.code, failure.tensors) == ("pinned", ("t1",))
    assert world.checkpoint.array(1).tolist() == [4, 5, 6, 7]
    assert len(world.batches()) == 1


@pytest.mark.behaviour("LOADER-12")
def test_a_copy_that_fails_keeps_no_buffer_and_changes_no_state(gguf, opened, broken):
    world = opened(gguf(3), Mode.COPIES)
    world.checkpoint.load(index(0))
    world.strategy.fail_load(broken(index=1))

    failure = world.checkpoint.load()

    assert (failure.stage, failure.code) == (LoadOutcome.IO_FAILED, "broken")
    assert (failure.tensors, failure.errno) == (("t2",), 5)
    assert states(world.checkpoint) == ["resident", "bound", "bound"]
    assert kept(world) == 1
    assert world.checkpoint.load() is None


@pytest.mark.behaviour("LOADER-12")
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_a_callback_raises_leaves_no_copy_behind(gguf, opened, error):
    world = opened(gguf(3), Mode.COPIES, limits=Limits(48))

    def stop(progress):
        if progress.nbytes_done:
            raise error

    with pytest.raises(error):
        world.checkpoint.load(progress=stop)

    assert states(world.checkpoint) == ["bound"] * 3
    assert kept(world) == 0
    assert world.checkpoint.load() is None  # and nothing is counted against the limit


@pytest.mark.behaviour("LOADER-12")
def test_memory_that_cant_be_had_leaves_nothing_behind(gguf, opened, monkeypatch):
    world = opened(gguf(2), Mode.COPIES)

    def scarce(nbytes, offset, allocate=world.checkpoint.companions.allocate):
        if world.made:
            raise MemoryError
        return allocate(nbytes, offset)

    monkeypatch.setattr(world.checkpoint._copied, "_allocate", scarce)

    with pytest.raises(MemoryError):
        world.checkpoint.load()

    assert (states(world.checkpoint), kept(world)) == (["bound"] * 2, 0)


@pytest.mark.behaviour("LOADER-12")
def test_a_copy_that_was_interrupted_between_the_books_can_be_released(gguf, opened):
    world = opened(gguf(2), Mode.COPIES)
    world.checkpoint.load()
    world.checkpoint._copied._copies.clear()  # as if it had never been written down

    assert world.checkpoint.array(1).code == "already-resident"
    assert world.checkpoint.release() is None
    assert world.checkpoint.array(1).tolist() == [4, 5, 6, 7]


@pytest.mark.behaviour("LOADER-13")
def test_the_callers_buffers_are_filled_in_one_batch_and_looked_at_as_they_are(gguf, opened):
    world = opened(gguf(4))
    into = buffers(2, 0)

    assert world.checkpoint.load_into(into, threads=2) is None

    assert (floats(into[2]), floats(into[0])) == ([8, 9, 10, 11], [0, 1, 2, 3])
    assert (world.batches(), [len(spans) for spans in world.copies.loads]) == ([], [2])
    assert states(world.checkpoint) == ["resident", "bound", "resident", "bound"]
    array = world.checkpoint.array(2)
    array[0] = -1
    assert floats(into[2])[0] == -1


@pytest.mark.behaviour("LOADER-13")
def test_a_strategy_that_copies_fills_the_callers_buffers_itself(gguf, opened):
    world = opened(gguf(2), Mode.COPIES)
    into = buffers(1)

    assert world.checkpoint.load_into(into) is None

    assert floats(into[1]) == [4, 5, 6, 7]
    assert (world.batches(), world.copies.loads, world.made) == ([1], [], [])


@pytest.mark.behaviour("LOADER-13")
def test_a_buffer_that_became_read_only_is_looked_at_read_only(gguf, opened):
    world = opened(gguf(1))
    into = buffers(0)
    world.checkpoint.load_into(into)
    into[0].flags.writeable = False

    assert not world.checkpoint.array(0).flags.writeable


@pytest.mark.behaviour("LOADER-13")
def test_the_callers_buffers_are_forgotten_on_request_even_while_they_are_looked_at(gguf, opened):
    world = opened(gguf(2))
    into = buffers(0, 1)
    world.checkpoint.load_into(into)
    array = world.checkpoint.array(1)

    assert world.checkpoint.release() is None

    assert states(world.checkpoint) == ["evicted"] * 2
    assert array.tolist() == [4, 5, 6, 7]
    assert not np.shares_memory(world.checkpoint.array(1), into[1])


@pytest.mark.behaviour("LOADER-13")
def test_what_is_mapped_is_released_and_copied(gguf, opened):
    world = opened(gguf(3))
    world.checkpoint.load()
    into = buffers(1)

    assert world.checkpoint.load_into(into) is None

    assert world.checkpoint.usage().leases == 2
    assert np.shares_memory(world.checkpoint.array(1), into[1])


@pytest.mark.behaviour("LOADER-13")
def test_nothing_is_let_go_of_for_a_copy_that_nobody_can_make(gguf, opened):
    world = opened(gguf(2))
    world.checkpoint.load()
    before = states(world.checkpoint)

    def scarce():
        raise MemoryError

    world.checkpoint.companions = world.checkpoint.companions._replace(copying=scarce)

    with pytest.raises(MemoryError):
        world.checkpoint.load_into(buffers(1))

    assert states(world.checkpoint) == before


@pytest.mark.behaviour("LOADER-13")
def test_what_was_copied_here_is_dropped_for_the_callers_buffer(gguf, opened):
    world = opened(gguf(2), Mode.COPIES, limits=Limits(32))
    world.checkpoint.load()
    into = buffers(1)

    assert world.checkpoint.load_into(into) is None

    assert kept(world) == 1
    assert np.shares_memory(world.checkpoint.array(1), into[1])
    assert world.checkpoint.release() is None
    assert world.checkpoint.load() is None  # the buffer is not counted, and what was here isn't


@pytest.mark.behaviour("LOADER-13")
@pytest.mark.parametrize("mode", Mode)
def test_what_is_borrowed_is_named_changes_nothing_and_can_be_tried_again(gguf, opened, mode):
    world = opened(gguf(4), mode)
    world.checkpoint.load()
    held = [world.checkpoint.array(i) for i in (1, 3)]
    before, into = states(world.checkpoint), buffers(0, 1, 3)

    failure = world.checkpoint.load_into(into)

    assert (failure.reaction, failure.code) == (Reaction.BUSY, "still-borrowed")
    assert failure.tensors == ("t1", "t3")
    assert states(world.checkpoint) == before
    assert not any(buffer.any() for buffer in into.values())
    assert world.checkpoint.array(0).tolist() == [0, 1, 2, 3]
    assert [array.tolist()[0] for array in held] == [4, 12]
    held.clear()
    assert world.checkpoint.load_into(into) is None
    assert floats(into[3]) == [12, 13, 14, 15]


@pytest.mark.behaviour("LOADER-13")
def test_loading_again_into_the_same_buffers_allocates_nothing(opened):
    nbytes = 1 << 20
    data = gguf_bytes((), [GGUFTensor(name="a", dims=(nbytes,), type=24, data=bytes(nbytes))])
    world = opened(data)
    into = {0: np.ones(nbytes, np.uint8)}
    world.checkpoint.load_into(into)
    # What the fake itself cuts out of its files, as bytes, is not the checkpoint's.
    cut = memoryview(world.copies.files["m"])
    world.copies._bytes = lambda spans, i: cut[spans.offset[i] : spans.offset[i] + spans.nbytes[i]]
    into[0][:] = 1

    tracemalloc.start()
    try:
        assert world.checkpoint.load_into(into) is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < nbytes // 4
    assert not into[0].any()
    assert np.shares_memory(world.checkpoint.array(0), into[0])
    assert world.made == []


@pytest.mark.behaviour("LOADER-13")
def test_a_failed_load_into_buffers_names_the_tensor_and_leaves_none_resident(gguf, opened, broken):
    world = opened(gguf(3))
    into = buffers(0, 1, 2)
    world.checkpoint.load_into(into)
    world.copies.fail_load(broken(index=1))

    failure = world.checkpoint.load_into(into)

    assert (failure.stage, failure.code, failure.tensors) == (
        LoadOutcome.IO_FAILED,
        "broken",
        ("t1",),
    )
    assert states(world.checkpoint) == ["evicted"] * 3
    assert world.checkpoint.load_into(into) is None


@pytest.mark.behaviour("LOADER-13")
def test_a_buffer_that_doesnt_fit_is_refused_by_its_tensor(gguf, opened):
    world = opened(gguf(2))

    failure = world.checkpoint.load_into({0: np.empty(16, np.uint8), 1: np.empty(15, np.uint8)})

    assert (failure.reaction, failure.code) == (Reaction.INVALID, "target-too-small")
    assert failure.tensors == ("t1",)
    assert states(world.checkpoint) == ["bound"] * 2


@pytest.mark.behaviour("LOADER-13")
def test_a_closed_model_fills_no_buffer(gguf, opened):
    world = opened(gguf(2))
    world.checkpoint.load_into(buffers(0))
    assert world.checkpoint.close() is None

    failure = world.checkpoint.load_into(buffers(1))

    assert (failure.code, failure.tensors) == ("model-closed", ("t1",))
    assert len(world.copies.loads) == 1
    assert world.copies.close().ok


@pytest.mark.behaviour("LOADER-13")
def test_no_buffers_are_no_batch(gguf, opened):
    world = opened(gguf(2))

    assert world.checkpoint.load_into({}) is None

    assert world.copies.loads == []


@pytest.mark.behaviour("LOADER-12")
def test_memory_is_shaped_as_the_tensor_and_takes_its_bytes(opened):
    tensors = {
        "a": SafetensorsTensor(dtype="I16", shape=(2, 3), data=np.arange(6, dtype="<i2").tobytes()),
        "b": SafetensorsTensor(shape=(), data=bytes(4)),
        "c": SafetensorsTensor(shape=(0,), data=b""),
    }
    world = opened(safetensors_bytes(tensors))
    checkpoint = world.checkpoint
    sizes = checkpoint.header.tensors.nbytes
    into = {i: np.empty(sizes[i], np.uint8) for i in range(3)}
    arrays = {i: checkpoint.shaped(i, memory) for i, memory in into.items()}

    assert checkpoint.load_into(into) is None

    assert arrays[checkpoint.position["a"]].tolist() == [[0, 1, 2], [3, 4, 5]]
    for i, array in arrays.items():
        assert (array.shape, array.dtype) == checkpoint.array_type(i)
        assert array.flags.writeable


@pytest.mark.behaviour("LOADER-04")
def test_a_release_takes_mapped_and_copied_tensors_together(gguf, opened):
    world = opened(gguf(4))
    world.checkpoint.load_into(buffers(0, 2))
    mapped = world.checkpoint.array(1)

    failure = world.checkpoint.release(index(0, 1, 2))

    assert (failure.code, failure.tensors) == ("still-borrowed", ("t1",))
    assert states(world.checkpoint) == ["evicted", states(world.checkpoint)[1], "evicted", "bound"]
    assert mapped.tolist() == [4, 5, 6, 7]
    del mapped
    assert world.checkpoint.close() is None
    assert world.checkpoint.absent().size == 4


@pytest.mark.behaviour("LOADER-03")
def test_a_copy_that_was_released_by_name_is_mapped_along_again(gguf, opened):
    world = opened(gguf(9))
    world.checkpoint.load_into(buffers(3))
    world.checkpoint.release(index(3))

    for i in range(4, 9):
        world.checkpoint.array(i)

    assert world.checkpoint.absent().size == 0


@pytest.mark.behaviour("LOADER-04")
def test_close_closes_the_companions_that_were_needed_and_tries_again(gguf, opened, broken):
    world = opened(gguf(1))
    world.checkpoint.load_into(buffers(0))
    world.copies.faults["close"] = [broken()]

    assert world.checkpoint.close().code == "broken"
    assert not world.checkpoint.closed
    assert world.checkpoint.close() is None

    spans = world.checkpoint.tensors.spans([0])
    assert world.copies.load(spans).code == world.strategy.load(spans).code == "closed"
    assert world.stage.load(spans).code != "closed"  # nobody had needed it


@pytest.mark.behaviour("LOADER-14")
def test_copies_over_the_limit_are_refused_with_the_numbers_before_anything_is_made(gguf, opened):
    world = opened(gguf(4), Mode.COPIES, limits=Limits(40))

    failure = world.checkpoint.load()

    assert (failure.stage, failure.reaction) == (LoadOutcome.MODEL_FAILED, Reaction.BUSY)
    assert (failure.code, failure.tensors) == ("memory-limit", ("t2",))
    assert failure.message == (
        "m: 64 bytes of copies are wanted and 0 are held, and the memory limit leaves 40 for them"
    )
    assert (world.batches(), world.made) == ([], [])


@pytest.mark.behaviour("LOADER-14")
def test_what_is_held_counts_until_it_is_released(gguf, opened):
    world = opened(gguf(4), Mode.COPIES, limits=Limits(32))
    assert world.checkpoint.load(index(3, 0)) is None

    failure = world.checkpoint.array(1)

    assert (failure.code, failure.tensors) == ("memory-limit", ("t1",))
    assert "16 bytes of copies are wanted and 32 are held" in failure.message
    assert world.checkpoint.array(3).tolist() == [12, 13, 14, 15]
    assert world.checkpoint.release(index(3)) is None
    assert world.checkpoint.array(1).tolist() == [4, 5, 6, 7]


@pytest.mark.behaviour("LOADER-14")
def test_a_release_that_was_interrupted_leaves_its_room_to_others(gguf, opened, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    world = opened(gguf(2), Mode.COPIES, limits=Limits(16))
    assert world.checkpoint.load(index(0)) is None
    with monkeypatch.context() as patch:
        patch.setattr(world.checkpoint.tensors, "evict", interrupt)
        with pytest.raises(KeyboardInterrupt):
            world.checkpoint.release()

    assert world.checkpoint.release() is None
    assert world.checkpoint.array(1).tolist() == [4, 5, 6, 7]


@pytest.mark.behaviour("LOADER-14")
def test_the_first_copy_that_is_too_much_beside_what_is_held_is_blamed(gguf, opened):
    world = opened(gguf(4), Mode.COPIES, limits=Limits(48))
    assert world.checkpoint.load(index(3)) is None

    failure = world.checkpoint.load()

    assert (failure.code, failure.tensors) == ("memory-limit", ("t2",))


@pytest.mark.behaviour("LOADER-14")
@pytest.mark.parametrize("mode", Mode)
def test_the_callers_buffers_and_mappings_dont_count(gguf, opened, mode):
    world = opened(gguf(4), mode, limits=Limits(0))

    assert world.checkpoint.load_into(buffers(0, 1, 2, 3)) is None
    assert world.checkpoint.release() is None
    failure = world.checkpoint.load()

    assert (failure is None) == (mode is Mode.MAPS)


@pytest.mark.behaviour("LOADER-14")
def test_the_limits_total_is_what_routing_hears(faulty, gguf):
    heard = []

    class Hears(Router):
        def route(self, requested, **facts):
            heard.append(facts["memory_limit"])
            return super().route(requested, **facts)

    strategy = faulty(gguf(1))
    for limits in (Limits(10, 6, total=99), Limits()):
        open_checkpoint("m", Hears({"fake": strategy.offer()}), "fake", limits=limits)
    assert heard == [99, None]


@pytest.mark.behaviour("LOADER-16")
def test_without_companions_nothing_is_copied_or_transformed():
    for make in (NO_COMPANIONS.copying, NO_COMPANIONS.staging):
        with pytest.raises(NotImplementedError, match="no companion strategy"):
            make()
    wanted = np.dtype(np.float32)
    said = NO_COMPANIONS.transform(DTYPES[0], "little", wanted)
    assert said.endswith(f"turns {DTYPES[0].name} (little) into float32")
