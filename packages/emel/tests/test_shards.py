"""Sharded checkpoints of real files: mapped, followed through links, and failed at every call."""

import errno
import itertools
import json

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import emel
from emel_io_file import entries
from emel_io_loader import Offer, Router
from emel_io_mmap import MmapStrategy, Port
from emel_io_mmap.testing import CountingPort, Fault
from emel_model_loader import Checkpoint, Failure, LoadOutcome, digest, open_checkpoint

INDEX = "model.safetensors.index.json"
ARRAYS = {f"t{i}": np.arange(i, i + 24, dtype=np.float32).reshape(4, 6) for i in range(6)}


def write_safetensors(folder):
    weight_map = {}
    for i in range(3):
        name = f"model-{i + 1:05}-of-00003.safetensors"
        names = [f"t{2 * i}", f"t{2 * i + 1}"]
        save_file({n: ARRAYS[n] for n in names}, folder / name, {"format": "np"})
        weight_map |= dict.fromkeys(names, name)
    index = {"metadata": {"total_size": 576}, "weight_map": weight_map}
    (folder / INDEX).write_text(json.dumps(index))


def write_gguf(folder):
    writer = gguf.GGUFWriter(folder / "m.gguf", "llama", split_max_tensors=2)
    for name, array in ARRAYS.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


WRITERS = pytest.mark.parametrize("write", [write_safetensors, write_gguf])


def open_mapped(path, port=None, **options):
    make = MmapStrategy if port is None else lambda: MmapStrategy(port=port)
    router = Router({"mmap": Offer(make, lambda: "")})
    return open_checkpoint(str(path), router, "mmap", entries=entries, **options)


@pytest.mark.behaviour("LOAD-02")
@WRITERS
def test_shards_that_others_wrote_are_mapped_as_one_model(tmp_path, write):
    write(tmp_path)

    for path in (tmp_path, *tmp_path.iterdir()):
        opened = open_mapped(path)
        assert opened.names == tuple(ARRAYS)
        for i, array in enumerate(ARRAYS.values()):
            assert opened.array(i).tolist() == array.tolist()
        assert opened.usage().slots == 3
        assert opened.close() is None


@pytest.mark.behaviour("LOAD-02")
def test_both_formats_have_the_digest_of_the_single_file(tmp_path):
    digests = set()
    for name, write in (("s", write_safetensors), ("g", write_gguf), ("one", None)):
        folder = tmp_path / name
        folder.mkdir()
        if write is None:
            save_file(ARRAYS, folder / "model.safetensors")
        else:
            write(folder)
        opened = open_mapped(folder)
        digests.add(digest(opened).model)
        assert opened.close() is None

    assert len(digests) == 1


@pytest.mark.behaviour("LOAD-02")
def test_links_lead_where_they_lead_and_siblings_are_those_of_the_link(tmp_path):
    # As in the cache of the hub: plain names that link to files named by their digests.
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    snapshot.mkdir()
    write_safetensors(snapshot)
    for i, path in enumerate(sorted(snapshot.iterdir())):
        path.rename(blobs / f"{i:064}")
        path.symlink_to(blobs / f"{i:064}")

    opened = open_mapped(snapshot / INDEX)

    assert opened.names == tuple(ARRAYS)
    assert opened.close() is None


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize("path", ["model-00002-of-00003.safetensors", INDEX, "."])
def test_a_bare_name_is_looked_for_where_the_process_is(tmp_path, monkeypatch, path):
    write_safetensors(tmp_path)
    monkeypatch.chdir(tmp_path)

    opened = open_mapped(path)

    assert opened.names == tuple(ARRAYS)
    assert opened.close() is None


@pytest.mark.behaviour("LOAD-02")
def test_a_shard_opened_alone_has_its_own_tensors(tmp_path):
    write_safetensors(tmp_path)
    path = tmp_path / "model-00002-of-00003.safetensors"

    opened = open_mapped(path, shards=False)

    assert set(opened.names) == set(load_file(path))
    assert opened.close() is None


REFUSALS = {
    "a secret": (b'{"weight_map": {"t0": "../secret.safetensors"}}', "name-escapes"),
    "no index": (b'{"weight_map": {"t0": 1}}', "index-invalid"),
    "repeated": (b'{"weight_map": {"t0": "a", "t0": "b"}}', "index-duplicate-tensors"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1", "git-lfs-pointer"),
    "empty": (b"", "empty-file"),
    "dangling": (b'{"weight_map": {"t0": "dangling.safetensors"}}', "stat-failed"),
    "a folder": (b'{"weight_map": {"t0": "folder.safetensors"}}', "not-regular"),
}


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize(("index", "code"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_refused_leaves_nothing_open_or_mapped(tmp_path, index, code):
    folder = tmp_path / "model"
    folder.mkdir()
    save_file(ARRAYS, tmp_path / "secret.safetensors")
    (folder / "dangling.safetensors").symlink_to(tmp_path / "nowhere")
    (folder / "folder.safetensors").mkdir()
    (folder / INDEX).write_bytes(index)
    counting = CountingPort()

    failure = open_mapped(folder, counting.port)

    assert isinstance(failure, Failure)
    assert failure.code == code
    assert counting.holds_nothing


@pytest.mark.behaviour("LOADER-10")
def test_an_index_of_a_byte_too_many_is_looked_at_and_not_opened(tmp_path):
    with (tmp_path / INDEX).open("wb") as file:
        file.truncate((256 << 20) + 1)
    counting = CountingPort()

    failure = open_mapped(tmp_path, counting.port)

    assert (failure.code, failure.path) == ("index-over-limit", str(tmp_path / INDEX))
    assert counting.calls == ["stat"]


@pytest.mark.behaviour("LOAD-02")
def test_a_name_that_leads_outside_is_neither_looked_at_nor_opened(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    save_file(ARRAYS, tmp_path / "secret.safetensors")
    (folder / INDEX).write_text('{"weight_map": {"t0": "../secret.safetensors"}}')
    seen = []
    real = Port()
    port = Port(
        open=lambda path: seen.append(path) or real.open(path),
        stat=lambda path: seen.append(path) or real.stat(path),
    )

    failure = open_mapped(folder, port)

    assert (failure.code, failure.files) == ("name-escapes", ("../secret.safetensors",))
    assert set(seen) == {str(folder / INDEX)}


@pytest.mark.behaviour("LOAD-01", "LOAD-02")
@WRITERS
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOMEM, errno.EMFILE, errno.EINTR])
def test_any_call_may_fail_at_any_of_three_files(tmp_path, write, code):
    write(tmp_path)
    blamed = set()
    for nth in itertools.count(1):
        counting = CountingPort(Fault(OSError(code, errno.errorcode[code]), nth))
        opened = open_mapped(tmp_path, counting.port)
        if isinstance(opened, Checkpoint):
            assert opened.names == tuple(ARRAYS)
            assert opened.close() is None or opened.close() is None
        else:
            assert opened.stage is LoadOutcome.IO_FAILED
            assert opened.errno == code
            blamed.add(opened.path)
        assert counting.holds_nothing, (nth, counting.fault.met)
        # Nor does it stand in the way of the next; all three files are the next fault's.
        again = open_mapped(next(tmp_path.glob("*-00002-of-00003.*")), shards=False)
        assert again.names == ("t2", "t3")
        assert again.close() is None
        if not counting.fault.met:
            break
    assert blamed == {str(path) for path in tmp_path.iterdir()}


@pytest.mark.behaviour("LOAD-02")
def test_with_fewer_slots_than_files_every_byte_can_still_be_gone_through(tmp_path):
    write_safetensors(tmp_path)
    with emel.open(tmp_path, "mmap", slots=1) as model, emel.open(tmp_path, "read") as other:
        assert model.digest() == other.digest()
        assert model.compare(other).same
        first = model["t0"]  # takes the only slot
        assert model.part("t5")[1:3].tolist() == ARRAYS["t5"][1:3].tolist()
        del first


@pytest.mark.behaviour("FACE-01")
def test_files_are_mapped_in_as_many_slots_as_were_asked_for(tmp_path):
    write_safetensors(tmp_path)
    with emel.open(tmp_path, "mmap", slots=2) as model:
        assert model.usage().capacity == 2
        with pytest.raises(emel.BusyError) as refused:
            model.load()
        assert refused.value.code == "pool-full"


@pytest.mark.behaviour("FACE-10")
@pytest.mark.parametrize("strategy", ["mmap", "read", "staged"])
def test_a_batch_of_names_whose_second_file_is_gone_loads_none_of_them(tmp_path, strategy):
    write_safetensors(tmp_path)
    with emel.open(tmp_path, strategy) as model:
        before = model.residency().state.tolist()
        (tmp_path / "model-00002-of-00003.safetensors").unlink()
        with pytest.raises(emel.SourceError) as refused:
            model.load(["t0", "t2"], threads=1)
        assert refused.value.tensor == "t2"
        assert model.residency().state.tolist() == before
        model.load(["t0", "t4"], threads=1)
        assert model.residency().state.tolist() != before
