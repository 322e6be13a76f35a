"""The strategy as its callers see it: bytes, refusals, leases, life."""

import gc
import weakref
from queue import SimpleQueue
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emel_io_loader import (
    Advice,
    Leases,
    Mode,
    Reaction,
    Spans,
    Staging,
    Strategy,
    StrategyError,
    Targets,
    Transform,
)
from emel_io_staged import Digest, Identity, Port, StagedStrategy
from emel_io_staged._ring import Reader
from emel_io_staged.outcomes import bare
from emel_io_staged.testing import CountingPort

LOOSE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

PATIENCE = 30
"""Seconds until what doesn't come is a failure: many, on a machine that is busy with others."""


class Blocks:
    """Bytes of each block doubled, twice over; proves what it is given."""

    def __init__(self, block_nbytes, factor=2):
        self.block_nbytes, self.factor = block_nbytes, factor

    def result_nbytes(self, nbytes):
        assert nbytes % self.block_nbytes == 0
        return nbytes * self.factor

    def apply(self, stored, result):
        assert len(stored) % self.block_nbytes == 0
        assert not stored.flags.writeable
        result[:] = np.repeat(stored, self.factor)


@pytest.mark.behaviour("STG-02", "STG-05")
def test_it_is_a_strategy_that_stages(strategy):
    assert isinstance(strategy, Strategy)
    assert isinstance(strategy, Staging)
    transform: Transform = Identity()
    assert transform.block_nbytes == 1
    assert (strategy.name, strategy.mode) == ("staged", Mode.COPIES)
    assert strategy.staging_nbytes == 3000


@pytest.mark.behaviour("STG-02")
@pytest.mark.parametrize("threads", [None, 1, 4])
@LOOSE
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 193), st.integers(0, 47)), max_size=10
    ),
    chunk_nbytes=st.integers(1, 80),
    stages=st.integers(2, 5),
)
def test_any_spans_come_out_whole(make, rows, chunk_nbytes, stages, threads):
    (a, first), (b, second) = make("a", 200), make("bb", 200)
    rows = [(file, at, min(nbytes, 200 - at)) for file, at, nbytes in rows]
    file, offset, nbytes = zip(*rows, strict=True) if rows else ((), (), ())
    told, out = [], np.zeros(sum(nbytes) + 1, np.uint8)
    counting = CountingPort()
    with StagedStrategy(chunk_nbytes=chunk_nbytes, stages=stages, port=counting.port) as strategy:
        answer = strategy.load(
            Spans([a, b], file, offset, nbytes),
            Targets.one_after_another(out, nbytes),
            threads=threads,
            progress=told.append,
        )
    assert (answer.ok, answer.nspans, answer.nbytes) == (True, len(rows), sum(nbytes))
    wanted = [(first, second)[f][at : at + n] for f, at, n in rows]
    assert out[:-1].tolist() == (np.concatenate(wanted).tolist() if wanted else [])
    assert out[-1] == 0
    assert told == sorted(set(told))
    assert told[-1:] == ([sum(nbytes)] if sum(nbytes) else [])
    assert counting.holds_nothing


@pytest.mark.behaviour("STG-03")
@LOOSE
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 40), st.integers(1, 25)), max_size=8
    ),
    chunk_nbytes=st.integers(25, 600),
    order=st.randoms(),
)
def test_transforms_of_chunks_make_what_they_make_of_the_whole(make, rows, chunk_nbytes, order):
    path, content = make("a", 3000)
    order.shuffle(rows)
    offset = [at for at, _, _ in rows]
    nbytes = [count * block for _, count, block in rows]
    outs = [np.zeros(2 * n, np.uint8) for n in nbytes]
    with StagedStrategy(chunk_nbytes=chunk_nbytes, stages=2) as strategy:
        answer = strategy.load_through(
            Spans([path], [0] * len(rows), offset, nbytes),
            Targets.each(outs),
            [Blocks(block) for _, _, block in rows],
        )
    assert answer.ok
    for at, n, out in zip(offset, nbytes, outs, strict=True):
        assert out.tolist() == np.repeat(content[at : at + n], 2).tolist()


@pytest.mark.behaviour("STG-08")
@LOOSE
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 2000), st.integers(0, 30), st.integers(1, 30)),
        max_size=8,
    ),
    chunk_nbytes=st.integers(30, 600),
)
def test_a_sink_sees_each_span_in_order_and_whole(make, rows, chunk_nbytes):
    (a, first), (b, second) = make("a", 3000), make("bb", 3000)
    blocks = [block for *_, block in rows]
    spans = Spans([a, b], [r[0] for r in rows], [r[1] for r in rows], [r[2] * r[3] for r in rows])
    seen, files = [bytearray() for _ in rows], []

    def sink(span, at, chunk):
        assert at == len(seen[span])
        assert len(chunk) % blocks[span] == 0
        assert not chunk.flags.writeable
        seen[span] += chunk.tobytes()
        files.append(rows[span][0])

    with StagedStrategy(chunk_nbytes=chunk_nbytes, stages=2) as strategy:
        assert strategy.stream(spans, sink, block_nbytes=blocks).ok
    assert files == sorted(files)
    for (file, at, count, block), found in zip(rows, seen, strict=True):
        assert found == (first, second)[file][at : at + count * block].tobytes()


@pytest.mark.behaviour("STG-02")
@pytest.mark.parametrize("words", [{"chunk_nbytes": 0}, {"chunk_nbytes": -1}, {"stages": 1}])
def test_a_ring_of_nothing_is_refused(words):
    with pytest.raises(ValueError, match="at least"):
        StagedStrategy(**words)


HUGE = 2**63 - 1
REFUSED = {
    "span-overflows": ([HUGE], [1], [Identity()], [1]),
    "offset-negative": ([-1], [1], [Identity()], [1]),
    "transforms-differ": ([0], [1], [], [1]),
    "span-not-whole": ([0], [10], [Blocks(3)], [20]),
    "chunk-too-small": ([0], [2002], [Blocks(1001)], [4004]),
    "target-too-small": ([0], [10], [Blocks(2)], [19]),
    "targets-differ": ([0], [10], [Identity()], [10, 10]),
    "transform-invalid": ([0], [10], [Blocks(2, -1)], [19]),
}


@pytest.mark.behaviour("STG-02", "STG-03")
@pytest.mark.parametrize("code", REFUSED)
def test_a_bad_request_is_refused_before_any_call(strategy, counting, make, code):
    offset, nbytes, transforms, rooms = REFUSED[code]
    spans = Spans([make()[0]], [0] * len(offset), offset, nbytes)
    answer = strategy.load_through(
        spans, Targets.each([np.zeros(room, np.uint8) for room in rooms]), transforms
    )
    assert (answer.code, answer.reaction) == (code, Reaction.INVALID)
    assert answer.message
    assert not answer.touched
    assert counting.calls == []


@pytest.mark.behaviour("STG-02")
@pytest.mark.parametrize(
    ("result", "block"), [(2**63, 1), (-(2**70), 1), (1, 2**64), (1, 0), (1, -5)]
)
def test_sizes_that_are_none_are_refused(strategy, counting, make, result, block):
    class Odd(Identity):
        block_nbytes = block

        def result_nbytes(self, _nbytes):
            return result

    spans = Spans([make()[0]], [0, 0], [0, 0], [1, 1])
    answer = strategy.load_through(spans, Targets.each([bytearray(9)] * 2), [Identity(), Odd()])
    assert (answer.code, answer.index, counting.calls) == ("transform-invalid", 1, [])


@pytest.mark.behaviour("STG-02")
def test_blocks_that_are_none_are_told_with_their_size(strategy, make):
    class Odd(Identity):
        block_nbytes = -5

    answer = strategy.load_through(Spans([make()[0]], [0], [0], [1]), None, [Odd()])
    assert answer.message == "span 0: its blocks of -5 bytes are none"


@pytest.mark.behaviour("STG-02")
def test_the_first_bad_span_is_what_is_told(strategy, make):
    spans = Spans([make()[0]], [0] * 3, [0] * 3, [6, 6, 6])
    targets = Targets.each([bytearray(99) for _ in range(3)])
    transforms = [Identity(), Blocks(1001), Blocks(4)]
    answer = strategy.load_through(spans, targets, transforms)
    assert (answer.code, answer.index) == ("span-not-whole", 1)
    assert "span 1: its 6 bytes are not whole blocks of 1001 bytes" in answer.message


@pytest.mark.behaviour("STG-02")
def test_a_block_that_no_stage_holds_is_told_with_both_sizes(make):
    strategy = StagedStrategy(chunk_nbytes=1000)
    answer = strategy.stream(Spans([make()[0]], [0], [0], [2002]), pytest.fail, block_nbytes=1001)
    said = "span 0: a block of 1001 bytes is larger than a chunk of 1000 bytes"
    assert (answer.code, answer.message) == ("chunk-too-small", said)


@pytest.mark.behaviour("STG-02")
@pytest.mark.parametrize(
    ("blocks", "code"),
    [([1, 1], "transforms-differ"), (3, "span-not-whole"), ([0], "transform-invalid"),
     (1001, "span-not-whole")],
)  # fmt: skip
def test_a_stream_of_bad_blocks_is_refused_before_any_call(
    strategy, counting, make, spans, blocks, code
):
    answer = strategy.stream(spans(make()[0], (0, 10)), pytest.fail, block_nbytes=blocks)
    assert (answer.code, counting.calls) == (code, [])


@pytest.mark.behaviour("STG-02")
@pytest.mark.parametrize("targets", [None, Targets.each([bytes(10)])], ids=["none", "read-only"])
def test_copying_needs_somewhere_to_copy_to(strategy, counting, make, spans, targets):
    answer = strategy.load(spans(make()[0], (0, 10)), targets)
    assert answer.code in ("targets-missing", "target-read-only")
    assert counting.calls == []


@pytest.mark.behaviour("STG-03")
def test_what_writes_nothing_needs_no_target(strategy, make, spans):
    class Ears:
        heard = b""

        def update(self, data):
            self.heard += bytes(data)

    ears = Ears()
    path, content = make()
    assert strategy.load_through(spans(path, (5, 4000)), None, [Digest(ears)]).ok
    assert ears.heard == content[5:4005].tobytes()


@pytest.mark.behaviour("STG-09")
def test_nothing_wanted_is_nothing_opened(strategy, counting, spans):
    answer = strategy.load(spans("missing", (7, 0), (9, 0)), Targets.each([bytearray(1)] * 2))
    assert (answer.ok, answer.nspans, answer.nbytes) == (True, 2, 0)
    assert strategy.load(Spans((), (), (), ()), Targets((), (), ())).ok
    assert strategy.stream(Spans((), (), (), ()), pytest.fail).ok
    assert counting.calls == []


@pytest.mark.behaviour("STG-06", "STG-09")
def test_what_fits_one_chunk_is_one_read_without_a_thread(strategy, counting, make):
    path, content = make()
    spans = Spans([path], [0] * 90, np.arange(90)[::-1] * 11, [10] * 90)
    out = np.zeros(900, np.uint8)
    assert strategy.load(spans, Targets.one_after_another(out, spans.nbytes)).ok
    assert (out.reshape(90, 10)[::-1] == content[:990].reshape(90, 11)[:, :10]).all()
    assert counting.calls == ["allocate", "open", "fstat", "preadv", "close"]


@pytest.mark.behaviour("STG-13")
@pytest.mark.parametrize("stages", [2, 3, 5])
def test_while_a_sink_works_all_other_stages_are_filled_and_no_more(make, spans, stages):
    filled = SimpleQueue()

    def preadv(*words):
        nbytes = Port().preadv(*words)
        filled.put(nbytes)
        return nbytes

    def wait(_span, at, _chunk):
        # Its own stage, all others, and once more each that was given back.
        while sum(read) < min(at + stages * 1000, 9000):
            read.append(filled.get(timeout=PATIENCE))
        assert filled.empty()

    read = []
    with StagedStrategy(chunk_nbytes=1000, stages=stages, port=Port(preadv=preadv)) as strategy:
        assert strategy.stream(spans(make()[0], (0, 9000)), wait).ok
    assert read == [1000] * 9


@pytest.mark.behaviour("STG-13")
def test_a_stage_is_free_before_the_reader_hears_of_it():
    reader, stage, heard = Reader([], iter(()), None), object(), []
    reader._vacancy = SimpleNamespace(put=lambda _: heard.append(list(reader._free)))
    reader.give_back(stage)
    assert heard == [[stage]]


@pytest.mark.behaviour("STG-05")
def test_the_ring_is_taken_once_and_given_back(counting, make, spans):
    path, _ = make()
    rings = []

    def allocate(nbytes, alignment):
        memory = np.empty(nbytes, np.uint8)
        rings.append(weakref.ref(memory))
        return memory

    strategy = StagedStrategy(chunk_nbytes=100, stages=3, port=Port(allocate=allocate))
    assert strategy.usage().nbytes == 0
    for _ in range(3):
        assert strategy.stream(spans(path, (0, 5000)), lambda *_: None).ok
        assert strategy.usage() == (0, 0, 0, 300)
    assert len(rings) == 1
    assert strategy.close().ok
    gc.collect()
    assert rings[0]() is None
    assert strategy.usage().nbytes == 0
    assert strategy.close().ok


@pytest.mark.behaviour("STG-05")
def test_a_closed_strategy_says_so(strategy, counting, make, spans):
    assert strategy.close().ok
    for answer in (
        strategy.load(spans(make()[0], (0, 9)), Targets.each([bytearray(9)])),
        strategy.stream(spans(make()[0], (0, 9)), pytest.fail),
    ):
        assert (answer.code, answer.reaction) == ("closed", Reaction.CLOSED)
    assert counting.calls == []


@pytest.mark.behaviour("STG-12")
def test_a_platform_without_the_calls_is_told_as_text(make, spans):
    port = Port(unavailable="no such thing here")
    assert StagedStrategy.unavailable(port) == "no such thing here"
    assert StagedStrategy.unavailable() == Port().unavailable
    answer = StagedStrategy(port=port).load(spans(make()[0], (0, 9)), Targets.each([bytearray(9)]))
    assert (answer.code, answer.reaction) == ("platform-unsupported", Reaction.UNSUPPORTED)
    assert answer.message == "no such thing here"


@pytest.mark.behaviour("STG-10")
def test_only_leases_of_zero_bytes_are_legal(strategy):
    assert strategy.view(-1, -1).shape == (0,)
    with pytest.raises(StrategyError) as caught:
        strategy.view(0, 1)
    assert caught.value.result.code == "stale-lease"
    assert strategy.release(Leases.vacant(3)).done.tolist() == [True] * 3
    stale = strategy.release(Leases.of([-1, 4], [-1, 4]))
    assert (stale.code, stale.index, stale.done.tolist()) == ("stale-lease", 1, [False] * 2)
    assert strategy.release(Leases.of([-1], [-1, -1])).code == "lengths-differ"
    assert strategy.advise(-1, -1, Advice.POPULATE).ok
    assert strategy.advise(-1, -1, 77).code == "advice-unknown"
    assert strategy.advise(-1, -1, Advice.POPULATE, 1).code == "advice-outside"
    assert strategy.advise(1, 1, Advice.POPULATE).code == "stale-lease"


@pytest.mark.behaviour("STG-12")
def test_identifying_looks_at_each_file(strategy, make):
    path, content = make()
    found = strategy.identify([path, path])
    assert found.result.ok
    assert [identity.nbytes for identity in found.identities] == [len(content)] * 2
    assert strategy.identify([path, path + "?"]).result.index == 1


@pytest.mark.behaviour("STG-11")
@pytest.mark.parametrize("nbytes", [500, 9000])
def test_a_call_from_within_is_refused_and_the_batch_goes_on(strategy, make, spans, nbytes):
    path, content = make()
    wanted, seen, inner = spans(path, (3, nbytes)), bytearray(), []

    def sink(span, at, chunk):
        inner.append(strategy.stream(wanted, pytest.fail))
        inner.append(strategy.close())
        seen.extend(chunk.tobytes())

    assert strategy.stream(wanted, sink).ok
    assert seen == content[3 : 3 + nbytes].tobytes()
    assert {(a.code, a.reaction) for a in inner} == {("still-working", Reaction.BUSY)}
    assert strategy.stream(wanted, lambda *_: None).ok


@pytest.mark.behaviour("STG-02")
def test_buffers_that_happen_to_be_neighbours_in_memory_are_filled_each(strategy, make):
    path, content = make()
    out = np.zeros(30, np.uint8)
    targets = Targets.each([out[:10], out[10:]])
    assert strategy.load(Spans([path], [0, 0], [0, 10], [10, 20]), targets).ok
    assert out.tolist() == content[:30].tolist()


@pytest.mark.behaviour("STG-04")
def test_a_transform_whose_result_lies_before_its_target_writes_nothing_there(strategy, make):
    class Backwards(Identity):
        def result_nbytes(self, nbytes):
            return -10 if nbytes == 2000 else nbytes

    path, _ = make()
    out = np.zeros(4000, np.uint8)
    targets = Targets([out], [0], [1000])
    answer = strategy.load_through(Spans([path], [0], [0], [2500]), targets, [Backwards()])
    assert answer.code == "transform-failed"
    assert not out[:1000].any()


@pytest.mark.behaviour("STG-02")
def test_what_lies_between_targets_stays_as_it_is(strategy, make):
    path, content = make()
    at = np.array([0, 10, 30, 41])
    out = np.zeros(50, np.uint8)
    targets = Targets([out], [0] * 4, at)
    assert strategy.load(Spans([path], [0] * 4, at, [10, 10, 10, 9]), targets).ok
    kept = np.r_[20:30, 40]
    assert not out[kept].any()
    out[kept] = content[kept]
    assert out.tolist() == content[:50].tolist()


@pytest.mark.behaviour("STG-12")
def test_what_caused_an_error_keeps_no_buffer_alive_either():
    first, second = OSError("first"), ValueError("second")
    with pytest.raises(OSError, match="first"):
        raise first
    with pytest.raises(ValueError, match="second"):
        raise second from first
    told = bare(second)
    assert told.__context__ is None
    assert told.__traceback__ is None
    assert (told.__cause__, first.__traceback__) == (first, None)


@pytest.mark.behaviour("STG-12")
def test_leaving_a_strategy_that_is_at_work_is_an_error(make, spans):
    seen = []

    def leave(*_):
        with pytest.raises(StrategyError) as caught, strategy:
            pass
        seen.append(caught.value.result.reaction)

    with StagedStrategy() as strategy:
        assert strategy.stream(spans(make()[0], (0, 9)), leave).ok
    assert seen == [Reaction.BUSY]
