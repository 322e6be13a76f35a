"""Memory that direct reads can land in."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

ALIGNMENT: Final = 4096
"""What `ReadPort.alignment` is: the page size, which serves devices of any block size up to it."""


def congruent_empty(nbytes: int, file_offset: int) -> NDArray[np.uint8]:
    """Make an array that a direct read from `file_offset` fills without a detour.

    A direct read goes from whole blocks of the file to whole blocks of memory, so bytes land in
    place only where the address has the same remainder modulo 4096 as their offset in the file.

    Parameters
    ----------
    nbytes
        Bytes of the array.
    file_offset
        Where its first byte lies in the file.

    Returns
    -------
    NDArray
        (nbytes,) uint8, not initialised; the caller owns it. It takes 4096 bytes more.
    """
    room = np.empty(nbytes + ALIGNMENT, np.uint8)
    skip = (file_offset - address_of(room)) % ALIGNMENT
    return room[skip : skip + nbytes]


def address_of(array: NDArray[np.uint8]) -> int:
    """Where its first byte lies in memory."""
    address: int = array.__array_interface__["data"][0]
    return address
