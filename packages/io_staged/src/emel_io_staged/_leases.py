"""What a strategy that copies says of leases: it gives none, and those of zero bytes are legal."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import Advice, BatchOutcome, Leases, Reaction, StrategyError
from emel_io_staged.outcomes import StagedOutcome, answer

_NOTHING: Final = np.frombuffer(b"", np.uint8)
_STALE: Final = "a strategy that copies has given no such lease"


def viewed(slot: int, generation: int) -> NDArray[np.uint8]:
    """Look at nothing."""
    if slot == generation == -1:
        return _NOTHING
    raise StrategyError(answer(StagedOutcome.STALE_LEASE, _STALE))


def released(leases: Leases) -> BatchOutcome:
    """Let go of nothing, n times; one lease of something refuses them all."""
    n = len(leases)
    if len(leases.generation) != n:
        text = f"{n} slots have {len(leases.generation)} generations"
        return answer(StagedOutcome.LENGTHS_DIFFER, text, index=0)
    stale = np.flatnonzero((leases.slot != -1) | (leases.generation != -1))
    return BatchOutcome(
        outcome=StagedOutcome.STALE_LEASE if stale.size else StagedOutcome.OK,
        reaction=Reaction.CLOSED if stale.size else Reaction.NONE,
        message=_STALE if stale.size else "",
        index=stale.item(0) if stale.size else -1,
        nspans=0 if stale.size else n,
        done=np.full(n, not stale.size),
    )


def advised(
    slot: int, generation: int, advice: int, start: int, nbytes: int | None
) -> BatchOutcome:
    """Take advice about nothing."""
    if not slot == generation == -1:
        return answer(StagedOutcome.STALE_LEASE, _STALE)
    if advice not in list(Advice):
        return answer(StagedOutcome.ADVICE_UNKNOWN, f"{advice} is no kind of advice")
    if start or nbytes:
        text = f"the advice is for {nbytes or 0} bytes from byte {start} of a lease of 0 bytes"
        return answer(StagedOutcome.ADVICE_OUTSIDE, text)
    return answer(StagedOutcome.OK)
