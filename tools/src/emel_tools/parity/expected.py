"""What gguf-py and safetensors find in a checkpoint, in the words of a user of emel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import gguf
import ml_dtypes
import numpy as np
import safetensors
import xxhash
from numpy.typing import NDArray

PLAIN: Final[dict[str, Any]] = {
    "BOOL": np.bool_,
    "U8": np.uint8,
    "I8": np.int8,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E8M0": ml_dtypes.float8_e8m0fnu,
    "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    "I16": np.int16,
    "U16": np.uint16,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I32": np.int32,
    "U32": np.uint32,
    "F32": np.float32,
    "C64": np.complex64,
    "F64": np.float64,
    "I64": np.int64,
    "U64": np.uint64,
}
"""safetensors' names of types that numpy and ml_dtypes have; the others are raw bytes."""


class Tensor(NamedTuple):
    """One tensor, as it should come out of emel."""

    name: str
    dtype: str
    """The format's name."""
    shape: tuple[int, ...]
    """Logical, outermost axis first."""
    array: NDArray[Any]
    """As it is handed out: its dtype, its shape, its bytes."""
    numbers: NDArray[np.float32] | None
    """As float32; None where the independent reader can't say."""
    nbytes: int


class Checkpoint(NamedTuple):
    """One checkpoint."""

    label: str
    opened: Path
    """What is handed to `emel.open`."""
    files: tuple[Path, ...]
    format: str
    tensors: tuple[Tensor, ...]
    metadata: tuple[tuple[str, Any], ...]

    def digest(self) -> tuple[str, dict[str, str]]:
        """Digest it as emel documents: of the model, and by tensor."""
        lines, each = b"", dict[str, str]()
        for tensor in sorted(self.tensors, key=lambda t: t.name.encode()):
            array = tensor.array
            if array.dtype.byteorder == ">":  # the same weights have the same digest
                array = array.astype(array.dtype.newbyteorder("<"))
            each[tensor.name] = xxhash.xxh3_128_hexdigest(array.tobytes())
            axes = "x".join(map(str, tensor.shape))
            lines += f"{tensor.name}\0{tensor.dtype}\0{axes}\0{each[tensor.name]}\n".encode()
        return xxhash.xxh3_128_hexdigest(lines), each


def of_gguf(label: str, opened: Path, files: Sequence[Path], *, big: bool = False) -> Checkpoint:
    """Read GGUF files with gguf-py, as one checkpoint."""
    tensors: list[Tensor] = []
    metadata: list[tuple[str, Any]] = []
    for number, file in enumerate(files):
        reader = gguf.GGUFReader(file)
        tensors += (_of_gguf(tensor, big=big) for tensor in reader.tensors)
        if number == 0:
            metadata += (
                (name, field.contents())
                for name, field in reader.fields.items()
                if not name.startswith("GGUF.")
            )
    return Checkpoint(label, opened, tuple(files), "gguf", tuple(tensors), tuple(metadata))


def _of_gguf(tensor: gguf.ReaderTensor, *, big: bool) -> Tensor:
    kind = tensor.tensor_type
    shape = tuple(reversed(tensor.shape.tolist()))
    stored = tensor.data.tobytes()
    array = np.asarray(tensor.data)
    if kind is gguf.GGMLQuantizationType.BF16:  # gguf-py leaves these as bytes
        bits = np.frombuffer(stored, ">u2" if big else "<u2").reshape(shape)
        array = bits if big else bits.view(ml_dtypes.bfloat16)
    if array.dtype.itemsize > 1 and array.dtype != ml_dtypes.bfloat16:
        order = ">" if big else "<"
        array = np.frombuffer(stored, array.dtype.newbyteorder(order)).reshape(shape)
    numbers = _numbers(array, kind, shape, big=big)
    return Tensor(tensor.name, kind.name, shape, array, numbers, len(stored))


def _numbers(
    array: NDArray[Any], kind: gguf.GGMLQuantizationType, shape: tuple[int, ...], *, big: bool
) -> NDArray[np.float32] | None:
    with np.errstate(all="ignore"):
        if kind is gguf.GGMLQuantizationType.BF16 and big:
            return array.astype("<u2").view(ml_dtypes.bfloat16).astype(np.float32)
        if array.dtype != np.uint8:
            return array.astype(np.float32)
        if big or not array.size:
            return None
        try:
            return gguf.dequantize(array, kind).reshape(shape)
        except NotImplementedError:
            return None


def of_safetensors(
    label: str, opened: Path, files: Sequence[Path], words: Path | None = None
) -> Checkpoint:
    """Read safetensors files with safetensors, as one checkpoint; `words` is its index."""
    tensors: list[Tensor] = []
    metadata: dict[str, Any] = {}
    for number, file in enumerate(files):
        with cast("Any", safetensors).safe_open(file, "np") as reader:
            order: list[str] = list(reader.offset_keys())
            said: dict[str, str] = reader.metadata() or {}
        data = file.read_bytes()
        found: dict[str, Any] = dict(cast("Any", safetensors).deserialize(data))
        names = _in_header_order(data) if len(order) == len(found) else order
        tensors += (_of_safetensors(name, found[name]) for name in names)
        if number == 0:
            metadata |= said
    if words is not None:
        more: dict[str, Any] = json.loads(words.read_bytes()).get("metadata", {})
        metadata = {k: v for k, v in more.items() if isinstance(v, str)} | metadata
    return Checkpoint(
        label, opened, tuple(files), "safetensors", tuple(tensors), tuple(metadata.items())
    )


def _in_header_order(data: bytes) -> list[str]:
    """Names as they stand in the file: what Python's JSON keeps, and safetensors sorts."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return [name for name in header if name != "__metadata__"]


def _of_safetensors(name: str, entry: Any) -> Tensor:  # safetensors'
    dtype, shape, stored = entry["dtype"], tuple(entry["shape"]), bytes(entry["data"])
    array: NDArray[Any] = np.frombuffer(stored, np.uint8)
    numbers = None
    if dtype in PLAIN:
        array = array.view(PLAIN[dtype]).reshape(shape)
        if dtype != "C64":
            with np.errstate(all="ignore"):
                numbers = array.astype(np.float32)
    return Tensor(name, dtype, shape, array, numbers, len(stored))


def fingerprint(array: NDArray[Any]) -> str:
    """Name bytes in a finding."""
    return hashlib.sha256(array.tobytes()).hexdigest()[:12]
