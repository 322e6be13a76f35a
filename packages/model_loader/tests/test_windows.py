"""Every byte of a checkpoint, once and in order, in bounded memory."""

import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emel_io_loader import Advice, Mode, Reaction, Staging
from emel_model_format.testing import GGUFTensor, gguf_bytes
from emel_model_loader import Limits, LoadOutcome, Piece, stream
from emel_model_loader.windows import windows

SIZES = (10, 0, 100, 16, 0)
DATA = gguf_bytes(
    (),
    [
        GGUFTensor(name=f"t{i}", dims=(n,), type=24, data=bytes(range(i, i + n)))
        for i, n in enumerate(SIZES)
    ],
)


def collected(checkpoint, **options):
    """Stream into one bytearray a tensor; pieces as they came."""
    whole, pieces = [bytearray() for _ in checkpoint.names], []

    def sink(piece, stored):
        assert len(whole[piece.tensor]) == piece.start
        assert (stored.dtype, stored.shape) == (np.uint8, (piece.nbytes,))
        whole[piece.tensor] += stored.tobytes()
        pieces.append(piece)

    failure = stream(checkpoint, sink, **options)
    return failure if failure is not None else ([bytes(w) for w in whole], pieces)


def nowhere(piece, stored):
    assert len(stored) == piece.nbytes


def wanted():
    return [bytes(range(i, i + n)) for i, n in enumerate(SIZES)]


class StopError(Exception):
    pass


@pytest.mark.behaviour("LOADER-17")
@given(st.lists(st.integers(0, 300), max_size=12), st.integers(0, 400))
def test_windows_hold_every_byte_once_and_in_order(sizes, window_nbytes):
    cut = list(windows(np.array(sizes, np.int64), window_nbytes))

    pieces = [piece for window in cut for piece in window]
    assert all(cut)
    assert pieces == sorted(pieces)
    for tensor, size in enumerate(sizes):
        own = [piece for piece in pieces if piece.tensor == tensor]
        stops = [piece.start + piece.nbytes for piece in own]
        assert [piece.start for piece in own] == [0, *stops[:-1]]
        assert stops[-1] == size
    for window in cut:
        assert sum(piece.nbytes for piece in window) <= max(window_nbytes, 16)
        assert all(piece.start % 16 == 0 for piece in window)


@pytest.mark.behaviour("LOADER-17")
def test_small_tensors_share_a_window_and_large_ones_have_their_own():
    cut = list(windows(np.array([4, 8, 40, 4, 16, 0]), 16))

    assert [[tuple(piece) for piece in window] for window in cut] == [
        [(0, 0, 4), (1, 0, 8)],
        [(2, 0, 16)],
        [(2, 16, 16)],
        [(2, 32, 8)],
        [(3, 0, 4)],
        [(4, 0, 16), (5, 0, 0)],
    ]


@pytest.mark.behaviour("LOADER-17")
@pytest.mark.parametrize("window", [1, 16, 33, 1 << 20])
def test_every_byte_passes_by_through_every_kind_of_strategy(any_way, window):
    world = any_way(DATA, limits=Limits(window=window))

    whole, pieces = collected(world.checkpoint)

    assert whole == wanted()
    assert {piece.tensor for piece in pieces} == set(range(len(SIZES)))
    assert world.checkpoint.absent().size == len(SIZES)
    assert world.checkpoint.usage().leases == 0


@pytest.mark.behaviour("LOADER-17")
def test_a_model_without_tensors_streams_nothing(any_way):
    assert collected(any_way(gguf_bytes()).checkpoint) == ([], [])


@pytest.mark.behaviour("LOADER-17")
@pytest.mark.parametrize("mode", Mode)
def test_a_window_is_one_batch_at_most_and_no_larger_than_the_limit(opened, mode):
    world = opened(DATA, mode, limits=Limits(window=32))
    before = len(world.strategy.loads)

    _, pieces = collected(world.checkpoint)

    assert max(piece.nbytes for piece in pieces) == 32
    loads = world.strategy.loads[before:]
    if mode is Mode.MAPS:
        assert world.batches() == [len(SIZES)]
    else:
        assert max(int(spans.nbytes.sum()) for spans in loads) == 32
        assert sum(int(spans.nbytes.sum()) for spans in loads) == sum(SIZES)


@pytest.mark.behaviour("LOADER-17")
def test_pieces_are_read_only(any_way):
    def sink(piece, stored):
        assert not stored.flags.writeable

    assert stream(any_way(DATA).checkpoint, sink) is None


@pytest.mark.behaviour("LOADER-17")
@pytest.mark.parametrize("changed", [0, 1])
def test_it_is_the_files_bytes_that_pass_by_and_not_the_callers_buffers(any_way, changed):
    world = any_way(DATA)
    buffer = np.zeros(100, np.uint8)
    world.checkpoint.load_into({2: buffer})
    buffer += changed

    whole, _ = collected(world.checkpoint)

    assert whole == wanted()
    assert world.checkpoint.absent().tolist() == [0, 1, 3, 4]
    assert np.shares_memory(world.checkpoint.array(2), buffer)


@pytest.mark.behaviour("LOADER-17")
def test_elements_stay_whole(any_way):
    data = np.arange(9, dtype="<f8")
    tensor = GGUFTensor(name="a", dims=(9,), type=28, data=data.tobytes())
    world = any_way(gguf_bytes((), [tensor]), limits=Limits(window=20))

    _, pieces = collected(world.checkpoint)

    assert len(pieces) > 1
    assert all(piece.start % 8 == piece.nbytes % 8 == 0 for piece in pieces)


@pytest.mark.behaviour("LOADER-17")
def test_what_was_mapped_before_stays_and_nothing_else_does(opened):
    world = opened(DATA)
    world.checkpoint.load(np.array([2]))

    collected(world.checkpoint)

    assert world.checkpoint.absent().tolist() == [0, 1, 3, 4]
    given_back = [step for step in world.strategy.advised if step.advice is Advice.DONT_NEED]
    assert sorted(step.nbytes for step in given_back if step.nbytes) == [10, 16, 100]


@pytest.mark.behaviour("LOADER-17")
@pytest.mark.parametrize("call", ["load", "view", "release"])
def test_a_failure_while_mapping_leaves_nothing_mapped(opened, broken, call):
    world = opened(DATA)
    if call == "view":
        world.strategy.faults["view"] = [None, broken()]
    else:
        getattr(world.strategy, f"fail_{call}")(broken(index=0))

    failure = stream(world.checkpoint, nowhere)

    assert (failure.stage, failure.code) == (LoadOutcome.IO_FAILED, "broken")
    assert failure.reaction is Reaction.SOURCE
    assert world.checkpoint.release() is None
    assert world.checkpoint.usage().leases == 0
    assert collected(world.checkpoint)[0] == wanted()


@pytest.mark.behaviour("LOADER-17")
@pytest.mark.parametrize(("at", "tensors"), [(3, ("t3",)), (-1, ())])
def test_a_failed_batch_blames_the_tensor_of_its_span_or_none(any_way, broken, at, tensors):
    world = any_way(DATA)
    world.strategy.fail_load(broken(index=at))

    failure = stream(world.checkpoint, nowhere)

    assert (failure.code, failure.tensors, failure.path) == ("broken", tensors, "m")
    assert collected(world.checkpoint)[0] == wanted()


@pytest.mark.behaviour("LOADER-17")
def test_a_stage_that_fails_without_tensors_blames_none(any_way):
    world = any_way(gguf_bytes())
    world.strategy.close()

    failure = stream(world.checkpoint, nowhere)

    told = None if failure is None else (failure.code, failure.tensors)
    assert told == (("closed", ()) if isinstance(world.strategy, Staging) else None)


@pytest.mark.behaviour("LOADER-17")
@pytest.mark.parametrize("error", [StopError, KeyboardInterrupt])
def test_what_the_sink_raises_comes_through_and_nothing_is_left(any_way, error):
    world = any_way(DATA)

    def stop(piece, stored):
        if piece.tensor == 2:
            raise error

    with pytest.raises(error):
        stream(world.checkpoint, stop)

    assert collected(world.checkpoint)[0] == wanted()
    assert world.checkpoint.close() is None
    assert world.checkpoint.usage().leases == 0


@pytest.mark.behaviour("LOADER-17")
def test_a_sink_whose_exception_holds_its_piece_keeps_that_tensor_and_no_other(opened):
    world = opened(DATA)

    def stop(piece, stored):
        if piece.tensor == 2:
            raise StopError

    with pytest.raises(StopError) as caught:
        stream(world.checkpoint, stop)

    assert np.setdiff1d(np.arange(5), world.checkpoint.absent()).tolist() == [2]
    failure = world.checkpoint.release()
    assert (failure.code, failure.tensors) == ("still-borrowed", ("t2",))
    assert caught.type is StopError
    del caught
    assert world.checkpoint.release() is None


@pytest.mark.behaviour("LOADER-17")
def test_what_progress_raises_comes_through_and_nothing_stays_mapped(any_way):
    world = any_way(DATA)

    def stop(progress):
        if progress.nbytes_done > 50:
            raise StopError

    memory = []

    def look(piece, stored):
        if not isinstance(world.strategy, Staging):  # whose stages are its own
            memory.append(weakref.ref(stored.base))

    with pytest.raises(StopError) as caught:
        stream(world.checkpoint, look, progress=stop)

    assert caught.traceback
    assert all(ref() is None for ref in memory)
    assert world.checkpoint.usage().leases == 0
    assert world.checkpoint.close() is None


@pytest.mark.behaviour("LOADER-04")
def test_a_closed_model_streams_nothing(any_way):
    checkpoint = any_way(DATA).checkpoint
    checkpoint.close()

    failure = stream(checkpoint, nowhere)

    assert (failure.code, failure.reaction) == ("model-closed", Reaction.CLOSED)


@pytest.mark.behaviour("LOADER-17")
def test_a_window_is_no_larger_than_a_step(opened, monkeypatch):
    monkeypatch.setattr("emel_model_loader.windows.STEP_NBYTES", 16)

    _, pieces = collected(opened(DATA, Mode.COPIES).checkpoint)

    assert max(piece.nbytes for piece in pieces) == 16
    assert Piece(2, 96, 4) in pieces
