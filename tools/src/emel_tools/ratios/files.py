"""The files that cases read: written plainly, with nothing of the packages in it."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path


def names_of(count: int) -> list[str]:
    """Name tensors as models do."""
    parts = ("attn.q_proj", "attn.k_proj", "attn.v_proj", "attn.o_proj", "mlp.up", "mlp.down")
    return [f"model.layers.{i // 6}.{parts[i % 6]}.weight" for i in range(count)]


def safetensors_header(
    sizes: Sequence[int], names: Sequence[str] | None = None, about: str = "pt"
) -> bytes:
    """Spell the header of F32 tensors of so many bytes each, with a word about it."""
    entries: dict[str, object] = {"__metadata__": {"format": about}}
    begin = 0
    for name, nbytes in zip(names or names_of(len(sizes)), sizes, strict=True):
        shape = [nbytes // 64, 16] if nbytes % 64 == 0 else [nbytes // 4]
        entries[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, begin + nbytes]}
        begin += nbytes
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def safetensors_file(path: Path, sizes: Sequence[int], names: Sequence[str] | None = None) -> Path:
    """Write a file of F32 tensors of so many bytes each."""
    path.write_bytes(safetensors_header(sizes, names) + payload(sum(sizes)))
    return path


def gguf_header(
    sizes: Sequence[int], vocabulary: int = 0, kind: int = 0, block: tuple[int, int] = (1, 4)
) -> bytes:
    """Spell a GGUF header, padded to its alignment.

    Parameters
    ----------
    sizes
        Bytes of each tensor, multiples of 32.
    vocabulary
        Strings of an array in the metadata.
    kind
        GGUF's number of the tensors' type.
    block
        Elements and bytes of one block of that type.
    """
    keys = [_key("general.architecture", 8, _string("llama"))]
    keys += [_key(f"llama.number_{i}", 4, struct.pack("<I", i)) for i in range(30)]
    words = b"".join(_string(f"tok{i * 7919 % 100003}") for i in range(vocabulary))
    keys.append(_key("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, vocabulary) + words))
    entries: list[bytes] = []
    begin = 0
    for name, nbytes in zip(names_of(len(sizes)), sizes, strict=True):
        elements = nbytes // block[1] * block[0]
        entries.append(_string(name) + struct.pack("<IQIQ", 1, elements, kind, begin))
        begin += nbytes
    head = b"GGUF" + struct.pack("<IQQ", 3, len(sizes), len(keys))
    header = head + b"".join(keys) + b"".join(entries)
    return header + bytes(-len(header) % 32)


def gguf_file(path: Path, sizes: Sequence[int], vocabulary: int = 0) -> Path:
    """Write a GGUF file of F32 tensors."""
    path.write_bytes(gguf_header(sizes, vocabulary) + payload(sum(sizes)))
    return path


def big_endian_file(path: Path, count: int, nbytes: int) -> Path:
    """Write a big-endian GGUF file of F32 tensors of so many bytes each, multiples of 32."""
    entries: list[bytes] = []
    for i, name in enumerate(names_of(count)):
        text = name.encode()
        entry = struct.pack(">IQIQ", 1, nbytes // 4, 0, i * nbytes)
        entries.append(struct.pack(">Q", len(text)) + text + entry)
    header = b"GGUF" + struct.pack(">IQQ", 3, count, 0) + b"".join(entries)
    path.write_bytes(header + bytes(-len(header) % 32) + payload(count * nbytes))
    return path


def quantised_file(path: Path, count: int, blocks: int) -> Path:
    """Write a GGUF file of Q8_0 tensors: blocks of 32 numbers, each a scale and 32 bytes."""
    sizes = [34 * blocks] * count
    scale = struct.pack("<e", 0.5)
    data = (scale + bytes(range(32))) * (blocks * count)
    path.write_bytes(gguf_header(sizes, kind=8, block=(32, 34)) + data)
    return path


def payload(nbytes: int) -> bytes:
    """Make so many bytes that are not all the same, and no NaN as numbers."""
    pattern = bytes(range(64))
    return (pattern * (nbytes // 64 + 1))[:nbytes]


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _key(name: str, kind: int, value: bytes) -> bytes:
    return _string(name) + struct.pack("<I", kind) + value
