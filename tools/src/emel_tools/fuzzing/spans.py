"""io_loader's validation of spans and targets, against loops over one span after the other."""

from __future__ import annotations

from random import Random
from typing import Any, Final

import numpy as np

from emel_io_loader import (
    FileIdentity,
    SpanOutcome,
    Spans,
    TargetOutcome,
    TargetRefusal,
    Targets,
    code_of,
    validate,
    validate_targets,
)
from emel_tools.fuzzing.games import Game, Move

_PATHS: Final = {
    "plain": "model.gguf",
    "umlaut": "mödel.gguf",
    "bytes": "mod\udcffel",
    "empty": "",
    "nul": "model\0.gguf",
    "longest": "a" * 4095,
    "too long": "a" * 4096,
    "longest in bytes": "é" * 2047 + "a",
    "too long in bytes": "é" * 2048,
    "short enough": "é" * 1000,
}
_NUMBERS: Final = (
    0, 1, 7, 4096, 2**40 - 1, 2**40, 2**40 + 1, 2**62, 2**63 - 2**40, 2**63 - 2, 2**63 - 1, 2**63,
    2**64 - 1, 2**64, -1, -(2**62), -(2**63), -(2**63) - 1,
)  # fmt: skip


def _draw_spans(rng: Random) -> list[Move]:
    paths = [rng.choice(list(_PATHS)) if rng.random() < 0.4 else "plain" for _ in range(3)]
    identities = rng.choice((0, 0, 0, 3, 2, 4))
    moves: list[Move] = [["files", paths, identities]]
    lies = rng.choice((0.0, 0.05, 0.3))
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        offset = rng.choice(_NUMBERS) if rng.random() < lies else rng.randrange(1 << 30)
        nbytes = rng.choice(_NUMBERS) if rng.random() < lies else rng.randrange(1 << 20)
        file = rng.choice((-1, 3, 2**31, 2**63)) if rng.random() < lies else rng.randrange(3)
        moves.append(["span", file, offset, nbytes])
    if rng.random() < 0.05:
        moves.append(["missing", rng.choice(("offset", "nbytes", "file"))])
    return moves


def _broken(move: Move, paths: list[str]) -> str:
    """The first rule that one span breaks, as io_loader's README has them in order."""
    file, offset, nbytes = (int(word) for word in move[1:])
    if not 0 <= file < len(paths):
        return "file-unknown"
    path = paths[file].encode("utf-8", "surrogateescape")
    if not path:
        return "path-empty"
    if len(path) > 4095:
        return "path-too-long"
    if b"\0" in path:
        return "path-has-nul"
    if offset < 0:
        return "offset-negative"
    if nbytes < 0:
        return "nbytes-negative"
    if offset + nbytes > 2**63 - 1:
        return "span-overflows"
    return "span-too-large" if nbytes > 2**40 else ""


def _play_spans(moves: list[Move], reached: set[str]) -> str:
    paths, identities = ["model"], 0
    if moves and moves[0][0] == "files":
        paths, identities = [_PATHS[word] for word in moves[0][1]], moves[0][2]
    spans = [move for move in moves if move[0] == "span"]
    columns = {
        "file": [s[1] for s in spans],
        "offset": [s[2] for s in spans],
        "nbytes": [s[3] for s in spans],
    }
    missing = [move[1] for move in moves if move[0] == "missing"]
    for name in missing:
        columns[name] = columns[name][:-1]
    known = [FileIdentity(1, 1, 1, 1)] * identities
    refusal = validate(Spans(paths, columns["file"], columns["offset"], columns["nbytes"], known))
    got = "" if refusal is None else f"{code_of(refusal.outcome)} at {refusal.span}"
    reached.add(got.partition(" ")[0] or "ok")
    if (missing and spans) or identities not in (0, len(paths)):
        return "" if got.startswith("lengths-differ") else f"lengths-differ expected, got {got!r}"
    flaws = [(_broken(move, paths), i) for i, move in enumerate(spans)]
    first = next((f"{rule} at {i}" for rule, i in flaws if rule), "")
    return "" if got == first else f"{first or 'no refusal'!r} expected, got {got or 'none'!r}"


_MEMORY: Final = (
    "bytearray", "array", "floats", "read-only", "bytes", "strided", "objects", "nothing", "window",
    "bfloat16", "text",
)  # fmt: skip


def _buffer(kind: str, size: int, shared: bytearray) -> Any:  # of any kind
    if kind == "array":
        return np.zeros((2, size), np.uint8)
    if kind == "floats":
        return np.zeros(size, np.float32)
    if kind == "read-only":
        array = np.zeros(size, np.uint8)
        array.setflags(write=False)
        return array
    if kind == "strided":
        return np.zeros(2 * size + 2, np.uint8)[::2]
    if kind == "bfloat16":
        import ml_dtypes  # noqa: PLC0415 - few rounds need it

        return np.zeros(size, ml_dtypes.bfloat16)
    windows = {"window": memoryview(shared)[4 : 4 + size], "bytes": bytes(size), "text": "text"}
    others = {"objects": np.zeros(size, object), "nothing": bytearray()}
    return (windows | others).get(kind, shared if kind == "shared" else bytearray(size))


_ROOM: Final = {"array": 2, "floats": 4, "bfloat16": 2, "nothing": 0}
_WHY: Final = {
    "read-only": "target-read-only",
    "bytes": "target-read-only",
    "strided": "target-not-contiguous",
    "objects": "target-not-bytes",
    "text": "target-not-bytes",
}


def _draw_targets(rng: Random) -> list[Move]:
    kinds = [
        rng.choice(_MEMORY)
        if rng.random() < 0.3
        else rng.choice(("bytearray", "array", "shared", "window"))
        for _ in range(3)
    ]
    moves: list[Move] = [["buffers", kinds, rng.choice((4, 8, 16))]]
    at = [0, 0, 0]
    for _ in range(rng.choice((1, 2, 4, 6))):
        buffer, nbytes = rng.randrange(3), rng.choice((0, 1, 1, 2, 3))
        offset = at[buffer] + rng.choice((0, 0, 0, 1, -1))
        at[buffer] = max(at[buffer], offset + nbytes)
        if rng.random() < 0.05:
            offset = rng.choice((-1, 2**40, 2**63, -(2**63)))
        if rng.random() < 0.03:
            buffer = rng.choice((-1, 3, 2**40))
        moves.append(["target", buffer, offset, nbytes])
    if rng.random() < 0.05:
        moves.append(["none"] if rng.random() < 0.5 else ["missing"])
    return moves


def _play_targets(moves: list[Move], reached: set[str]) -> str:
    kinds, size = ["bytearray"], 8
    if moves and moves[0][0] == "buffers":
        kinds, size = moves[0][1], moves[0][2]
    shared = bytearray(32)
    buffers = [_buffer(kind, size, shared) for kind in kinds]
    wanted = [move for move in moves if move[0] == "target"]
    names = {move[0] for move in moves}
    nbytes = np.array([move[3] for move in wanted], np.int64)
    columns = [move[1] for move in wanted], [move[2] for move in wanted]
    if "missing" in names and wanted:
        columns = columns[0][:-1], columns[1]
    targets = None if "none" in names else Targets(buffers, *columns)
    answer = validate_targets(targets, nbytes)
    got = code_of(answer.outcome) if isinstance(answer, TargetRefusal) else ""
    reached.add(got or "ok")
    first = _first_flaw(wanted, kinds, size, names)
    if first:
        told = f"{got} at {answer.span}" if isinstance(answer, TargetRefusal) else "none"
        return "" if told == first else f"{first} expected, got {told}"
    if isinstance(answer, TargetRefusal):
        return f"no refusal expected, got {got} at {answer.span}: {answer.message}"
    for i, (_, buffer, offset, count) in enumerate(wanted):
        if count and len(answer.view(i, count)) != count:
            return f"{count} bytes at {offset} of buffer {buffer} expected, got another view"
    return ""


def _first_flaw(wanted: list[Move], kinds: list[str], size: int, names: set[str]) -> str:
    """What has to be heard: of several overlaps, the first target that shares with one before."""
    if "none" in names:
        return "targets-missing at -1"
    if "missing" in names and wanted:
        return "targets-differ at -1"
    for i, (_, buffer, _, _) in enumerate(wanted):
        if not 0 <= buffer < len(kinds):
            return f"targets-differ at {i}"
    for i, (_, buffer, offset, nbytes) in enumerate(wanted):
        kind = kinds[int(buffer)]
        if not nbytes:
            continue
        if kind in _WHY:
            return f"{_WHY[kind]} at {i}"
        room = 32 if kind == "shared" else size * _ROOM.get(kind, 1)
        if offset < 0 or offset + nbytes > room:
            return f"target-too-small at {i}"
    taken = set[tuple[object, int]]()
    for i, (_, buffer, offset, nbytes) in enumerate(wanted):
        common = kinds[buffer] in ("shared", "window")
        start = offset + (4 if kinds[buffer] == "window" else 0)
        for byte in range(start, start + nbytes):
            owner = ("shared" if common else buffer, byte)
            if owner in taken:
                return f"targets-overlap at {i}"
            taken.add(owner)
    return ""


SPANS: Final = Game(
    "validate", _draw_spans, _play_spans, 4000, frozenset(code_of(o) for o in SpanOutcome)
)
TARGETS: Final = Game(
    "validate_targets",
    _draw_targets,
    _play_targets,
    4000,
    frozenset(code_of(o) for o in TargetOutcome),
)
