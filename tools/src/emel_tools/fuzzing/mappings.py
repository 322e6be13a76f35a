"""The pool of mappings, against a dictionary of what is leased."""

from __future__ import annotations

from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Advice, Leases, Spans, StrategyError
from emel_io_mmap import MmapStrategy, Port
from emel_tools.fuzzing.games import Game, Move
from emel_tools.fuzzing.ports import Books
from emel_tools.fuzzing.stored import files

_CALLS: Final = ("open", "fstat", "stat", "map", "unmap", "size", "advise", "close")
_NBYTES: Final = 3 * 4096 + 17
_FILES: Final = 3
_SLOTS: Final = 2


def _draw(rng: Random) -> list[Move]:
    moves: list[Move] = []
    places = (0, 1, 4095, 4096, 4097, 8192, _NBYTES - 1, _NBYTES)
    for _ in range(rng.choice((5, 15, 30))):
        spans: list[list[int]] = []
        for _ in range(rng.choice((1, 1, 2, 5))):
            low, high = sorted((rng.choice(places), rng.randrange(_NBYTES + 1)))
            spans.append([rng.randrange(_FILES), low, high - low])
        if rng.random() < 0.05:
            spans.append([0, _NBYTES - 1, 2])
        moves.append(
            rng.choice(
                (
                    ["load", spans],
                    ["load", spans],
                    ["borrow", rng.randrange(9)],
                    ["drop", rng.randrange(9)],
                    ["release", [rng.randrange(9) for _ in range(rng.randrange(4))]],
                    ["release", [rng.randrange(9)]],
                    ["stale"],
                    [
                        "advise",
                        rng.randrange(9),
                        rng.randrange(5),
                        rng.choice((0, 1, 4096)),
                        rng.choice((None, 0, 1, 4096)),
                    ],
                    ["fault", rng.choice(_CALLS), rng.choice((1, 1, 2, 3))],
                    ["close"] if rng.random() < 0.1 else ["calm"],
                )
            )
        )
    return moves


class _Round:
    """One pool, and what it should hold."""

    def __init__(self, reached: set[str]) -> None:
        self.folder, self.paths, self.contents = files(_FILES, _NBYTES)
        self.books = Books(Port(), _CALLS)
        self.strategy = MmapStrategy(slots=_SLOTS, port=self.books.port)
        self.leased: dict[tuple[int, int], tuple[int, int, int]] = {}
        self.released: list[tuple[int, int]] = []
        self.borrowed: dict[tuple[int, int], NDArray[np.uint8]] = {}
        self.half: set[tuple[int, int]] = set()
        """Unmapping or closing has failed: good for another release alone."""
        self.closed = False
        self.dirty = False
        """Whether a call has failed, and what it left behind may not be tidied away yet."""
        self.reached = reached

    def pick(self, number: int) -> tuple[int, int] | None:
        """One of the leases, if there is any."""
        known = sorted(self.leased)
        return known[number % len(known)] if known else None

    def load(self, spans: list[list[int]]) -> str:
        file, offset, nbytes = ([span[k] for span in spans] for k in range(3))
        before = self.strategy.usage()
        answer = self.strategy.load(Spans(self.paths, file, offset, nbytes))
        self.reached.add(answer.code)
        beyond = any(o + n > _NBYTES for _, o, n in spans)
        if not answer.ok:
            usage = self.strategy.usage()
            if usage.leases != before.leases or (
                usage.slots > before.slots and not (self.dirty or self.books.struck)
            ):
                return f"a refused load that leaves nothing expected, got {usage} after {before}"
            fine = self.closed or self.books.struck or answer.code in ("pool-full", "close-failed")
            return "" if beyond or fine else f"a load expected, got {answer.code}: {answer.message}"
        if self.closed or (beyond and any(n for _, o, n in spans if o + n > _NBYTES)):
            return "a refusal expected, got a load"
        for i, (file, offset, nbytes) in enumerate(spans):
            lease = answer.leases[i]
            if not nbytes:
                if lease != (-1, -1):
                    return f"no lease expected for no bytes, got {lease}"
                continue
            if tuple(lease) in self.leased or tuple(lease) in self.released:
                return f"a new lease expected, got {lease} again"
            self.leased[lease.slot, lease.generation] = (file, offset, nbytes)
        return ""

    def content(self, lease: tuple[int, int]) -> bytes:
        file, offset, nbytes = self.leased[lease]
        return self.contents[file][offset : offset + nbytes]

    def borrow(self, number: int) -> str:
        lease = self.pick(number)
        if lease is None or lease in self.half:
            return ""
        try:
            array = self.strategy.view(*lease)
        except StrategyError as error:
            return "" if self.books.struck else f"bytes expected, got {error}"
        if array.tobytes() != self.content(lease) or array.flags.writeable:
            return f"the file's bytes, read-only, expected of {self.leased[lease]}"
        self.borrowed[lease] = array[len(array) // 2 :]
        return ""

    def drop(self, number: int) -> str:
        known = sorted(self.borrowed)
        if known:
            del self.borrowed[known[number % len(known)]]
        return ""

    def release(self, numbers: list[int]) -> str:
        chosen = sorted({lease for n in numbers if (lease := self.pick(n)) is not None})
        answer = self.strategy.release(Leases.of([s for s, _ in chosen], [g for _, g in chosen]))
        self.reached.add(answer.code)
        if answer.done is None or len(answer.done) != len(chosen):
            return f"an answer for each of {len(chosen)} leases expected, got {answer.code}"
        for lease, done in zip(chosen, answer.done.tolist(), strict=True):
            if lease in self.borrowed and done:
                return f"lease {lease} is borrowed: it has to stay"
            if not done and lease not in self.borrowed:
                if not self.books.struck:
                    return f"lease {lease} released expected, got {answer.code}"
                self.half.add(lease)
            if done:
                self.released.append(lease)
                del self.leased[lease]
                self.half.discard(lease)
        if answer.ok != bool(answer.done.all()):
            return f"ok only if all are gone expected, got {answer.code} and {answer.done}"
        return ""

    def stale(self) -> str:
        if not self.released:
            return ""
        both = [*sorted(self.leased)[:1], self.released[-1]]
        before = self.strategy.usage()
        answer = self.strategy.release(Leases.of([s for s, _ in both], [g for _, g in both]))
        self.reached.add(answer.code)
        usage = self.strategy.usage()
        # What an earlier failure left behind is tidied away first.
        same = usage.leases == before.leases and usage.slots <= before.slots
        if answer.code != "stale-lease" or not same:
            return f"stale-lease, and nothing changed, expected; got {answer.code}"
        try:
            self.strategy.view(*self.released[-1])
        except StrategyError:
            return ""
        return "a refusal expected of a stale lease, got a view"

    def advise(self, number: int, advice: int, start: int, nbytes: int | None) -> str:
        lease = self.pick(number)
        if lease is None or lease in self.half:
            return ""
        answer = self.strategy.advise(*lease, advice, start, nbytes)
        self.reached.add(answer.code)
        size = self.leased[lease][2]
        outside = start > size or (nbytes is not None and start + nbytes > size)
        expected = (
            "advice-unknown" if advice not in list(Advice) else "advice-outside" if outside else ""
        )
        if (answer.code == expected) if expected else (answer.ok or self.books.struck):
            return ""
        return (
            ""
            if answer.code == "advice-unsupported"
            else f"{expected or 'ok'} expected, got {answer.code}"
        )

    def close(self) -> str:
        answer = self.strategy.close()
        self.reached.add(answer.code)
        self.closed = True
        kept = {tuple(answer.leases[i]) for i in range(len(answer.leases))}
        if not {*self.borrowed} <= kept:
            return f"what is borrowed stays: {sorted(self.borrowed)} expected, got {sorted(kept)}"
        if not self.books.struck and kept != {*self.borrowed}:
            return f"the leases {sorted(self.borrowed)} left expected, got {sorted(kept)}"
        for lease in [lease for lease in self.leased if lease not in kept]:
            del self.leased[lease]
            self.released.append(lease)
            self.half.discard(lease)
        self.half |= {lease for lease in self.leased if lease not in self.borrowed}
        return ""

    def check(self) -> str:
        """Compare the strategy's books with ours."""
        usage = self.strategy.usage()
        held = (len(self.books.opened), len(self.books.mapped))
        self.dirty = bool(usage.slots or max(held)) and (self.dirty or bool(self.books.struck))
        if usage.leases != len(self.leased):
            return f"{len(self.leased)} leases expected, got {usage.leases}"
        if usage.slots > _SLOTS or max(held) > _SLOTS:
            return f"{_SLOTS} slots at most expected, got {usage.slots}, {held} open and mapped"
        if not self.leased and not self.dirty and (usage.slots or max(held)):
            return f"nothing held expected without leases, got {usage}, {held} open and mapped"
        for lease, array in self.borrowed.items():
            content = self.content(lease)
            if array.tobytes() != content[len(content) // 2 :]:
                return f"borrowed bytes of {self.leased[lease]} that stay expected"
        return ""

    def end(self) -> str:
        """Let go of everything: nothing may be left."""
        self.books.let_fail(None)
        self.borrowed.clear()
        answer = self.strategy.close()
        if not answer.ok or self.books.opened or self.books.mapped:
            left = f"{len(self.books.opened)} open, {len(self.books.mapped)} mapped"
            return f"nothing left after close expected, got {answer.code}, {left}"
        return ""


def _play(moves: list[Move], reached: set[str]) -> str:
    round_ = _Round(reached)
    calls: dict[str, Any] = {
        name: getattr(round_, name)
        for name in ("load", "borrow", "drop", "release", "stale", "advise", "close")
    }
    for name, *words in moves:
        if name == "fault":
            round_.books.let_fail((words[0], words[1], "failed"))
        elif name == "calm":
            round_.books.fault = None
        elif problem := calls[name](*words) or round_.check():
            round_.borrowed.clear()
            return f"{name}: {problem}"
    return round_.end()


MAPPINGS: Final = Game(
    "mappings",
    _draw,
    _play,
    500,
    frozenset(
        {
            "ok", "pool-full", "span-beyond-end", "stale-lease", "still-borrowed", "closed",
            "open-failed", "stat-failed", "map-failed", "unmap-failed", "close-failed",
            "advice-unknown", "advice-outside", "advice-failed",
        }
    ),
)  # fmt: skip
