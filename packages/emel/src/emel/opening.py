"""From a path to an opened model."""

from __future__ import annotations

import operator
import os

from emel.budget import LEAST_LIMIT, part
from emel.errors import raise_failure
from emel.model import Model
from emel.strategies import make_companions, make_router
from emel_io_file import entries
from emel_model_loader import Failure, Limits, open_checkpoint


def open(  # noqa: A001 - `emel.open` reads like the builtin, on purpose
    source: str | os.PathLike[str],
    strategy: str | None = "auto",
    *,
    memory_limit: int | None = None,
    direct: bool = False,
    slots: int = 256,
    shards: bool = True,
) -> Model:
    """Open a GGUF or safetensors checkpoint, in one file or in many.

    Reads headers and nothing else: no tensor is loaded before it is asked for. After an error
    nothing is open, mapped or kept.

    Parameters
    ----------
    source
        A file; any shard of a GGUF split or of indexed safetensors; the index
        (`model.safetensors.index.json`); or the folder of one checkpoint.
    strategy
        How bytes get into memory. "mmap": zero copy; a tensor's pages are read as they are looked
        at. "read": copied, by several threads, into your buffers or into new ones. "staged":
        copied through a bounded ring of buffers. "auto": staged with a memory limit, read on
        network, FUSE and overlay file systems, mmap elsewhere; `Model.strategy` says why. Or the
        name of another package's strategy (entry points `emel.strategies`).
    memory_limit
        Bytes of tensors that emel may hold in memory of its own at once: stages, and the arrays
        that it makes. Your buffers don't count, and neither do mapped pages. A load that would need
        more is refused before anything is read. None: no limit.
    direct
        "read" goes around the page cache where the file system allows it: quicker for what is not
        in it, and leaves nothing there.
    slots
        Mappings that can be held at once; one serves a whole file.
    shards
        False: open the one file, even if it is a shard of a larger checkpoint.

    Returns
    -------
    Model
        To be closed by its `with` block or by `close`.

    Raises
    ------
    InvalidFileError
        A file breaks its format, or the files don't make one checkpoint.
    UnsupportedError
        Nothing here handles the format, a tensor's type, or a strategy of this name.
    SourceError
        A file can't be opened or read.
    TypeError, ValueError
        `slots` isn't an integer of 1 or more, or `memory_limit` one of 64 KiB or more.
    """
    slots = operator.index(slots)
    if slots < 1:
        raise ValueError(f"slots is at least 1, not {slots}")
    limit = None if memory_limit is None else operator.index(memory_limit)
    if limit is not None and limit < LEAST_LIMIT:
        raise ValueError(f"memory_limit is at least {LEAST_LIMIT} bytes, not {limit}")
    budget = part(limit, direct=direct)
    opened = open_checkpoint(
        os.fsdecode(source),
        make_router(budget, slots=slots),
        strategy,
        entries=entries,
        shards=shards,
        companions=make_companions(budget),
        limits=Limits(budget.copies, budget.window, limit),
    )
    if isinstance(opened, Failure):
        raise_failure(opened)
    return Model(opened)
