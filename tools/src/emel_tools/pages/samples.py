"""The files that examples in the documents open, made before they run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]

from emel_tools.demo import write_gguf, write_safetensors


def write(folder: Path) -> None:
    """Write what the documents name: the two files of the demo, also as models, and shards."""
    for name in ("demo.gguf", "model.gguf"):
        write_gguf(folder / name)
    for name in ("demo.safetensors", "model.safetensors"):
        write_safetensors(folder / name)
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir()
    names = ("embed_tokens.weight", "lm_head.weight")
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for name, shard in zip(names, shards, strict=True):
        save_file({name: np.arange(2048, dtype=np.float32).reshape(32, 64)}, checkpoint / shard)
    index = {"weight_map": dict(zip(names, shards, strict=True))}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
