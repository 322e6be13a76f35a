"""One run of the gate, as every report shows it."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from emel_tools.running.results import Result, writable
from emel_tools.scope import Scope


class Run(msgspec.Struct, frozen=True):
    """What was chosen, and what came of it; all that a report depends on, but for git."""

    results: tuple[Result, ...]
    """In the order of the lanes; of shards that didn't run, too."""
    seed: int
    seconds: float
    """Wall time of all shards together."""
    base: str = ""
    """The commit that was compared with; empty if there is none."""
    changed: tuple[str, ...] = ()
    """Changed files from the root, sorted."""
    full: bool = False
    """Whether everything ran because it was asked for."""
    python: str = ""
    """Version of the interpreter."""
    demands: Mapping[str, str] = {}
    """What each lane demands, in one clause, in the order of the lanes."""
    stopped: str = ""
    """What ended the run before its time: `SIGINT`, `SIGTERM`; empty if it came to its end."""

    @classmethod
    def of(
        cls, scope: Scope, done: Sequence[Result], *, seed: int, seconds: float, stopped: str = ""
    ) -> Run:
        """Put together what was chosen and what came of it, as far as it is known.

        Parameters
        ----------
        scope
            What was chosen.
        done
            The results so far; those of shards that were chosen from in any order.
        seed, seconds, stopped
            As the fields are.
        """
        return cls(
            tuple(_ordered(scope, done)),
            seed,
            round(seconds, 3),
            scope.base,
            tuple(writable(path) for path in scope.changed.files),
            scope.full,
            platform.python_version(),
            {each.lane.name: each.lane.demands for each in scope.choices},
            stopped,
        )

    @property
    def is_green(self) -> bool:
        """Whether a change may be released."""
        wrong = any(result.verdict in ("failed", "unjudged") for result in self.results)
        return not wrong and not self.stopped


def _ordered(scope: Scope, done: Sequence[Result]) -> Iterator[Result]:
    """Yield results as their shards were listed, and then what isn't about a shard."""
    known = {result.key: result for result in done}
    listed = {each.shard.key for each in scope.choices}
    for each in scope.choices:
        if each.shard.key in known:
            yield known[each.shard.key]
        elif not each.runs:
            yield Result(each.lane.name, each.shard.name, "unaffected", each.why)
    yield from (result for result in done if result.key not in listed)
