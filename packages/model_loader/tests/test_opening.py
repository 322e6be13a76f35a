"""From a path to a checkpoint, or to the reason why not with nothing held."""

import numpy as np
import pytest

from emel_io_loader import Identified, Mode, Offer, Reaction, Router, Spans, Targets
from emel_io_loader.testing import FakeStrategy
from emel_model_format import Refusal, parse
from emel_model_format.testing import (
    STRING,
    GGUFTensor,
    SafetensorsTensor,
    gguf_bytes,
    safetensors_bytes,
)
from emel_model_loader import Checkpoint, Failure, LoadOutcome, open_checkpoint

MIB = 1 << 20
BOTH = pytest.mark.parametrize("mode", list(Mode))


def assert_nothing_is_held(strategy):
    usage = strategy.usage()
    assert (usage.slots, usage.leases, usage.nbytes) == (0, 0, 0)
    targets = None if strategy.mode is Mode.MAPS else Targets.each([])
    assert strategy.load(Spans((), [], [], []), targets).code == "closed"


@pytest.mark.behaviour("LOAD-01")
@pytest.mark.parametrize("strategy", [None, "nmap", "old"])
def test_a_strategy_that_cant_be_used_is_told_apart(gguf, faulty, strategy):
    fake = faulty(gguf(2))
    router = Router({"fake": fake.offer(), "old": fake.offer(unavailable="no maps here")})

    failure = open_checkpoint("m", router, strategy)

    assert failure.stage is LoadOutcome.STRATEGY_REFUSED
    assert failure.path is None
    expected = router.route(strategy)
    assert (failure.code, failure.reaction) == (expected.code, expected.reaction)
    assert failure.message == expected.message
    assert fake.loads == []
    assert isinstance(open_checkpoint("m", router, "fake"), Checkpoint)


REFUSED = {
    "empty": b"",
    "no header": b"these bytes are no model at all",
    "future": gguf_bytes(version=99),
    "truncated": gguf_bytes(tensors=[GGUFTensor(name="a")])[:-1],
    "overlapping": gguf_bytes(tensors=[GGUFTensor(name="a"), GGUFTensor(name="b", offset=0)]),
    "unknown dtype": safetensors_bytes({"a": SafetensorsTensor(dtype="F99")}),
}


@pytest.mark.behaviour("LOAD-01")
@BOTH
@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_a_header_that_is_refused_is_told_apart(gguf, faulty, routed, data, mode):
    strategy = faulty(data, mode)
    router = routed(strategy, faulty(gguf(1), mode))
    why = parse(data, len(data))
    assert isinstance(why, Refusal)

    failure = open_checkpoint("m", router, "fake")

    assert failure.stage is LoadOutcome.PARSE_FAILED
    assert failure.reaction is (Reaction.INVALID if why.supported else Reaction.UNSUPPORTED)
    assert (failure.code, failure.offset, failure.path) == (why.rule, why.offset, "m")
    assert failure.message == f"m: {why.message} (byte {why.offset})"
    assert failure.tensors == (() if why.tensor is None else (why.tensor,))
    assert_nothing_is_held(strategy)
    assert isinstance(open_checkpoint("m", router, "fake"), Checkpoint)


def fail_identify(strategy, answer):
    strategy.faults["identify"] = [Identified(answer)]


def fail_load(strategy, answer):
    strategy.fail_load(answer)


def fail_second_load(strategy, answer):
    strategy.files["m"] = gguf_bytes([("k", STRING, "x" * (MIB + 1))])
    strategy.fail_load(answer, nth=2)


def fail_advise(strategy, answer):
    strategy.faults["advise"] = [answer]


def fail_view(strategy, answer):
    strategy.faults["view"] = [answer]


def fail_release(strategy, answer):
    strategy.fail_release(answer)


@pytest.mark.behaviour("LOAD-01")
@pytest.mark.parametrize(
    ("arrange", "mode"),
    [
        (fail_identify, Mode.MAPS),
        (fail_identify, Mode.COPIES),
        (fail_load, Mode.MAPS),
        (fail_load, Mode.COPIES),
        (fail_second_load, Mode.MAPS),
        (fail_second_load, Mode.COPIES),
        (fail_advise, Mode.MAPS),
        (fail_view, Mode.MAPS),
        (fail_release, Mode.MAPS),
    ],
)
def test_a_fault_of_the_strategy_is_told_apart_wherever_it_is(
    gguf, faulty, routed, broken, arrange, mode
):
    cause = OSError(5, "it broke")
    for offset, told in ((0, 0), (-1, None), (7, 7)):
        strategy = faulty(gguf(2), mode)
        router = routed(strategy, faulty(gguf(2), mode))
        arrange(strategy, broken(offset=offset, cause=cause))

        failure = open_checkpoint("m", router, "fake")

        assert isinstance(failure, Failure)
        assert (failure.message, failure.path, failure.offset) == ("it broke", "m", told)
    assert failure.stage is LoadOutcome.IO_FAILED
    assert (failure.reaction, failure.code) == (Reaction.SOURCE, "broken")
    assert (failure.errno, failure.cause) == (5, cause)
    assert_nothing_is_held(strategy)
    assert isinstance(open_checkpoint("m", router, "fake"), Checkpoint)


@pytest.mark.behaviour("LOAD-01")
@BOTH
def test_a_file_that_is_missing_is_a_fault_of_the_source(gguf, faulty, routed, mode):
    strategy = FakeStrategy({}, mode)
    router = routed(strategy, faulty(gguf(1), mode))

    failure = open_checkpoint("m", router, "fake")

    assert (failure.stage, failure.reaction) == (LoadOutcome.IO_FAILED, Reaction.SOURCE)
    assert isinstance(failure.cause, FileNotFoundError)
    assert_nothing_is_held(strategy)
    assert isinstance(open_checkpoint("m", router, "fake"), Checkpoint)


class Sparse(FakeStrategy):
    """Says that its file is larger than what was written to it."""

    def _identity(self, path):
        return super()._identity(path)._replace(nbytes=1 << 41)


@pytest.mark.behaviour("LOAD-01")
@BOTH
def test_columns_that_the_models_state_refuses_are_told_apart(gguf, faulty, routed, mode):
    # A valid header, whose tensor is larger than any span can be.
    nbytes = (1 << 40) + 1
    fields = {"data_offsets": [0, nbytes]}
    tensor = SafetensorsTensor(dtype="U8", shape=(nbytes,), data=b"", fields=fields)
    # The file reaches to 2**41: all but the tensor's bytes belong to a second one.
    rest = SafetensorsTensor(dtype="U8", shape=(0,), data=b"", fields={})
    head = safetensors_bytes({"big": tensor})
    nrest = (1 << 41) - nbytes
    for _ in range(3):  # the header's length depends on the numbers in it
        rest = SafetensorsTensor(
            dtype="U8", shape=(nrest,), data=b"", fields={"data_offsets": [nbytes, nbytes + nrest]}
        )
        head = safetensors_bytes({"big": tensor, "rest": rest})
        nrest = (1 << 41) - nbytes - len(head)
    strategy = Sparse({"m": head + bytes(MIB - len(head))}, mode)
    router = routed(strategy, faulty(gguf(1), mode))

    failure = open_checkpoint("m", router, "fake")

    assert (failure.stage, failure.reaction) == (LoadOutcome.MODEL_FAILED, Reaction.INVALID)
    assert (failure.code, failure.path) == ("binding-invalid", "m")
    assert failure.message.startswith("m: span 0: its size")
    assert_nothing_is_held(strategy)
    assert isinstance(open_checkpoint("m", router, "fake"), Checkpoint)


@pytest.mark.behaviour("LOAD-01", "LOADER-01")
def test_a_platform_that_cant_populate_opens_all_the_same(gguf, opened, faulty, broken):
    strategy = faulty(gguf(2))
    strategy.faults["advise"] = [broken(Reaction.UNSUPPORTED)]

    assert opened(strategy).checkpoint.names == ("t0", "t1")


@pytest.mark.behaviour("LOADER-01")
@BOTH
def test_a_small_file_is_looked_at_once_and_nothing_is_kept_of_it(gguf, opened, mode):
    data = gguf(3)

    world = opened(data, mode)

    assert [spans.nbytes.tolist() for spans in world.strategy.loads] == [[len(data)]]
    assert world.checkpoint.usage().leases == 0
    assert world.checkpoint.names == ("t0", "t1", "t2")
    assert world.checkpoint.position == {"t0": 0, "t1": 1, "t2": 2}
    assert world.checkpoint.route.name == "fake"
    assert world.checkpoint.capture().totals() == {"bound": (3, 48)}


@pytest.mark.behaviour("LOADER-01")
@BOTH
def test_a_header_longer_than_a_mebibyte_is_looked_at_again_through_a_wider_window(opened, mode):
    metadata = [("a", STRING, "x" * MIB), ("b", STRING, "y" * MIB)]
    data = gguf_bytes(metadata, [GGUFTensor(name="t")])

    world = opened(data, mode)

    assert [spans.nbytes.tolist() for spans in world.strategy.loads] == [[MIB], [len(data)]]
    assert all(spans.offset.tolist() == [0] for spans in world.strategy.loads)
    assert world.checkpoint.header.metadata["b"] == "y" * MIB


@pytest.mark.behaviour("LOADER-01")
@BOTH
def test_windows_grow_by_sixteen_or_to_what_the_header_asks_for(opened, monkeypatch, mode):
    monkeypatch.setattr("emel_model_loader._context.WINDOW_NBYTES", 16)
    metadata = [(f"key{i}", STRING, "x" * 20) for i in range(40)]
    grown = opened(gguf_bytes(metadata, [GGUFTensor(name="t", data=bytes(32))]), mode)
    # A safetensors header says how long it is.
    monkeypatch.setattr("emel_model_loader._context.WINDOW_NBYTES", 64)
    names = {f"tensor{i}": SafetensorsTensor() for i in range(40)}
    data = safetensors_bytes(names)
    asked = opened(data, mode)

    windows = [int(spans.nbytes[0]) for spans in grown.strategy.loads]
    assert windows[:2] == [16, 256]
    assert windows[2] == min(4096, len(grown.strategy.files["m"]))
    windows = [int(spans.nbytes[0]) for spans in asked.strategy.loads]
    assert windows == [64, 8 + int.from_bytes(data[:8], "little")]
    assert grown.checkpoint.usage().leases == asked.checkpoint.usage().leases == 0


@pytest.mark.behaviour("LOADER-01")
@BOTH
def test_a_file_that_changes_between_two_windows_is_refused(faulty, broken, mode):
    class Rewritten(FakeStrategy):
        def load(self, spans, targets=None, **options):
            answer = super().load(spans, targets, **options)
            self.files["m"] = self.files["m"] + b"more"
            return answer

    strategy = Rewritten({"m": gguf_bytes([("k", STRING, "x" * MIB)])}, mode)

    failure = open_checkpoint("m", Router({"fake": strategy.offer()}), "fake")

    assert (failure.stage, failure.reaction) == (LoadOutcome.IO_FAILED, Reaction.SOURCE)
    assert_nothing_is_held(strategy)


def test_an_offer_is_created_once_an_open(gguf, faulty):
    made = []

    def create():
        made.append(faulty(gguf(1)))
        return made[-1]

    router = Router({"fake": Offer(create=create, unavailable=lambda: "")})
    one, two = (open_checkpoint("m", router, "fake") for _ in range(2))

    assert len(made) == 2
    assert isinstance(one.array(0), np.ndarray)
    assert two.close() is None
    assert isinstance(one.array(0), np.ndarray)


@pytest.mark.behaviour("LOADER-01")
def test_a_long_window_grows_by_a_step_and_not_by_a_factor():
    from emel_io_loader import FileIdentity, Router
    from emel_model_format import NeedMore
    from emel_model_loader._machine import Opening, effect_widen_window

    huge = FileIdentity(1, 2, 10 << 30, 3)
    ctx = Opening(Router({}), "any", "path", identity=huge, window=64 << 20)
    ctx.parsed = NeedMore((64 << 20) + 1)
    effect_widen_window(ctx, None)
    assert ctx.window == 128 << 20
    ctx.parsed = NeedMore(200 << 20)
    effect_widen_window(ctx, None)
    assert ctx.window == 200 << 20
