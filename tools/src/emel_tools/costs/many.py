"""Checkpoints of more tensors, and of more files, than there is time to write.

A search through all of them for each that is asked for shows only among tens of thousands, where
asking for one takes a few microseconds. So the columns of a small file are used again and again,
and a part of them is asked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import BatchOutcome, Offer, OnChunk, Router, Spans
from emel_io_staged import StagedStrategy
from emel_model_format import Header, Tensors
from emel_model_loader import Checkpoint, Progress, open_checkpoint, stream
from emel_model_tensor import TensorSet
from emel_tools.costs.site import Site
from emel_tools.costs.workload import MIB, Action, RefusedError, fine

_WRITTEN: Final = 128
_STEP: Final = 4
"""Every fourth is asked for."""
_NOTHING: Final[NDArray[np.uint8]] = np.zeros(4, np.uint8)


class _Sparing(StagedStrategy):
    """It shows every fourth tensor, and reads none."""

    def stream(self, spans: Spans, sink: OnChunk, **_: object) -> BatchOutcome:
        """See `StagedStrategy.stream`."""
        for i in range(0, len(spans), _STEP):
            sink(i, 0, _NOTHING)
        return super().stream(Spans((), (), (), ()), sink)


def _sparing() -> StagedStrategy:
    return _Sparing(chunk_nbytes=MIB, stages=2)


def of_files(site: Site, items: int) -> Checkpoint:
    """Make a checkpoint of a tensor in each of so many files, which are nowhere."""
    router = Router({"staged": Offer(_sparing, StagedStrategy.unavailable)})
    one = open_checkpoint(site.safetensors(_WRITTEN, _NOTHING.nbytes), router, "staged")
    if not isinstance(one, Checkpoint):
        raise RefusedError(str(one))
    columns = Tensors.concatenate([one.header.tensors] * (items // _WRITTEN))
    header: Header = replace(one.header, tensors=columns)
    number = np.arange(items)
    tensors = TensorSet()
    files = [f"model-{i}.safetensors" for i in range(items)]
    fine(tensors.bind(Spans(files, number, columns.offset, columns.nbytes), columns.dtype))
    return Checkpoint(one.path, one.route, header, tensors)


def told(site: Site, items: int) -> Action:
    """Stream tensors, and hear of each that is shown."""
    checkpoint = of_files(site, items)
    heard: list[Progress] = []

    def act() -> None:
        heard.clear()
        if stream(checkpoint, _look_away, progress=heard.append) is not None:
            raise RefusedError("tensors that are nowhere were read")
        if len(heard) != 1 + items // _STEP:
            raise RefusedError(f"{len(heard)} times something was heard of {items} tensors")

    return act


def located(site: Site, items: int) -> Action:
    """Say in which file tensors are."""
    checkpoint = of_files(site, items)

    def act() -> None:
        for i in range(0, items, _STEP):
            checkpoint.blame.file_of(i)

    return act


def _look_away(*_: object) -> None:
    pass
