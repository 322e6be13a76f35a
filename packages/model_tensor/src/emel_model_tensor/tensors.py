"""The owner of residency: which tensors there are, and where the bytes of each one are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emel_io_loader import FileIdentity, Lease, Leases, Mode, OnBytes, Spans, Strategy, Targets
from emel_model_tensor._columns import Columns, Request
from emel_model_tensor._lifecycle import State
from emel_model_tensor._machine import REQUESTS, Ask, Phase
from emel_model_tensor.outcomes import Report

STATES: Final = tuple(state.name.lower().replace("_", "-") for state in State)
"""What each number of a state column is called, for people."""
_MAPPED, _RESIDENT = int(State.MMAP_RESIDENT), int(State.RESIDENT)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A copy of what was known at one moment; later changes don't alter it."""

    state: NDArray[np.uint8]
    """(n,) numbers into `STATES`."""
    nbytes: NDArray[np.int64]
    """(n,) bytes of each tensor, wherever they are."""
    file: NDArray[np.int64]
    """(n,) index into `files`."""
    offset: NDArray[np.int64]
    """(n,) bytes from the start of the file."""
    dtype: NDArray[np.uint8]
    """(n,) the codes that the binding gave."""
    files: tuple[str, ...]

    def totals(self) -> dict[str, tuple[int, int]]:
        """Count tensors and bytes by state, for the states that occur."""
        counts = np.bincount(self.state, minlength=len(STATES))
        # Not bincount's weights: those are floats, which don't hold every byte count.
        nbytes = [int(self.nbytes[self.state == s].sum()) for s in range(len(STATES))]
        return {STATES[s]: (int(counts[s]), nbytes[s]) for s in np.flatnonzero(counts).tolist()}


@dataclass(frozen=True, slots=True, eq=False)
class LoadPlan:
    """The effects of one planned load: span i is to be mapped or copied for tensor `index[i]`."""

    index: NDArray[np.intp]
    spans: Spans
    mode: Mode


class TensorSet:
    """The tensors of one model, and the only place that knows what is resident.

    It touches no file: a strategy is handed in with each request, and bytes that were copied stay
    in the buffers of whoever asked. Every request answers with a `Report` and never raises for a
    tensor that refuses; a refused request changes nothing. One thread at a time.
    """

    def __init__(self) -> None:
        self._columns = Columns()
        self._phase = Phase.EMPTY

    def __len__(self) -> int:
        return len(self._columns.state)

    def bind(self, spans: Spans, dtype: ArrayLike) -> Report:
        """Take the columns of a header: where each tensor lies, and (n,) dtype codes (uint8).

        Refused, with the earlier binding left whole: columns that break a rule of spans; a tensor
        that is still mapped; a load in flight. Otherwise nothing of the earlier binding remains.
        """
        return self._ask(Ask.BIND, Request(spans=spans, dtype=dtype))

    def load(
        self,
        index: ArrayLike,
        strategy: Strategy | None,
        targets: Targets | None = None,
        *,
        threads: int | None = None,
        progress: OnBytes | None = None,
    ) -> Report:
        """Load the tensors at `index` (m,) in one batch, all or none.

        `targets` are the caller's buffers for a strategy that copies, one a tensor; `threads` and
        `progress` are the strategy's. After a failure states are as they were, and the report
        holds the strategy's own outcome.
        """
        mode = Mode.MAPS if strategy is None else strategy.mode
        request = Request(
            _index(index),
            strategy=strategy,
            mode=mode,
            targets=targets,
            threads=threads,
            progress=progress,
        )
        return self._ask(Ask.LOAD, request)

    def release(
        self, index: ArrayLike, strategy: Strategy | None, leases: Leases | None = None
    ) -> Report:
        """Give the mappings of the tensors at `index` (m,) back.

        Those that are still borrowed, or whose release failed, stay mapped with their lease and
        are named in the report; the others are evicted. `leases`, if given, must be the ones that
        the tensors hold.
        """
        return self._ask(Ask.RELEASE, Request(_index(index), strategy=strategy, leases=leases))

    def evict(self, index: ArrayLike) -> Report:
        """Forget copied tensors; refused whole if one is pinned, mapped, or not resident."""
        return self._ask(Ask.EVICT, Request(_index(index)))

    def plan_load(self, index: ArrayLike, mode: Mode) -> LoadPlan | Report:
        """Plan a load that somebody else carries out; until it is committed it is in flight."""
        request = Request(_index(index), mode=mode)
        report = self._ask(Ask.PLAN, request)
        if not report.ok:
            return report
        return LoadPlan(request.index, self._columns.spans.take(request.index), mode)

    def commit_load(
        self, plan: LoadPlan, done: NDArray[np.bool_], leases: Leases | None = None
    ) -> Report:
        """Publish the results of a plan's effects.

        `done` (m,) says which were carried out; those tensors become resident, the others failed.
        `leases` (m,) come from a strategy that maps, and from no other. Results of another plan or
        count are refused, and the plan stays in flight.
        """
        return self._ask(Ask.COMMIT, Request(plan.index, mode=plan.mode, done=done, leases=leases))

    def abandon_load(self) -> Report:
        """Give up the plan in flight: nothing was carried out, and its tensors are as before."""
        return self._ask(Ask.ABANDON, Request())

    def pin(self, index: ArrayLike) -> None:
        """Keep the tensors at `index` from being evicted; pins are counted."""
        np.add.at(self._columns.pins, _index(index), 1)

    def unpin(self, index: ArrayLike) -> None:
        """Take one pin off each of the tensors at `index`; each must have one."""
        pins = self._columns.pins.copy()
        np.subtract.at(pins, _index(index), 1)
        if pins.size and pins.min() < 0:
            raise ValueError("a tensor without a pin was unpinned")
        self._columns.pins = pins

    def lease(self, tensor: int) -> Lease | None:
        """Look up the lease of one tensor; None if it isn't mapped."""
        cols = self._columns
        if cols.state.item(tensor) != _MAPPED:
            return None
        leases = cols.leases
        pair = (leases.slot.item(tensor), leases.generation.item(tensor))
        # Once for each array that is handed out, and Lease(...) takes three times as long.
        return tuple.__new__(Lease, pair)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]

    def mapped(self, index: ArrayLike | None = None) -> NDArray[np.intp]:
        """Select the tensors (of `index`, or of all) that are mapped now."""
        chosen = np.arange(len(self)) if index is None else _index(index)
        return chosen[self._columns.state[chosen] == _MAPPED]

    def copied(self, index: ArrayLike | None = None) -> NDArray[np.intp]:
        """Select the tensors (of `index`, or of all) whose bytes are in a buffer now."""
        chosen = np.arange(len(self)) if index is None else _index(index)
        return chosen[self._columns.state[chosen] == _RESIDENT]

    def spans(self, index: ArrayLike) -> Spans:
        """Say where in which file the bytes of the tensors at `index` (m,) are."""
        return self._columns.spans.take(_index(index))

    def absent(self, index: ArrayLike | None = None) -> NDArray[np.intp]:
        """Select the tensors (of `index`, or of all) that are not resident, mapped or copied."""
        chosen = np.arange(len(self)) if index is None else _index(index)
        state = self._columns.state[chosen]
        return chosen[(state != _MAPPED) & (state != _RESIDENT)]

    def state_of(self, tensor: int) -> str:
        """Name the state of one tensor."""
        return STATES[self._columns.state.item(tensor)]

    def identity(self, file: int) -> FileIdentity | None:
        """What a file of the binding was when the model was opened."""
        return self._columns.spans.identity(file)

    def capture(self) -> Snapshot:
        """Copy what is known now."""
        cols = self._columns
        return Snapshot(
            state=cols.state.copy(),
            nbytes=cols.spans.nbytes.copy(),
            file=cols.spans.file.copy(),
            offset=cols.spans.offset.copy(),
            dtype=cols.dtype.copy(),
            files=cols.spans.files,
        )

    def _ask(self, ask: Ask, request: Request) -> Report:
        self._phase, outcome = REQUESTS.run(self._columns, self._phase, ask, request)
        return Report(
            outcome=outcome,
            tensor=request.refused,
            strategy=request.answer,
            tensors=request.tensors,
            message=request.message,
        )


def _index(index: ArrayLike) -> NDArray[np.intp]:
    column = np.asarray(index)
    return column.astype(np.intp, copy=False) if column.size else np.empty(0, np.intp)
