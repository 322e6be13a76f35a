"""What an opened checkpoint does: arrays, batches, release, close."""

import numpy as np
import pytest

from emel_io_loader import Advice, Mode, Reaction
from emel_model_format.testing import (
    GGUFTensor,
    SafetensorsTensor,
    gguf_bytes,
    safetensors_bytes,
)
from emel_model_loader import Failure, LoadOutcome


def numbers(array):
    assert isinstance(array, np.ndarray), array
    return array.tolist()


def loaded(checkpoint):
    absent = set(checkpoint.absent().tolist())
    return [i for i in range(len(checkpoint.names)) if i not in absent]


def index(*tensors):
    return np.array(tensors, np.intp)


@pytest.mark.behaviour("LOADER-02")
def test_an_array_has_the_numbers_shape_and_type_of_the_header(opened):
    tensors = [
        GGUFTensor(name="matrix", dims=(3, 2), data=np.arange(6, dtype="<f4").tobytes()),
        GGUFTensor(name="scalar", dims=(), type=27, data=np.int64(-5).tobytes()),
        GGUFTensor(name="blocks", dims=(64, 2), type=8, data=bytes(range(136))),
        GGUFTensor(name="nothing", dims=(4, 0), data=b""),
    ]
    checkpoint = opened(gguf_bytes((), tensors)).checkpoint

    assert numbers(checkpoint.array(0)) == [[0, 1, 2], [3, 4, 5]]
    assert numbers(checkpoint.array(1)) == -5
    blocks = checkpoint.array(2)
    assert (blocks.shape, blocks.dtype) == ((2, 68), np.uint8)
    assert blocks.tobytes() == bytes(range(136))
    assert checkpoint.array(3).shape == (0, 4)
    assert not any(checkpoint.array(i).flags.writeable for i in range(4))


@pytest.mark.behaviour("LOADER-02")
def test_numbers_of_a_big_endian_file_are_the_same_numbers(opened):
    tensor = GGUFTensor(name="a", dims=(3,), data=np.array([1, -2, 3], ">f4").tobytes())
    checkpoint = opened(gguf_bytes((), [tensor], byteorder="big")).checkpoint

    array = checkpoint.array(0)

    assert array.dtype == np.dtype(">f4")
    assert numbers(array) == [1, -2, 3]


@pytest.mark.behaviour("LOADER-02")
def test_a_tensor_that_is_asked_for_again_isnt_mapped_again(gguf, opened):
    world = opened(gguf(3))

    one, two = world.checkpoint.array(1), world.checkpoint.array(1)

    assert numbers(one) == numbers(two) == [4, 5, 6, 7]
    assert world.batches() == [1]
    assert [world.checkpoint.state_of(i) for i in (0, 2)] == ["bound", "bound"]
    assert world.checkpoint.state_of(1) not in {"bound", "failed"}


@pytest.mark.behaviour("LOADER-02")
def test_each_look_checks_that_the_file_is_still_there_whole(gguf, opened):
    world = opened(gguf(3))
    assert numbers(world.checkpoint.array(2)) == [8, 9, 10, 11]
    whole = world.strategy.files["m"]
    world.strategy.files["m"] = whole[:-1]

    failure = world.checkpoint.array(2)

    assert (failure.stage, failure.reaction) == (LoadOutcome.IO_FAILED, Reaction.SOURCE)
    assert (failure.code, failure.tensors, failure.path) == ("file-shrank", ("t2",), "m")
    assert failure.offset == len(whole) - 1
    world.strategy.files["m"] = whole
    assert numbers(world.checkpoint.array(2)) == [8, 9, 10, 11]


@pytest.mark.behaviour("LOADER-02")
def test_a_file_that_became_another_since_it_was_opened_isnt_loaded(gguf, opened):
    world = opened(gguf(2))
    world.strategy.files["m"] = world.strategy.files["m"][:-1] + b"!"

    failure = world.checkpoint.array(1)

    assert (failure.code, failure.tensors) == ("file-changed", ("t1",))
    assert world.checkpoint.usage().leases == 0


@pytest.mark.behaviour("LOADER-02")
def test_a_load_that_fails_leaves_all_as_it_was_and_names_the_tensor(gguf, opened, broken):
    world = opened(gguf(4))
    world.strategy.fail_load(broken(index=1))

    failure = world.checkpoint.load(index(3, 1, 2))

    assert (failure.stage, failure.code) == (LoadOutcome.IO_FAILED, "broken")
    assert failure.tensors == ("t2",)
    assert loaded(world.checkpoint) == []
    assert world.checkpoint.load(index(3, 1, 2)) is None


@pytest.mark.behaviour("LOADER-02")
def test_a_strategy_that_copies_lends_what_was_copied_into_memory_made_here(gguf, opened):
    world = opened(gguf(2), Mode.COPIES)

    array = world.checkpoint.array(1)

    assert (array.tolist(), array.flags.writeable) == ([4, 5, 6, 7], False)
    assert world.batches() == [1]
    assert world.checkpoint.state_of(1) not in {"bound", "failed"}
    assert world.checkpoint.close().code == "still-borrowed"
    del array
    assert world.checkpoint.close() is None


@pytest.mark.behaviour("LOADER-03")
def test_four_tensors_are_mapped_singly_and_the_fifth_brings_the_rest(gguf, opened):
    world = opened(gguf(40))

    for i in range(4):
        world.checkpoint.array(2 * i)
        world.checkpoint.array(2 * i)
    assert world.batches() == [1] * 4
    assert numbers(world.checkpoint.array(33)) == [132, 133, 134, 135]

    assert world.batches() == [1] * 4 + [36]
    assert loaded(world.checkpoint) == list(range(40))
    world.checkpoint.array(39)
    assert len(world.batches()) == 5


@pytest.mark.behaviour("LOADER-03")
def test_what_was_released_by_name_is_mapped_only_for_itself(gguf, opened):
    world = opened(gguf(40))
    world.checkpoint.array(3)
    assert world.checkpoint.release(index(3)) is None

    for i in range(20, 25):
        world.checkpoint.array(i)

    assert loaded(world.checkpoint) == [i for i in range(40) if i != 3]
    assert numbers(world.checkpoint.array(3)) == [12, 13, 14, 15]
    assert world.batches()[-1] == 1


@pytest.mark.behaviour("LOADER-03")
def test_what_was_released_without_withholding_comes_along(gguf, opened):
    world = opened(gguf(40))
    world.checkpoint.array(3)
    assert world.checkpoint.release(index(3), withhold=False) is None

    for i in range(20, 25):
        world.checkpoint.array(i)

    assert loaded(world.checkpoint) == list(range(40))


@pytest.mark.behaviour("LOADER-03")
def test_a_release_that_is_refused_withholds_nothing(gguf, opened):
    world = opened(gguf(40))
    world.checkpoint.array(3)

    failure = world.checkpoint.release(index(3, 5))

    assert (failure.stage, failure.reaction) == (LoadOutcome.MODEL_FAILED, Reaction.CLOSED)
    assert (failure.code, failure.tensors) == ("not-mapped", ("t5",))
    assert failure.message == "m: not mapped"
    assert loaded(world.checkpoint) == [3]
    for i in range(20, 25):
        world.checkpoint.array(i)
    assert loaded(world.checkpoint) == list(range(40))


@pytest.mark.behaviour("LOADER-03")
def test_a_tensor_that_was_borrowed_when_it_was_to_go_is_not_withheld(gguf, opened):
    world = opened(gguf(40))
    array = world.checkpoint.array(3)
    assert world.checkpoint.release(index(3)).code == "still-borrowed"
    del array
    assert world.checkpoint.release(index(3), withhold=False) is None

    for i in range(20, 25):
        world.checkpoint.array(i)

    assert loaded(world.checkpoint) == list(range(40))


@pytest.mark.behaviour("LOADER-03")
def test_releasing_everything_starts_the_count_anew(gguf, opened):
    world = opened(gguf(40))
    world.checkpoint.array(3)
    world.checkpoint.release(index(3))
    for i in range(20, 25):
        world.checkpoint.array(i)
    assert world.checkpoint.release() is None
    assert loaded(world.checkpoint) == []
    before = len(world.batches())

    for i in range(5):
        world.checkpoint.array(20 + i)

    assert world.batches()[before:] == [1] * 4 + [36]
    assert loaded(world.checkpoint) == list(range(40))


@pytest.mark.behaviour("LOADER-03")
def test_a_load_is_one_batch_of_what_is_absent(gguf, opened):
    world = opened(gguf(8))
    world.checkpoint.array(2)

    assert world.checkpoint.load(index(5, 2, 1, 5)) is None
    assert world.checkpoint.load() is None
    assert world.checkpoint.load() is None

    assert world.batches() == [1, 2, 5]
    assert loaded(world.checkpoint) == list(range(8))
    assert world.strategy.advised[-1].advice is Advice.POPULATE  # of the header, at opening
    assert len(world.strategy.advised) == 1


@pytest.mark.behaviour("LOADER-04")
def test_release_keeps_what_is_borrowed_and_names_it(gguf, opened):
    world = opened(gguf(4))
    world.checkpoint.load()
    array = world.checkpoint.array(2)

    failure = world.checkpoint.release()

    assert (failure.stage, failure.reaction) == (LoadOutcome.IO_FAILED, Reaction.BUSY)
    assert (failure.code, failure.tensors) == ("still-borrowed", ("t2",))
    assert loaded(world.checkpoint) == [2]
    assert numbers(array) == [8, 9, 10, 11]
    del array
    assert world.checkpoint.release(index(2, 2)) is None
    assert world.checkpoint.usage().leases == 0
    assert world.checkpoint.release() is None
    assert world.checkpoint.release(index()) is None


@pytest.mark.behaviour("LOADER-04")
def test_a_borrowed_tensor_released_by_name_later_is_withheld_then(gguf, opened):
    world = opened(gguf(40))
    array = world.checkpoint.array(3)
    assert world.checkpoint.release(index(3)).reaction is Reaction.BUSY
    del array

    assert world.checkpoint.release(index(3)) is None

    for i in range(20, 25):
        world.checkpoint.array(i)
    assert 3 not in loaded(world.checkpoint)


@pytest.mark.behaviour("LOADER-04")
def test_close_releases_everything_and_can_be_repeated(gguf, opened):
    world = opened(gguf(4))
    world.checkpoint.load()

    assert world.checkpoint.close() is None
    assert world.checkpoint.close() is None

    assert world.checkpoint.closed
    assert world.strategy.usage()[2:] == (0, 0)


@pytest.mark.behaviour("LOADER-04")
def test_close_with_borrowed_arrays_names_them_and_can_be_tried_again(gguf, opened):
    world = opened(gguf(4))
    held = [world.checkpoint.array(i) for i in (1, 3)]

    failure = world.checkpoint.close()

    assert (failure.reaction, failure.tensors) == (Reaction.BUSY, ("t1", "t3"))
    assert not world.checkpoint.closed
    assert [numbers(array)[0] for array in held] == [4, 12]
    assert numbers(world.checkpoint.array(0)) == [0, 1, 2, 3]  # it goes on until it is closed
    held.clear()
    assert world.checkpoint.close() is None
    assert world.strategy.usage().leases == 0


@pytest.mark.behaviour("LOADER-04")
def test_a_strategy_that_cant_close_is_told_and_closed_later(gguf, opened, broken):
    world = opened(gguf(2))
    world.checkpoint.load()
    world.strategy.faults["close"] = [broken()]

    failure = world.checkpoint.close()

    assert (failure.stage, failure.code) == (LoadOutcome.IO_FAILED, "broken")
    assert not world.checkpoint.closed
    assert world.checkpoint.close() is None
    assert world.checkpoint.closed


@pytest.mark.behaviour("LOADER-04")
def test_a_release_that_fails_keeps_the_rest_and_leaves_the_model_open(gguf, opened, broken):
    world = opened(gguf(3))
    world.checkpoint.load()
    world.strategy.fail_release(broken(done=np.array([True, False, True])))

    failure = world.checkpoint.close()

    assert (failure.code, failure.tensors) == ("broken", ("t1",))
    assert loaded(world.checkpoint) == [1]
    assert not world.checkpoint.closed
    assert world.checkpoint.close() is None


@pytest.mark.behaviour("LOADER-04")
@pytest.mark.parametrize(
    ("use", "tensors"),
    [
        (lambda c: c.array(1), ("t1",)),
        (lambda c: c.load(), ()),
        (lambda c: c.load(index(1), touch=True), ()),
        (lambda c: c.release(), ()),
        (lambda c: c.release(index(1)), ()),
    ],
    ids=["array", "load", "touch", "release", "release one"],
)
def test_a_closed_model_says_so(gguf, opened, use, tensors):
    world = opened(gguf(2))
    world.checkpoint.load()
    assert world.checkpoint.close() is None
    before = world.batches()

    failure = use(world.checkpoint)

    assert isinstance(failure, Failure)
    assert (failure.stage, failure.reaction) == (LoadOutcome.MODEL_FAILED, Reaction.CLOSED)
    assert (failure.code, failure.tensors) == ("model-closed", tensors)
    assert failure.message == "m: the model is closed"
    assert world.batches() == before


@pytest.mark.behaviour("LOADER-04")
def test_a_closed_model_still_tells_what_it_was(gguf, opened):
    checkpoint = opened(gguf(2)).checkpoint
    checkpoint.close()

    assert checkpoint.names == ("t0", "t1")
    assert checkpoint.absent().tolist() == [0, 1]
    assert checkpoint.capture().nbytes.tolist() == [16, 16]
    assert checkpoint.usage().leases == 0
    checkpoint.give_pages_back(0)


@pytest.mark.behaviour("LOADER-05")
def test_touching_populates_every_byte_in_steps(gguf, opened, monkeypatch):
    monkeypatch.setattr("emel_model_loader.mapped.STEP_NBYTES", 6)
    world = opened(gguf(3))
    world.strategy.advised.clear()

    assert world.checkpoint.load(index(2, 0), touch=True) is None

    steps = [(step.start, step.nbytes) for step in world.strategy.advised]
    assert steps == [(0, 6), (6, 6), (12, 4)] * 2
    assert {step.advice for step in world.strategy.advised} == {Advice.POPULATE}
    assert len({step.generation for step in world.strategy.advised}) == 2


@pytest.mark.behaviour("LOADER-05")
def test_touching_reaches_what_was_loaded_before(gguf, opened):
    world = opened(gguf(3))
    world.checkpoint.load()
    world.strategy.advised.clear()

    assert world.checkpoint.load(touch=True) is None

    assert len(world.strategy.advised) == 3
    assert world.batches() == [3]


@pytest.mark.behaviour("LOADER-05")
def test_pages_that_cant_be_read_fail_and_leave_the_tensors_mapped(gguf, opened, broken):
    world = opened(gguf(3))
    world.strategy.faults["advise"] = [None, broken()]

    failure = world.checkpoint.load(touch=True)

    assert (failure.stage, failure.code) == (LoadOutcome.IO_FAILED, "broken")
    assert failure.tensors == ("t1",)
    assert loaded(world.checkpoint) == [0, 1, 2]
    assert world.checkpoint.load(touch=True) is None


class Looked(np.ndarray):
    """An array that writes down which of its elements are looked at."""

    seen = ()

    def __array_finalize__(self, source):
        self.seen = []

    def __getitem__(self, key):
        self.seen += range(len(self))[key]
        return np.asarray(self)[key]

    def item(self, at):
        self.seen.append(at)
        return np.asarray(self).item(at)


@pytest.fixture
def touched(opened, faulty, broken, monkeypatch):
    """Touch a tensor in steps of 8 KiB where pages can't be populated.

    Answers which of its bytes were looked at, in order, and what was told of progress.
    """

    def touch(nbytes):
        monkeypatch.setattr("emel_model_loader.mapped.STEP_NBYTES", 8192)
        tensor = SafetensorsTensor(dtype="U8", shape=(nbytes,), data=bytes(nbytes))
        strategy = faulty(safetensors_bytes({"a": tensor}))
        world = opened(strategy)
        strategy.faults["advise"] = [broken(Reaction.UNSUPPORTED)] * -(-nbytes // 8192)
        plain, seen = strategy.view, []

        def view(*lease):
            array = plain(*lease).view(Looked)
            array.seen = seen
            return array

        monkeypatch.setattr(world.checkpoint.route, "view", view)
        progress = []
        assert world.checkpoint.load(touch=True, progress=progress.append) is None
        return seen, progress

    return touch


@pytest.mark.behaviour("LOADER-05")
@pytest.mark.parametrize("nbytes", [1, 4096, 4097, 3 * 4096 - 1])
def test_where_pages_cant_be_populated_each_is_read(touched, nbytes):
    seen, progress = touched(nbytes)

    # Wherever in a page the tensor begins: no hole is wider than a page.
    assert (seen[0], seen[-1]) == (0, nbytes - 1)
    assert np.diff(seen).max(initial=0) <= 4096
    assert progress[-1] == (nbytes, nbytes, 1, 1)


@pytest.mark.behaviour("LOADER-05")
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_each_page_is_read_once_however_many_steps_it_takes(touched, steps):
    seen, _ = touched(steps * 8192)

    # Of each step two pages, and its last byte.
    assert (np.diff(seen) > 0).all()
    assert len(seen) == 3 * steps


@pytest.mark.behaviour("LOADER-05")
def test_a_file_that_shrank_isnt_read_page_by_page(gguf, opened, broken):
    world = opened(gguf(2))
    world.checkpoint.load()
    world.strategy.faults["advise"] = [broken(Reaction.UNSUPPORTED)] * 2
    world.strategy.files["m"] = world.strategy.files["m"][:-1]

    failure = world.checkpoint.load(touch=True)

    assert (failure.code, failure.tensors) == ("file-shrank", ("t1",))


@pytest.mark.behaviour("LOADER-05")
def test_pages_are_given_back_without_unmapping(gguf, opened):
    world = opened(gguf(2))
    world.checkpoint.array(1)
    world.strategy.advised.clear()

    world.checkpoint.give_pages_back(1)
    world.checkpoint.give_pages_back(0)

    assert [(step.advice, step.nbytes) for step in world.strategy.advised] == [
        (Advice.DONT_NEED, 16)
    ]
    assert numbers(world.checkpoint.array(1)) == [4, 5, 6, 7]
    assert world.batches() == [1]
