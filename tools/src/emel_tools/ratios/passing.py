"""Which cases needn't be timed: they run no code but what was recorded, or was judged before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from emel_tools.ratios import machine
from emel_tools.ratios.executed import altered_of, digest
from emel_tools.ratios.judged import Judged, Kept, Ran
from emel_tools.ratios.line import Line
from emel_tools.ratios.reference import Reference
from emel_tools.ratios.sampling import Order, Seen
from emel_tools.scope.altered import sources


class Passing:
    """What is known of the cases of one shard before they are timed, and is kept afterwards.

    Parameters
    ----------
    order
        What every block is asked for.
    reference
        The recorded code, if there is some.
    judged
        What was seen to be as quick as that before; None if that isn't kept.
    run
        Runs a block.
    """

    def __init__(
        self,
        order: Order,
        reference: Reference | None,
        judged: Judged | None,
        run: Callable[[Order], Seen],
    ) -> None:
        self._order, self._root = order, Path(order.root)
        self._reference, self._judged, self._run = reference, judged, run
        self._against = f"{reference.commit if reference else ''} {machine.kind()}"
        self._ran: dict[str, Ran] = {}
        self._unwatched: frozenset[str] = frozenset()
        """Cases that are timed anyway, and are watched only then."""

    @property
    def asks(self) -> bool:
        """Whether it wants to know which functions run, of cases that are timed."""
        return bool(self._unwatched)

    def over(self, lines: Sequence[Line]) -> None:
        """Pass over what runs no code that differs from what was recorded: it is the same."""
        if self._reference is None or self._reference.itself or self._reference.same:
            return
        known = {e.case.name: e for e in lines if e.comparable and e.recorded == e.before}
        now, before = sources(self._root), sources(self._reference.root)
        kept = self._judged.read(self._against) if self._judged else Kept()
        since = kept.since(known, now, self._root)
        self._ran |= since.unchanged
        self._unwatched = since.differing(now, before, self._root)
        asked = [name for name in known if name not in {*self._ran, *self._unwatched}]
        same = {*self._ran}
        if asked:
            seen = self._watched(asked)
            same |= {*asked} - altered_of(seen, now, before, self._root).keys()
            self._note(seen, now)
        for name in same:
            known[name].verdict = "same"

    def note(self, functions: Mapping[str, tuple[str, ...]]) -> None:
        """Take over what cases were seen to run while they were timed."""
        asked = {name: functions[name] for name in functions if name in self._unwatched}
        if asked:
            self._note(asked, sources(self._root))

    def keep(self, lines: Sequence[Line]) -> None:
        """Remember what was as quick as the recorded code, or is that code."""
        if self._judged is None or not self._ran:
            return
        same = (line.case.name for line in lines if line.verdict == "same" and not line.problem)
        kept = {name: self._ran[name] for name in same if name in self._ran}
        self._judged.write(self._against, kept, sources(self._root))

    def _watched(self, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
        order = msgspec.structs.replace(
            self._order, cases=tuple(names), reference="", watch=True, passes=0
        )
        seen = self._run(order).functions
        return {name: seen[name] for name in names}

    def _note(self, seen: Mapping[str, tuple[str, ...]], now: Mapping[str, bytes]) -> None:
        for name, functions in seen.items():
            if functions:
                self._ran[name] = Ran(functions, digest(functions, now))
