"""The digests: what they are made of, and what plays no part in them."""

import ml_dtypes
import numpy as np
import pytest
import xxhash

from emel_io_loader import Advice, Mode, Reaction
from emel_model_format.testing import (
    STRING,
    GGUFTensor,
    SafetensorsTensor,
    gguf_bytes,
    safetensors_bytes,
)
from emel_model_loader import Digest, Failure, Limits, digest

BF16 = np.dtype(ml_dtypes.bfloat16)
# GGUF's number and safetensors' name of a type, and some of its values
NUMBERS = {
    "w": (0, "F32", np.arange(6, dtype="<f4").reshape(2, 3)),
    "a": (1, "F16", np.array([0.5, -2], "<f2")),
    "é": (27, "I64", np.array([[-(2**40)]], "<i8")),
    "b": (24, "I8", np.arange(5, dtype="i1")),
    "bf": (30, "BF16", np.array([1.5, -3, 7], BF16)),
    "scalar": (28, "F64", np.array(0.1, "<f8")),
    "empty": (0, "F32", np.zeros((0, 3), "<f4")),
}


def big(array):
    return array.view("<u2").byteswap() if array.dtype == BF16 else array.byteswap()


def gguf_of(names, *, byteorder="little", **fields):
    swap = big if byteorder == "big" else np.asarray
    tensors = [
        GGUFTensor(name=n, dims=array.shape[::-1], type=kind, data=swap(array).tobytes())
        for n, (kind, _, array) in ((n, NUMBERS[n]) for n in names)
    ]
    return gguf_bytes([("k", STRING, "v")], tensors, byteorder=byteorder, **fields)


def safetensors_of(names, **fields):
    tensors = {
        n: SafetensorsTensor(
            dtype=NUMBERS[n][1], shape=NUMBERS[n][2].shape, data=NUMBERS[n][2].tobytes()
        )
        for n in names
    }
    return safetensors_bytes(tensors, **fields)


def by_hand():
    """The definition, once more."""
    tensors = {
        n: xxhash.xxh3_128_hexdigest(array.tobytes()) for n, (_, _, array) in NUMBERS.items()
    }
    lines = b""
    for n in sorted(NUMBERS, key=str.encode):
        _, dtype, array = NUMBERS[n]
        shape = "x".join(str(axis) for axis in array.shape)
        lines += b"\0".join([n.encode(), dtype.encode(), shape.encode(), tensors[n].encode()])
        lines += b"\n"
    return xxhash.xxh3_128_hexdigest(lines), tensors


LAYOUTS = {
    "gguf": gguf_of(NUMBERS),
    "gguf, other order": gguf_of(sorted(NUMBERS)),
    "gguf, packed, with bytes behind": gguf_of(NUMBERS, trailing=b"tail"),
    "gguf, big-endian": gguf_of(NUMBERS, byteorder="big"),
    "safetensors": safetensors_of(NUMBERS),
    "safetensors, other order": safetensors_of(reversed(NUMBERS), metadata={"k": "v"}),
    "safetensors, padded": safetensors_of(NUMBERS, padding=b"   "),
}


@pytest.mark.behaviour("LOADER-06")
@pytest.mark.parametrize("data", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("window", [16, 1 << 20])
def test_the_same_tensors_have_the_same_digests_however_they_are_read(any_way, data, window):
    checkpoint = any_way(data, limits=Limits(window=window)).checkpoint

    answer = digest(checkpoint)

    assert isinstance(answer, Digest)
    assert (answer.model, answer.tensors) == by_hand()
    assert [*answer.tensors] == [*checkpoint.names]


@pytest.mark.behaviour("LOADER-06")
def test_the_definition_stays_what_it_was(opened):
    assert digest(opened(LAYOUTS["gguf"]).checkpoint).model == "377e03546ebe3d4bb9538ba46b41edba"
    assert digest(opened(gguf_bytes()).checkpoint) == Digest("99aa06d3014798d86001c324468d497f", {})


@pytest.mark.behaviour("LOADER-06")
def test_names_are_sorted_as_utf_8_has_them_and_not_utf_16(opened):
    names = ["\uff5e", "\U0001f600"]
    tensors = {n: SafetensorsTensor(dtype="U8", shape=(), data=b"1") for n in reversed(names)}

    answer = digest(opened(safetensors_bytes(tensors)).checkpoint)

    each = xxhash.xxh3_128_hexdigest(b"1")
    lines = "".join(f"{n}\0U8\0\0{each}\n" for n in names)
    assert answer.model == xxhash.xxh3_128_hexdigest(lines.encode())


@pytest.mark.behaviour("LOADER-06")
@pytest.mark.parametrize("step", [8, 16, 24])
def test_the_steps_play_no_part(any_way, monkeypatch, step):
    monkeypatch.setattr("emel_model_loader.windows.STEP_NBYTES", step)

    assert digest(any_way(LAYOUTS["gguf, big-endian"]).checkpoint).model == by_hand()[0]


@pytest.mark.behaviour("LOADER-06")
def test_a_digest_is_the_files_and_not_that_of_a_buffer_that_was_filled_from_it(any_way):
    checkpoint = any_way(LAYOUTS["gguf"]).checkpoint
    buffer = np.zeros(24, np.uint8)
    checkpoint.load_into({0: buffer})
    buffer[:] = 7

    assert digest(checkpoint).model == by_hand()[0]
    assert checkpoint.state_of(0) == "resident"
    assert checkpoint.absent().size == len(NUMBERS) - 1


@pytest.mark.behaviour("LOADER-07")
def test_a_copying_strategys_digest_makes_nothing_resident(opened, broken):
    world = opened(LAYOUTS["gguf"], Mode.COPIES)
    world.strategy.fail_load(broken(index=2))

    failure = digest(world.checkpoint)

    assert (failure.code, failure.tensors) == ("broken", ("é",))
    assert isinstance(digest(world.checkpoint), Digest)
    assert world.checkpoint.absent().size == len(NUMBERS)
    assert world.made == []


@pytest.mark.behaviour("LOADER-06")
@pytest.mark.parametrize(
    "changed",
    [
        {"w": SafetensorsTensor(shape=(2, 2), data=bytes(15) + b"!")},
        {"v": SafetensorsTensor(shape=(2, 2), data=bytes(16))},
        {"w": SafetensorsTensor(shape=(4, 1), data=bytes(16))},
        {"w": SafetensorsTensor(dtype="I32", shape=(2, 2), data=bytes(16))},
        {},
    ],
    ids=["a bit", "the name", "the shape", "the type", "one less"],
)
def test_whatever_makes_another_model_makes_another_digest(opened, changed):
    original = {"w": SafetensorsTensor(shape=(2, 2), data=bytes(16))}

    one, other = (
        digest(opened(safetensors_bytes(tensors)).checkpoint) for tensors in (original, changed)
    )

    assert one.model != other.model


@pytest.mark.behaviour("LOADER-07")
def test_a_digest_loads_in_one_batch_and_leaves_loaded_what_was_loaded(gguf, opened):
    world = opened(gguf(30))
    world.checkpoint.load(np.array([4, 7]))
    before = world.checkpoint.capture().state.tolist()

    assert isinstance(digest(world.checkpoint), Digest)

    assert world.batches() == [2, 28]
    left = np.setdiff1d(np.arange(30), world.checkpoint.absent())
    assert left.tolist() == [4, 7]
    assert [world.checkpoint.state_of(i) for i in (4, 7)] == [world.checkpoint.state_of(4)] * 2
    assert before[4] == world.checkpoint.capture().state[4]
    advised = [step for step in world.strategy.advised if step.advice is Advice.DONT_NEED]
    assert len(advised) == 30  # pages go as they were read


@pytest.mark.behaviour("LOADER-07")
def test_after_a_digest_tensors_are_mapped_along_as_before(gguf, opened):
    world = opened(gguf(30))
    digest(world.checkpoint)

    for i in range(5):
        world.checkpoint.array(i)

    assert world.checkpoint.absent().size == 0


@pytest.mark.behaviour("LOADER-07")
def test_a_digest_of_a_model_whose_arrays_are_borrowed(gguf, opened):
    world = opened(gguf(3))
    array = world.checkpoint.array(1)

    assert isinstance(digest(world.checkpoint), Digest)

    assert array.tolist() == [4, 5, 6, 7]
    assert world.checkpoint.usage().leases == 1


@pytest.mark.behaviour("LOADER-07", "LOAD-01")
def test_a_digest_that_fails_half_way_gives_back_what_it_loaded(gguf, opened, broken):
    world = opened(gguf(5))
    world.checkpoint.load(np.array([0]))
    world.strategy.faults["view"] = [None, None, broken()]

    failure = digest(world.checkpoint)

    assert isinstance(failure, Failure)
    assert (failure.code, failure.tensors) == ("broken", ("t2",))
    assert world.checkpoint.absent().tolist() == [1, 2, 3, 4]
    assert world.checkpoint.usage().leases == 1
    assert isinstance(digest(world.checkpoint), Digest)


@pytest.mark.behaviour("LOADER-07")
@pytest.mark.parametrize("call", ["load", "release"])
def test_a_digest_reports_a_failure_to_load_or_release(gguf, opened, broken, call):
    world = opened(gguf(3))
    fail = world.strategy.fail_load if call == "load" else world.strategy.fail_release
    fail(broken())

    failure = digest(world.checkpoint)

    assert isinstance(failure, Failure)
    assert (failure.code, failure.reaction) == ("broken", Reaction.SOURCE)
    assert world.checkpoint.close() is None
    assert world.strategy.usage().leases == 0


@pytest.mark.behaviour("LOADER-04")
def test_a_closed_model_has_no_digest(gguf, opened):
    checkpoint = opened(gguf(1)).checkpoint
    checkpoint.close()

    assert digest(checkpoint).code == "model-closed"
