"""However the bytes get into memory, they are the same bytes."""

import sys

import numpy as np
import pytest

import emel

RESIDENT = {"mmap-resident", "resident"}
STRATEGIES = ("mmap", "read", "staged", "auto")
USES = [(strategy, direct) for strategy in STRATEGIES for direct in (False, True)]


@pytest.fixture(params=USES, ids=[f"{s}{'-direct' * d}" for s, d in USES])
def use(request):
    strategy, direct = request.param
    return {"strategy": strategy, "direct": direct}


@pytest.mark.behaviour("FACE-05", "LOAD-02", "LOAD-03")
@pytest.mark.parametrize("threads", [1, 4])
def test_every_strategy_gives_the_bytes_that_the_formats_own_readers_give(
    checkpoint, use, threads, held
):
    path, contents = checkpoint
    with emel.open(path, **use) as model:
        model.load(threads=threads)

        assert set(model) == set(contents)
        for name, array in model.items():
            assert array.tobytes() == contents[name]
            assert not array.flags.writeable
        del array
        files = model.files
    assert held(*files) == []


@pytest.mark.behaviour("FACE-05")
def test_one_tensor_is_loaded_as_it_is_asked_for(checkpoint, use):
    path, contents = checkpoint
    with emel.open(path, **use) as model:
        name = list(model)[-1]

        assert model[name].tobytes() == contents[name]
        assert model.info(name).residency in RESIDENT
        assert model.residency().totals["bound"].tensors == len(model) - 1


@pytest.mark.behaviour("FACE-05")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_dtypes_and_shapes_are_those_that_were_saved(checkpoints, arrays, strategy):
    for kind in ("safetensors", "index"):
        with emel.open(checkpoints[kind][0], strategy) as model:
            for name, saved in arrays.items():
                array = model[name]
                assert (array.dtype, array.shape) == (saved.dtype, saved.shape)
            del array


@pytest.mark.behaviour("FACE-05")
def test_digests_are_the_same(checkpoints, use):
    digests = {}
    for kind, (path, _) in checkpoints.items():
        with emel.open(path, **use) as model:
            digests[kind] = model.digest()
            assert not RESIDENT & set(model.residency().totals)
        with emel.open(path, "mmap") as model:
            assert digests[kind] == model.digest()

    models = {kind: digest.model for kind, digest in digests.items()}
    assert models["safetensors"] == models["index"] == models["folder"]
    assert models["gguf"] == models["first shard"] == models["last shard"]
    assert models["gguf"] != models["safetensors"]


@pytest.mark.behaviour("FACE-05", "FACE-11")
def test_compare_finds_the_same_of_one_file_and_of_many(checkpoints, use):
    for one, many in (("gguf", "last shard"), ("safetensors", "folder")):
        path, contents = checkpoints[one]
        with emel.open(path) as first, emel.open(checkpoints[many][0], **use) as second:
            seen = []
            for found in (first.compare(second), second.compare(first, seen.append)):
                assert found.same
                assert found.tensors == len(contents)
                assert found.nbytes == sum(map(len, contents.values()))
            assert seen[-1].nbytes_done == seen[-1].nbytes_total == found.nbytes
            for model in (first, second):
                assert not RESIDENT & set(model.residency().totals)


@pytest.mark.behaviour("FACE-11")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_compare_says_what_differs_and_where(tmp_path, strategy):
    from safetensors.numpy import save_file

    same = {"same": np.arange(5, dtype=np.float32), "shape": np.zeros((2, 3), np.float32)}
    mine = same | {"bytes": np.arange(12, dtype=np.int16).reshape(3, 4), "mine": np.zeros(1)}
    mine["dtype"] = np.zeros(3, np.float32)
    theirs = same | {"bytes": mine["bytes"].copy(), "theirs": np.zeros(1)}
    theirs |= {"shape": np.zeros((3, 2), np.float32), "dtype": np.zeros(3, np.int32)}
    theirs["bytes"][1, 2] += 256
    save_file(mine, tmp_path / "a.safetensors")
    save_file(theirs, tmp_path / "b.safetensors")

    with (
        emel.open(tmp_path / "a.safetensors", strategy) as first,
        emel.open(tmp_path / "b.safetensors", strategy) as second,
    ):
        found = first.compare(second)

    assert not found.same
    assert found.tensors == 4
    by_name = {difference.tensor: difference for difference in found.differences}
    assert set(by_name) == {"bytes", "shape", "dtype", "mine", "theirs"}
    # Element 6 has its second byte at 13, and the int16 6 became 262.
    assert by_name["bytes"] == emel.Difference("bytes", "bytes", "00", "01", (1, 2), 13)
    assert by_name["shape"] == emel.Difference("shape", "shape", "2x3", "3x2")
    assert by_name["dtype"] == emel.Difference("dtype", "dtype", "F32", "I32")
    assert by_name["mine"].what == "only-in-first"
    assert by_name["theirs"].what == "only-in-second"


@pytest.mark.behaviour("FACE-11")
def test_a_model_is_the_same_as_itself(model_file):
    with emel.open(model_file) as model:
        assert model.compare(model).same
        assert not RESIDENT & set(model.residency().totals)


@pytest.mark.behaviour("FACE-05")
def test_stream_shows_every_byte_in_order_and_keeps_nothing(checkpoint, use):
    path, contents = checkpoint
    with emel.open(path, memory_limit=1 << 19, **use) as model:
        seen = {name: bytearray() for name in model}
        progress = []

        def keep(name, start, chunk):
            assert len(seen[name]) == start
            assert chunk.dtype == np.uint8
            assert not chunk.flags.writeable
            seen[name] += chunk.tobytes()

        model.stream(keep, progress=progress.append)

        assert seen == contents
        total = sum(map(len, contents.values()))
        assert progress[-1] == (total, total, len(contents), len(contents))
        assert not RESIDENT & set(model.residency().totals)


@pytest.mark.behaviour("FACE-05")
def test_what_a_sink_raises_is_raised_and_nothing_is_kept(checkpoint, use, held):
    path, contents = checkpoint
    with emel.open(path, **use) as model:
        files = model.files

        def refuse(name, start, chunk):
            raise RuntimeError("no more")

        with pytest.raises(RuntimeError, match="no more"):
            model.stream(refuse)
        name = next(iter(contents))
        assert model[name].tobytes() == contents[name]
    assert held(*files) == []


@pytest.mark.behaviour("FACE-08")
@pytest.mark.parametrize("strategy", ["mmap", "read", "staged"])
def test_model_strategy_says_what_was_asked_for_and_serves(checkpoint, strategy):
    with emel.open(checkpoint[0], strategy) as model:
        assert model.strategy[:2] == (strategy, strategy)
        assert model.strategy.code == "asked-for"
        assert strategy in model.strategy.reason


@pytest.mark.behaviour("FACE-08")
def test_auto_stages_under_a_limit_and_says_so(checkpoint):
    with emel.open(checkpoint[0], memory_limit=1 << 16) as model:
        assert model.strategy[:2] == ("auto", "staged")
        assert model.strategy.code == "memory-limit"
        assert "65536 bytes" in model.strategy.reason


@pytest.mark.behaviour("FACE-08")
@pytest.mark.parametrize(
    ("kind", "used", "code"),
    [
        ("ext4", "mmap", "local-file-system"),
        ("nfs4", "read", "remote-file-system"),
        ("fuse.sshfs", "read", "fuse-file-system"),
        ("overlay", "read", "overlay-file-system"),
        ("", "mmap", "unknown-file-system"),
    ],
)
def test_auto_looks_at_the_file_system(monkeypatch, safetensors_file, kind, used, code):
    monkeypatch.setattr("emel.strategies.file_system", lambda _: kind)
    with emel.open(safetensors_file) as model:
        assert (model.strategy.used, model.strategy.code) == (used, code)
        assert kind in model.strategy.reason


@pytest.mark.behaviour("FACE-08")
@pytest.mark.parametrize("limit", [0, -1, (64 << 10) - 1])
def test_a_limit_that_nothing_keeps_is_a_mistake_of_the_caller(safetensors_file, limit):
    with pytest.raises(ValueError, match="at least 65536 bytes") as raised:
        emel.open(safetensors_file, memory_limit=limit)
    assert not isinstance(raised.value, emel.EmelError)


@pytest.mark.behaviour("FACE-08")
@pytest.mark.parametrize("strategy", ["auto", "staged", "read"])
def test_what_a_limit_does_not_allow_for_is_refused_before_anything_is_read(checkpoints, strategy):
    # What stages and windows leave of it is less than the largest tensor has.
    limit, over = 6 << 20, (6 - 3) * (1 << 20) - (6 << 20) // 8
    path, contents = checkpoints["index"]
    with emel.open(path, strategy, memory_limit=limit) as model:
        seen = []
        with pytest.raises(emel.BusyError) as refused:
            model.load(progress=seen.append)
        assert refused.value.code == "memory-limit"
        assert str(over) in str(refused.value)
        assert str(sum(map(len, contents.values()))) in str(refused.value)
        assert refused.value.tensors == ("big",)
        assert seen == []
        assert set(model.residency().totals) == {"bound"}
        with pytest.raises(emel.BusyError):
            model["big"]
        model.load([name for name in model if name != "big"])
        assert model["float32"].tobytes() == contents["float32"]
        model.load(["big"], into=model.empty(["big"]))  # the caller's memory doesn't count
        assert model["big"].tobytes() == contents["big"]


@pytest.mark.behaviour("FACE-08")
def test_mapped_pages_do_not_count(checkpoints):
    path, contents = checkpoints["safetensors"]
    with emel.open(path, "mmap", memory_limit=1 << 16) as model:
        model.load()
        assert model["big"].tobytes() == contents["big"]


NEIGHBOUR = """
from emel_io_read import ReadStrategy

class Neighbour(ReadStrategy):
    loads = []

    @property
    def name(self):
        return "neighbour"

    def load(self, spans, targets=None, *, threads=None, progress=None):
        self.loads.append(threads)
        return super().load(spans, targets, threads=threads, progress=progress)

class Nameless(ReadStrategy):
    name = "somebody else"

def fail():
    raise RuntimeError("no licence")
"""
POINTS = """
[emel.strategies]
neighbour = {module}:Neighbour
nameless = {module}:Nameless
failing = {module}:fail
absent = {module}_absent:Neighbour
number = {module}:NEIGHBOUR
mmap = {module}:fail
"""


@pytest.fixture
def neighbour(tmp_path, monkeypatch):
    """Install a distribution that offers strategies; answers the name of its module."""
    name = f"neighbour_{id(tmp_path)}"
    (tmp_path / f"{name}.py").write_text(NEIGHBOUR + "\nNEIGHBOUR = 7\n")
    facts = tmp_path / f"{name}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(POINTS.format(module=name))
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


@pytest.mark.behaviour("FACE-09")
def test_a_neighbours_strategy_is_used_like_a_built_in_one(neighbour, checkpoint):
    path, contents = checkpoint
    with emel.open(path, "neighbour") as model:
        assert model.strategy[:2] == ("neighbour", "neighbour")
        model.load(threads=3)
        assert {name: array.tobytes() for name, array in model.items()} == contents
        model.release()
        mine = model.empty()
        model.load(into=mine)
        assert {name: array.tobytes() for name, array in mine.items()} == contents
        loads = sys.modules[neighbour].Neighbour.loads
        assert loads[-2:] == [3, None]
        before = len(loads)
        assert model.part("vector" if "vector" in model else "float32")[1:].size
        assert len(loads) == before + 1  # it copies, so nothing else is needed to read parts
        digest = model.digest()
    with emel.open(path) as other:
        assert other.digest() == digest


@pytest.mark.behaviour("FACE-09")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nameless", "calls itself 'somebody else'"),
        ("failing", "no licence"),
        ("absent", "can't be imported"),
        ("number", "can't be called"),
    ],
)
def test_a_broken_one_is_refused_with_what_it_broke(neighbour, safetensors_file, name, why, held):
    with pytest.raises(emel.UnsupportedError, match=why) as raised:
        emel.open(safetensors_file, name)
    assert raised.value.code == "strategy-broken"
    assert held(safetensors_file) == []


@pytest.mark.behaviour("FACE-09")
def test_a_neighbour_does_not_take_a_built_in_ones_place(neighbour, safetensors_file):
    with emel.open(safetensors_file, "mmap") as model:
        assert model["uint8"].shape == (3, 4)
    assert neighbour not in sys.modules


@pytest.mark.behaviour("FACE-09")
def test_an_unknown_strategy_is_refused_with_those_that_there_are(neighbour, safetensors_file):
    with pytest.raises(emel.UnsupportedError) as raised:
        emel.open(safetensors_file, "telepathy")
    assert raised.value.code == "strategy-unknown"
    for name in ("mmap", "read", "staged", "neighbour", "'telepathy'"):
        assert name in str(raised.value)
