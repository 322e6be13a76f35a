"""Any call to the operating system may fail, at any time, and in any way that it can."""

import errno
import itertools
import os
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import emel
import emel.copying
import emel.opening
import emel.strategies
from emel.budget import Budget
from emel_io_loader.testing import Fault
from emel_io_mmap import MmapStrategy
from emel_io_mmap.testing import CountingPort as CountingMaps
from emel_io_read import ReadStrategy
from emel_io_read.testing import CountingPort as CountingReads
from emel_io_read.testing import no_bytes, short
from emel_io_staged import StagedStrategy
from emel_io_staged.testing import CountingPort as CountingStages

RESIDENT = {"mmap-resident", "resident"}
ARRAYS = {
    f"t{i}": np.random.default_rng(i).integers(0, 99, (rows, 96)).astype(np.float32)
    for i, rows in enumerate((16, 16, 64, 64))
}
"""A small ring takes the first file's at once; of the second's, 24 KiB each, it makes chunks."""
BYTES = {name: array.tobytes() for name, array in ARRAYS.items()}
FILES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
"""What fails in the second has a first to be undone; test_shards goes through a third."""


def descriptors():
    """How many this process has; a mapping has one of its own."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - asked for thousands of times


class Ports:
    """The ports of every strategy of a model, with one fault for all of them."""

    def __init__(self):
        self.every = (CountingMaps(), CountingReads(), CountingStages())
        self.threads = set(threading.enumerate())
        self.before = descriptors()

    def fail(self, fault):
        for counting in self.every:
            counting.fault = fault

    @property
    def at_rest(self):
        """Whether nothing is open but mappings, and nothing runs."""
        return (
            not any(counting.opened for counting in self.every[1:])
            and not self.every[2].running
            and set(threading.enumerate()) <= self.threads
        )

    @property
    def hold_nothing(self):
        unmapped = self.every[0].holds_nothing
        return unmapped and self.at_rest and descriptors() == self.before


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import json

    made = tmp_path_factory.mktemp("two")
    weight_map = {f"t{i}": FILES[i // 2] for i in range(4)}
    for file in FILES:
        save_file({n: ARRAYS[n] for n, of in weight_map.items() if of == file}, made / file)
    index = {"metadata": {}, "weight_map": weight_map}
    (made / "model.safetensors.index.json").write_text(json.dumps(index))
    return made


def _made(kind, port, **words):
    return kind(port=port, **words)


@pytest.fixture
def ports(monkeypatch):
    """Put counted ports under the strategies that the face wires in."""
    made = Ports()
    for name, kind, counting in zip(
        ("MmapStrategy", "ReadStrategy", "StagedStrategy"),
        (MmapStrategy, ReadStrategy, StagedStrategy),
        made.every,
        strict=True,
    ):
        create = partial(_made, kind, counting.port)
        create.unavailable = kind.unavailable
        room = emel.strategies if hasattr(emel.strategies, name) else emel.copying
        monkeypatch.setattr(room, name, create)
    monkeypatch.setattr(emel.opening, "part", lambda *_, direct: Budget(64 << 10, direct=direct))
    return made


def check(arrays):
    for name, array in arrays.items():
        assert array.tobytes() == BYTES[name], name
    return True


def load_into(model):
    into = {name: np.empty_like(array) for name, array in ARRAYS.items()}
    model.load(into=into, threads=2)
    return check(into)


def load(model):
    model.load(threads=2)
    return check(dict(model))


def read_one(model):
    out = np.empty_like(ARRAYS["t3"])
    model.read_into("t3", out, threads=2)
    return check({"t3": out})


def digest(model):
    return model.digest().tensors == DIGESTS


def compare(model):
    return model.compare(model).same


ACTIONS = {
    "load": load,
    "load into": load_into,
    "look at one": lambda model: check({"t2": model["t2"]}),
    "read a part": lambda model: bool(
        (model.part("t2")[1::3, 5:9] == ARRAYS["t2"][1::3, 5:9]).all()
    ),
    "read one": read_one,
    "dequantize": lambda model: bool((model.dequantize("t3", dtype="f8") == ARRAYS["t3"]).all()),
    "digest": digest,
    "compare": compare,
}


LOOKS = ("load", "look at one")
"""What is loaded stays loaded if it can't be looked at then."""


def hash_of(array):
    import xxhash

    return xxhash.xxh3_128_hexdigest(array.tobytes())


DIGESTS = {name: hash_of(array) for name, array in ARRAYS.items()}

STRATEGIES = pytest.mark.parametrize("strategy", ["mmap", "read", "staged"])
FAULTS = {
    **{errno.errorcode[n]: n for n in (errno.EIO, errno.ENOMEM, errno.EMFILE)},
    **{errno.errorcode[n]: n for n in (errno.EINTR, errno.EAGAIN)},
    "short": short,
    "zero": no_bytes,
}
SWEPT = pytest.mark.parametrize("kind", FAULTS)


def faults(kind):
    """Fail the first call, the second, ..., until there is none left to fail."""
    how = FAULTS[kind]
    for nth in itertools.count(1):
        if callable(how):
            fault = Fault(instead=how, nth=nth, kind="preadv")
        else:
            fault = Fault(OSError(how, os.strerror(how)), nth)
        yield fault
        if not fault.met:
            break


def never_read(strategy, kind):
    """Whether there are no reads that could be short: a mapping has none."""
    return strategy == "mmap" and kind in ("short", "zero")


def held_to(error, fault, kind, folder):
    """Hold an error to naming what failed."""
    assert error.code
    assert error.path is not None
    assert Path(error.path).parent == folder or Path(error.path) == folder, (fault.met, error)
    assert error.errno == (FAULTS[kind] if isinstance(FAULTS[kind], int) else None), fault.met
    assert isinstance(error, emel.SourceError), fault.met
    assert kind not in ("EINTR", "short") or fault.met != "preadv", "those are no failures"


def loaded(states):
    """Which tensors are, in the model's order."""
    return [state in RESIDENT for state in states]


def attempt(request, ports, fault, kind, folder):
    """Make a request that may fail; answers whether it did, and holds the error to the rules."""
    ports.fail(fault)
    try:
        assert request()
    except emel.EmelError as error:
        held_to(error, fault, kind, folder)
        return True
    finally:
        ports.fail(None)
        if fault.error is not None:
            fault.error.__traceback__ = None  # its frames hold arrays, and the sweep holds it
    return False


@pytest.mark.behaviour("FACE-10", "LOAD-01")
@STRATEGIES
@SWEPT
def test_opening(folder, ports, strategy, kind):
    failed = 0
    for fault in faults(kind):
        opened = []

        def opening(opened=opened):
            opened.append(emel.open(folder, strategy))
            return True

        failed += attempt(opening, ports, fault, kind, folder)
        for model in opened:
            assert load(model)
            model.close()
        assert ports.hold_nothing, fault.met
        if not opened:  # nor does it stand in the way of the next; the folder's is the next fault's
            with emel.open(folder / FILES[1], strategy, shards=False) as model:
                assert check({"t3": model["t3"]})
    assert failed or kind == "short" or never_read(strategy, kind)


@pytest.mark.behaviour("FACE-10")
@STRATEGIES
@SWEPT
@pytest.mark.parametrize("action", ACTIONS)
def test_every_request(folder, ports, strategy, kind, action):
    request = ACTIONS[action]
    calls = 0
    model = emel.open(folder, strategy)  # one for all faults: each leaves it as it was
    model.load(["t0"])
    before, held = model.residency().state.tolist(), descriptors()
    for fault in faults(kind):
        failed = attempt(partial(request, model), ports, fault, kind, folder)

        endless = strategy == "mmap" and fault.met in ("unmap", "close")
        if failed and endless:
            model.release()  # a mapping that couldn't be ended is there to be let go again
        elif failed and not (fault.met == "size" and action in LOOKS):
            after = model.residency().state.tolist()
            if action == "load":
                assert after == before, fault.met
            elif action == "load into":
                assert not RESIDENT & set(after), fault.met
            else:
                assert loaded(after) == loaded(before), fault.met
            assert descriptors() <= held, (fault.met, fault.nth)
        assert ports.at_rest, fault.met
        assert not fault.met or request(model), fault.met  # it was just made if nothing failed
        calls += bool(fault.met)
        if endless:  # what is left of it goes when the model is closed, at the latest
            model.close()
            assert ports.hold_nothing, fault.met
            model = emel.open(folder, strategy)
        if loaded(model.residency().state) != loaded(before):
            model.release()
            model.load(["t0"])
            before = model.residency().state.tolist()
        assert descriptors() == held, fault.met
    model.close()
    assert ports.hold_nothing
    assert calls or never_read(strategy, kind)


@pytest.mark.behaviour("FACE-10")
@STRATEGIES
@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind not in ("short", "zero")])
@pytest.mark.parametrize("ending", ["release", "release one", "close"])
def test_letting_go(folder, ports, strategy, kind, ending):
    for fault in faults(kind):
        model = emel.open(folder, strategy)
        model.load()
        endings = {
            "release": model.release,
            "release one": lambda model=model: model.release(["t1"]),
            "close": model.close,
        }

        failed = attempt(lambda e=endings: e[ending]() is None, ports, fault, kind, folder)

        if failed:
            assert not model.closed
            assert "t1" in model
        if not model.closed:
            model.release()
            assert load(model), fault.met
        model.close()
        assert ports.hold_nothing, fault.met
        if failed:  # nor does it stand in the way of the next
            with emel.open(folder, strategy) as again:
                assert load(again)
