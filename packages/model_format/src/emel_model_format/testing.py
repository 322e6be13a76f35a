"""Builders of headers, valid and hostile, for tests here and in other packages.

They write what they are told, so that each field can be corrupted by itself, and share no code
with the parser: a mistake in one can't hide in the other.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final, TypeAlias

from emel_model_format.dtypes import ByteOrder

__all__ = [
    "ARRAY",
    "STRING",
    "Encoded",
    "GGUFTensor",
    "SafetensorsTensor",
    "Value",
    "gguf_bytes",
    "safetensors_bytes",
]

STRING: Final = 8
ARRAY: Final = 9

_SCALAR_CODES: Final = dict(zip([*range(8), 10, 11, 12], "BbHhIif?Qqd", strict=True))


@dataclass(frozen=True, slots=True)
class Encoded:
    """Bytes that stand in a file as they are, in place of a value that would be encoded."""

    data: bytes


Value: TypeAlias = "int | float | bool | str | bytes | Encoded | tuple[int, Sequence[Value]]"
"""A metadata value; an array is (type of its elements, elements)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GGUFTensor:
    """One tensor of a GGUF file: what its entry says, and its data."""

    name: str | bytes
    dims: Sequence[int] = (8,)
    """In the file's order: innermost first."""
    type: int = 0
    """GGUF type id; 0 is F32."""
    data: bytes = bytes(32)
    offset: int | None = None
    """From the beginning of the data; None: aligned, behind the tensor before it."""
    ndim: int | None = None
    """What the entry says; None: the truth."""


def gguf_bytes(  # noqa: PLR0913 - one keyword for each field of the format
    metadata: Sequence[tuple[str | bytes, int, Value]] = (),
    tensors: Sequence[GGUFTensor] = (),
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    byteorder: ByteOrder = "little",
    tensor_count: int | None = None,
    key_count: int | None = None,
    alignment: int = 32,
    trailing: bytes = b"",
) -> bytes:
    """Write a GGUF file. None stands for the truth, and anything else for what the file claims.

    `alignment` is where the data go; it writes no `general.alignment`.
    """
    write = _Writer("<" if byteorder == "little" else ">")
    parts = [
        magic,
        write.pack("I", version),
        write.pack("Q", len(tensors) if tensor_count is None else tensor_count),
        write.pack("Q", len(metadata) if key_count is None else key_count),
    ]
    for key, kind, value in metadata:
        parts += [write.string(key), write.pack("I", kind), write.value(kind, value)]
    body = bytearray()
    for tensor in tensors:
        offset = tensor.offset
        if offset is None:
            offset = -(-len(body) // alignment) * alignment
        body.extend(
            bytes(max(offset + len(tensor.data) - len(body), 0)) if offset < 1 << 24 else b""
        )
        if tensor.data and offset < 1 << 24:
            body[offset : offset + len(tensor.data)] = tensor.data
        parts.append(write.string(tensor.name))
        parts.append(write.pack("I", len(tensor.dims) if tensor.ndim is None else tensor.ndim))
        parts += [write.pack("Q", dim) for dim in tensor.dims]
        parts += [write.pack("I", tensor.type), write.pack("Q", offset)]
    header = b"".join(parts)
    return header + bytes(-len(header) % alignment) + bytes(body) + trailing


class _Writer:
    def __init__(self, order: str) -> None:
        self.order: str = order

    def pack(self, code: str, value: float) -> bytes:
        return struct.pack(self.order + code, value)

    def string(self, text: str | bytes) -> bytes:
        data = text.encode() if isinstance(text, str) else text
        return self.pack("Q", len(data)) + data

    def value(self, kind: int, value: Value) -> bytes:
        if isinstance(value, Encoded):
            return value.data
        if isinstance(value, tuple):
            of, elements = value
            head = self.pack("I", of) + self.pack("Q", len(elements))
            return head + b"".join(self.value(of, element) for element in elements)
        if isinstance(value, str | bytes):
            return self.string(value)
        return self.pack(_SCALAR_CODES[kind], value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetensorsTensor:
    """One tensor of a safetensors file: dtype, shape, data, and more fields if wanted."""

    dtype: object = "F32"
    shape: object = (8,)
    data: bytes = bytes(32)
    fields: Mapping[str, object] = field(default_factory=dict[str, object])
    """Fields of the entry that replace the true ones, or come in addition."""
    without: Sequence[str] = ()
    """Fields that the entry lacks."""


def safetensors_bytes(
    tensors: Mapping[str, SafetensorsTensor],
    *,
    metadata: object = None,
    header: bytes | None = None,
    length: int | None = None,
    padding: bytes = b"",
    trailing: bytes = b"",
) -> bytes:
    """Write a safetensors file.

    `metadata` is what stands under `__metadata__`, None for none; `header` replaces the JSON whole;
    `length` is what the first eight bytes claim.
    """
    entries: dict[str, object] = {} if metadata is None else {"__metadata__": metadata}
    ends = [0, *accumulate(len(tensor.data) for tensor in tensors.values())]
    for (name, tensor), begin, end in zip(tensors.items(), ends[:-1], ends[1:], strict=True):
        entry = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [begin, end]}
        entry |= tensor.fields
        entries[name] = {key: entry[key] for key in entry if key not in tensor.without}
    if header is None:
        header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    header += padding
    data = b"".join(tensor.data for tensor in tensors.values())
    size = struct.pack("<Q", len(header) if length is None else length)
    return size + header + data + trailing
