"""The planner, against one that looks at one span after the other, with exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Runs, Spans, plan
from emel_tools.fuzzing.games import Game, Move

_SHARES: Final = (0.0, 0.25, 0.5, 1.0, 2.0, math.inf)


def _draw(rng: Random) -> list[Move]:
    unit = rng.choice((1, 1, 10, 4096))
    limits = [
        rng.choice((0, 1, 5, 100)) * unit,
        rng.choice(_SHARES),
        rng.choice((1, 8, 40, 1000)) * unit,
    ]
    moves: list[Move] = [["limits", *map(str, limits)]]
    reached = [0, 0]
    for _ in range(rng.choice((1, 2, 5, 12, 30))):
        file, nbytes = rng.randrange(2), rng.choice((0, 1, 3, 7, 20)) * unit
        gap = rng.choice((0, 0, 1, 2, 6, -2, 50)) * unit
        offset = max(0, reached[file] + gap)
        reached[file] = max(reached[file], offset + nbytes)
        moves.append(["span", file, offset, nbytes])
    if rng.random() < 0.05:
        moves.append(["span", 0, 2**63 - 1 - 8, 8])
    rest = moves[1:]
    rng.shuffle(rest)
    return [moves[0], *rest]


def _expected(
    spans: list[tuple[int, int, int, int]], gap: int, share: float, most: int
) -> list[tuple[int, int, int, list[int]]]:
    """(file, start, stop, spans) of each run: each takes what it can."""
    runs: list[tuple[int, int, int, list[int]]] = []
    lumps: list[tuple[int, int, int, list[int]]] = []
    for file, offset, nbytes, i in sorted(spans, key=lambda s: s[:2]):
        last = lumps[-1] if lumps else None
        if last is not None and last[0] == file and offset < last[2]:
            lumps[-1] = (file, last[1], max(last[2], offset + nbytes), [*last[3], i])
        else:
            lumps.append((file, offset, offset + nbytes, [i]))
    wanted = 0
    for file, start, stop, members in lumps:
        last = runs[-1] if runs else None
        joined = last is not None and last[0] == file and start - last[2] <= gap
        if last is not None and joined and stop - last[1] <= most:
            useful = wanted + stop - start
            waste = (stop - last[1]) - useful
            if math.isinf(share) or waste <= Fraction(share) * useful:
                runs[-1] = (file, last[1], stop, [*last[3], *members])
                wanted = useful
                continue
        runs.append((file, start, stop, members))
        wanted = stop - start
    return runs


def _play(moves: list[Move], reached: set[str]) -> str:
    limits = moves[0][1:] if moves and moves[0][0] == "limits" else ["0", "0.0", "8"]
    gap, share, most = int(limits[0]), float(limits[1]), int(limits[2])
    rows = [(m[1], m[2], m[3]) for m in moves if m[0] == "span"]
    spans = Spans(["a", "b"], *([row[k] for row in rows] for k in range(3)))
    got = plan(spans, gap_nbytes=gap, over_read=share, run_nbytes=most)
    wanted = [(*row, i) for i, row in enumerate(rows) if row[2]]
    expected = _expected(wanted, gap, share, most)
    reached.add("joined" if any(len(run[3]) > 1 for run in expected) else "single")
    return _difference(expected, got)


def _difference(expected: list[tuple[int, int, int, list[int]]], got: Runs) -> str:
    runs = [
        (got.file.item(r), got.start.item(r), got.stop.item(r), got.members(r).tolist())
        for r in range(len(got))
    ]
    # Spans that begin at the same byte may come in any order.
    told = [(*run[:3], sorted(run[3])) for run in runs]
    wanted = [(*run[:3], sorted(run[3])) for run in expected]
    return "" if told == wanted else f"the runs {wanted} expected, got {told}"


class _Counting(np.ndarray[Any, Any]):
    """An array that counts the elements that numpy's functions look at."""

    looked_at = 0

    def __array_ufunc__(self, function: np.ufunc, method: str, *words: Any, **options: Any) -> Any:
        _Counting.looked_at += max((np.size(word) for word in words), default=0)
        plain = [w.view(np.ndarray) if isinstance(w, _Counting) else w for w in words]
        if "out" in options:
            options["out"] = tuple(
                o.view(np.ndarray) if isinstance(o, _Counting) else o for o in options["out"]
            )
        answer = getattr(function, method)(*plain, **options)
        return answer.view(_Counting) if isinstance(answer, np.ndarray) else answer


def _work(
    offset: NDArray[np.int64], nbytes: NDArray[np.int64], limits: tuple[int, float, int]
) -> int:
    spans = Spans(["a"], np.zeros(len(offset), np.int64), offset, nbytes)
    spans.offset, spans.nbytes = spans.offset.view(_Counting), spans.nbytes.view(_Counting)
    _Counting.looked_at = 0
    plan(spans, gap_nbytes=limits[0], over_read=limits[1], run_nbytes=limits[2])
    return _Counting.looked_at


def _draw_shape(rng: Random) -> list[Move]:
    return [
        [
            "shape",
            rng.choice((8, 64)),
            rng.choice((0, 4, 8)),
            rng.choice((0.0, 0.25, 1.0)),
            rng.choice((8, 64, 512, 1 << 40)),
            rng.choice((1, 1, 3, 20, 50)),
        ]
    ]


def _play_shape(moves: list[Move], reached: set[str]) -> str:
    """Eight times the spans may take no more than ten times the work, whatever their layout."""
    for _, size, hole, share, most, period in moves:
        works: list[int] = []
        for n in (512, 4096):
            number = np.arange(n, dtype=np.int64)
            offset = number * size + number // period * hole  # a hole after each period
            works.append(_work(offset, np.full(n, size, np.int64), (hole, share, most)))
        reached.add("counted" if works[0] else "blind")
        if works[1] > 10 * works[0]:
            grew = f"512 take {works[0]} steps, and 4096 take {works[1]}"
            return f"work that grows as the spans do expected: {grew}"
    return ""


PLAN: Final = Game("plan", _draw, _play, 2000, frozenset({"joined", "single"}))
GROWTH: Final = Game("plan_growth", _draw_shape, _play_shape, 60, frozenset({"counted"}))
