"""Single tensors, read whole, in part or as other numbers, without becoming resident."""

import gc
import weakref

import numpy as np
import pytest

from emel_io_loader import BatchOutcome, Mode, Reaction, SpanOutcome
from emel_model_format.testing import GGUFTensor, SafetensorsTensor, gguf_bytes, safetensors_bytes
from emel_model_loader import (
    Failure,
    Limits,
    LoadOutcome,
    dequantize,
    plan,
    read_into,
    read_part,
)

MATRIX = np.arange(40 * 30, dtype="<f4").reshape(40, 30)


def safetensors_of(array, dtype="F32"):
    tensor = SafetensorsTensor(dtype=dtype, shape=array.shape, data=array.tobytes())
    return safetensors_bytes({"first": SafetensorsTensor(), "w": tensor})


def part_of(checkpoint, name, index):
    tensor = checkpoint.position[name]
    return read_part(checkpoint, tensor, plan(checkpoint, tensor, index))


def nothing_is_resident(checkpoint):
    return checkpoint.absent().size == len(checkpoint.names) and not checkpoint.usage().leases


@pytest.mark.behaviour("LOADER-15")
def test_a_tensor_is_read_into_an_array_of_the_callers(any_way, gguf):
    world = any_way(gguf(3))
    out = np.zeros(16, np.uint8)

    assert read_into(world.checkpoint, 1, out, threads=2) is None

    assert out.view("<f4").tolist() == [4, 5, 6, 7]
    assert nothing_is_resident(world.checkpoint)


@pytest.mark.behaviour("LOADER-12", "LOADER-13", "LOADER-15")
@pytest.mark.parametrize("threads", [None, 3])
@pytest.mark.parametrize(
    "use",
    [
        lambda c, **how: read_into(c, 1, np.zeros(16, np.uint8), **how),
        lambda c, **how: c.load_into({1: np.zeros(16, np.uint8)}, **how),
        lambda c, **how: c.load(**how),
    ],
    ids=["read_into", "load_into", "load"],
)
def test_what_copies_is_told_how_many_threads_may_read(gguf, opened, monkeypatch, use, threads):
    world = opened(gguf(2), Mode.COPIES)
    plain, told = world.strategy.load, []

    def load(*words, threads=None, progress=None):
        told.append(threads)
        return plain(*words, threads=threads, progress=progress)

    monkeypatch.setattr(world.strategy, "load", load)
    assert use(world.checkpoint, threads=threads) is None
    assert told == [threads]


@pytest.mark.behaviour("LOADER-15")
def test_a_read_leaves_what_is_resident_as_it_is(gguf, opened):
    world = opened(gguf(2))
    array = world.checkpoint.array(1)
    out = np.zeros(16, np.uint8)

    assert read_into(world.checkpoint, 1, out) is None

    assert not np.shares_memory(world.checkpoint.array(1), out)
    assert array.tolist() == [4, 5, 6, 7]


@pytest.mark.behaviour("LOADER-15")
def test_a_read_that_fails_names_its_tensor_and_the_next_one_works(gguf, opened, broken):
    world = opened(gguf(2))
    world.copies.fail_load(broken(index=0))
    out = np.zeros(16, np.uint8)

    failure = read_into(world.checkpoint, 1, out)

    assert (failure.stage, failure.reaction) == (LoadOutcome.IO_FAILED, Reaction.SOURCE)
    assert (failure.code, failure.tensors, failure.path) == ("broken", ("t1",), "m")
    assert nothing_is_resident(world.checkpoint)
    assert read_into(world.checkpoint, 1, out) is None


@pytest.mark.behaviour("LOADER-15")
@pytest.mark.parametrize("nbytes", [0, 15])
def test_an_array_that_is_too_small_is_refused_untouched(gguf, opened, nbytes):
    out = np.full(nbytes, 7, np.uint8)

    failure = read_into(opened(gguf(1)).checkpoint, 0, out)

    assert (failure.reaction, failure.code) == (Reaction.INVALID, "target-too-small")
    assert (out == 7).all()


@pytest.mark.behaviour("LOADER-04")
@pytest.mark.parametrize(
    "use",
    [
        lambda c: read_into(c, 1, np.zeros(16, np.uint8)),
        lambda c: read_part(c, 1, plan(c, 1, 0)),
        lambda c: dequantize(c, 1, np.zeros(4, np.float32)),
    ],
    ids=["read_into", "read_part", "dequantize"],
)
def test_a_closed_model_reads_nothing(gguf, opened, use):
    world = opened(gguf(2))
    world.checkpoint.close()

    failure = use(world.checkpoint)

    assert (failure.code, failure.tensors) == ("model-closed", ("t1",))
    assert world.copies.loads == world.stage.loads == []


@pytest.mark.behaviour("LOAD-05")
@pytest.mark.parametrize(
    "index",
    [
        np.s_[:],
        np.s_[3],
        np.s_[-1, 5],
        np.s_[10:20],
        np.s_[:, 4:7],
        np.s_[::-3, ::2],
        np.s_[..., -1],
        np.s_[5:5],
        np.s_[38:, ::-1],
    ],
    ids=str,
)
def test_a_part_is_what_numpy_would_select_and_the_callers(any_way, index):
    world = any_way(safetensors_of(MATRIX), limits=Limits(window=256))

    part = part_of(world.checkpoint, "w", index)

    assert part.dtype == np.dtype("<f4")
    assert part.flags.writeable
    np.testing.assert_array_equal(part, MATRIX[index])
    assert part.shape == MATRIX[index].shape
    assert nothing_is_resident(world.checkpoint)


@pytest.mark.behaviour("LOAD-05")
def test_a_part_of_a_scalar_is_the_scalar(any_way):
    world = any_way(safetensors_of(np.array(-5, "<i8"), "I64"))

    assert part_of(world.checkpoint, "w", ...).tolist() == -5
    assert part_of(world.checkpoint, "w", ()).shape == ()


@pytest.mark.behaviour("LOAD-05")
def test_parts_of_a_big_endian_file_are_its_numbers(opened):
    tensor = GGUFTensor(name="a", dims=(3, 2), data=np.arange(6, dtype=">f4").tobytes())
    world = opened(gguf_bytes((), [tensor], byteorder="big"))

    assert part_of(world.checkpoint, "a", np.s_[:, 1]).tolist() == [1, 4]


@pytest.mark.behaviour("LOAD-05")
def test_parts_of_quantised_tensors_are_raw_rows(opened):
    tensor = GGUFTensor(name="a", dims=(64, 2), type=8, data=bytes(range(136)))
    world = opened(gguf_bytes((), [tensor]))

    assert part_of(world.checkpoint, "a", 1).tobytes() == bytes(range(68, 136))


@pytest.mark.behaviour("LOAD-05")
def test_an_eighth_of_the_columns_is_an_eighth_of_the_bytes(opened):
    rows, columns = 64, 65536
    array = np.arange(rows * columns, dtype="<u4").reshape(rows, columns)
    world = opened(safetensors_of(array, "U32"), Mode.COPIES)
    counted = world.strategy
    counted.loads.clear()

    part = part_of(world.checkpoint, "w", np.s_[:, columns // 2 : columns // 2 + columns // 8])

    np.testing.assert_array_equal(part, array[:, columns // 2 : columns // 2 + columns // 8])
    read = sum(int(spans.nbytes.sum()) for spans in counted.loads)
    assert array.nbytes / 8 <= read <= array.nbytes * 1.25 / 8
    assert len(counted.loads) == 1


@pytest.mark.behaviour("LOAD-05")
def test_bytes_that_are_read_in_vain_stay_within_a_window(opened):
    world = opened(safetensors_of(MATRIX), Mode.COPIES, limits=Limits(window=500))
    world.strategy.loads.clear()

    part = part_of(world.checkpoint, "w", np.s_[::2, ::2])

    np.testing.assert_array_equal(part, MATRIX[::2, ::2])
    sizes = [int(spans.nbytes.sum()) for spans in world.strategy.loads]
    assert len(sizes) > 1
    assert max(sizes) <= 500


@pytest.mark.behaviour("LOAD-05")
def test_a_part_of_nothing_reads_nothing(opened):
    world = opened(safetensors_of(np.zeros((0, 4), "<f4")))

    assert part_of(world.checkpoint, "w", np.s_[:, 1]).shape == (0,)
    assert world.copies.loads == []


@pytest.mark.behaviour("LOAD-05")
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("index", [np.s_[3:5], np.s_[::2, ::2]], ids=["exact", "slabs"])
def test_a_part_that_cant_be_read_names_its_tensor(opened, broken, index, mode):
    world = opened(safetensors_of(MATRIX), mode, limits=Limits(window=500))
    world.strategy.fail_load(broken(index=0))

    failure = part_of(world.checkpoint, "w", index)

    assert isinstance(failure, Failure)
    assert (failure.stage, failure.code, failure.tensors) == (
        LoadOutcome.IO_FAILED,
        "broken",
        ("w",),
    )
    assert nothing_is_resident(world.checkpoint)
    assert isinstance(part_of(world.checkpoint, "w", index), np.ndarray)


@pytest.mark.behaviour("LOAD-05")
def test_a_part_of_a_mapped_model_comes_out_of_a_mapping_that_is_gone_afterwards(opened):
    world = opened(safetensors_of(MATRIX))
    header = len(world.strategy.loads)

    part = part_of(world.checkpoint, "w", np.s_[::-3, 5:9:2])

    np.testing.assert_array_equal(part, MATRIX[::-3, 5:9:2])
    assert len(world.strategy.loads) == header + 1
    assert world.copies.loads == []
    assert nothing_is_resident(world.checkpoint)
    assert world.strategy.usage().slots == 0


@pytest.mark.behaviour("LOAD-05")
def test_a_part_of_a_mapping_that_shrank_is_a_failure_and_leaves_nothing(opened):
    world = opened(safetensors_of(MATRIX))
    world.strategy.faults["view"] = [
        BatchOutcome(outcome=SpanOutcome.SPAN_OVERFLOWS, reaction=Reaction.SOURCE, message="shrank")
    ]

    failure = part_of(world.checkpoint, "w", np.s_[3])

    assert (failure.code, failure.tensors) == ("span-overflows", ("w",))
    assert world.strategy.usage().slots == 0


@pytest.mark.behaviour("LOAD-05")
def test_an_interrupt_leaves_no_mapping_of_a_part(opened, monkeypatch):
    world = opened(safetensors_of(MATRIX))

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(world.checkpoint.route, "view", interrupted)
    with pytest.raises(KeyboardInterrupt):
        part_of(world.checkpoint, "w", np.s_[3])

    assert world.strategy.usage().slots == 0


@pytest.mark.behaviour("LOAD-05")
def test_where_nothing_more_can_be_mapped_a_part_is_read(opened, broken):
    world = opened(safetensors_of(MATRIX))
    world.strategy.fail_load(broken(Reaction.BUSY))

    part = part_of(world.checkpoint, "w", np.s_[::2, ::2])

    np.testing.assert_array_equal(part, MATRIX[::2, ::2])
    assert len(world.copies.loads) == 1


@pytest.mark.behaviour("LOADER-16")
def test_numbers_come_through_the_transform_for_the_stored_and_the_wanted_type(
    any_way, gguf, halved
):
    asked = []

    def transform(stored, byteorder, wanted):
        asked.append((stored.name, byteorder, wanted))
        return halved()

    world = any_way(gguf(3), transform=transform)
    out = np.zeros(4, np.float64)

    assert dequantize(world.checkpoint, 1, out) is None

    assert out.tolist() == [2, 2.5, 3, 3.5]
    assert asked == [("F32", "little", np.dtype(np.float64))]
    assert nothing_is_resident(world.checkpoint)


@pytest.mark.behaviour("LOADER-16")
def test_a_route_that_stages_needs_no_companion(any_way, gguf, request, halved):
    world = any_way(gguf(1), transform=halved)
    dequantize(world.checkpoint, 0, np.zeros(4))

    own = "stages" in request.node.callspec.id
    assert world.batches() == ([1] if own else [])
    assert len(world.stage.loads) == (0 if own else 1)


@pytest.mark.behaviour("LOADER-04")
def test_close_closes_the_companion_that_staged(gguf, opened, halved):
    world = opened(gguf(1), transform=halved)
    dequantize(world.checkpoint, 0, np.zeros(4))

    assert world.checkpoint.close() is None

    spans = world.checkpoint.tensors.spans([0])
    assert world.stage.load(spans).code == "closed"
    assert world.copies.load(spans).code != "closed"  # nobody had needed it


@pytest.mark.behaviour("LOADER-16")
def test_without_a_transform_the_reason_is_told_and_nothing_is_read(gguf, opened):
    world = opened(gguf(2))
    out = np.full(4, 7, np.int8)

    failure = dequantize(world.checkpoint, 1, out)

    assert (failure.stage, failure.reaction) == (LoadOutcome.MODEL_FAILED, Reaction.UNSUPPORTED)
    assert (failure.code, failure.tensors) == ("dequantize-unsupported", ("t1",))
    assert failure.message == "m: no way from F32 (little) to int8"
    assert (out.tolist(), world.stage.loads) == ([7] * 4, [])


@pytest.mark.behaviour("LOADER-16")
def test_a_transform_whose_bytes_cant_be_read_fails_by_its_tensor(gguf, opened, broken, halved):
    world = opened(gguf(2), transform=halved)
    world.stage.fail_load(broken(index=0))

    failure = dequantize(world.checkpoint, 1, np.zeros(4))

    assert (failure.stage, failure.code, failure.tensors) == (
        LoadOutcome.IO_FAILED,
        "broken",
        ("t1",),
    )
    assert dequantize(world.checkpoint, 1, np.zeros(4)) is None


@pytest.mark.behaviour("LOADER-15")
def test_what_was_read_is_kept_by_nobody(any_way, gguf):
    world = any_way(gguf(2))
    out = np.zeros(16, np.uint8)

    assert read_into(world.checkpoint, 1, out) is None

    gc.collect()
    alive = weakref.ref(out)
    del out
    assert alive() is None
