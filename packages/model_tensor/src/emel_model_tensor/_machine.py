"""What a request to the whole set comes to: scalar rows, because each may call a strategy once.

What becomes of the single tensors is `_lifecycle.py`'s table, which the guards here ask and the
effects here apply.
"""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Leases, Mode, Reaction
from emel_machine import Row, Table, always, effect_none
from emel_model_tensor._columns import Columns, Request, binding_flaw, foreign
from emel_model_tensor._lifecycle import LIFECYCLE, Change, Facts, State, refused
from emel_model_tensor.outcomes import SetOutcome


class Phase(IntEnum):
    """Where the set stands between and within requests."""

    EMPTY = 0
    READY = 1
    LOADING = 2
    RELEASING = 3
    IN_FLIGHT = 4


class Ask(IntEnum):
    """What is asked of the set; ANSWERED is the strategy's answer."""

    BIND = 0
    LOAD = 1
    RELEASE = 2
    EVICT = 3
    PLAN = 4
    COMMIT = 5
    ABANDON = 6
    ANSWERED = 7


def _load_change(mode: Mode) -> Change:
    return Change.MAP if mode is Mode.MAPS else Change.COPY


def _is_refused(cols: Columns, change: Change, index: NDArray[np.intp]) -> bool:
    return bool(refused(cols.state, change, Facts(cols.pins), index)[0].size)


def _move(cols: Columns, change: Change, index: NDArray[np.intp]) -> None:
    cols.state[index], _ = LIFECYCLE.step(cols.state, change, Facts(cols.pins), index)


def guard_binding_invalid(cols: Columns, req: Request) -> bool:
    """The columns of the new binding break a rule of spans, or differ in length."""
    return binding_flaw(req) is not None


def guard_still_mapped(cols: Columns, req: Request) -> bool:
    """A tensor of the earlier binding is still mapped."""
    return _is_refused(cols, Change.BIND, np.arange(len(cols.state)))


def guard_index_invalid(cols: Columns, req: Request) -> bool:
    """A tensor of the request is not one of the set, or is named twice."""
    # Sorted, and not counted by tensor: small requests to a large set would each pay for all of it.
    index = np.sort(req.index)
    if not index.size:
        return False
    if index.item(0) < 0 or index.item(-1) >= len(cols.state):
        return True
    return len(index) > 1 and not np.diff(index).all()


def guard_strategy_missing(cols: Columns, req: Request) -> bool:
    """Nobody was named to do it."""
    return req.strategy is None


def guard_load_refused(cols: Columns, req: Request) -> bool:
    """A tensor of the request is resident already."""
    return _is_refused(cols, _load_change(req.mode), req.index)


def guard_release_refused(cols: Columns, req: Request) -> bool:
    """A tensor of the request is not mapped."""
    return _is_refused(cols, Change.RELEASE, req.index)


def guard_evict_refused(cols: Columns, req: Request) -> bool:
    """A tensor of the request is pinned, mapped, or has nothing to drop."""
    return _is_refused(cols, Change.EVICT, req.index)


def guard_lease_foreign(cols: Columns, req: Request) -> bool:
    """The caller showed leases, and they are not the ones that these tensors hold."""
    return bool(foreign(cols, req).size)


def guard_answer_failed(cols: Columns, req: Request) -> bool:
    """The strategy answered, and not with success."""
    if req.answer is None:
        return True
    done = req.answer.done
    everything_gone = done is not None and done.size > 0 and bool(done.all())
    return not req.answer.ok and not everything_gone


def guard_count_differs(cols: Columns, req: Request) -> bool:
    """The results are those of another plan, more or fewer than its effects, or lack leases."""
    if req.index is not cols.planned or req.done is None or len(req.done) != len(req.index):
        return True
    if req.leases is None:
        return req.mode is Mode.MAPS and bool(req.done.any())
    return req.mode is not Mode.MAPS or len(req.leases) != len(req.index)


def guard_effect_failed(cols: Columns, req: Request) -> bool:
    """At least one planned effect was not carried out."""
    return req.done is not None and not req.done.all()


def effect_name_flaw(cols: Columns, req: Request) -> None:
    """Say which tensor can't be bound, and why."""
    at, req.message = binding_flaw(req) or (0, "")
    req.tensors = np.array([at], np.intp)


def effect_name_mapped(cols: Columns, req: Request) -> None:
    """Say which tensors have to be released first."""
    everything = np.arange(len(cols.state))
    req.tensors, _ = refused(cols.state, Change.BIND, Facts(cols.pins), everything)


def effect_name_load_refused(cols: Columns, req: Request) -> None:
    """Say which tensors are resident already."""
    change = _load_change(req.mode)
    req.tensors, req.refused = refused(cols.state, change, Facts(cols.pins), req.index)


def effect_name_release_refused(cols: Columns, req: Request) -> None:
    """Say which tensors are not mapped."""
    req.tensors, req.refused = refused(cols.state, Change.RELEASE, Facts(cols.pins), req.index)


def effect_name_evict_refused(cols: Columns, req: Request) -> None:
    """Say which tensors are pinned, mapped, or have nothing to drop."""
    req.tensors, req.refused = refused(cols.state, Change.EVICT, Facts(cols.pins), req.index)


def effect_name_foreign(cols: Columns, req: Request) -> None:
    """Say whose leases they are not."""
    req.tensors = foreign(cols, req)


def effect_bind(cols: Columns, req: Request) -> None:
    """Take the new columns; what the old binding left is gone."""
    assert req.spans is not None, "the guard before saw them"  # noqa: S101 - a proof
    n = len(req.spans)
    cols.spans, cols.dtype = req.spans, np.array(req.dtype, np.uint8)
    cols.pins, cols.leases = np.zeros(n, np.int32), Leases.vacant(n)
    cols.state = np.full(n, State.UNBOUND, np.uint8)
    _move(cols, Change.BIND, np.arange(n))


def effect_dispatch_load(cols: Columns, req: Request) -> None:
    """Hand the whole batch to the strategy, once."""
    assert req.strategy is not None, "the guard before saw it"  # noqa: S101 - a proof
    spans = cols.spans.take(req.index)
    req.answer = req.strategy.load(spans, req.targets, threads=req.threads, progress=req.progress)


def effect_publish_loaded(cols: Columns, req: Request) -> None:
    """Every byte is there: say so."""
    if req.answer is not None and req.mode is Mode.MAPS:
        _keep_leases(cols, req.index, req.answer.leases)
    _move(cols, _load_change(req.mode), req.index)


def effect_name_failed_span(cols: Columns, req: Request) -> None:
    """Say which tensor the strategy's failed span belongs to; nothing else has changed."""
    if req.answer is not None and req.answer.index >= 0:
        req.tensors = req.index[req.answer.index : req.answer.index + 1]
    req.message = "" if req.answer is None else req.answer.message


def effect_dispatch_release(cols: Columns, req: Request) -> None:
    """Give the leases back, in one batch."""
    assert req.strategy is not None, "the guard before saw it"  # noqa: S101 - a proof
    leases = cols.leases.take(req.index)
    req.answer = req.strategy.release(leases)
    if req.answer.reaction is Reaction.CLOSED:
        # An earlier release was interrupted between the strategy's books and ours: some of these
        # leases are gone already. One by one, so that the others can go too.
        single = [req.strategy.release(leases.take(np.array([i]))) for i in range(len(leases))]
        done = np.array([answer.ok or answer.reaction is Reaction.CLOSED for answer in single])
        failed = [answer for answer, gone in zip(single, done.tolist(), strict=True) if not gone]
        req.answer = replace(failed[0] if failed else req.answer, done=done)


def effect_publish_released(cols: Columns, req: Request) -> None:
    """What is gone is evicted; what is not keeps its lease, so that it can be tried again."""
    assert req.answer is not None, "the effect before asked"  # noqa: S101 - a proof
    done = req.answer.done
    if done is None:
        done = np.full(len(req.index), req.answer.ok)
    gone = req.index[done]
    _move(cols, Change.RELEASE, gone)
    _keep_leases(cols, gone, Leases.vacant(len(gone)))
    req.tensors, req.message = req.index[~done], req.answer.message


def effect_evict(cols: Columns, req: Request) -> None:
    """Forget that the caller's buffers hold these tensors."""
    _move(cols, Change.EVICT, req.index)


def effect_plan(cols: Columns, req: Request) -> None:
    """Remember what is in flight, in an array that nobody else can change."""
    req.index = req.index.copy()
    req.index.flags.writeable = False
    cols.planned = req.index


def effect_commit(cols: Columns, req: Request) -> None:
    """Publish each effect that was carried out; mark the others failed, and no other tensor."""
    assert cols.planned is not None, "guards saw them"  # noqa: S101 - a proof
    assert req.done is not None, "guards saw them"  # noqa: S101 - a proof
    loaded, failed = cols.planned[req.done], cols.planned[~req.done]
    if req.leases is not None:
        _keep_leases(cols, loaded, req.leases.take(np.flatnonzero(req.done)))
    _move(cols, _load_change(req.mode), loaded)
    _move(cols, Change.FAIL, failed)
    cols.planned, req.tensors = None, failed


def effect_abandon(cols: Columns, req: Request) -> None:
    """Nothing was carried out: the planned tensors are what they were."""
    cols.planned = None


def _keep_leases(cols: Columns, index: NDArray[np.intp], leases: Leases) -> None:
    cols.leases.slot[index], cols.leases.generation[index] = leases.slot, leases.generation


_P, _A, _O = Phase, Ask, SetOutcome
# fmt: off
_REQUEST_ROWS: tuple[Row[Phase, Ask, SetOutcome, Columns, Request], ...] = (
    Row(_P.EMPTY,     _A.BIND,     guard_binding_invalid,  effect_name_flaw,            _P.EMPTY,     _O.BINDING_INVALID),
    Row(_P.EMPTY,     _A.BIND,     always,                 effect_bind,                 _P.READY,     _O.OK),
    Row(_P.EMPTY,     _A.LOAD,     always,                 effect_none,                 _P.EMPTY,     _O.NOT_BOUND),
    Row(_P.EMPTY,     _A.RELEASE,  always,                 effect_none,                 _P.EMPTY,     _O.NOT_BOUND),
    Row(_P.EMPTY,     _A.EVICT,    always,                 effect_none,                 _P.EMPTY,     _O.NOT_BOUND),
    Row(_P.EMPTY,     _A.PLAN,     always,                 effect_none,                 _P.EMPTY,     _O.NOT_BOUND),
    Row(_P.EMPTY,     _A.COMMIT,   always,                 effect_none,                 _P.EMPTY,     _O.NOTHING_PLANNED),
    Row(_P.EMPTY,     _A.ABANDON,  always,                 effect_none,                 _P.EMPTY,     _O.NOTHING_PLANNED),
    Row(_P.READY,     _A.BIND,     guard_binding_invalid,  effect_name_flaw,            _P.READY,     _O.BINDING_INVALID),
    Row(_P.READY,     _A.BIND,     guard_still_mapped,     effect_name_mapped,          _P.READY,     _O.STILL_MAPPED),
    Row(_P.READY,     _A.BIND,     always,                 effect_bind,                 _P.READY,     _O.OK),
    Row(_P.READY,     _A.LOAD,     guard_strategy_missing, effect_none,                 _P.READY,     _O.STRATEGY_MISSING),
    Row(_P.READY,     _A.LOAD,     guard_index_invalid,    effect_none,                 _P.READY,     _O.INDEX_INVALID),
    Row(_P.READY,     _A.LOAD,     guard_load_refused,     effect_name_load_refused,    _P.READY,     _O.TENSOR_REFUSED),
    Row(_P.READY,     _A.LOAD,     always,                 effect_dispatch_load,        _P.LOADING,   _O.OK),
    Row(_P.LOADING,   _A.ANSWERED, guard_answer_failed,    effect_name_failed_span,     _P.READY,     _O.STRATEGY_FAILED),
    Row(_P.LOADING,   _A.ANSWERED, always,                 effect_publish_loaded,       _P.READY,     _O.OK),
    Row(_P.READY,     _A.RELEASE,  guard_strategy_missing, effect_none,                 _P.READY,     _O.STRATEGY_MISSING),
    Row(_P.READY,     _A.RELEASE,  guard_index_invalid,    effect_none,                 _P.READY,     _O.INDEX_INVALID),
    Row(_P.READY,     _A.RELEASE,  guard_release_refused,  effect_name_release_refused, _P.READY,     _O.TENSOR_REFUSED),
    Row(_P.READY,     _A.RELEASE,  guard_lease_foreign,    effect_name_foreign,         _P.READY,     _O.LEASE_FOREIGN),
    Row(_P.READY,     _A.RELEASE,  always,                 effect_dispatch_release,     _P.RELEASING, _O.OK),
    Row(_P.RELEASING, _A.ANSWERED, guard_answer_failed,    effect_publish_released,     _P.READY,     _O.STRATEGY_FAILED),
    Row(_P.RELEASING, _A.ANSWERED, always,                 effect_publish_released,     _P.READY,     _O.OK),
    Row(_P.READY,     _A.EVICT,    guard_index_invalid,    effect_none,                 _P.READY,     _O.INDEX_INVALID),
    Row(_P.READY,     _A.EVICT,    guard_evict_refused,    effect_name_evict_refused,   _P.READY,     _O.TENSOR_REFUSED),
    Row(_P.READY,     _A.EVICT,    always,                 effect_evict,                _P.READY,     _O.OK),
    Row(_P.READY,     _A.PLAN,     guard_index_invalid,    effect_none,                 _P.READY,     _O.INDEX_INVALID),
    Row(_P.READY,     _A.PLAN,     guard_load_refused,     effect_name_load_refused,    _P.READY,     _O.TENSOR_REFUSED),
    Row(_P.READY,     _A.PLAN,     always,                 effect_plan,                 _P.IN_FLIGHT, _O.OK),
    Row(_P.READY,     _A.COMMIT,   always,                 effect_none,                 _P.READY,     _O.NOTHING_PLANNED),
    Row(_P.READY,     _A.ABANDON,  always,                 effect_none,                 _P.READY,     _O.NOTHING_PLANNED),
    Row(_P.IN_FLIGHT, _A.BIND,     always,                 effect_none,                 _P.IN_FLIGHT, _O.LOAD_IN_FLIGHT),
    Row(_P.IN_FLIGHT, _A.LOAD,     always,                 effect_none,                 _P.IN_FLIGHT, _O.LOAD_IN_FLIGHT),
    Row(_P.IN_FLIGHT, _A.RELEASE,  always,                 effect_none,                 _P.IN_FLIGHT, _O.LOAD_IN_FLIGHT),
    Row(_P.IN_FLIGHT, _A.EVICT,    always,                 effect_none,                 _P.IN_FLIGHT, _O.LOAD_IN_FLIGHT),
    Row(_P.IN_FLIGHT, _A.PLAN,     always,                 effect_none,                 _P.IN_FLIGHT, _O.LOAD_IN_FLIGHT),
    Row(_P.IN_FLIGHT, _A.COMMIT,   guard_count_differs,    effect_none,                 _P.IN_FLIGHT, _O.RESULTS_MISMATCHED),
    Row(_P.IN_FLIGHT, _A.COMMIT,   guard_effect_failed,    effect_commit,               _P.READY,     _O.EFFECT_FAILED),
    Row(_P.IN_FLIGHT, _A.COMMIT,   always,                 effect_commit,               _P.READY,     _O.OK),
    Row(_P.IN_FLIGHT, _A.ABANDON,  always,                 effect_abandon,              _P.READY,     _O.OK),
)
# fmt: on
REQUESTS: Final[Table[Phase, Ask, SetOutcome, Columns, Request]] = Table(
    "requests",
    states=Phase,
    events=Ask,
    outcomes=SetOutcome,
    initial=Phase.EMPTY,
    completion=Ask.ANSWERED,
    rows=_REQUEST_ROWS,
)
