"""Bytes of single tensors, whole, in part or transformed: nothing of it becomes resident."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Mode, Reaction, Spans, StrategyError, Targets
from emel_model_format import DTYPES
from emel_model_loader.checkpoint import Checkpoint
from emel_model_loader.outcomes import Failure
from emel_model_loader.parts import Index, PartPlan, plan_part


def read_into(
    checkpoint: Checkpoint, tensor: int, out: NDArray[np.uint8], *, threads: int | None = None
) -> Failure | None:
    """Read a tensor's bytes into `out`, (nbytes,), which stays the caller's.

    After a failure `out` may hold anything.
    """
    if checkpoint.closed:
        return checkpoint.blame.closed((tensor,))
    spans = checkpoint.tensors.spans([tensor])
    answer = checkpoint.copying.load(spans, Targets.each([out]), threads=threads)
    return None if answer.ok else checkpoint.blame.batch(answer, (tensor,))


def plan(checkpoint: Checkpoint, tensor: int, index: Index) -> PartPlan:
    """Plan the reading of `array[index]` of one tensor; raises as `plan_part` does."""
    shape, dtype = checkpoint.array_type(tensor)
    return plan_part(shape, dtype.itemsize, index)


def read_part(checkpoint: Checkpoint, tensor: int, wanted: PartPlan) -> NDArray[Any] | Failure:
    """Read what `plan` has planned: a new array of its shape, which is the caller's.

    Where the checkpoint's strategy maps, the elements are copied out of a mapping, which costs no
    call for each range; nothing stays mapped for it. Else what is read in vain passes through one
    buffer of at most a window.
    """
    if checkpoint.closed:
        return checkpoint.blame.closed((tensor,))
    _, dtype = checkpoint.array_type(tensor)
    selected = np.empty([axis.count for axis in wanted.axes], dtype)
    if wanted.nbytes_wanted == 0:
        return wanted.finish(selected)
    failure = None
    if checkpoint.route.mode is Mode.MAPS:
        failure = _copy_mapped(checkpoint, tensor, wanted, selected)
    if checkpoint.route.mode is not Mode.MAPS or _pool_is_full(failure):
        failure = _read_selected(checkpoint, tensor, wanted, selected)
    return failure or wanted.finish(selected)


def _pool_is_full(failure: Failure | None) -> bool:
    """Whether nothing can be mapped now: the file can be read all the same."""
    return failure is not None and failure.reaction is Reaction.BUSY


def _read_selected(
    checkpoint: Checkpoint, tensor: int, wanted: PartPlan, selected: NDArray[Any]
) -> Failure | None:
    """Read the elements of a plan, by range."""
    if wanted.in_order:
        return _read_ranges(checkpoint, tensor, wanted, selected.reshape(-1).view(np.uint8))
    memory = np.empty(0, np.uint8)
    for where, slab in wanted.slabs(checkpoint.limits.window):
        if not memory.size:
            memory = np.empty(slab.nbytes_read, np.uint8)  # the first is the largest
        read = memory[: slab.nbytes_read]
        failure = _read_ranges(checkpoint, tensor, slab, read)
        if failure is not None:
            return failure
        selected[where] = slab.arrange(read, selected.dtype)
    return None


def _copy_mapped(
    checkpoint: Checkpoint, tensor: int, wanted: PartPlan, selected: NDArray[Any]
) -> Failure | None:
    """Copy the elements of a plan out of a mapping that is held meanwhile."""
    route, (shape, dtype) = checkpoint.route, checkpoint.array_type(tensor)
    answer = route.load(checkpoint.tensors.spans([tensor]))
    if not answer.ok:
        return checkpoint.blame.batch(answer, (tensor,))
    failed = released = None
    try:
        selected[...] = np.ndarray(shape, dtype, route.view(*answer.leases[0]))[wanted.slices()]
    except StrategyError as error:
        failed = error.result
    finally:  # an interrupt, too, leaves nothing mapped
        released = route.release(answer.leases)
    failed = failed or (None if released.ok else released)
    return None if failed is None else checkpoint.blame.batch(failed, (tensor,))


def _read_ranges(
    checkpoint: Checkpoint, tensor: int, wanted: PartPlan, memory: NDArray[np.uint8]
) -> Failure | None:
    """Read the ranges of a plan into `memory` (nbytes_read,), one after another."""
    whole = checkpoint.tensors.spans([tensor])
    start = wanted.starts()
    nbytes = np.full(len(start), wanted.extent, np.int64)
    file = np.full(len(start), whole.file.item(0), np.int64)
    spans = Spans(whole.files, file, whole.offset.item(0) + start, nbytes, whole.identities)
    answer = checkpoint.copying.load(spans, Targets.one_after_another(memory, nbytes))
    return None if answer.ok else checkpoint.blame.batch(answer, (tensor,))


def dequantize(checkpoint: Checkpoint, tensor: int, out: NDArray[Any]) -> Failure | None:
    """Read a tensor as numbers of `out`'s dtype: (logical shape), C-contiguous, the caller's.

    The stored bytes pass through the staging memory and no other, whatever the tensor's size.
    """
    if checkpoint.closed:
        return checkpoint.blame.closed((tensor,))
    stored = DTYPES[checkpoint.header.tensors.dtype.item(tensor)]
    transform = checkpoint.companions.transform(stored, checkpoint.header.byteorder, out.dtype)
    if isinstance(transform, str):
        return checkpoint.blame.refused(
            Reaction.UNSUPPORTED, "dequantize-unsupported", transform, (tensor,)
        )
    spans = checkpoint.tensors.spans([tensor])
    result = out.reshape(-1).view(np.uint8)
    answer = checkpoint.staging.load_through(spans, Targets.each([result]), [transform])
    return None if answer.ok else checkpoint.blame.batch(answer, (tensor,))
