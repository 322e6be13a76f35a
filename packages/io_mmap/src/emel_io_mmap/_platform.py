"""The port: every call of this package to the operating system, one injectable field each.

Nothing else in the package imports `mmap`; opening and looking at files is io_file's.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, TypeAlias

from emel_io_file import FilePort
from emel_io_loader import Advice

# WebAssembly builds of Python come without the module; the strategy then says why it is of no use.
_HAS_MMAP: Final = find_spec("mmap") is not None
if TYPE_CHECKING or _HAS_MMAP:
    import mmap

    FileMapping: TypeAlias = mmap.mmap
    """What `Port.map` answers with: a read-only buffer of the mapped bytes."""


EFAULT: Final = errno.EFAULT
REFUSED_ADVICE: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
"""What a kernel answers to an advice that it does not know (or not for this kind of file)."""


def _map(descriptor: int, nbytes: int, offset: int) -> FileMapping:
    return mmap.mmap(descriptor, nbytes, access=mmap.ACCESS_READ, offset=offset)


def _absent(*_: object) -> int:
    raise NotImplementedError("this build of Python has no mmap module")


def _advise(mapping: FileMapping, advice: int, start: int, nbytes: int) -> None:
    mapping.madvise(advice, start, nbytes)


def _known_advices() -> Mapping[Advice, int]:
    if not (_HAS_MMAP and hasattr(mmap.mmap, "madvise")):
        return {}
    names = {
        Advice.SEQUENTIAL: "MADV_SEQUENTIAL",
        Advice.WILL_NEED: "MADV_WILLNEED",
        Advice.DONT_NEED: "MADV_DONTNEED",
    }
    known = {kind: getattr(mmap, name) for kind, name in names.items() if hasattr(mmap, name)}
    if sys.platform == "linux":
        known[Advice.POPULATE] = 22  # MADV_POPULATE_READ (Linux 5.14); Python has no name for it
    return known


@dataclass(frozen=True, slots=True)
class Port(FilePort):
    """The operating system as this package sees it: files, and what maps them.

    Each field has its production default, so `Port(open=fake)` replaces one call and keeps the
    rest. A call fails by raising `OSError` (or `ValueError`, where Python itself refuses).
    """

    map: Callable[[int, int, int], FileMapping] = _map
    """(descriptor, nbytes, offset): map read-only. The mapping outlives the descriptor."""
    # The methods themselves: a wrapper around `size` would cost as much as it does.
    unmap: Callable[[FileMapping], object] = mmap.mmap.close if _HAS_MMAP else _absent
    """End a mapping; `BufferError` while something points into it."""
    size: Callable[[FileMapping], int] = mmap.mmap.size if _HAS_MMAP else _absent
    """How many bytes the mapped file has now."""
    advise: Callable[[FileMapping, int, int, int], object] = _advise
    """(mapping, advice, start, nbytes): madvise(2) on whole pages."""
    page_nbytes: int = mmap.PAGESIZE if _HAS_MMAP else 4096
    granularity: int = mmap.ALLOCATIONGRANULARITY if _HAS_MMAP else 4096
    """A mapping begins at a multiple of this many bytes."""
    window_nbytes: int = 2**46 if sys.maxsize > 2**32 else 2**29
    """A larger file is mapped in parts: half of the 47 bits of address space that a process has on
    x86-64, and a quarter of what one has with 32-bit pointers."""
    advices: Mapping[Advice, int] = field(default_factory=_known_advices)
    """The kinds of advice that can be given here, and their numbers."""
    unavailable: str = "" if _HAS_MMAP else "this build of Python has no mmap module"
    """Why files can't be mapped here, as a sentence; empty if they can."""
