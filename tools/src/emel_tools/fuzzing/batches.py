"""Batches for the strategies that copy: files, spans of them, and what fails of it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from emel_tools.fuzzing.games import Move

_READS: Final = ("open", "open_direct", "fstat", "stat", "preadv", "close")
CALLS: Final = {"read": (*_READS, "start_thread"), "staged": (*_READS, "allocate", "start")}
NBYTES: Final = 200_003
FILES: Final = 3
_HOWS: Final = ("failed", "failed", "refused", "short", "end", "interrupted")


def _spans(rng: Random, most: int) -> list[list[int]]:
    places = (0, 1, 4095, 4096, 65536, 65537, 131072, NBYTES - 1, NBYTES)
    spans: list[list[int]] = []
    for _ in range(rng.choice((0, 1, 1, 3, 8))):
        file = rng.randrange(FILES)
        if rng.random() < 0.3:
            low, high = sorted((rng.choice(places), rng.choice(places)))
        else:
            low = rng.randrange(NBYTES)
            if spans and rng.random() < 0.4:  # behind the last one, so that one call takes both
                file = spans[-1][0]
                low = min(NBYTES, sum(spans[-1][1:]) + rng.choice((0, 1, 900)))
            high = min(NBYTES, low + rng.choice((0, 1, 2, 100, 5000)))
        spans.append([file, low, min(high - low, most)])
    rng.shuffle(spans)
    for _ in range(rng.choice((1, 2, 3)) if rng.random() < 0.12 else 0):
        beyond = [rng.randrange(FILES), NBYTES - rng.choice((3, 3, 0)), rng.choice((4, 90))]
        spans.insert(rng.randrange(len(spans) + 1), beyond)
    return spans


def _bad(rng: Random, spans: list[list[int]]) -> list[list[int]]:
    """Choose bytes of some of the spans that can't be read."""
    filled = [span for span in spans if span[2]]
    some = rng.sample(filled, min(len(filled), rng.choice((1, 2, 2, 3))))
    return [[file, offset + rng.randrange(nbytes)] for file, offset, nbytes in some]


def draw_of(kind: str) -> Callable[[Random], list[Move]]:
    """What draws the moves of one strategy."""

    def draw(rng: Random) -> list[Move]:
        direct, chunk_nbytes = rng.random() < 0.4, rng.choice((8, 64, 4096, 65536))
        threads, stages = rng.choice((None, 1, 2, 4)), rng.choice((2, 3, 4))
        how = [threads, direct] if kind == "read" else [chunk_nbytes, stages]
        most = NBYTES if kind == "read" else 30 * chunk_nbytes  # so that there are few chunks
        direct = direct and kind == "read"
        moves: list[Move] = [["make", *how]]
        for _ in range(rng.randrange(1, 7)):
            spans = _spans(rng, most)
            if rng.random() < 0.4:
                name = rng.choice((*CALLS[kind], "preadv", "preadv"))
                moves.append(["fault", name, rng.choice((1, 1, 2, 5)), rng.choice(_HOWS)])
            elif rng.random() < 0.3 and not direct:
                # A direct read takes whole blocks, and fails for bytes that nobody wants.
                moves.append(["bad", _bad(rng, spans)])
            words = ["load", "load", "load"] + ["stream", "through"] * (kind == "staged")
            words += ["lie"] * 2 * direct
            moves.append([rng.choice(words), spans, rng.choice((None, 1, 3))])
        if rng.random() < 0.2:
            moves += [["close"], ["load", _spans(rng, most), None]]
        return moves

    return draw
