"""Finds the ends of packed GGUF strings: a guess over whole blocks of bytes, which is then proved.

A GGUF string is a u64 length and that many bytes (GGUF spec, ggml `docs/gguf.md`, `gguf_string_t`),
so where a string begins is only known once the one before it is read: a loop of 0.2 µs a string,
for vocabularies of 262,144 strings. But a length below 256 shows: seven zero bytes beside one
byte. All such places in a block are found with numpy (the guess). The guess is right as far as each
candidate's string ends where the next candidate begins, starting from a place that is known (the
proof, by induction). Where the chain breaks (a string of 256 bytes or more, or zero bytes inside a
string that look like a length) one string is read by itself and the chain is taken up again behind
it; a block with many breaks is finished by the loop. So work per byte is bounded, whatever the
bytes are.
"""

from struct import Struct
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from emel_model_format.dtypes import ByteOrder

BLOCK: Final = 1 << 17
"""Bytes that one guess looks at: its scratch memory stays in the processor's cache."""
RESUMES: Final = 32
"""Breaks of the chain in one block before the loop takes over."""
FEW: Final = 512
"""Below this many strings the loop is as fast."""


class Need(Protocol):
    """Stops the parse unless the bytes up to `end` are given; `at` is a length that says so."""

    def __call__(self, end: int, what: str, at: int | None = None, /) -> None: ...


class _Scratch:
    """The memory that guesses reuse: fresh memory costs more than the work done in it."""

    __slots__ = ("a", "b", "zero")

    def __init__(self, nbytes: int) -> None:
        self.zero: NDArray[np.bool_] = np.empty(nbytes, np.bool_)
        self.a: NDArray[np.bool_] = np.empty(nbytes, np.bool_)
        self.b: NDArray[np.bool_] = np.empty(nbytes, np.bool_)

    def zeros7(self, block: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return (n - 6,) bool: the seven bytes from here are all zero. Valid until the next call.

        Runs of 2, then 4, then 6, then 7 zeros: four passes instead of seven.
        """
        n = len(block)
        zero, a, b = self.zero[:n], self.a[:n], self.b[:n]
        np.equal(block, 0, out=zero)
        np.logical_and(zero[:-1], zero[1:], out=a[:-1])
        np.logical_and(a[:-3], a[2:-1], out=b[:-3])
        np.logical_and(b[:-5], a[4:-1], out=b[:-5])
        return np.logical_and(b[:-6], zero[6:], out=b[:-6])


def string_ends(
    view: memoryview, pos: int, count: int, byteorder: ByteOrder, need: Need
) -> NDArray[np.uint32] | NDArray[np.int64]:
    """Find where each of `count` packed strings ends.

    Parameters
    ----------
    view
        The bytes; the strings lie in it one after the other.
    pos
        Where the first one's length begins.
    count
        Number of strings.
    byteorder
        Of the lengths.
    need
        Called with an end that lies behind the view; it must raise.

    Returns
    -------
    (count + 1,) uint32, or int64 if the strings take 4 GiB or more: offsets from `pos`. The first
    is 0, the others are the ends of the strings; string i is the bytes from offsets[i] + 8 to
    offsets[i + 1].
    """
    limit = len(view)
    need(pos + 8 * count, "string array")  # so the array below is no larger than what was given
    offsets: NDArray[np.uint32] | NDArray[np.int64]
    if limit - pos < 1 << 32:
        offsets = np.empty(count + 1, np.uint32)
    else:
        offsets = np.empty(count + 1, np.int64)
    offsets[0] = 0
    little = byteorder == "little"
    scratch = _Scratch(min(BLOCK, limit - pos)) if count >= FEW else None
    done, here = 0, pos
    while done < count:
        stop = min(here + BLOCK, limit)
        runs: list[NDArray[np.int64]] = []
        if scratch is not None:
            runs = _proved_runs(view[here:stop], count - done, scratch, little=little)
        for run in runs:
            offsets[done + 1 : done + 1 + len(run)] = run + (here - pos)
            done += len(run)
        here = pos + int(offsets[done])
        ends = _read_one_by_one(view, here, count - done, stop, little=little)
        if ends:
            # Each but the last is a place where a length was read, so lies in the view.
            need(ends[-1], "string", ends[-2] if len(ends) > 1 else here)
            offsets[done + 1 : done + 1 + len(ends)] = np.array(ends, np.int64) - pos
            done += len(ends)
            here = ends[-1]
        need(here + 8 * (count - done), "string array")
    return offsets


def _read_one_by_one(
    view: memoryview, pos: int, count: int, stop: int, *, little: bool
) -> list[int]:
    """Return the ends of at most `count` strings: those that begin before `stop`."""
    unpack = Struct("<Q" if little else ">Q").unpack_from
    last = min(stop - 1, len(view) - 8)
    ends: list[int] = []
    while pos <= last and len(ends) < count:
        pos += 8 + unpack(view, pos)[0]
        ends.append(pos)
    return ends


def _proved_runs(
    view: memoryview, count: int, scratch: _Scratch, *, little: bool
) -> list[NDArray[np.int64]]:
    """Return ends of the first strings of the view, in runs; none if the guess is no good."""
    size = len(view)
    if size < 64:
        return []
    block = np.frombuffer(view, np.uint8)
    if little:  # the low byte comes first
        begins = np.flatnonzero(scratch.zeros7(block[1:]))
        ends = begins + block[begins] + 8
    else:
        begins = np.flatnonzero(scratch.zeros7(block)[:-1])
        ends = begins + block[begins + 7] + 8
    breaks = np.append(np.flatnonzero(ends[:-1] != begins[1:]), len(begins) - 1)
    runs: list[NDArray[np.int64]] = []
    here = 0
    for _ in range(RESUMES):
        first = int(np.searchsorted(begins, here))
        if first < len(begins) and begins[first] == here:
            last = int(breaks[np.searchsorted(breaks, first)])
            run = ends[first : min(last + 1, first + count)]
        else:
            one = _read_one_by_one(view, here, 1, size, little=little)
            if not one or one[0] > size:
                break
            run = np.array(one, np.int64)
        runs.append(run)
        count -= len(run)
        here = int(run[-1])
        if count == 0:
            break
    return runs
