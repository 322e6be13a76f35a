import weakref
from enum import IntEnum
from types import SimpleNamespace

import numpy as np
import pytest

from emel_io_loader import (
    BatchOutcome,
    Mode,
    Offer,
    Places,
    Reaction,
    Router,
    StrategyError,
    Targets,
    validate_targets,
)
from emel_io_loader.testing import FakeStrategy
from emel_model_format.testing import GGUFTensor, gguf_bytes
from emel_model_loader import Checkpoint, Companions, Limits, open_checkpoint


class Broken(IntEnum):
    OK = 0
    BROKEN = 1


class Faulty(FakeStrategy):
    """The fake of the contract, whose other calls can be told to fail, too.

    `faults` maps the name of a call to what it does instead, once for each entry of the list.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.faults = {}
        self.views = 0

    def _fault(self, call):
        queue = self.faults.get(call)
        return queue.pop(0) if queue else None

    def identify(self, files):
        return self._fault("identify") or super().identify(files)

    def view(self, slot, generation):
        self.views += 1
        fault = self._fault("view")
        if fault is not None:
            raise StrategyError(fault)
        return super().view(slot, generation)

    def advise(self, *args):
        return self._fault("advise") or super().advise(*args)

    def close(self):
        return self._fault("close") or super().close()


class Staged(Faulty):
    """A strategy that stages, in chunks of ten bytes or one block."""

    def __init__(self, files):
        super().__init__(files, Mode.COPIES)

    def _chunks(self, spans, blocks):
        memory = [np.empty(nbytes, np.uint8) for nbytes in spans.nbytes.tolist()]
        answer = self.load(spans, Targets.each(memory))
        if not answer.ok:
            return answer, ()
        chunks = []
        for i in np.lexsort((spans.offset, spans.file)).tolist():
            memory[i].flags.writeable = False
            step = max(10 // blocks[i], 1) * blocks[i]
            chunks += [(i, at, memory[i][at : at + step]) for at in range(0, len(memory[i]), step)]
        return answer, chunks

    def stream(self, spans, sink, *, block_nbytes=1, progress=None):
        blocks = np.broadcast_to(block_nbytes, len(spans)).tolist()
        answer, chunks = self._chunks(spans, blocks)
        for chunk in chunks:
            sink(*chunk)
        return answer

    def load_through(self, spans, targets, transforms, *, progress=None):
        results = [t.result_nbytes(n) for t, n in zip(transforms, spans.nbytes, strict=True)]
        places = validate_targets(targets, np.array(results))
        assert isinstance(places, Places), places
        answer, chunks = self._chunks(spans, [t.block_nbytes for t in transforms])
        for i, at, chunk in chunks:
            start, nbytes = (transforms[i].result_nbytes(n) for n in (at, len(chunk)))
            result = np.frombuffer(places.view(i, results[i]), np.uint8)
            transforms[i].apply(chunk, result[start : start + nbytes])
        return answer


class Halved:
    """Turns float32 into the float64 of half its value."""

    block_nbytes = 4

    def result_nbytes(self, nbytes):
        return 2 * nbytes

    def apply(self, stored, result):
        result[:] = (stored.view("<f4").astype("<f8") / 2).view(np.uint8)


@pytest.fixture
def halved():
    """What a model may be opened with as a transform: whatever is asked for, it halves."""
    return lambda *_: Halved()


@pytest.fixture
def broken():
    """Make what a strategy answers when something in it broke."""

    def make(reaction=Reaction.SOURCE, **fields):
        text = {"message": "it broke", "errno": 5} | fields
        return BatchOutcome(outcome=Broken.BROKEN, reaction=reaction, **text)

    return make


@pytest.fixture
def faulty():
    """Make a strategy over one file called `m`."""

    def make(data, mode=Mode.MAPS):
        return Faulty({"m": data}, mode)

    return make


@pytest.fixture
def gguf():
    """Make a GGUF file of n float32 tensors t0, t1, ... of four elements each."""

    def make(n, **fields):
        return gguf_bytes(
            (),
            [
                GGUFTensor(
                    name=f"t{i}", dims=(4,), data=np.arange(4 * i, 4 * i + 4, dtype="<f4").tobytes()
                )
                for i in range(n)
            ],
            **fields,
        )

    return make


@pytest.fixture
def opened(faulty):
    """Open a file through the real router; says what the strategy did after the header was read.

    `copies` and `stage` are the companions over the same file, and `made` are weak references to
    the arrays that were made for copies.
    """

    def make(data, mode=Mode.MAPS, *, limits=None, transform=no_transform):
        strategy = data if isinstance(data, FakeStrategy) else faulty(data, mode)
        copies, stage = Faulty(strategy.files, Mode.COPIES), Staged(strategy.files)
        made = []

        def allocate(nbytes, offset):
            array = np.empty(nbytes, np.uint8)
            made.append(weakref.ref(array))
            return array

        companions = Companions(lambda: copies, lambda: stage, transform, allocate)
        router = Router({"fake": strategy.offer()})
        checkpoint = open_checkpoint(
            "m", router, "fake", companions=companions, limits=limits or Limits()
        )
        assert isinstance(checkpoint, Checkpoint), checkpoint
        header = len(strategy.loads)
        return SimpleNamespace(
            checkpoint=checkpoint,
            strategy=strategy,
            copies=copies,
            stage=stage,
            made=made,
            batches=lambda: [len(spans) for spans in strategy.loads[header:]],
        )

    return make


def no_transform(stored, byteorder, wanted):
    return f"no way from {stored.name} ({byteorder}) to {wanted}"


@pytest.fixture(params=["maps", "copies", "stages"])
def any_way(request, opened):
    """Open a file through a strategy of each kind."""
    kinds = {
        "maps": Faulty,
        "copies": lambda files: Faulty(files, Mode.COPIES),
        "stages": Staged,
    }

    def make(data, **options):
        return opened(kinds[request.param]({"m": data}), **options)

    return make


@pytest.fixture
def routed():
    """Make a router that offers these strategies in turn, a new one for each open."""

    def make(*strategies):
        queue = list(strategies)
        return Router({"fake": Offer(create=lambda: queue.pop(0), unavailable=lambda: "")})

    return make
