"""What is asked for reaches whoever acts on it: counted at the ports, or seen in the output."""

import json
from functools import partial
from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest
from safetensors.numpy import save_file

import emel
import emel.copying
import emel.strategies
from emel import cli
from emel.budget import THREADS
from emel_io_mmap import MmapStrategy
from emel_io_mmap import Port as MapsPort
from emel_io_read import Port as ReadPort
from emel_io_read import ReadStrategy
from emel_io_staged import Port as StagesPort
from emel_io_staged import StagedStrategy

KIB, MIB = 1 << 10, 1 << 20
SIZE = 4 * KIB
NAMES = [f"t{i}" for i in range(20)]
STRATEGIES = ("mmap", "read", "staged")
NOTED = ("open", "open_direct", "allocate", "start_thread", "advise")


class Asked:
    """Which calls the strategies have made: (strategy, call, first word) of each."""

    def __init__(self):
        self.calls = []

    def port(self, strategy, kind, **fields):
        """Make a port that notes calls and makes them, with a few fields of its own."""
        plain = kind()

        def noted(call):
            def made(*words):
                about = words[0] if isinstance(words[0], (str, int)) else None
                self.calls.append((strategy, call, about))
                return getattr(plain, call)(*words)

            return made

        calls = {call: noted(call) for call in NOTED if hasattr(plain, call)}
        return kind(**calls, **fields)

    def about(self, call):
        return [about for _, made, about in self.calls if made == call]

    @property
    def used(self):
        """The strategies that have opened each file."""
        opened = [(Path(about).name, used) for used, call, about in self.calls if call == "open"]
        return {name: {used for file, used in opened if file == name} for name, _ in opened}

    @property
    def direct(self):
        """Files that were to be opened around the page cache, whether that can be had or not."""
        return {Path(path).name for path in self.about("open_direct")}


@pytest.fixture
def asked(monkeypatch):
    """Note what is asked of the operating system; one call reads one tensor at the most."""
    made = Asked()
    for room, kind, port in (
        (emel.strategies, MmapStrategy, made.port("mmap", MapsPort)),
        (emel.copying, ReadStrategy, made.port("read", ReadPort, iov_max=1)),
        (emel.copying, StagedStrategy, made.port("staged", StagesPort)),
    ):
        create = partial(kind, port=port)
        create.unavailable = kind.unavailable
        monkeypatch.setattr(room, kind.__name__, create)
    return made


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same tensors in two files."""
    folder = tmp_path_factory.mktemp("files")
    arrays = {name: np.full(SIZE // 4, i, np.float32) for i, name in enumerate(NAMES)}
    save_file(arrays, folder / "a")
    copyfile(folder / "a", folder / "b")
    return folder / "a", folder / "b"


COMMANDS = {"inspect": 1, "load": 1, "digest": 1, "verify": 2}
"""How many files each takes."""
OPTIONS = {
    "--strategy": ("load", "digest", "verify"),
    "--memory-limit": ("load", "digest", "verify"),
    "--direct": ("load", "digest", "verify"),
    "--threads": ("load",),
    "--touch": ("load",),
    "--tensors": ("inspect",),
    "--metadata": ("inspect",),
    "--grep": ("inspect",),
    "--json": ("inspect", "load", "digest", "verify"),
}


def commands(option):
    return pytest.mark.parametrize("command", OPTIONS[option])


@pytest.fixture
def say(run, files, asked):
    """Run a command on as many files as it takes; answers their names, and what it has printed."""

    def said(command, *words):
        taken = files[: COMMANDS[command]]
        asked.calls.clear()
        code, out, err = run(command, *words, *taken)
        assert (code, err) == (0, "")
        return {path.name for path in taken}, out

    return said


@pytest.mark.behaviour("CLI-08")
def test_no_command_has_an_option_that_isnt_tried_here():
    there = {
        (option, name)
        for name, made in cli.command().commands.items()
        for parameter in made.params
        for option in parameter.opts
        if option.startswith("-")
    }
    tried = {(option, name) for option, names in OPTIONS.items() for name in names}
    assert there - {("--help", name) for name in COMMANDS} == tried


@pytest.mark.behaviour("CLI-08")
@commands("--strategy")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_file_goes_through_the_strategy(say, asked, command, strategy):
    names, _ = say(command, "--strategy", strategy)
    assert asked.used == {name: {strategy} for name in names}


@pytest.mark.behaviour("CLI-08")
@commands("--memory-limit")
def test_every_file_has_a_ring_within_the_limit(say, asked, command):
    names, _ = say(command, "--strategy", "staged")
    assert asked.about("allocate") == [32 * MIB] * len(names)
    say(command, "--strategy", "staged", "--memory-limit", "64KiB")
    assert asked.about("allocate") == [32 * KIB] * len(names)


@pytest.mark.behaviour("CLI-08")
@commands("--direct")
def test_every_file_is_to_be_read_around_the_page_cache(say, asked, command):
    say(command, "--strategy", "read")
    assert asked.direct == set()
    names, _ = say(command, "--strategy", "read", "--direct")
    assert asked.direct == names


@pytest.mark.behaviour("CLI-08")
@commands("--threads")
@pytest.mark.parametrize("threads", [1, 3])
def test_so_many_threads_read(say, asked, command, threads):
    say(command, "--strategy", "read", "--threads", threads)
    assert len(asked.about("start_thread")) == threads - 1  # the caller's own is one


@pytest.mark.behaviour("CLI-08")
@commands("--touch")
def test_every_tensor_is_touched(say, asked, command):
    say(command, "--strategy", "mmap")
    before = len(asked.about("advise"))
    say(command, "--strategy", "mmap", "--touch")
    assert len(asked.about("advise")) == before + len(NAMES)


@pytest.mark.behaviour("CLI-08")
@commands("--json")
def test_json_is_printed_where_it_is_asked_for(say, command):
    _, out = say(command, "--json")
    assert isinstance(json.loads(out), dict)
    with pytest.raises(json.JSONDecodeError):
        json.loads(say(command)[1])


@pytest.mark.behaviour("CLI-08")
@pytest.mark.parametrize(
    ("option", "tensors", "keys"),
    [([], 5, 0), (["--tensors"], 20, 0), (["--metadata"], 5, 1), (["--grep", "t1.|by"], 10, 1)],
)
def test_so_many_tensors_and_keys_are_listed(run, tmp_path, option, tensors, keys):
    arrays = {name: np.zeros(i + 1, np.uint8) for i, name in enumerate(NAMES)}
    save_file(arrays, tmp_path / "m", metadata={"by": "a test"})
    first = [line.split(" ")[0] for line in run("inspect", *option, tmp_path / "m")[1].splitlines()]
    assert len(set(NAMES).intersection(first)) == tensors
    assert first.count("by") == keys


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """One tensor, of four of the smallest calls."""
    path = tmp_path_factory.mktemp("large") / "m"
    save_file({"w": np.zeros(256 * KIB, np.uint8)}, path)
    return path


def load_into(model, **how):
    model.load(into=model.empty(), **how)


def read_into(model, **how):
    model.read_into("w", np.empty(256 * KIB, np.uint8), **how)


THROUGH = pytest.mark.parametrize(
    ("strategy", "way"),
    [
        ("read", emel.Model.load),
        ("read", load_into),
        ("read", read_into),
        ("mmap", load_into),  # which has somebody else read for it
        ("mmap", read_into),
    ],
)


@pytest.mark.behaviour("FACE-13")
@THROUGH
def test_a_model_is_read_around_the_page_cache_only_if_that_is_asked_for(
    large, asked, strategy, way
):
    for direct, opened in ((False, set()), (True, {large.name})):
        with emel.open(large, strategy, direct=direct) as model:
            way(model)
        assert asked.direct == opened


@pytest.mark.behaviour("FACE-13")
@THROUGH
@pytest.mark.parametrize("threads", [None, 1, 2, 3])
def test_as_many_threads_read_as_are_asked_for(large, asked, strategy, way, threads):
    # Under this limit direct reads are the smallest.
    with emel.open(large, strategy, memory_limit=4 * MIB, direct=True) as model:
        way(model, threads=threads)
    assert 1 + len(asked.about("start_thread")) == (threads or 1)


@pytest.mark.behaviour("FACE-13")
@pytest.mark.parametrize(
    ("strategy", "way"), [("read", emel.Model.load), ("read", load_into), ("mmap", load_into)]
)
@pytest.mark.parametrize(("limit", "threads"), [(None, 16), (1 * MIB, THREADS), (8 * MIB, THREADS)])
def test_under_a_limit_no_more_threads_read_than_it_has_memory_for(
    files, asked, strategy, way, limit, threads
):
    with emel.open(files[0], strategy, memory_limit=limit, direct=True) as model:
        way(model, threads=16)
    assert 1 + len(asked.about("start_thread")) == threads
