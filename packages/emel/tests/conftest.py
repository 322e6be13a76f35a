"""Real checkpoints, written by the formats' own packages."""

import gc
import json
import os
import sys
from pathlib import Path

import gguf
import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from gguf.quants import quantize

from emel.cli import main

QUANTISED = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")


def write_gguf(path: Path, tokens: int = 3000, **options: int) -> Path:
    rng = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "llama", **options)
    writer.add_block_count(1)
    writer.add_token_list([f"token{i}" for i in range(tokens)])
    writer.add_token_scores([float(i) for i in range(tokens)])
    for kind in QUANTISED:
        values = rng.standard_normal((6, 64), np.float32)
        quantised = quantize(values, gguf.GGMLQuantizationType[kind])
        writer.add_tensor(
            f"blk.0.{kind.lower()}", quantised, raw_dtype=gguf.GGMLQuantizationType[kind]
        )
    for dtype in (np.float32, np.float16, np.float64, np.int8, np.int16, np.int32, np.int64):
        writer.add_tensor(
            f"plain.{np.dtype(dtype).name}", rng.integers(0, 99, (3, 5, 2)).astype(dtype)
        )
    writer.add_tensor("vector", np.arange(7, dtype=np.float32))
    bits = rng.integers(0, 2**15, (4, 32)).astype(np.uint16).view(np.uint8)
    writer.add_tensor("bf16", bits, raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def safetensors_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(8)
    names = (
        "bool uint8 int8 uint16 int16 uint32 int32 uint64 int64 float16 float32 float64 complex64"
    )
    arrays = {name: rng.integers(0, 2, (3, 4)).astype(name) for name in names.split()}
    arrays["bfloat16"] = rng.standard_normal((5, 3)).astype(ml_dtypes.bfloat16)
    arrays["float8_e4m3fn"] = rng.standard_normal((5, 3)).astype(ml_dtypes.float8_e4m3fn)
    arrays["float8_e5m2"] = rng.standard_normal((5, 3)).astype(ml_dtypes.float8_e5m2)
    arrays["scalar"] = np.array(3.5, np.float32)
    arrays["empty"] = np.empty((0, 4), np.float32)
    arrays["big"] = rng.integers(0, 255, 3 << 20, np.uint8)
    return arrays


def write_safetensors(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    safetensors.numpy.save_file(arrays, path, metadata={"made by": "a test"})
    return path


def write_indexed(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    weight_map: dict[str, str] = {}
    for i in range(3):
        file = f"model-{i + 1:05}-of-00003.safetensors"
        names = list(arrays)[i::3]
        safetensors.numpy.save_file({name: arrays[name] for name in names}, folder / file)
        weight_map |= dict.fromkeys(names, file)
    total = sum(array.nbytes for array in arrays.values())
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}))
    return index


def read_back(files: list[Path]) -> dict[str, bytes]:
    """Read every tensor's bytes as the formats' own readers do."""
    found: dict[str, bytes] = {}
    for file in files:
        if file.suffix == ".gguf":
            found |= {t.name: t.data.tobytes() for t in gguf.GGUFReader(file).tensors}
        else:
            tensors = safetensors.deserialize(file.read_bytes())
            found |= {name: bytes(tensor["data"]) for name, tensor in tensors}
    return found


KINDS = ("gguf", "safetensors", "index", "folder", "first shard", "last shard")


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory, gguf_file, safetensors_file, arrays):
    """What can be opened, by kind: its path, and name to bytes as other readers have them."""
    indexed, split = tmp_path_factory.mktemp("indexed"), tmp_path_factory.mktemp("split")
    index = write_indexed(indexed, arrays)
    write_gguf(split / "m.gguf", tokens=30, split_max_tensors=5)  # the other reader is slow
    shards = sorted(split.iterdir())
    paths = (gguf_file, safetensors_file, index, indexed, shards[0], shards[-1])
    single = read_back([gguf_file]), read_back([safetensors_file])
    parts, split_parts = read_back(sorted(indexed.glob("*.safetensors"))), read_back(shards)
    contents = (*single, parts, parts, split_parts, split_parts)
    return dict(zip(KINDS, zip(paths, contents, strict=True), strict=True))


@pytest.fixture(params=KINDS)
def checkpoint(request, checkpoints):
    return checkpoints[request.param]


@pytest.fixture(scope="session")
def gguf_file(tmp_path_factory):
    return write_gguf(tmp_path_factory.mktemp("gguf") / "model.gguf")


@pytest.fixture(scope="session")
def small_gguf_file(tmp_path_factory):
    """The same with a vocabulary that leaves most of the file to other things."""
    return write_gguf(tmp_path_factory.mktemp("gguf") / "small.gguf", tokens=30)


@pytest.fixture(scope="session")
def safetensors_file(tmp_path_factory, arrays):
    return write_safetensors(tmp_path_factory.mktemp("st") / "model.safetensors", arrays)


@pytest.fixture(scope="session")
def small_safetensors_file(tmp_path_factory, arrays):
    """The same without the one that has most of its bytes."""
    small = {name: array for name, array in arrays.items() if name != "big"}
    return write_safetensors(tmp_path_factory.mktemp("st") / "small.safetensors", small)


@pytest.fixture(scope="session")
def arrays():
    return safetensors_arrays()


@pytest.fixture(params=["gguf", "safetensors"])
def model_file(request, gguf_file, safetensors_file):
    return gguf_file if request.param == "gguf" else safetensors_file


@pytest.fixture
def frozen():
    """What is there already isn't looked at for garbage: of many tests that is a lot."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def opened():
    """What of some files this process has open now; a mapping has a descriptor of its own."""

    def descriptors(*paths):
        links = []
        for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208 - paths cost more than the calls
            try:
                links.append(os.readlink(f"/proc/self/fd/{entry}"))  # noqa: PTH115
            except OSError:
                continue  # the one that listed the folder
        return [link for link in links if link.endswith(tuple(map(str, paths)))]

    return descriptors


@pytest.fixture
def held(opened):
    """What of some files this process has mapped or open now."""

    def lines(*paths):
        maps = Path("/proc/self/maps").read_text()
        there = [str(path) for path in paths if str(path) in maps]
        mapped = maps.splitlines() if there else []  # there are thousands of lines
        return [line for line in mapped if line.endswith(tuple(there))] + opened(*paths)

    return lines


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process: (exit code, stdout, stderr)."""

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["emel", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out = capsys.readouterr()
        code = ended.value.code
        if isinstance(code, str):  # what the interpreter would print, and exit with 1
            return 1, out.out, out.err + code + "\n"
        return code or 0, out.out, out.err

    return command
