"""Bytes that nobody would write: cut, doubled, and with numbers at the ends of their range."""

from __future__ import annotations

from random import Random
from typing import Final

_EDGES: Final = (
    0, 1, 4, 7, 8, 9, 12, 13, 31, 32, 33, 255, 256, 2**31 - 1, 2**31, 2**32 - 1, 2**32,
    2**61, 2**62, 2**63 - 1, 2**63, 2**64 - 32, 2**64 - 8, 2**64 - 1,
)  # fmt: skip
_TOKENS: Final = (
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"-", b".", b"\\", b"e9", b"null", b"0", b"1",
    b"\xff", b"\0", b" ", b"\\u0061", b'"dtype"', b'"shape"', b'"data_offsets"', b'"__metadata__"',
    b"18446744073709551616", b"9223372036854775807", b"general.alignment",
)  # fmt: skip


def mutated(rng: Random, data: bytes, others: list[bytes]) -> bytes:
    """Change a file in a few places; parts of others may get into it."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _mutate(rng, changed, others)
    if rng.random() < 0.5 and not changed.startswith(b"GGUF") and len(changed) > 8:
        _mend_length(changed, len(data))
    return bytes(changed)


def _mutate(rng: Random, data: bytearray, others: list[bytes]) -> None:
    at = rng.randrange(min(len(data), 600) + 1)
    match rng.randrange(8):
        case 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        case 1 | 2:
            size = rng.choice((4, 8))
            edge = rng.choice(_EDGES) % (1 << 8 * size)
            data[at : at + size] = edge.to_bytes(size, rng.choice(("little", "big")))
        case 3:
            data[at : at + rng.randrange(3)] = rng.choice(_TOKENS)
        case 4:
            del data[at : at + rng.choice((1, 2, 4, 8, 100))]
        case 5:
            data[at:at] = data[at : at + rng.choice((1, 4, 8, 24, 60))]
        case 6:
            other = rng.choice(others)
            start = rng.randrange(min(len(other), 600) + 1)
            data[at : at + rng.randrange(40)] = other[start : start + rng.randrange(60)]
        case _:
            if at < len(data):
                data[at] = (data[at] + rng.choice((1, -1, 2, 128))) % 256


def _mend_length(data: bytearray, nbytes: int) -> None:
    """Let a safetensors header's length grow as the file did, so that what is behind it counts."""
    length = int.from_bytes(data[:8], "little") + len(data) - nbytes
    if 0 <= length < 1 << 24:
        data[:8] = length.to_bytes(8, "little")
