"""A file that became another one since it was opened is refused, however it is read."""

import numpy as np
import pytest

from emel_io_loader import Mode, Reaction
from emel_model_format.testing import SafetensorsTensor, safetensors_bytes
from emel_model_loader import (
    Limits,
    compare,
    dequantize,
    digest,
    plan,
    read_into,
    read_part,
    stream,
)

MATRIX = np.arange(40 * 30, dtype="<f4").reshape(40, 30)
DATA = safetensors_bytes(
    {
        name: SafetensorsTensor(dtype="F32", shape=MATRIX.shape, data=MATRIX.tobytes())
        for name in ("a", "b")
    }
)
SMALL = Limits(window=500)
WAYS = {
    "an array": lambda c, _: c.array(1),
    "a load": lambda c, _: c.load(),
    "a load into buffers": lambda c, _: c.load_into({1: np.empty(MATRIX.nbytes, np.uint8)}),
    "one tensor": lambda c, _: read_into(c, 1, np.empty(MATRIX.nbytes, np.uint8)),
    "a part in its order": lambda c, _: read_part(c, 1, plan(c, 1, np.s_[3:5])),
    "a part in slabs": lambda c, _: read_part(c, 1, plan(c, 1, np.s_[::2, ::2])),
    "numbers": lambda c, _: dequantize(c, 1, np.empty(MATRIX.shape, "<f8")),
    "a stream": lambda c, _: stream(c, lambda *_: None),
    "a digest": lambda c, _: digest(c),
    "a comparison": compare,
    "a comparison of another with it": lambda c, other: compare(other, c),
}


def replace(world):
    """Put another file of as many bytes, whose header is the same, in the place of a world's."""
    for strategy in (world.strategy, world.copies, world.stage):
        strategy.files["m"] = DATA[:-1] + b"!"


@pytest.mark.behaviour("LOADER-19")
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_of_reading_refuses_it_and_names_a_tensor(any_way, opened, halved, way):
    world = any_way(DATA, limits=SMALL, transform=halved)
    replace(world)

    failure = way(world.checkpoint, opened(DATA, limits=SMALL).checkpoint)

    assert (failure.code, failure.reaction) == ("file-changed", Reaction.SOURCE)
    assert set(failure.tensors) < {"a", "b"}
    assert failure.tensors
    assert world.checkpoint.absent().size == 2
    assert world.checkpoint.usage().leases == 0


@pytest.mark.behaviour("LOADER-19")
@pytest.mark.parametrize("index", [np.s_[3:5], np.s_[::2, ::2]], ids=["in order", "in slabs"])
def test_a_part_that_is_read_where_nothing_more_can_be_mapped_refuses_it(opened, broken, index):
    world = opened(DATA, limits=SMALL)
    world.strategy.fail_load(broken(Reaction.BUSY))
    replace(world)

    failure = read_part(world.checkpoint, 1, plan(world.checkpoint, 1, index))

    assert (failure.code, failure.tensors) == ("file-changed", ("b",))


@pytest.mark.behaviour("LOADER-19")
def test_a_mapped_model_that_is_read_beside_the_callers_buffers_refuses_it(opened):
    world = opened(DATA)
    world.checkpoint.load_into({0: np.empty(MATRIX.nbytes, np.uint8)})
    replace(world)

    assert digest(world.checkpoint).code == "file-changed"


@pytest.mark.behaviour("LOADER-19")
def test_what_is_replaced_between_two_windows_is_seen_in_the_next(opened):
    world = opened(DATA, Mode.COPIES, limits=SMALL)
    seen = []

    def show(piece, _stored):
        seen.append(piece)
        replace(world)

    failure = stream(world.checkpoint, show)

    assert (failure.code, len(seen)) == ("file-changed", 1)
