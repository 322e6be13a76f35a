"""That workloads do for each of many items what they are there to show."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import emel
from emel_model_format import parse
from emel_tools.costs import command, first, indexes, many, models, named
from emel_tools.costs.causes import causes
from emel_tools.costs.measure import Figure, lines, take
from emel_tools.costs.site import Site
from emel_tools.costs.workload import MIB, First, Held, RefusedError, Scaled, Workload
from emel_tools.costs.workloads import emel as face
from emel_tools.costs.workloads import io_mmap, io_read, io_staged, model_format, model_loader


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Site(tmp_path)


@pytest.mark.behaviour("GATE-42")
@pytest.mark.parametrize("package", [io_read, io_staged])
def test_progress_is_told_for_each_of_many_items(site, monkeypatch, package):
    told = []
    monkeypatch.setattr(package, "sink", told.append)
    package.told_of_each(site, 20)()
    assert set(told) == {64 * i for i in range(1, 21)}


@pytest.mark.behaviour("GATE-43")
@pytest.mark.parametrize("make", [io_mmap.load_and_release, io_mmap.load_and_close])
def test_a_block_that_is_left_leaves_nothing_mapped(site, tmp_path, make):
    make(site)()
    assert f" {tmp_path}/" not in Path("/proc/self/maps").read_text()


@pytest.mark.behaviour("GATE-42")
@pytest.mark.parametrize(
    ("use", "parts"),
    [
        (named.look_up, False),
        (named.load, True),
        (named.release, True),
        (named.load_into, True),
        (named.make_buffers, False),
    ],
)
def test_every_second_tensor_is_named(site, use, parts):
    with emel.open(site.gguf(4, 64), "mmap") as model:
        use(model)
        states = [model.info(name).residency for name in model]
        assert states == states[:2] * 2
        assert (states[0] != states[1]) is parts


@pytest.mark.behaviour("GATE-43")
def test_a_name_that_is_found_where_there_is_none_is_refused(monkeypatch):
    class Everything(dict):
        def __contains__(self, _):
            return True

    with pytest.raises(RefusedError, match="in vain"):
        named.look_up(Everything(a=1))


@pytest.mark.behaviour("GATE-43")
def test_a_load_into_a_buffer_that_there_is_not_is_refused():
    class Lenient(dict):
        def load(self, names, into):
            assert [*into] == names[:-1]

    with pytest.raises(RefusedError, match="b was loaded into no buffer"):
        named.miss_a_buffer(Lenient(a=1, b=2))


@pytest.mark.behaviour("GATE-43")
def test_a_load_into_arrays_that_share_memory_is_refused(site, monkeypatch):
    action = named.share_memory(site, 4)
    monkeypatch.setattr(emel.Model, "load", lambda *_, **__: None)
    with pytest.raises(RefusedError, match="into the same memory"):
        action()


@pytest.mark.behaviour("GATE-160")
def test_what_a_first_look_at_a_tensor_imports_is_counted(site, tmp_path):
    workload = First("first-look", first.mapped)
    figures = [each for each in take([workload], site, "", {}) if isinstance(each, Figure)]
    held = {figure.name: figure.value for figure in figures}
    assert held["imported modules"] > 20
    assert held["opened modules"] >= held["imported modules"]
    assert held["looked-at numpy"] == 1
    assert not any(name.endswith((" json", " ml_dtypes", " emel_io_mmap")) for name in held)
    more = [Figure(workload, "imported modules", held["imported modules"] + 1)]
    recorded = {figure.key: str(figure.value) for figure in figures}
    assert "before it is needed" in causes(more, recorded)["first-look imported modules"]


@pytest.mark.behaviour("GATE-160")
def test_what_is_imported_is_told_at_the_step_that_imports_it():
    steps = {"begun": "import json", "looked": "import numpy", "ended": "import emel_machine.table"}
    told = first.imported(steps)
    ours = [told.pop(f"{step} modules") for step in steps]
    assert ours[0] == ours[1] == 0 < ours[2]
    assert told == {"looked numpy": 1, "ended numpy": 1}
    with pytest.raises(RefusedError, match="nothing_of_that_name"):
        first.imported({"failed": "import nothing_of_that_name"})


@pytest.mark.behaviour("GATE-161")
def test_what_is_held_while_something_is_open_is_counted_and_nothing_else(site):
    events = []

    @contextmanager
    def opened():
        events.append("opened")
        assert len(bytes(3 * MIB)) == 3 * MIB  # on the way only
        held = bytearray(MIB)
        yield held
        events.append("closed")

    workload = Held("something", lambda _: opened)
    (figure,) = take([workload], site, "", {})
    assert isinstance(figure, Figure)
    assert (figure.key, figure.value // 16) == ("something held-kib", MIB // 1024 // 16)
    assert events == ["opened", "closed"] * 4
    recorded = lines([figure], {})
    events.clear()
    (again,) = take([workload], site, "", recorded)
    assert events == ["opened", "closed"] * 2  # as recorded, so that it isn't measured again
    assert lines([again], recorded) == recorded
    worse = figure._replace(value=figure.value * 5 // 4)
    assert lines([worse], recorded) != recorded
    assert "as long as it is open" in causes([worse], recorded)["something held-kib"]


@pytest.mark.behaviour("GATE-161")
def test_of_what_is_held_the_least_counts_and_garbage_does_not(site):
    sizes = iter((4, 2, 1, 3))

    @contextmanager
    def opened():
        loop = [bytearray(8 * MIB)]
        loop.append(loop)
        del loop
        held = bytearray(next(sizes) * MIB)
        yield held

    (figure,) = take([Held("something", lambda _: opened)], site, "", {})
    assert figure.value // 16 == MIB // 1024 // 16


@pytest.mark.behaviour("GATE-42")
def test_there_are_as_many_tensors_and_files_as_are_asked_for(site, monkeypatch):
    shown = []
    monkeypatch.setattr(many, "_look_away", lambda piece, _: shown.append(piece.tensor))
    many.told(site, 256)()
    assert shown == list(range(0, 256, 4))
    checkpoint = many.of_files(site, 256)
    files = [checkpoint.blame.file_of(i) for i in range(256)]
    assert files == [f"model-{i}.safetensors" for i in range(256)]
    many.located(site, 256)()


@pytest.mark.behaviour("GATE-42")
def test_an_index_is_as_long_as_it_is_asked_for_and_names_others_each_time(site, tmp_path):
    (index,) = (tmp_path / site.indexed(4, 64, 4, padding=MIB)).glob("*.json")
    assert MIB < index.stat().st_size < MIB + 1024
    action = indexes.other_names_each_time(site)
    for _ in range(3):
        action()
    named = [json.loads(path.read_text())["weight_map"] for path in tmp_path.glob("run-*.json")]
    assert len({file for files in named for file in files.values()}) == 3 * 1024


@pytest.mark.behaviour("GATE-42")
def test_what_the_bytes_are_is_what_is_measured(site):
    header = parse(site.bytes_of(site.big_endian(4, 64)).data, 1 << 20)
    assert (header.byteorder, len(header.tensors)) == ("big", 4)
    action = model_format.escaped(site, 4)
    assert action().metadata["format"] == "\t"
    every, some = model_format.tokens(site, 8)(), model_format.some_tokens(site, 8)()
    assert (len(every), some) == (8, every[2:6])
    truths = model_format.truths(site, 3)()
    assert (truths.dtype, truths.tolist()) == (np.bool_, [True] * 3)
    with emel.open("big-endian-4x64.gguf") as model:
        assert {array.dtype.byteorder for array in model.values()} == {">"}


WORKLOADS = {
    f"{module.__name__.rpartition('.')[2]} {each.name}": each
    for module in (face, io_mmap, io_read, io_staged, model_loader)
    for each in module.WORKLOADS
}
RUN = [
    *(key for key, each in WORKLOADS.items() if key[:5] == "emel " and isinstance(each, Workload)),
    "emel describe-tensors",
    "emel miss-a-buffer-of-named-tensors",
    "emel refuse-arrays-that-share-memory",
    "emel tell-residency-of-tensors",
    "emel use-64-tensors-mmap",
    "emel use-64-tensors-read",
    "io_mmap a-strategy-after-128-files",
    "io_mmap map-a-file-that-is-named-twice-among-files",
    "io_read fail-to-read-1-of-64-spans",
    "io_staged convert-4-mib-of-big-endian-bf16",
    "model_loader compare-empty-tensors",
    "model_loader compare-tensors-of-other-types",
    "model_loader digest-8-mib-of-big-endian",
    "model_loader follow-an-index-beside-another-set",
    "model_loader miss-files",
    "model_loader open-512-tensors-in-16-safetensors",
    "model_loader open-safetensors-index-of-4-mib",
    "model_loader refuse-files-outside",
    "model_loader release-some-of-tensors-copied",
]


def descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.behaviour("GATE-42")
@pytest.mark.parametrize("key", RUN)
def test_a_workload_can_be_done_again_and_leaves_nothing_open(site, key):
    workload = WORKLOADS[key]
    action = workload.make(site, 8) if isinstance(workload, Scaled) else workload.make(site)
    before = descriptors()
    for _ in range(2):
        done = action()
        if isinstance(workload, Held):
            with done:
                assert descriptors() >= before
    del done
    assert descriptors() == before


@pytest.mark.behaviour("GATE-42")
def test_what_a_used_model_holds_is_counted_after_all_that_can_be_done_with_it(site, monkeypatch):
    done = []
    every = ("compare", "dequantize", "digest", "load", "release", "stream")
    for name in every:
        monkeypatch.setattr(emel.Model, name, lambda *_, _name=name, **__: done.append(_name))
    with face.used(site, "mmap")():
        assert sorted(set(done)) == [*every]


@pytest.mark.behaviour("GATE-42")
def test_the_first_half_is_read_from_its_end():
    class Halves(dict):
        shape = (8,)

        def part(self, _):
            return self

        def __getitem__(self, index):
            return taken.append(index)

    taken = []
    models.backwards(Halves(a=1, b=2))
    assert taken == [slice(3, None, -1)] * 2


@pytest.mark.behaviour("GATE-42")
def test_a_listing_of_a_file_that_is_gone_is_refused(site, tmp_path):
    action = command.listed(site, 2)
    action()
    for path in tmp_path.glob("*.gguf"):
        path.unlink()
    with pytest.raises(RefusedError, match="inspect --tensors --metadata"):
        action()


@pytest.mark.behaviour("GATE-43")
def test_a_workload_of_many_that_is_answered_otherwise_is_refused(site, monkeypatch):
    action = many.told(site, 256)
    action()
    for answer, says in (("read", "that are nowhere were read"), (None, "0 times")):
        monkeypatch.setattr(many, "stream", lambda *_, told=answer, **__: told)
        with pytest.raises(RefusedError, match=says):
            action()
    monkeypatch.setattr(site, "safetensors", lambda *_: "nowhere.safetensors")
    with pytest.raises(RefusedError, match="nowhere"):
        many.of_files(site, 256)
    actions = indexes.other_names_each_time(site), indexes.outside(site, 2)
    monkeypatch.setattr(indexes, "open_checkpoint", lambda *_, **__: "opened")
    for action in actions:
        with pytest.raises(RefusedError, match="opened"):
            action()
    action = io_read.past_a_bad_block(site)
    port = io_read.Port()
    monkeypatch.setattr(io_read, "Port", lambda **_: port)
    with pytest.raises(RefusedError, match="span"):
        action()
