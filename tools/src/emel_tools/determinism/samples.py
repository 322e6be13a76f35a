"""The checkpoints that are spoken of: many names, in one file and in several."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from emel_tools.fuzzing.gguf_files import ARRAY, TEXT, Entry, GGUFFile
from emel_tools.fuzzing.json_files import JSONFile, item, metadata

COUNT: Final = 24
SHARDS: Final = 4
NBYTES: Final = 3000
ALIKE: Final = tuple(
    (dtype, NBYTES // 3 // 8 * 8 // size)
    for dtype, size in (
        ("F32", 4),
        ("I32", 4),
        ("U32", 4),
        ("F64", 8),
        ("I64", 8),
        ("U64", 8),
        ("F16", 2),
        ("BF16", 2),
        ("I16", 2),
        ("U16", 2),
        ("I8", 1),
        ("U8", 1),
    )
)
"""As many elements of each type as fill the same bytes."""
SEVERAL: Final = ("weights-b", "weights-a", "weights-d", "weights-c")
NAMES: Final = tuple(f"{'öbß'[i % 3]}.{i * 7 % COUNT}.weight" for i in range(COUNT))


def write(folder: Path) -> None:
    """Write them all."""
    folder.mkdir(parents=True, exist_ok=True)
    indexed = folder / "indexed"
    indexed.mkdir(exist_ok=True)
    weights: dict[str, str] = {}
    for number in range(SHARDS):
        name = f"model-{number + 1:05}-of-{SHARDS:05}.safetensors"
        some = NAMES[number::SHARDS]
        weights |= dict.fromkeys(some, name)
        (indexed / name).write_bytes(_shard(some, number))
    index = indexed / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"k": "v"}, "weight_map": weights}), encoding="utf-8")
    (folder / "one.safetensors").write_bytes(_shard(NAMES, 0))
    (folder / "other.safetensors").write_bytes(_shard(NAMES[2:], 9))
    (folder / "alike.safetensors").write_bytes(_alike())
    (folder / "one.gguf").write_bytes(_gguf())
    broken = folder / "broken"
    broken.mkdir(exist_ok=True)
    lying = {name: f"gone-{i}.safetensors" for i, name in enumerate(NAMES)}
    (broken / "a.safetensors.index.json").write_text(json.dumps({"weight_map": lying}))
    (broken / "b.safetensors").write_bytes(_shard(NAMES[:3], 1))
    twice = folder / "twice"
    twice.mkdir(exist_ok=True)
    for number in (1, 2):
        name = f"m-{number:05}-of-00002.safetensors"
        (twice / name).write_bytes(_shard(NAMES[:12], number))
    several = folder / "several"
    several.mkdir(exist_ok=True)
    for name in SEVERAL:
        (several / f"{name}.safetensors").write_bytes(_shard(NAMES[:2], 1))
    missing = folder / "missing"
    missing.mkdir(exist_ok=True)
    (missing / "m-00003-of-00009.safetensors").write_bytes(_shard(NAMES[:2], 1))
    misplaced = folder / "misplaced"
    misplaced.mkdir(exist_ok=True)
    for number in (1, 2):
        name = f"m-{number:05}-of-00002.safetensors"
        (misplaced / name).write_bytes(_shard(NAMES[number - 1 :: 2], number))
    swapped = {name: f"m-{2 - i % 2:05}-of-00002.safetensors" for i, name in enumerate(NAMES)}
    lying_index = misplaced / "m.safetensors.index.json"
    lying_index.write_text(json.dumps({"weight_map": swapped}), encoding="utf-8")
    _repeating(folder)
    _unlike(folder / "unlike")


def _repeating(folder: Path) -> None:
    """Write indexes that name tensors twice, or have fields twice, and a record of too many."""
    tensors = ",".join(f'"{name}":"a.safetensors"' for name in (*NAMES, *NAMES[::-2]))
    fields = ",".join(f'"field {name}":1' for name in (*NAMES, *NAMES[::-2]))
    for name, text in (
        ("tensors-twice", f'{{"weight_map":{{{tensors}}}}}'),
        ("fields-twice", f'{{"weight_map":{{}},{fields}}}'),
    ):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "m.safetensors.index.json").write_text(text, encoding="utf-8")
    recorded = (*NAMES, *(f"{name}.lost" for name in NAMES), "(model)")
    lines = (f"{0:032x}  {name}\n" for name in recorded)
    (folder / "record.txt").write_text("".join(lines), encoding="utf-8")


def _unlike(folder: Path) -> None:
    """Write shards of which the first is of another kind than the others are."""
    folder.mkdir(exist_ok=True)
    for number in range(1, SHARDS + 1):
        entries = (Entry(f"{number}".encode()),)
        shard = GGUFFile("<" if number == 1 else ">", entries=entries, seed=number)
        (folder / f"m-{number:05}-of-{SHARDS:05}.gguf").write_bytes(shard.data())


def _shard(names: tuple[str, ...], seed: int) -> bytes:
    dtypes = ("F32", "BF16", "U8", "I64", "F16")
    begin, items = 0, [metadata({f"k{i}": str(i) for i in range(9)})]
    for i, name in enumerate(names):
        elements = NBYTES // 8 + i if i % 7 != 4 else 0
        made = item(name, dtypes[i % 5], (elements,), begin)
        begin = int(made.fields[2][1].strip("[]").split(",")[1])
        items.append(made.text())
    return JSONFile(tuple(items), begin, seed=seed).data()


def _alike() -> bytes:
    """Make a file in which types and sizes tie, so that only their order tells them apart."""
    begin, items = 0, list[str]()
    for i in range(COUNT):
        dtype, elements = ALIKE[i * 5 % len(ALIKE)]
        made = item(f"{NAMES[i]}.alike", dtype, (elements,), begin)
        begin += NBYTES // 3 // 8 * 8
        items.append(made.text())
    return JSONFile(tuple(items), begin, seed=3).data()


def _gguf() -> bytes:
    plain = GGUFFile()
    words = [plain.text(f"token {i}".encode()) for i in range(40)]
    keys = [(f"key.{i * 5 % 12}".encode(), 4, plain.number("I", i)) for i in range(12)]
    rows = [4 + i if i % 7 != 4 else 0 for i in range(COUNT)]
    entries = tuple(
        Entry(
            name.encode(), (32, rows[i]), 2 if i % 2 else 0, nbytes=(18 if i % 2 else 128) * rows[i]
        )
        for i, name in enumerate(NAMES)
    )
    return GGUFFile(
        keys=(
            *keys,
            (b"words", ARRAY, plain.array(TEXT, words)),
            (b"general.architecture", TEXT, plain.text(b"llama")),
        ),
        entries=entries,
        seed=7,
    ).data()
