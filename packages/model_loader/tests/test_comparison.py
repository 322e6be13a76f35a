"""Two checkpoints compared, and one with a recorded digest."""

import ml_dtypes
import numpy as np
import pytest

from emel_io_loader import Mode
from emel_model_format.testing import GGUFTensor, SafetensorsTensor, gguf_bytes, safetensors_bytes
from emel_model_loader import (
    Comparison,
    Difference,
    Digest,
    Failure,
    Limits,
    LoadOutcome,
    compare,
    compare_digests,
    digest,
)

BF16 = np.dtype(ml_dtypes.bfloat16)
# GGUF's number, safetensors' name, and the values
MODEL = {
    "w": (0, "F32", np.arange(60, dtype="<f4").reshape(4, 15)),
    "h": (1, "F16", np.arange(5, dtype="<f2")),
    "b": (30, "BF16", np.array([1.5, -3, 7], BF16)),
    "i": (24, "I8", np.arange(50, dtype="i1")),
    "scalar": (27, "I64", np.array(-5, "<i8")),
    "nothing": (0, "F32", np.zeros((0, 3), "<f4")),
}
NBYTES = 240 + 10 + 6 + 50 + 8


def swapped(array):
    return array.view("<u2").byteswap() if array.dtype == BF16 else array.byteswap()


def gguf_of(model, byteorder="little"):
    swap = swapped if byteorder == "big" else np.asarray
    tensors = [
        GGUFTensor(name=n, dims=array.shape[::-1], type=kind, data=swap(array).tobytes())
        for n, (kind, _, array) in model.items()
    ]
    return gguf_bytes((), tensors, byteorder=byteorder)


def safetensors_of(model):
    tensors = {
        n: SafetensorsTensor(dtype=dtype, shape=array.shape, data=array.tobytes())
        for n, (_, dtype, array) in reversed(model.items())
    }
    return safetensors_bytes(tensors)


LAYOUTS = {
    "gguf": gguf_of,
    "big-endian": lambda model: gguf_of(model, "big"),
    "safetensors": safetensors_of,
}


def changed(name, at, value):
    """Make the model with one other element."""
    kind, dtype, array = MODEL[name]
    array = array.copy()
    array[at] = value
    return MODEL | {name: (kind, dtype, array)}


@pytest.mark.behaviour("LOADER-18")
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("window", [16, 1 << 20])
def test_the_same_tensors_are_the_same_in_any_layout_and_through_any_strategy(
    opened, any_way, layout, window
):
    first = opened(gguf_of(MODEL), limits=Limits(window=window)).checkpoint
    second = any_way(layout(MODEL), limits=Limits(window=window)).checkpoint

    for one, other in ((first, second), (second, first)):
        assert compare(one, other) == Comparison(len(MODEL), NBYTES, ())
        assert compare(one, other).same
    assert first.usage().leases == second.usage().leases == 0


@pytest.mark.behaviour("LOADER-18")
@pytest.mark.parametrize(
    ("name", "at", "value", "offset", "digits"),
    [
        # little-endian: 17.0 is 00 00 88 41, 18.0 is 00 00 90 41
        ("w", (1, 2), 18, 70, ("88", "90")),
        ("w", (0, 0), 1, 2, ("00", "80")),
        ("w", (3, 14), -59, 239, ("42", "c2")),
        ("h", (4,), -4, 9, ("44", "c4")),
        ("b", (2,), -7, 5, ("40", "c0")),
        ("i", (49,), 0, 49, ("31", "00")),
        ("scalar", (), -6, 0, ("fb", "fa")),
    ],
)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("window", [16, 1 << 20])
def test_the_first_element_that_differs_is_told(
    opened, layout, window, name, at, value, offset, digits
):
    limits = Limits(window=window)
    first = opened(gguf_of(MODEL), Mode.COPIES, limits=limits).checkpoint
    second = opened(layout(changed(name, at, value)), limits=limits).checkpoint

    result = compare(first, second)

    assert result.differences == (Difference(name, "bytes", *digits, element=at, offset=offset),)
    assert (result.tensors, result.nbytes, result.same) == (len(MODEL), NBYTES, False)


@pytest.mark.behaviour("LOADER-18")
@pytest.mark.parametrize("window", [16, 1 << 20])
def test_of_each_tensor_the_first_difference_is_told(opened, window):
    kind, dtype, array = MODEL["w"]
    other = MODEL | {"w": (kind, dtype, array + 1), "h": (*MODEL["h"][:2], MODEL["h"][2] + 1)}
    limits = Limits(window=window)
    first = opened(gguf_of(MODEL), limits=limits).checkpoint
    second = opened(gguf_of(other), limits=limits).checkpoint

    found = [(d.tensor, d.what, d.element) for d in compare(first, second).differences]

    assert found == [("w", "bytes", (0, 0)), ("h", "bytes", (0,))]


@pytest.mark.behaviour("LOADER-18")
def test_names_types_and_shapes_differ_before_any_byte_is_compared(opened):
    one = {n: MODEL[n] for n in ("w", "h", "i")} | {"mine": MODEL["h"]}
    other = {
        "yours": MODEL["h"],
        "i": MODEL["i"],
        "w": (0, "F32", MODEL["w"][2].reshape(15, 4)),
        "h": (30, "BF16", np.zeros(5, BF16)),
    }

    result = compare(opened(gguf_of(one)).checkpoint, opened(gguf_of(other)).checkpoint)

    assert result == Comparison(
        tensors=3,
        nbytes=50,
        differences=(
            Difference("w", "shape", "4x15", "15x4"),
            Difference("h", "dtype", "F16", "BF16"),
            Difference("mine", "only-in-first"),
            Difference("yours", "only-in-second"),
        ),
    )


MANY = tuple(f"t{i * 7 % 20}" for i in range(20))
"""In no order but their own: none of hashes, and not sorted."""


@pytest.mark.behaviour("LOADER-18")
def test_tensors_that_only_the_second_has_are_told_in_its_order(opened):
    second = gguf_of(dict.fromkeys(MANY, MODEL["i"]))

    result = compare(opened(gguf_bytes()).checkpoint, opened(second).checkpoint)

    assert tuple(d.tensor for d in result.differences) == MANY
    assert {d.what for d in result.differences} == {"only-in-second"}


@pytest.mark.behaviour("LOADER-18")
@pytest.mark.parametrize("limits", [(32, 1 << 20), (1 << 20, 32)])
def test_neither_side_reads_more_at_once_than_the_limit_of_either(opened, limits):
    worlds = [opened(gguf_of(MODEL), Mode.COPIES, limits=Limits(window=n)) for n in limits]
    for world in worlds:
        world.strategy.loads.clear()

    assert compare(*(world.checkpoint for world in worlds)).same

    for world in worlds:
        assert max(int(spans.nbytes.sum()) for spans in world.strategy.loads) == 32


@pytest.mark.behaviour("LOADER-18")
def test_blocks_differ_at_their_first_byte(opened):
    blocks = [bytes(136), bytes(100) + b"\1" + bytes(35)]
    first, second = (
        opened(gguf_bytes((), [GGUFTensor(name="q", dims=(64, 2), type=8, data=data)])).checkpoint
        for data in blocks
    )

    (difference,) = compare(first, second).differences

    assert (difference.offset, difference.element) == (100, (1, 32))
    assert (difference.first, difference.second) == ("00", "01")


@pytest.mark.behaviour("LOADER-18")
def test_numbers_are_equal_only_if_their_bytes_are(opened):
    zeros = [np.array([0.0], "<f4"), np.array([-0.0], "<f4")]
    first, second = (opened(gguf_of({"z": (0, "F32", array)})).checkpoint for array in zeros)

    assert not compare(first, second).same
    nan = opened(gguf_of({"z": (0, "F32", np.array([np.nan], "<f4"))})).checkpoint
    assert compare(nan, nan).same


@pytest.mark.behaviour("LOADER-18")
def test_a_checkpoint_is_the_same_as_itself(any_way):
    checkpoint = any_way(gguf_of(MODEL)).checkpoint

    assert compare(checkpoint, checkpoint).same
    assert checkpoint.usage().leases == 0


@pytest.mark.behaviour("LOADER-18")
def test_checkpoints_without_tensors_are_the_same(any_way):
    checkpoint = any_way(gguf_bytes()).checkpoint

    assert compare(checkpoint, checkpoint) == Comparison(0, 0, ())


@pytest.mark.behaviour("LOADER-18")
def test_what_was_loaded_before_stays_loaded_and_nothing_else(opened):
    first, second = opened(gguf_of(MODEL)).checkpoint, opened(gguf_of(MODEL)).checkpoint
    first.load(np.array([1]))
    array = second.array(2)

    assert compare(first, second).same

    assert np.setdiff1d(np.arange(len(MODEL)), first.absent()).tolist() == [1]
    assert np.setdiff1d(np.arange(len(MODEL)), second.absent()).tolist() == [2]
    assert array.astype("f4").tolist() == [1.5, -3, 7]


@pytest.mark.behaviour("LOADER-18", "LOAD-01")
@pytest.mark.parametrize("side", [0, 1])
def test_a_failure_on_either_side_is_told_and_nothing_is_left(any_way, broken, side):
    worlds = [any_way(gguf_of(MODEL)), any_way(gguf_of(MODEL))]
    worlds[side].strategy.fail_load(broken(index=1))

    failure = compare(*(world.checkpoint for world in worlds))

    assert isinstance(failure, Failure)
    assert (failure.stage, failure.code, failure.tensors) == (
        LoadOutcome.IO_FAILED,
        "broken",
        ("h",),
    )
    assert all(world.checkpoint.usage().leases == 0 for world in worlds)
    assert compare(*(world.checkpoint for world in worlds)).same


@pytest.mark.behaviour("LOADER-18")
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("call", ["view", "release"])
def test_a_mapping_that_fails_on_either_side_is_told(opened, broken, side, call):
    worlds = [opened(gguf_of(MODEL)), opened(gguf_of(MODEL))]
    if call == "view":
        worlds[side].strategy.faults["view"] = [None, broken()]
    else:
        worlds[side].strategy.fail_release(broken())

    failure = compare(*(world.checkpoint for world in worlds))

    assert isinstance(failure, Failure)
    assert failure.code == "broken"
    assert worlds[1 - side].checkpoint.usage().leases == 0
    assert all(world.checkpoint.close() is None for world in worlds)


@pytest.mark.behaviour("LOADER-18")
@pytest.mark.parametrize("at", [0, 30, NBYTES])
def test_what_progress_raises_comes_through_and_nothing_stays_mapped(any_way, at):
    class StopError(Exception):
        pass

    def stop(progress):
        if progress.nbytes_done >= at:
            raise StopError

    first, second = (any_way(gguf_of(MODEL), limits=Limits(window=32)).checkpoint for _ in "ab")

    with pytest.raises(StopError) as caught:
        compare(first, second, stop)

    assert caught.traceback
    assert first.usage().leases == second.usage().leases == 0


@pytest.mark.behaviour("LOADER-04")
@pytest.mark.parametrize("side", [0, 1])
def test_a_closed_model_isnt_compared(opened, side):
    checkpoints = [opened(gguf_of(MODEL)).checkpoint, opened(gguf_of(MODEL)).checkpoint]
    checkpoints[side].close()

    failure = compare(*checkpoints)

    assert (failure.code, failure.path) == ("model-closed", "m")
    assert checkpoints[1 - side].usage().leases == 0


@pytest.mark.behaviour("LOADER-18")
def test_a_digest_is_held_to_a_recorded_one():
    mine = Digest("ff", {"a": "01", "b": "02", "c": "03"})

    result = compare_digests(mine, {"d": "04", "b": "20", "a": "01"})

    assert result == Comparison(
        tensors=2,
        nbytes=0,
        differences=(
            Difference("b", "digest", "02", "20"),
            Difference("c", "only-in-first"),
            Difference("d", "only-in-second"),
        ),
    )


@pytest.mark.behaviour("LOADER-18")
def test_what_only_the_record_has_is_told_in_its_order():
    result = compare_digests(Digest("ff", {}), dict.fromkeys(MANY, "01"))

    assert tuple(d.tensor for d in result.differences) == MANY
    assert {d.what for d in result.differences} == {"only-in-second"}


@pytest.mark.behaviour("LOADER-18")
@pytest.mark.parametrize("at", [0, 15, 16, 31])
def test_digests_are_the_same_only_to_the_last_digit(at):
    value = "0" * 32
    other = f"{value[:at]}1{value[at + 1 :]}"

    result = compare_digests(Digest("ff", {"a": value}), {"a": other})

    assert result.differences == (Difference("a", "digest", value, other),)


@pytest.mark.behaviour("LOADER-18")
def test_a_digest_is_the_same_as_the_one_that_was_recorded_from_another_layout(opened):
    recorded = digest(opened(safetensors_of(MODEL)).checkpoint).tensors

    result = compare_digests(digest(opened(gguf_of(MODEL, "big")).checkpoint), recorded)

    assert result == Comparison(len(MODEL), 0, ())
