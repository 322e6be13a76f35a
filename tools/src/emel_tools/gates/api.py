"""What packages show to the outside is what is recorded, in order, and described."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from emel_tools.running import Job, Lane, Outcome, Reads, Shard
from emel_tools.snapshots import Kind
from emel_tools.workspace import Package, packages


def _shards(root: Path) -> Sequence[Shard]:
    return [Shard("api", package.name, _reads(package.name), 20) for package in packages(root)]


def _reads(name: str) -> Reads:
    # The options of the command are asked from its parser, which runs.
    return Reads(own=(name,), runs=(name,) if name == "emel" else ())


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.surface.broken import broken

    for package in packages(job.root):
        if package.name not in job.shards:
            continue
        try:
            outcome = _outcome(job.root, package)
        except Exception as error:
            outcome = Outcome(package.name, "nothing", [broken(job.root, error)])
        yield outcome


def _outcome(root: Path, package: Package) -> Outcome:
    from emel_tools.snapshots import lines
    from emel_tools.surface import public
    from emel_tools.surface.causes import causes
    from emel_tools.surface.facts import facts
    from emel_tools.surface.modules import Modules
    from emel_tools.surface.rebound import rebound
    from emel_tools.surface.rules import (
        astray,
        offered,
        undocumented,
        unknown,
        unlike,
        unpacked,
        untaken,
    )

    modules = Modules(package)
    names = public(package, modules)
    measured = facts(package, names, modules)
    recorded = {
        line.key: line.value for line in lines.read(lines.path_of(root, "api", package.name))
    }
    return Outcome(
        package.name,
        f"{len(measured)} public facts",
        [
            *offered(package, modules),
            *rebound(package, modules),
            *undocumented(package, names),
            *untaken(package, names),
            *unknown(package, names, modules),
            *unlike(package, modules),
            *astray(package, modules),
            *unpacked(package),
        ],
        measured,
        causes(recorded, measured),
    )


LANE = Lane(
    "api",
    "public names, their signatures and docstrings are those that are recorded",
    _shards,
    _run,
    kind=Kind(counts=False),
    together=True,
)
