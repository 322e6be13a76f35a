"""The checkpoints: small, of every type, in one file and in many. The same bytes on every run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors import numpy as safetensors_numpy

from emel_tools.fuzzing.json_files import JSONFile, item, metadata
from emel_tools.fuzzing.safetensors_rules import BITS
from emel_tools.parity.expected import Checkpoint, of_gguf, of_safetensors

_LITTLE, _BIG = gguf.GGUFEndian.LITTLE, gguf.GGUFEndian.BIG
_PLAIN: Final = (np.float32, np.float16, np.float64, np.int8, np.int16, np.int32, np.int64)
_save: Final = cast("Any", safetensors_numpy).save_file
_INDEX: Final = "model.safetensors.index.json"


def _random(rng: np.random.Generator, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Any bits at all, so that no two bytes are equal by design; bools are 0 or 1."""
    if np.dtype(dtype) == np.bool_:
        return rng.integers(0, 2, shape).astype(np.bool_)
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(rng.bytes(count), dtype).reshape(shape)


def _write_gguf(
    path: Path,
    fill: Callable[[gguf.GGUFWriter], None],
    *,
    order: gguf.GGUFEndian = _LITTLE,
    split: int = 0,
    alignment: int = 0,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "parity", endianess=order, split_max_tensors=split)
    if alignment:
        writer.add_custom_alignment(alignment)
    fill(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_words(writer: gguf.GGUFWriter) -> None:
    writer.add_uint8("a.u8", 200)
    writer.add_int8("a.i8", -100)
    writer.add_uint16("a.u16", 60_000)
    writer.add_int16("a.i16", -30_000)
    writer.add_uint32("a.u32", 4_000_000_000)
    writer.add_int32("a.i32", -2_000_000_000)
    writer.add_float32("a.f32", 0.5)
    writer.add_uint64("a.u64", 2**64 - 1)
    writer.add_int64("a.i64", -(2**63))
    writer.add_float64("a.f64", 1e300)
    writer.add_bool("a.bool", True)  # noqa: FBT003 - gguf-py's signature
    writer.add_string("a.string", "Ω and more")
    writer.add_array("a.ints", [1, -2, 3])
    writer.add_array("a.floats", [0.5, -1.5])
    writer.add_array("a.bools", [True, False])
    writer.add_array("a.strings", ["one", "", "три" * 100])
    writer.add_array("a.many", [f"token {i}" * (i % 5) for i in range(700)])


def _add_all(writer: gguf.GGUFWriter) -> None:
    rng = np.random.default_rng(1)
    _add_words(writer)
    for kind, (block, nbytes) in gguf.GGML_QUANT_SIZES.items():
        if block > 1:
            for name, rows in (("matrix", (3, 2)), ("row", ())):
                raw = rng.integers(0, 256, (*rows, 2 * nbytes), np.uint8)
                writer.add_tensor(f"{kind.name}.{name}", raw, raw_dtype=kind)
    _add_plain(writer)
    _add_halves(writer)


def _add_swapped(writer: gguf.GGUFWriter) -> None:
    """Add what has bytes to swap, and no blocks: gguf-py says nothing of those."""
    _add_words(writer)
    _add_plain(writer)
    _add_halves(writer)


def _add_halves(writer: gguf.GGUFWriter) -> None:
    halves = np.random.default_rng(5).integers(0, 256, (3, 10), np.uint8)
    writer.add_tensor("BF16.matrix", halves, raw_dtype=gguf.GGMLQuantizationType.BF16)


def _add_plain(writer: gguf.GGUFWriter) -> None:
    rng = np.random.default_rng(2)
    for dtype in _PLAIN:
        name = np.dtype(dtype).name
        for shape in ((3, 5), (7,), (2, 1, 3, 2)):
            writer.add_tensor(f"{name}.{'x'.join(map(str, shape))}", _random(rng, dtype, shape))
    writer.add_tensor("nothing", np.empty((0, 4), np.float32))


def ggufs(folder: Path) -> Iterator[Checkpoint]:
    """GGUF: every type, either byte order, odd alignments, splits."""
    path = folder / "all.gguf"
    _write_gguf(path, _add_all)
    yield of_gguf("every type", path, [path])
    path = folder / "large.gguf"
    _write_gguf(path, _add_large_ones)
    yield of_gguf("large tensors", path, [path])
    path = folder / "big.gguf"
    _write_gguf(path, _add_swapped, order=_BIG)
    yield of_gguf("big endian", path, [path], big=True)
    for alignment in (1, 4096):
        path = folder / f"aligned-{alignment}.gguf"
        _write_gguf(path, _add_plain, alignment=alignment)
        yield of_gguf(f"alignment {alignment}", path, [path])
    split = folder / "split" / "m.gguf"
    _write_gguf(split, _add_plain, split=6)
    files = sorted(split.parent.iterdir())
    yield of_gguf("a split", split.parent, files)
    yield of_gguf("a split, by its last file", files[-1], files)


def _add_large_ones(writer: gguf.GGUFWriter) -> None:
    _add_large(writer.add_tensor)
    raw = np.random.default_rng(6).integers(0, 256, (130, 32 * 34), np.uint8)  # several steps
    writer.add_tensor("blocks", raw, raw_dtype=gguf.GGMLQuantizationType.Q8_0)


def _add_large(add: Any) -> None:  # a writer's
    rng = np.random.default_rng(3)
    for name, shape in (
        ("rows", (300, 257)),
        ("line", (100_001,)),
        ("small", (3,)),
        ("last", (64, 1024)),
    ):
        add(name, _random(rng, np.float32, shape))


def _arrays() -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(4)
    plain = (*_PLAIN, np.uint8, np.uint16, np.uint32, np.uint64, np.bool_, np.complex64)
    arrays = {
        f"{np.dtype(dtype).name}.{'x'.join(map(str, shape)) or 'scalar'}": _random(
            rng, dtype, shape
        )
        for dtype in plain
        for shape in ((3, 5), (), (0, 4), (2, 1, 3, 2))
    }
    return dict(sorted(arrays.items(), key=lambda pair: hash_of(pair[0])))


def hash_of(name: str) -> int:
    """Order names as neither a human nor an alphabet would: the same in every process."""
    value = 0
    for byte in name.encode():
        value = (value * 31 + byte) % 1_000_003
    return value


def _odd(padding: int) -> bytes:
    """Every type, by name; the data begin at an odd byte, and their order isn't the header's."""
    items, begin = list[str](), 0
    for i, name in enumerate(BITS):
        for shape in ((4, 3), (2, 2, 2), (0, 5)):
            made = item(f"{name}.{len(shape)}.{shape[0]}", name, shape, begin)
            begin = int(made.fields[2][1].strip("[]").split(",")[1])
            items.insert(i % 3 and len(items) // 2, made.text())
    file = JSONFile((metadata({"format": "pt", "é": "Ω"}), *items), begin, seed=padding)
    more = (padding - len(file.text())) % 8
    data = replace(file, padding=" " * more).data()
    return _with_true_bools(data)


def _with_true_bools(data: bytes) -> bytes:
    """Bools have to be 0 or 1 to be comparable."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    changed = bytearray(data)
    for entry in header.values():
        if entry.get("dtype") == "BOOL":
            for at in range(*entry["data_offsets"]):
                changed[start + at] &= 1
    return bytes(changed)


def all_safetensors(folder: Path) -> Iterator[Checkpoint]:
    """safetensors: every type, odd alignments, an index, numbered shards."""
    path = folder / "odd-1.safetensors"
    path.write_bytes(_odd(1))
    yield of_safetensors("every type, data at 1 of 8", path, [path])
    large: dict[str, NDArray[Any]] = {}
    _add_large(large.__setitem__)
    path = folder / "large.safetensors"
    _save(large, path)
    yield of_safetensors("large tensors", path, [path])
    path = folder / "odd-4.safetensors"
    path.write_bytes(_odd(4))
    yield of_safetensors("every type, data at 4 of 8", path, [path])
    path = folder / "plain.safetensors"
    _save(_arrays(), path, {"made by": "safetensors", "é": "Ω"})
    yield of_safetensors("safetensors' own", path, [path])
    arrays = _arrays()
    for kind in ("indexed", "numbered"):
        place = folder / kind
        place.mkdir(parents=True, exist_ok=True)
        names: dict[str, str] = {}
        for i in range(3):
            name = f"model-{i + 1:05}-of-00003.safetensors"
            part = {key: arrays[key] for key in list(arrays)[i::3]}
            _save(part, place / name, {"shard": str(i)})
            names |= dict.fromkeys(part, name)
        files = sorted(place.glob("*.safetensors"))
        index = place / _INDEX
        if kind == "indexed":
            said = {"total_size": 1, "words": "of the index", "shard": "not this"}
            index.write_text(json.dumps({"metadata": said, "weight_map": names}), encoding="utf-8")
            yield of_safetensors("an index", index, files, index)
        yield of_safetensors(f"shards, {kind}", place, files, index if kind == "indexed" else None)
