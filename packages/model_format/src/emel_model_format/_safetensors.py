"""safetensors headers.

Source: safetensors README, "Format", and its `tensor.rs` (`SafeTensors::read_metadata`,
`Metadata::validate`): eight bytes with the header's length N, N bytes of a JSON object that begins
with "{" and may end in spaces, and the data, which the tensors cover without holes.

Two readers, one law. The quick one has msgspec decode the whole header into typed entries, which
silently keeps the last of two equal keys; so it counts the quotes, and believes the result only if
there is no room for another key. Whatever is out of the ordinary, wrong or not, goes to the careful
one (`_json_scan`), which alone may refuse: it knows where.
"""

from itertools import chain
from typing import Final

import msgspec
import numpy as np

from emel_model_format._columns import Claims, Columns, no_position
from emel_model_format._json_scan import scan
from emel_model_format._refuse import StoppedError, refuse
from emel_model_format._rules import SAFETENSORS_RULES, first_refusal
from emel_model_format.dtypes import DTYPES, SAFETENSORS_CODES
from emel_model_format.header import Header
from emel_model_format.metadata import Metadata
from emel_model_format.outcomes import NeedMore

HEADER_LIMIT: Final = 100_000_000
"""Bytes of JSON: `MAX_HEADER_SIZE` in `tensor.rs`."""
QUOTES_PER_TENSOR: Final = 10
"""Around the name, three keys and the dtype: no entry has fewer, and no other is usual."""
COUNTED_AT_ONCE: Final = 1 << 17
METADATA_KEY: Final = "__metadata__"


def parse_safetensors(view: memoryview, file_nbytes: int) -> Header:
    """Parse a file whose ninth byte is "{", or stop."""
    nbytes = int.from_bytes(view[:8], "little")
    if nbytes > HEADER_LIMIT:
        message = f"the header claims {nbytes} bytes, and {HEADER_LIMIT} is the limit"
        refuse("header-over-limit", 0, message)
    data = 8 + nbytes
    if data > file_nbytes:
        message = f"the file has {file_nbytes} bytes, but its header claims to end at byte {data}"
        refuse("length-beyond-file", 0, message)
    if data > len(view):
        raise StoppedError(NeedMore(data))
    json = view[8:data]
    claims = _quick_claims(json)
    columns = None if claims is None else _columns(claims, data, file_nbytes)
    if claims is None or columns is None or first_refusal(columns, SAFETENSORS_RULES):
        claims = scan(bytes(json), 8)
        columns = _columns(claims, data, file_nbytes)
        refusal = first_refusal(columns, SAFETENSORS_RULES)
        if refusal is not None:
            raise StoppedError(refusal)
    _refuse_trailing(columns, file_nbytes)
    return Header(
        format="safetensors",
        version=0,
        byteorder="little",
        alignment=1,
        nbytes=data,
        metadata=Metadata(claims.metadata),
        tensors=columns.tensors(),
    )


def _refuse_trailing(columns: Columns, file_nbytes: int) -> None:
    end = columns.data + int((columns.begin + columns.nbytes).max(initial=0))
    if end != file_nbytes:
        message = f"the tensors end at byte {end}, but the file has {file_nbytes}"
        refuse("trailing-bytes", end, message)


def _columns(claims: Claims, data: int, file_nbytes: int) -> Columns:
    codes = np.array(claims.dtypes, np.uint8)
    start = np.zeros(len(claims.names) + 1, np.int64)
    np.cumsum(claims.ndim, out=start[1:])
    at = claims.at
    return Columns(
        names=claims.names,
        dtype=codes,
        ndim=claims.ndim,
        dims=claims.dims,
        start=start,
        begin=claims.spans[::2],
        end=claims.spans[1::2],
        data=data,
        data_nbytes=file_nbytes - data,
        type_name=lambda i: DTYPES[int(codes[i])].name,
        at=at.__getitem__ if at else no_position,
    )


class _Entry(msgspec.Struct, gc=False):
    # Every field may be absent, for the entry may turn out to be __metadata__; the defaults are
    # values that are refused in tensors.
    dtype: str = ""
    shape: tuple[int, ...] = (-1,)
    data_offsets: tuple[int, int] = (-1, -1)


class _Rest(msgspec.Struct):
    metadata: msgspec.Raw = msgspec.field(name=METADATA_KEY)


_ENTRIES: Final = msgspec.json.Decoder(dict[str, _Entry])
_REST: Final = msgspec.json.Decoder(_Rest)
_STRINGS: Final = msgspec.json.Decoder(dict[str, str])


def _quick_claims(json: memoryview) -> Claims | None:
    """Return what the header claims, or None if that takes a closer look."""
    try:
        entries = _ENTRIES.decode(json)
        metadata = _REST.decode(json).metadata if entries.pop(METADATA_KEY, None) else None
        values = {} if metadata is None else _STRINGS.decode(metadata)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    quotes, escapes = _count(json)
    if metadata is not None:
        own_quotes, own_escapes = _count(memoryview(metadata))
        if own_escapes or own_quotes != 4 * len(values):
            return None
        quotes -= own_quotes + 2
        escapes -= own_escapes
    if escapes or quotes != QUOTES_PER_TENSOR * len(entries):
        return None
    rows = entries.values()
    shapes = [entry.shape for entry in rows]
    ndim = np.fromiter(map(len, shapes), np.int64, len(shapes))
    try:
        codes = [SAFETENSORS_CODES[entry.dtype] for entry in rows]
        dims = np.fromiter(chain.from_iterable(shapes), np.int64)
        spans = np.fromiter(chain.from_iterable([entry.data_offsets for entry in rows]), np.int64)
    except (KeyError, OverflowError):  # an unknown dtype, or a number of 2**63 or more
        return None
    if dims.min(initial=0) < 0 or spans.min(initial=0) < 0:
        return None
    return Claims(list(entries), codes, ndim, dims, spans, values, [])


def _count(json: memoryview) -> tuple[int, int]:
    """Return the number of quotes and of backslashes."""
    quotes = escapes = 0
    for start in range(0, len(json), COUNTED_AT_ONCE):
        block = np.frombuffer(json[start : start + COUNTED_AT_ONCE], np.uint8)
        quotes += int(np.count_nonzero(block == ord('"')))
        escapes += int(np.count_nonzero(block == ord("\\")))
    return quotes, escapes
