"""What a strategy that copies says of leases: it gives none, and those of zero bytes are legal."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_io_loader.outcomes import BatchOutcome, Leases, Reaction, StrategyError
from emel_io_loader.strategy import Advice


class LeaseOutcome(IntEnum):
    """What is said of leases where there are none."""

    OK = 0
    STALE_LEASE = 1
    """It was never given: a strategy that copies gives none."""
    LENGTHS_DIFFER = 2
    ADVICE_UNKNOWN = 3
    ADVICE_OUTSIDE = 4


_NOTHING: Final = np.frombuffer(b"", np.uint8)


class Leaseless:
    """The part of a strategy that copies which is the same in all: `view`, `release`, `advise`.

    The lease of a span of zero bytes, (-1, -1), is the only one that there is; it holds nothing.
    """

    def view(self, slot: int, generation: int) -> NDArray[np.uint8]:
        """Look at the lease of zero bytes: (0,) uint8.

        Raises
        ------
        StrategyError
            STALE_LEASE, for any other.
        """
        if slot == generation == -1:
            return _NOTHING
        raise StrategyError(_stale(slot, generation))

    def release(self, leases: Leases) -> BatchOutcome:
        """Let go of leases of zero bytes; any other refuses the whole batch."""
        n = len(leases)
        if len(leases.generation) != n:
            text = f"{n} slots have {len(leases.generation)} generations"
            return _refused(LeaseOutcome.LENGTHS_DIFFER, Reaction.INVALID, text, index=0)
        stale = np.flatnonzero((leases.slot != -1) | (leases.generation != -1))
        if stale.size:
            index = stale.item(0)
            return _stale(*leases[index], index=index, done=np.zeros(n, np.bool_))
        return BatchOutcome(
            outcome=LeaseOutcome.OK, reaction=Reaction.NONE, nspans=n, done=np.ones(n, np.bool_)
        )

    def advise(
        self, slot: int, generation: int, advice: int, start: int = 0, nbytes: int | None = None
    ) -> BatchOutcome:
        """Take advice about zero bytes, of which nothing follows; any other is refused."""
        if not slot == generation == -1:
            return _stale(slot, generation)
        if advice not in list(Advice):
            text = f"{advice} is no kind of advice"
            return _refused(LeaseOutcome.ADVICE_UNKNOWN, Reaction.INVALID, text)
        if start or nbytes:
            text = f"the advice is for {nbytes or 0} bytes from byte {start} of a lease of 0 bytes"
            return _refused(LeaseOutcome.ADVICE_OUTSIDE, Reaction.INVALID, text)
        return BatchOutcome(outcome=LeaseOutcome.OK, reaction=Reaction.NONE, nspans=1)


def _stale(
    slot: int, generation: int, *, index: int = -1, done: NDArray[np.bool_] | None = None
) -> BatchOutcome:
    text = f"lease ({slot}, {generation}) was never given: a strategy that copies gives none"
    return _refused(LeaseOutcome.STALE_LEASE, Reaction.CLOSED, text, index=index, done=done)


def _refused(
    outcome: LeaseOutcome,
    reaction: Reaction,
    message: str,
    *,
    index: int = -1,
    done: NDArray[np.bool_] | None = None,
) -> BatchOutcome:
    return BatchOutcome(outcome=outcome, reaction=reaction, message=message, index=index, done=done)
