"""Checkpoints opened, loaded, taken apart, digested and compared, through real strategies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from emel_tools.ratios.case import Case, Unit
from emel_tools.ratios.files import big_endian_file, gguf_file, names_of, safetensors_file


def _open(path: Path, strategy: str = "mmap") -> Any:  # of either world
    from emel_io_file import entries
    from emel_io_loader import Offer, Router
    from emel_io_mmap import MmapStrategy
    from emel_io_read import ReadStrategy
    from emel_model_loader import Checkpoint, Companions, open_checkpoint

    offers: Any = {"mmap": Offer(MmapStrategy), "read": Offer(ReadStrategy)}
    companions = Companions(ReadStrategy, _nothing, _nothing, _allocate)
    opened = open_checkpoint(
        str(path), Router(offers), strategy, entries=entries, companions=companions
    )
    if not isinstance(opened, Checkpoint):
        raise TypeError(f"not opened: {opened}")
    return opened


def _nothing(*_words: object) -> Any:  # what no case asks for
    raise NotImplementedError


def _allocate(nbytes: int, _offset: int) -> Any:  # an array
    return np.empty(nbytes, np.uint8)


def _opening(path: Path) -> Unit:
    def unit() -> None:
        if _open(path).close() is not None:
            raise RuntimeError("not closed")

    return unit


def _open_one(folder: Path) -> Unit:
    return _opening(safetensors_file(folder / "model.safetensors", [256] * 1000))


def _open_shards(folder: Path) -> Unit:
    return _opening(_shards(folder, 4, 40))


def _shards(folder: Path, count: int, each: int) -> Path:
    names, places = names_of(count * each), dict[str, str]()
    for i in range(count):
        own = names[i * each : (i + 1) * each]
        name = f"model-{i + 1:05}-of-{count:05}.safetensors"
        safetensors_file(folder / name, [256] * each, own)
        places |= dict.fromkeys(own, name)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}), encoding="utf-8")
    return index


def _arrays(folder: Path) -> Unit:
    checkpoint = _open(safetensors_file(folder / "model.safetensors", [256] * 400))

    def unit() -> None:
        kept = [checkpoint.array(i) for i in range(400)]
        kept.clear()
        if checkpoint.release() is not None:
            raise RuntimeError("not released")

    return unit


def _again(folder: Path) -> Unit:
    checkpoint = _open(gguf_file(folder / "model.gguf", [256] * 400))
    checkpoint.load(None)
    return lambda: [checkpoint.array(i) for i in range(400)]


def _into(folder: Path) -> Unit:
    checkpoint = _open(safetensors_file(folder / "model.safetensors", [4096] * 250), "read")
    memory = np.ones((250, 4096), np.uint8)
    arrays = {i: memory[i] for i in range(250)}

    def unit() -> None:
        if checkpoint.load_into(arrays, threads=1) is not None:
            raise RuntimeError("not loaded")

    return unit


def _parts(folder: Path) -> Unit:
    from emel_model_loader import plan, read_part

    checkpoint = _open(safetensors_file(folder / "model.safetensors", [64 << 10] * 2))

    def unit() -> None:
        for tensor in range(2):
            for index in (np.s_[:8], np.s_[::2, 3:7], np.s_[-1], np.s_[..., 0]):
                read_part(checkpoint, tensor, plan(checkpoint, tensor, index))

    return unit


def _stream(folder: Path) -> Unit:
    from emel_model_loader import stream

    checkpoint = _open(safetensors_file(folder / "model.safetensors", [1024] * 100))
    return lambda: stream(checkpoint, lambda _piece, _stored: None)


def _digesting(path: Path) -> Unit:
    from emel_model_loader import digest

    checkpoint = _open(path)
    return lambda: digest(checkpoint)


def _digest(folder: Path) -> Unit:
    return _digesting(safetensors_file(folder / "model.safetensors", [1024] * 80))


def _digest_swapped(folder: Path) -> Unit:
    return _digesting(big_endian_file(folder / "model.gguf", 40, 1024))


def _compare(folder: Path) -> Unit:
    from emel_model_loader import compare

    one = _open(safetensors_file(folder / "model.safetensors", [1024] * 60))
    other = _open(safetensors_file(folder / "other.safetensors", [1024] * 60), "read")
    return lambda: compare(one, other)


CASES = (
    Case("open and close: 1000 tensors", "decode", _open_one),
    Case("open and close: 4 shards", "calls", _open_shards),
    Case("400 arrays, one after another, and release", "python", _arrays),
    Case("400 arrays of what is mapped", "python", _again),
    Case("load 250 tensors into buffers", "copy", _into),
    Case("8 slices", "python", _parts),
    Case("stream 100 tensors", "python", _stream),
    Case("digest 80 tensors", "python", _digest),
    Case("digest 40 big-endian tensors", "python", _digest_swapped),
    Case("compare 60 tensors, mapped and read", "python", _compare),
)
