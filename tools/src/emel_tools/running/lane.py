"""What a lane of the gate is: the contract between the lanes and whatever runs them.

A lane demands one thing of the repository. It is divided into shards, mostly one a package, which
are what is chosen, run, timed and reported. `emel_tools.gates` has one module a lane, which hands
out its `LANE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from emel_tools.findings import Finding
from emel_tools.snapshots.kind import Kind


class Reads(NamedTuple):
    """What the verdict of a shard depends on; the scope decides by it whether a shard runs.

    A file that no package owns, a conftest, a pyproject.toml or the gate itself concerns every
    shard and needs no mention. So do files that the shard was seen to open.
    """

    own: tuple[str, ...] = ()
    """Packages (`io_mmap`, `tools`) all of whose files it looks at."""
    runs: tuple[str, ...] = ()
    """Packages whose code it runs: their sources, and those of all that they depend on."""
    calls: tuple[str, ...] = ()
    """The same, where docstrings make no difference, because nobody looks at them."""
    imports: tuple[str, ...] = ()
    """The same, where it is all one what functions do, because it imports code and calls none."""
    covers: tuple[str, ...] = ()
    """Packages of whose code, and no other, it judges which of it ran."""
    paths: tuple[str, ...] = ()
    """Other files, as globs from the root: `docs/**`, `**/behaviours.toml`. One that may lie
    anywhere (`**/...`) belongs to nobody by that: others may look at such a file as well."""
    but: tuple[str, ...] = ()
    """Those of these files that it doesn't look at, as globs."""


class Shard(NamedTuple):
    """A part of a lane that has a verdict of its own."""

    lane: str
    name: str
    """Unique in its lane: a package, or what it looks at."""
    reads: Reads
    budget: float
    """Seconds after which it is ended and reported as failed."""
    after: tuple[str, ...] = ()
    """Keys of shards whose results it needs; they run whenever it does, and before it."""
    behind: tuple[str, ...] = ()
    """Keys of shards that run before it, if they run at all; what changes runs one runs it, too."""
    only_full: bool = False
    """Whether it is left out unless everything is asked for."""

    @property
    def key(self) -> str:
        """Its name among all shards: `costs/io_mmap`."""
        return f"{self.lane}/{self.name}"


class Job(NamedTuple):
    """What one process has to do: shards of one lane."""

    root: Path
    shards: tuple[str, ...]
    """Names of the shards to run, in the lane's order."""
    full: bool
    """Whether everything was asked for."""
    base: str
    """The commit that changes are counted from; empty if there is none to compare with."""
    seed: int
    """For whatever is random; printed, so that a run can be repeated."""
    beside: tuple[str, ...] = ()
    """Keys of all shards of the run, so that what no other needs isn't made; empty: not known."""
    asked: bool = False
    """Whether shards were asked for by name: then they leave nothing out."""

    @property
    def folder(self) -> Path:
        """Where shards leave what later shards and the next run need: `.nox/gate`."""
        return self.root / ".nox" / "gate"


class Outcome(NamedTuple):
    """What one shard came to."""

    shard: str
    checked: str
    """What was looked at, with its count, so that a shard that looked at nothing shows."""
    findings: Sequence[Finding] = ()
    """What is wrong. What the snapshot says of `measured` is added by whatever runs the lane."""
    measured: Mapping[str, str] | None = None
    """What is held to `snapshots/<lane>/<shard>.txt`, by key; None if nothing was measured."""
    causes: Mapping[str, str] = {}
    """The likely cause of a difference, by key of `measured`, where it is known."""
    places: Mapping[str, Sequence[Finding]] = {}
    """What a count counts and where, by key of `measured`; shown where one is new or worse."""
    details: Mapping[str, Any] = {}
    """What reports show beside the verdict, as JSON has it."""


class Lane(NamedTuple):
    """One demand of the gate."""

    name: str
    demands: str
    """What it demands, in one clause."""
    shards: Callable[[Path], Sequence[Shard]]
    """List its shards for the repository at a root; cheap, and imports none of the packages."""
    run: Callable[[Job], Iterable[Outcome]]
    """Run the shards of a job, in a process of its own whose current directory is the root."""
    kind: Kind | None = None
    """What its snapshots hold; None if it has none."""
    together: bool = False
    """Whether all chosen shards run in one process, because a start costs more than a shard."""
    alone: bool = False
    """Whether no other lane may run beside it, because it measures time."""
    varies: bool = False
    """Whether it does less where less has changed: what it took is no news unless it is more."""
    varies_in_full: bool = False
    """Whether it does so in full scope, too."""
    judges: bool = False
    """Whether its shards judge those that they run behind: these are brought along if it is asked
    for by name, and nothing else is."""
