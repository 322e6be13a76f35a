"""A strategy that does nothing, so that what stands above strategies is all that is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Still:
    """It maps, and answers at once; the packages of either world are reached inside."""

    def __init__(self) -> None:
        from emel_io_loader import BatchOutcome, Leases, Mode, Reaction, RouteOutcome, Usage

        self.name = "mmap"
        self.mode = Mode.MAPS
        self._usage = Usage(0, 1, 0, 0)
        self._leases = Leases
        self._outcome: Any = BatchOutcome
        self._words: dict[str, Any] = {"outcome": RouteOutcome.OK, "reaction": Reaction.NONE}
        self._generation = 0

    def load(self, spans: Any, targets: Any = None, **_options: Any) -> Any:  # noqa: ARG002 - of either world
        """Lease each span."""
        n = len(spans)
        first = self._generation
        self._generation += n
        leases = self._leases(np.zeros(n, np.int32), np.arange(first, first + n))
        return self._outcome(nspans=n, nbytes=0, leases=leases, **self._words)

    def release(self, leases: Any) -> Any:  # of either world
        """Let go of each."""
        n = len(leases)
        return self._outcome(nspans=n, done=np.ones(n, np.bool_), **self._words)

    def identify(self, files: Sequence[str]) -> Any:  # of either world
        """Know nothing of files."""
        raise NotImplementedError(files)

    def view(self, slot: int, generation: int) -> Any:  # of either world
        """Show nothing."""
        raise NotImplementedError(slot, generation)

    def advise(self, slot: int, generation: int, advice: int, *window: Any) -> Any:  # noqa: ARG002 - of either world
        """Take any advice."""
        return self._outcome(**self._words)

    def usage(self) -> Any:  # of either world
        """Hold nothing."""
        return self._usage

    def close(self) -> Any:  # of either world
        """Be done."""
        return self._outcome(**self._words)
