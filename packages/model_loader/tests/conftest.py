from enum import IntEnum
from types import SimpleNamespace

import numpy as np
import pytest

from emel_io_loader import BatchOutcome, Mode, Offer, Reaction, Router, StrategyError
from emel_io_loader.testing import FakeStrategy
from emel_model_format.testing import GGUFTensor, gguf_bytes
from emel_model_loader import Checkpoint, open_checkpoint


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
    """Open a file through the real router; says what the strategy did after the header was read."""

    def make(data, mode=Mode.MAPS):
        strategy = data if isinstance(data, FakeStrategy) else faulty(data, mode)
        checkpoint = open_checkpoint("m", Router({"fake": strategy.offer()}), "fake")
        assert isinstance(checkpoint, Checkpoint), checkpoint
        header = len(strategy.loads)
        return SimpleNamespace(
            checkpoint=checkpoint,
            strategy=strategy,
            batches=lambda: [len(spans) for spans in strategy.loads[header:]],
        )

    return make


@pytest.fixture
def routed():
    """Make a router that offers these strategies in turn, a new one for each open."""

    def make(*strategies):
        queue = list(strategies)
        return Router({"fake": Offer(create=lambda: queue.pop(0), unavailable=lambda: "")})

    return make
