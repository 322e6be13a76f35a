"""A strategy that moves nothing, and keeps books of what it has given and taken back."""

from __future__ import annotations

from typing import Any

import numpy as np

from emel_io_loader import BatchOutcome, Leases, Mode, Reaction, RouteOutcome, Spans, Targets


class Memory:
    """A strategy whose leases are numbers; it may be told to fail."""

    def __init__(self, mode: Mode) -> None:
        self.mode, self.given = mode, 0
        self.held: dict[tuple[int, int], int] = {}
        """Bytes by lease."""
        self.fails: list[bool] | None = None
        self.calls = 0

    def load(self, spans: Spans, targets: Targets | None = None, **_: object) -> BatchOutcome:
        """Give a lease to each span of more than zero bytes, or count a copy."""
        self.calls += 1
        if self.fails is not None:
            return _answer(Reaction.SOURCE)
        leases = Leases.vacant(len(spans))
        for i in range(len(spans) if self.mode is Mode.MAPS else 0):
            if spans.nbytes[i]:
                lease = (i % 3, self.given)
                leases.slot[i], leases.generation[i] = lease
                self.held[lease] = int(spans.nbytes[i])
                self.given += 1
        if self.mode is Mode.COPIES and (targets is None or len(targets) != len(spans)):
            return _answer(Reaction.INVALID)
        return _answer(Reaction.NONE, leases=leases if self.mode is Mode.MAPS else Leases.vacant())

    def release(self, leases: Leases) -> BatchOutcome:
        """Take leases back; each at most once."""
        self.calls += 1
        mine = [
            (lease.slot, lease.generation) for lease in map(leases.__getitem__, range(len(leases)))
        ]
        if any(lease != (-1, -1) and lease not in self.held for lease in mine):
            return _answer(Reaction.CLOSED, done=np.zeros(len(mine), np.bool_))
        fails = self.fails or []
        done = [not (i < len(fails) and fails[i]) for i in range(len(mine))]
        for lease, gone in zip(mine, done, strict=True):
            if gone:
                self.held.pop(lease, None)
        reaction = Reaction.NONE if all(done) else Reaction.BUSY
        return _answer(reaction, done=np.array(done, np.bool_))


def _answer(reaction: Reaction, **facts: Any) -> BatchOutcome:  # BatchOutcome's
    ok = RouteOutcome.OK if reaction is Reaction.NONE else RouteOutcome.STRATEGY_FAILED
    return BatchOutcome(outcome=ok, reaction=reaction, **facts)
