"""Where workloads run: a folder of their own, and the files that they need in it."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from emel_io_loader import Spans

GAP: Final = 56 << 20
"""Bytes from one tensor to the next in files that are as large as models are: 300 make 16 GiB."""
_ITEM_NBYTES: Final = {"F32": 4, "BF16": 2, "F8_E4M3": 1}
_F32: Final = 0
_U16, _U32, _I32, _BOOL, _STRING, _ARRAY = 2, 4, 5, 7, 8, 9
"""GGUF's numbers of types."""


class Site:
    """The current directory of the workloads: paths are short, and the same wherever it lies.

    Data are zeros that take no room on disk. A file that was made once is used again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, nbytes: int, name: str = "zeros") -> str:
        """Make a file of so many bytes; its path, from the current directory."""
        return self._write(f"{name}-{nbytes}.bin", b"", nbytes)

    def text(self, path: str, text: str) -> str:
        """Write a file of text; its path."""
        return self._write(path, text.encode(), len(text.encode()))

    def spans(self, count: int, nbytes: int, *, files: int = 1, gap: int = 0) -> Spans:
        """Make spans of so many bytes each, dealt out to files in turn, `gap` bytes apart."""
        # Who measures none of the loading doesn't hang on it.
        from emel_io_loader import Spans  # noqa: PLC0415

        step = nbytes + gap
        size = -(-count // files) * step
        paths = [self.file(size, f"part{i}") for i in range(files)]
        number = np.arange(count)
        return Spans(paths, number % files, number // files * step, np.full(count, nbytes))

    def cut(self, path: str, nbytes: int) -> None:
        """Take so many bytes from the end of a file."""
        os.truncate(self._folder / path, (self._folder / path).stat().st_size - nbytes)

    def bytes_of(self, path: str) -> NDArray[np.uint8]:
        """Read a whole file."""
        return np.fromfile(self._folder / path, np.uint8)

    def gguf(self, count: int, nbytes: int, *, kind: int = _F32, tokens: int = 0) -> str:
        """Make a GGUF file of `count` tensors of `nbytes` each, with a vocabulary."""
        path = f"gguf-{count}x{nbytes}-{kind}-{tokens}.gguf"
        return path if self._has(path) else self._gguf(path, 0, count, nbytes, kind, tokens=tokens)

    def split(self, count: int, nbytes: int, shards: int) -> str:
        """Make a GGUF model in several files; the path of the first."""
        each = count // shards
        stem = f"split-{count}x{nbytes}"
        paths = [f"{stem}-{i + 1:05}-of-{shards:05}.gguf" for i in range(shards)]
        for i, path in enumerate(paths if not self._has(paths[0]) else ()):
            numbers = ((_U16, i), (_U16, shards), (_I32, count))
            self._gguf(path, i * each, each, nbytes, _F32, split=numbers)
        return paths[0]

    def nested(self, count: int) -> str:
        """Make a GGUF file without tensors; `nested` is an array of `count` arrays of a number."""
        one = struct.pack("<IQi", _I32, 1, 7)
        value = struct.pack("<IQ", _ARRAY, count) + one * count
        return self._pairs(f"nested-{count}.gguf", [_pair("nested", _ARRAY, value)])

    def keyed(self, count: int) -> str:
        """Make a GGUF file without tensors, with so many keys: numbers, strings and arrays."""
        values = (
            (_U32, struct.pack("<I", 7)),
            (_STRING, _text("llama")),
            (_ARRAY, struct.pack("<IQi", _I32, 1, 7)),
        )
        pairs = [_pair(f"key.{i}", *values[i % 3]) for i in range(count)]
        return self._pairs(f"keyed-{count}.gguf", pairs)

    def truths(self, count: int) -> str:
        """Make a GGUF file without tensors; `truths` is an array of so many true values."""
        value = struct.pack("<IQ", _BOOL, count) + b"\1" * count
        return self._pairs(f"truths-{count}.gguf", [_pair("truths", _ARRAY, value)])

    def safetensors(
        self, count: int, nbytes: int, *, origin: str = "", padding: int = 0, dtype: str = "F32"
    ) -> str:
        """Make a safetensors file of `count` tensors of `nbytes`; spaces end its header."""
        path = f"safetensors-{count}x{nbytes}{origin}-{padding}-{dtype}.safetensors"
        if self._has(path):
            return path
        return self._safetensors(path, _names(0, count), nbytes, origin, padding, dtype)

    def ones(self, path: str, nbytes: int) -> str:
        """Copy a file whose last `nbytes` are data: they are ones there; its path."""
        data = self.bytes_of(path)
        data[-nbytes:] = 1
        return self._write(f"ones-{path}", data.tobytes(), len(data))

    def big_endian(self, count: int, nbytes: int) -> str:
        """Make a big-endian GGUF file of `count` F32 tensors of `nbytes`, multiples of 32."""
        rest = struct.Struct(">IQIQ").pack
        names = [name.encode() for name in _names(0, count)]
        entries = [
            struct.pack(">Q", len(name)) + name + rest(1, nbytes // 4, _F32, i * nbytes)
            for i, name in enumerate(names)
        ]
        header = b"GGUF" + struct.pack(">IQQ", 3, count, 0) + b"".join(entries)
        header += bytes(-len(header) % 32)
        size = len(header) + count * nbytes
        return self._write(f"big-endian-{count}x{nbytes}.gguf", header, size)

    def indexed(self, count: int, nbytes: int, shards: int, *, padding: int = 0) -> str:
        """Make a safetensors model in several files, with an index that spaces end; its folder."""
        folder, each = f"indexed-{count}x{nbytes}x{shards}-{padding}", count // shards
        if self._has(folder):
            return folder
        (self._folder / folder).mkdir()
        weights: dict[str, str] = {}
        for i in range(shards):
            file, names = f"model-{i + 1:05}-of-{shards:05}.safetensors", _names(i * each, each)
            self._safetensors(f"{folder}/{file}", names, nbytes)
            weights.update(dict.fromkeys(names, file))
        index = json.dumps({"metadata": {}, "weight_map": weights}).encode()
        index += b" " * padding
        self._write(f"{folder}/model.safetensors.index.json", index, len(index))
        return folder

    def _pairs(self, path: str, pairs: Sequence[bytes]) -> str:
        header = b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs)
        return self._write(path, header, -(-len(header) // 32) * 32)

    def _gguf(
        self,
        path: str,
        first: int,
        count: int,
        nbytes: int,
        kind: int,
        *,
        tokens: int = 0,
        split: Sequence[tuple[int, int]] = (),
    ) -> str:
        # A block of Q8_0 has 34 bytes and 32 numbers.
        numbers = nbytes // 4 if kind == _F32 else nbytes // 34 * 32
        pairs = [_pair("general.architecture", _STRING, _text("llama"))]
        pairs += [
            _pair(key, number, struct.pack("<H" if number == _U16 else "<i", value))
            for key, (number, value) in zip(
                ("split.no", "split.count", "split.tensors.count"), split, strict=False
            )
        ]
        if tokens:
            head = struct.pack("<IQ", _STRING, tokens)
            words = b"".join(_text(f"token{i}") for i in range(tokens))
            pairs.append(_pair("tokenizer.ggml.tokens", _ARRAY, head + words))
        step = -(-nbytes // 32) * 32
        rest = struct.Struct("<IQIQ").pack
        entries = [
            _text(name) + rest(1, numbers, kind, i * step)
            for i, name in enumerate(_names(first, count))
        ]
        header = b"GGUF" + struct.pack("<IQQ", 3, count, len(pairs)) + b"".join((*pairs, *entries))
        header += bytes(-len(header) % 32)
        return self._write(path, header, len(header) + count * step)

    def _safetensors(
        self,
        path: str,
        names: Sequence[str],
        nbytes: int,
        origin: str = "",
        padding: int = 0,
        dtype: str = "F32",
    ) -> str:
        entries: dict[str, object] = {"__metadata__": {"format": origin}} if origin else {}
        entries |= {
            name: {
                "dtype": dtype,
                "shape": [nbytes // _ITEM_NBYTES[dtype]],
                "data_offsets": [i * nbytes, (i + 1) * nbytes],
            }
            for i, name in enumerate(names)
        }
        text = json.dumps(entries, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8 + padding)
        header = struct.pack("<Q", len(text)) + text
        return self._write(path, header, len(header) + len(names) * nbytes)

    def _has(self, path: str) -> bool:
        return (self._folder / path).exists()

    def _write(self, path: str, header: bytes, nbytes: int) -> str:
        if not self._has(path):
            with (self._folder / path).open("wb") as file:
                file.write(header)
                file.truncate(nbytes)
        return path


def _names(first: int, count: int) -> list[str]:
    return [f"blk.{i}.attn_q.weight" for i in range(first, first + count)]


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _pair(key: str, kind: int, value: bytes) -> bytes:
    return _text(key) + struct.pack("<I", kind) + value
