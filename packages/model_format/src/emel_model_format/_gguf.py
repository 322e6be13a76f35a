"""GGUF headers: versions 2 and 3, of either byte order.

Source: GGUF spec, ggml `docs/gguf.md`, "File Structure"; where it is silent, ggml's `gguf.cpp` and
gguf-py's `GGUFReader`. Legal here although ggml writes nothing like it: holes between tensors,
bytes after the last one, tensor offsets that are no multiple of the alignment, and names of more
than 64 bytes.
"""

from struct import Struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from emel_model_format._columns import Columns
from emel_model_format._refuse import StoppedError, refuse, show
from emel_model_format._rules import GGUF_RULES, first_refusal
from emel_model_format._walk import ARRAY, SCALARS, STRING, Walker
from emel_model_format.dtypes import DTYPES, GGUF_CODES, UNKNOWN, ByteOrder
from emel_model_format.header import Header
from emel_model_format.metadata import Metadata, PackedText

MAGIC: Final = b"GGUF"
FIXED_NBYTES: Final = 24
"""Magic, version, tensor count, metadata count."""
LEAST_KEY_NBYTES: Final = 13
"""An empty key (8), a value type (4), and a value of one byte."""
LEAST_TENSOR_NBYTES: Final = 24
"""An empty name (8), no dimensions (4), a type (4), an offset (8)."""
DIMENSIONS_LIMIT: Final = 4
"""`GGML_MAX_DIMS`."""
DEFAULT_ALIGNMENT: Final = 32
UINT32: Final = 4


def parse_gguf(view: memoryview, file_nbytes: int) -> Header:
    """Parse a file that begins with the magic, or stop."""
    version, byteorder = _version(view)
    walker = Walker(view, file_nbytes, byteorder)
    walker.need(FIXED_NBYTES, "header")
    tensor_count: int = walker.u64(view, 8)[0]
    key_count: int = walker.u64(view, 16)[0]
    walker.need_entries(FIXED_NBYTES, key_count, LEAST_KEY_NBYTES, 16, "metadata keys")
    walker.need_entries(
        FIXED_NBYTES + key_count * LEAST_KEY_NBYTES,
        tensor_count,
        LEAST_TENSOR_NBYTES,
        8,
        "tensors",
    )
    values, alignment, metadata_end = _metadata(walker, key_count, tensor_count)
    columns, data = _tensor_columns(walker, metadata_end, tensor_count, alignment)
    refusal = first_refusal(columns, GGUF_RULES)
    if refusal is not None:
        raise StoppedError(refusal)
    return Header(
        format="gguf",
        version=version,
        byteorder=byteorder,
        alignment=alignment,
        nbytes=min(data, file_nbytes),
        metadata=Metadata(values, bytes(view[:metadata_end]), byteorder),
        tensors=columns.tensors(),
    )


def _version(view: memoryview) -> tuple[int, ByteOrder]:
    # The magic is the same in both byte orders, so the version tells them apart: no version is
    # 65536 or more, unless its bytes are read in the wrong order.
    little = int.from_bytes(view[4:8], "little")
    big = int.from_bytes(view[4:8], "big")
    if little in {2, 3}:
        return little, "little"
    if big in {2, 3}:
        return big, "big"
    if 0 < little < 1 << 16:
        refuse("unsupported-version", 4, f"GGUF version {little} is not 2 or 3", supported=False)
    if 0 < big < 1 << 16:
        message = f"GGUF version {big} (big endian) is not 2 or 3"
        refuse("wrong-endian-version", 4, message, supported=False)
    message = f"the GGUF version is {little}, which is none in either byte order"
    return refuse("bad-version", 4, message)


def _metadata(
    walker: Walker, key_count: int, tensor_count: int
) -> tuple[dict[str, object], int, int]:
    """Return the values (arrays and strings still packed), the alignment, and the end."""
    values: dict[str, object] = {}
    alignment = DEFAULT_ALIGNMENT
    pos = FIXED_NBYTES
    for left in range(key_count - 1, -1, -1):
        key, end = walker.text(pos, "metadata key")
        if key in values:
            refuse("duplicate-metadata-key", pos, f"the metadata key {show(key)} occurs twice")
        walker.need(end + 4, "metadata")
        kind: int = walker.u32(walker.view, end)[0]
        start = end + 4
        if kind == ARRAY:
            array = walker.array_end(start)
            values[key], end = array, array.end
        elif kind not in SCALARS and kind != STRING:
            message = f"the metadata key {show(key)} has the value type {kind}, which is not known"
            refuse("unknown-value-type", start - 4, message, supported=False)
        else:
            end = walker.value_end(kind, start)
            values[key] = (
                PackedText(start + 8, end) if kind == STRING else _scalar(walker, kind, start)
            )
        if key == "general.alignment":
            alignment = _alignment(kind, values[key], start)
        pos = end
        walker.need(pos + left * LEAST_KEY_NBYTES + tensor_count * LEAST_TENSOR_NBYTES, "metadata")
    return values, alignment, pos


def _scalar(walker: Walker, kind: int, pos: int) -> int | float | bool:
    return Struct(walker.order + SCALARS[kind][0]).unpack_from(walker.view, pos)[0]


def _alignment(kind: int, value: object, at: int) -> int:
    if kind != UINT32 or not isinstance(value, int):
        refuse("alignment-type", at - 4, f"general.alignment has the value type {kind}, not uint32")
    if value == 0 or value & (value - 1):
        refuse("bad-alignment", at, f"general.alignment is {value}, which is not a power of two")
    return value


def _tensor_columns(walker: Walker, pos: int, count: int, alignment: int) -> tuple[Columns, int]:
    names, heads, end = _names(walker, pos, count)
    head = np.array(heads, np.int64)
    ndim = _gather(walker, head, np.dtype("u4")).astype(np.int64)
    start = np.zeros(count + 1, np.int64)
    np.cumsum(ndim, out=start[1:])
    dims = np.empty(int(start[-1]), np.int64)
    kinds = np.empty(count, np.uint32)
    begin = np.empty(count, np.int64)
    for n in range(DIMENSIONS_LIMIT + 1):
        has = np.flatnonzero(ndim == n)
        if not has.size:
            continue
        info = _gather(walker, head[has], np.dtype(_info(n)))
        kinds[has] = info["type"]
        begin[has] = info["offset"].astype(np.int64)
        # The file has the innermost axis first.
        dims[start[has][:, None] + np.arange(n)] = info["dims"][:, ::-1].astype(np.int64)
    data = -(-end // alignment) * alignment
    codes = GGUF_CODES[np.minimum(kinds, UNKNOWN)]
    columns = Columns(
        names=names,
        dtype=codes,
        ndim=ndim,
        dims=dims,
        start=start,
        begin=begin,
        end=None,
        data=data,
        data_nbytes=walker.file_nbytes - data,
        type_name=lambda i: f"{kinds[i]}" if codes[i] == UNKNOWN else DTYPES[codes.item(i)].name,
        at=lambda i: pos if i == 0 else int(head[i - 1] + 16 + 8 * ndim[i - 1]),
    )
    return columns, data


def _info(n: int) -> list[tuple[str, str] | tuple[str, str, tuple[int, ...]]]:
    """Return the fields that follow the name of a tensor of n dimensions."""
    return [("ndim", "u4"), ("dims", "u8", (n,)), ("type", "u4"), ("offset", "u8")]


def _gather(walker: Walker, at: NDArray[np.int64], dtype: np.dtype[np.generic]) -> NDArray[Any]:
    """Return the (n,) structures of this type that stand at n bytes of the view."""
    # Each byte of the view is seen as the beginning of one; the wanted ones are copied.
    count = max(walker.limit - dtype.itemsize + 1, 0)
    dtype = dtype.newbyteorder(walker.byteorder)
    return np.ndarray((count,), dtype, walker.view, strides=(1,))[at]


def _names(walker: Walker, pos: int, count: int) -> tuple[list[str], list[int], int]:
    """Return the names, the positions right behind them, and the end of the last entry."""
    view, limit, u32, u64 = walker.view, walker.limit, walker.u32, walker.u64
    names: list[str] = []
    heads: list[int] = []
    for left in range(count - 1, -1, -1):
        head = pos + 8
        if head <= limit:
            head += u64(view, pos)[0]
        if head + 16 > limit:
            head = walker.string_end(pos, "tensor name")
            walker.need(head + 16 + left * LEAST_TENSOR_NBYTES, "tensor information")
        ndim: int = u32(view, head)[0]
        try:
            names.append(str(view[pos + 8 : head], "utf-8"))
        except UnicodeDecodeError:
            walker.text(pos, "tensor name")
        if ndim > DIMENSIONS_LIMIT:
            name = names[-1]
            message = f"tensor {show(name)} has {ndim} dimensions, more than {DIMENSIONS_LIMIT}"
            refuse("too-many-dimensions", head, message, tensor=name)
        heads.append(head)
        pos = head + 16 + 8 * ndim
        if pos > limit:
            walker.need(pos + left * LEAST_TENSOR_NBYTES, "tensor information")
    seen = set(names)
    if len(seen) < count:
        _refuse_duplicate(names, heads)
    return names, heads, pos


def _refuse_duplicate(names: list[str], heads: list[int]) -> None:
    seen: set[str] = set()
    for name, head in zip(names, heads, strict=True):
        if name in seen:
            message = f"two tensors have the name {show(name)}"
            at = head - len(name.encode()) - 8
            refuse("duplicate-tensor-name", at, message, tensor=name)
        seen.add(name)
