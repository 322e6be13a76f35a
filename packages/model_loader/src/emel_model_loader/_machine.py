"""How a checkpoint is opened: its files located, their headers read and merged, its tensors bound.

Every failure on the way ends in CLOSED with nothing held. Headers are read through the routed
strategy, file by file, in windows that grow, because only parsing tells how long one is:
HEADER_INCOMPLETE is a state of rest, from which the owner asks for more: a larger window, or the
next file's first one.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

from emel_io_loader import Route, Spans, validate
from emel_machine import Row, Table, always, effect_none
from emel_model_format import NeedMore, Refusal, parse
from emel_model_loader._context import WINDOW_GROWTH, WINDOW_STEP_NBYTES, Opening
from emel_model_loader.index import INDEX_LIMIT, follow_index
from emel_model_loader.merging import merge
from emel_model_loader.outcomes import Failure, LoadOutcome
from emel_model_loader.shards import locate
from emel_model_tensor import TensorSet


class State(IntEnum):
    """How far the opening has got."""

    CLOSED = 0
    ROUTING = 1
    LOCATING = 2
    MEASURING = 3
    FETCHING = 4
    INDEXING = 5
    IDENTIFYING = 6
    READING = 7
    PARSING = 8
    INCOMPLETE = 9
    MERGING = 10
    BINDING = 11
    OPENED = 12


class Event(IntEnum):
    """What is asked for, or has been done."""

    OPEN = 0
    EXTEND = 1
    DONE = 2


def guard_route_refused(ctx: Opening, req: None) -> bool:
    """The router has no strategy for the request."""
    return ctx.route is None


def guard_folder_unlisted(ctx: Opening, req: None) -> bool:
    """The operating system doesn't say what lies in the folder."""
    return ctx.refused is not None and ctx.refused.stage is LoadOutcome.IO_FAILED


def guard_shards_refused(ctx: Opening, req: None) -> bool:
    """The files don't make one checkpoint."""
    return ctx.refused is not None


def guard_index_unread(ctx: Opening, req: None) -> bool:
    """An index names the files, and has to be read first."""
    return ctx.located is not None and ctx.located.index is not None


def guard_io_failed(ctx: Opening, req: None) -> bool:
    """The strategy's last answer is not success."""
    return ctx.answer is not None and not ctx.answer.ok


def guard_header_refused(ctx: Opening, req: None) -> bool:
    """The bytes are no header, or none that anything here handles."""
    return isinstance(ctx.parsed, Refusal)


def guard_header_incomplete(ctx: Opening, req: None) -> bool:
    """The header goes on after the window."""
    return isinstance(ctx.parsed, NeedMore)


def guard_file_remains(ctx: Opening, req: None) -> bool:
    """The file at hand is not the last one."""
    return len(ctx.headers) + 1 < len(ctx.identities)


def guard_binding_refused(ctx: Opening, req: None) -> bool:
    """The model's state doesn't take the header's columns."""
    return ctx.report is None or not ctx.report.ok


def effect_route(ctx: Opening, req: None) -> None:
    """Pick the strategy, before anything touches the operating system."""
    routed = ctx.router.route(ctx.requested, path=ctx.path, memory_limit=ctx.memory_limit)
    if isinstance(routed, Route):
        ctx.route = routed
    else:
        ctx.answer = routed


def effect_locate(ctx: Opening, req: None) -> None:
    """Tell from names which files make the checkpoint."""
    ctx.keep_located(locate(ctx.path, ctx.entries, shards=ctx.shards))


def effect_measure_index(ctx: Opening, req: None) -> None:
    """Learn how large the index is."""
    path = ctx.found.index
    assert path is not None, "the guard before saw it"  # noqa: S101 - a proof
    ctx.identify((path,))
    if ctx.identity is not None and ctx.identity.nbytes > INDEX_LIMIT:
        message = f"the index has {ctx.identity.nbytes} bytes, and {INDEX_LIMIT} is the limit"
        ctx.refused = Failure.of_shards("index-over-limit", path, message)
    ctx.window = 0 if ctx.identity is None else ctx.identity.nbytes


def effect_read_index(ctx: Opening, req: None) -> None:
    """Make sense of the index, and of the file names in it, and let go of its bytes."""
    # Here, since it imports msgspec, which takes longer than opening most models.
    from emel_model_loader.index_json import read_index  # noqa: PLC0415

    read = ctx.look(lambda data: read_index(data, ctx.at_hand))
    if isinstance(read, Failure):
        ctx.refused = read
    elif read is not None:
        ctx.index = read
        ctx.keep_located(follow_index(read, ctx.found))


def effect_identify(ctx: Opening, req: None) -> None:
    """Learn each file's size and what tells it from another."""
    ctx.identify(ctx.found.files)


def effect_read_window(ctx: Opening, req: None) -> None:
    """Bring the first bytes of the file at hand to where they can be looked at."""
    ctx.load_window()


def effect_parse(ctx: Opening, req: None) -> None:
    """Parse the window and let go of it: a header keeps nothing of the bytes it was made from."""
    assert ctx.identity is not None, "it was identified"  # noqa: S101 - a proof
    file_nbytes = ctx.identity.nbytes
    ctx.parsed = ctx.look(lambda data: parse(data, file_nbytes))


def effect_widen_window(ctx: Opening, req: None) -> None:
    """Look further next time, and at least as far as parsing asked for."""
    assert isinstance(ctx.parsed, NeedMore), "the guard before saw it"  # noqa: S101 - a proof
    assert ctx.identity is not None, "it was identified"  # noqa: S101 - a proof
    grown = min(ctx.window * WINDOW_GROWTH, ctx.window + WINDOW_STEP_NBYTES)
    wanted = max(ctx.parsed.nbytes, grown)
    ctx.window = min(wanted, ctx.identity.nbytes)


def effect_turn_to_next(ctx: Opening, req: None) -> None:
    """Put the header aside, and take the next file in hand."""
    ctx.put_aside()
    i = len(ctx.headers)
    ctx.take_in_hand(ctx.found.file(i), i)


def effect_merge(ctx: Opening, req: None) -> None:
    """Make one header of all, if they go together."""
    ctx.put_aside()
    merged = merge(ctx.found, ctx.headers, ctx.index)
    if isinstance(merged, Failure):
        ctx.refused = merged
    else:
        ctx.merged = merged


def effect_bind(ctx: Opening, req: None) -> None:
    """Hand the header's columns to the owner of residency."""
    assert ctx.merged is not None, "the guard before saw it"  # noqa: S101 - a proof
    columns = ctx.merged.tensors
    sizes = [len(header.tensors) for header in ctx.headers]
    file = np.repeat(np.arange(len(sizes)), sizes)
    spans = Spans(ctx.found.files, file, columns.offset, columns.nbytes, ctx.identities)
    ctx.tensors = TensorSet()
    ctx.report = ctx.tensors.bind(spans, columns.dtype)
    bad = None if ctx.report.ok else validate(spans)
    if bad is not None:
        ctx.at_hand = spans.files[spans.file[bad.span]]


def effect_abandon(ctx: Opening, req: None) -> None:
    """Let go of everything that was acquired on the way."""
    ctx.tensors = None
    if ctx.route is not None:
        ctx.route.close()


_S, _E, _O = State, Event, LoadOutcome
# fmt: off
_ROWS: tuple[Row[State, Event, LoadOutcome, Opening, None], ...] = (
    Row(_S.CLOSED,      _E.OPEN,   always,                  effect_route,         _S.ROUTING,     _O.OK),
    Row(_S.ROUTING,     _E.DONE,   guard_route_refused,     effect_abandon,       _S.CLOSED,      _O.STRATEGY_REFUSED),
    Row(_S.ROUTING,     _E.DONE,   always,                  effect_locate,        _S.LOCATING,    _O.OK),
    Row(_S.LOCATING,    _E.DONE,   guard_folder_unlisted,   effect_abandon,       _S.CLOSED,      _O.IO_FAILED),
    Row(_S.LOCATING,    _E.DONE,   guard_shards_refused,    effect_abandon,       _S.CLOSED,      _O.SHARDS_REFUSED),
    Row(_S.LOCATING,    _E.DONE,   guard_index_unread,      effect_measure_index, _S.MEASURING,   _O.OK),
    Row(_S.LOCATING,    _E.DONE,   always,                  effect_identify,      _S.IDENTIFYING, _O.OK),
    Row(_S.MEASURING,   _E.DONE,   guard_io_failed,         effect_abandon,       _S.CLOSED,      _O.IO_FAILED),
    Row(_S.MEASURING,   _E.DONE,   guard_shards_refused,    effect_abandon,       _S.CLOSED,      _O.SHARDS_REFUSED),
    Row(_S.MEASURING,   _E.DONE,   always,                  effect_read_window,   _S.FETCHING,    _O.OK),
    Row(_S.FETCHING,    _E.DONE,   guard_io_failed,         effect_abandon,       _S.CLOSED,      _O.IO_FAILED),
    Row(_S.FETCHING,    _E.DONE,   always,                  effect_read_index,    _S.INDEXING,    _O.OK),
    Row(_S.INDEXING,    _E.DONE,   guard_io_failed,         effect_abandon,       _S.CLOSED,      _O.IO_FAILED),
    Row(_S.INDEXING,    _E.DONE,   guard_shards_refused,    effect_abandon,       _S.CLOSED,      _O.SHARDS_REFUSED),
    Row(_S.INDEXING,    _E.DONE,   always,                  effect_identify,      _S.IDENTIFYING, _O.OK),
    Row(_S.IDENTIFYING, _E.DONE,   guard_io_failed,         effect_abandon,       _S.CLOSED,      _O.IO_FAILED),
    Row(_S.IDENTIFYING, _E.DONE,   always,                  effect_read_window,   _S.READING,     _O.OK),
    Row(_S.READING,     _E.DONE,   guard_io_failed,         effect_abandon,       _S.CLOSED,      _O.IO_FAILED),
    Row(_S.READING,     _E.DONE,   always,                  effect_parse,         _S.PARSING,     _O.OK),
    Row(_S.PARSING,     _E.DONE,   guard_io_failed,         effect_abandon,       _S.CLOSED,      _O.IO_FAILED),
    Row(_S.PARSING,     _E.DONE,   guard_header_refused,    effect_abandon,       _S.CLOSED,      _O.PARSE_FAILED),
    Row(_S.PARSING,     _E.DONE,   guard_header_incomplete, effect_widen_window,  _S.INCOMPLETE,  _O.HEADER_INCOMPLETE),
    Row(_S.PARSING,     _E.DONE,   guard_file_remains,      effect_turn_to_next,  _S.INCOMPLETE,  _O.HEADER_INCOMPLETE),
    Row(_S.PARSING,     _E.DONE,   always,                  effect_merge,         _S.MERGING,     _O.OK),
    Row(_S.INCOMPLETE,  _E.EXTEND, always,                  effect_read_window,   _S.READING,     _O.OK),
    Row(_S.MERGING,     _E.DONE,   guard_shards_refused,    effect_abandon,       _S.CLOSED,      _O.SHARDS_REFUSED),
    Row(_S.MERGING,     _E.DONE,   always,                  effect_bind,          _S.BINDING,     _O.OK),
    Row(_S.BINDING,     _E.DONE,   guard_binding_refused,   effect_abandon,       _S.CLOSED,      _O.MODEL_FAILED),
    Row(_S.BINDING,     _E.DONE,   always,                  effect_none,          _S.OPENED,      _O.OK),
)
# fmt: on
OPENING: Final[Table[State, Event, LoadOutcome, Opening, None]] = Table(
    "opening",
    states=State,
    events=Event,
    outcomes=LoadOutcome,
    initial=State.CLOSED,
    completion=Event.DONE,
    rows=_ROWS,
)
