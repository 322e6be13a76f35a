"""LOAD-06: what a callback hears of long work."""

from itertools import pairwise

import numpy as np
import pytest

from emel_io_loader import Mode
from emel_model_format.testing import GGUFTensor, gguf_bytes
from emel_model_loader import Digest, compare, digest, mapped, windows

SIZES = (10, 0, 100, 16, 0)
DATA = gguf_bytes(
    (), [GGUFTensor(name=f"t{i}", dims=(n,), type=24, data=bytes(n)) for i, n in enumerate(SIZES)]
)
FILES = {
    "some": DATA,
    "none": gguf_bytes(),
    "one": gguf_bytes(tensors=[GGUFTensor(name="a")]),
    "of no bytes": gguf_bytes(
        tensors=[GGUFTensor(name=n, dims=(0,), type=24, data=b"") for n in "ab"]
    ),
}


def touch(checkpoint, progress):
    assert checkpoint.load(touch=True, progress=progress) is None


def load(checkpoint, progress):
    assert checkpoint.load(progress=progress) is None


def load_into(checkpoint, progress):
    into = {i: np.empty(n, np.uint8) for i, n in enumerate(checkpoint.header.tensors.nbytes)}
    assert checkpoint.load_into(into, progress=progress) is None


def add_up(checkpoint, progress):
    assert isinstance(digest(checkpoint, progress), Digest)


def compare_with_itself(checkpoint, progress):
    assert compare(checkpoint, checkpoint, progress).same


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch):
    for module in (mapped, windows):
        monkeypatch.setattr(module, "STEP_NBYTES", 16)


@pytest.mark.behaviour("LOAD-06")
@pytest.mark.parametrize("work", [touch, load, load_into, add_up, compare_with_itself])
@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_progress_begins_at_nothing_never_goes_back_and_ends_at_the_totals(any_way, work, data):
    checkpoint = any_way(data).checkpoint
    heard = []

    work(checkpoint, heard.append)

    nbytes, tensors = int(checkpoint.header.tensors.nbytes.sum()), len(checkpoint.names)
    assert heard[0] == (0, nbytes, 0, tensors)
    assert heard[-1] == (nbytes, nbytes, tensors, tensors)
    assert all(step[1::2] == (nbytes, tensors) for step in heard)
    for before, after in pairwise(heard):
        assert after.nbytes_done >= before.nbytes_done
        assert after.tensors_done >= before.tensors_done


@pytest.mark.behaviour("LOAD-06")
@pytest.mark.parametrize("work", [touch, add_up, compare_with_itself])
def test_a_large_tensor_is_told_of_in_steps(opened, work):
    heard = []

    work(opened(DATA).checkpoint, heard.append)

    steps = np.diff([step.nbytes_done for step in heard])
    assert steps.max() == 16
    assert (steps > 0).sum() == 1 + 7 + 1


@pytest.mark.behaviour("LOAD-06")
@pytest.mark.parametrize("work", [load, load_into, add_up, compare_with_itself])
def test_nothing_is_told_twice(any_way, work):
    heard = []

    work(any_way(DATA).checkpoint, heard.append)

    assert len(set(heard)) == len(heard)


@pytest.mark.behaviour("LOAD-06")
def test_copies_are_told_of_as_the_strategy_counts_them(opened):
    world, heard = opened(DATA, Mode.COPIES), []
    world.checkpoint.load(np.array([0]))

    assert world.checkpoint.load(progress=heard.append) is None

    assert heard == [(0, 116, 0, 4), (100, 116, 2, 4), (116, 116, 4, 4)]


@pytest.mark.behaviour("LOAD-06")
def test_totals_are_those_of_what_was_asked_for(opened):
    heard = []

    opened(DATA).checkpoint.load(np.array([2, 0, 2]), progress=heard.append)

    assert (heard[0], heard[-1]) == ((0, 110, 0, 2), (110, 110, 2, 2))


@pytest.mark.behaviour("LOAD-06")
def test_after_a_failure_the_totals_arent_claimed(opened, broken):
    world = opened(DATA)
    world.strategy.faults["advise"] = [None, broken()]
    heard = []

    assert world.checkpoint.load(touch=True, progress=heard.append) is not None

    assert heard[-1].nbytes_done == 10


@pytest.mark.behaviour("LOAD-06")
@pytest.mark.parametrize("work", [touch, load_into, add_up, compare_with_itself])
def test_what_a_callback_raises_comes_through_and_the_model_can_be_closed(opened, work):
    class StopError(Exception):
        pass

    def stop(progress):
        if progress.nbytes_done:
            raise StopError

    world = opened(DATA)

    with pytest.raises(StopError):
        work(world.checkpoint, stop)

    assert world.checkpoint.close() is None
    assert world.strategy.usage().leases == 0
