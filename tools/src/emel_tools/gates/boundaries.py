"""Every file holds to the table in .importlinter: as it is written, as it runs, and by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from emel_tools.boundaries.isolation.declared import Declared, declared
from emel_tools.running import Job, Lane, Outcome, Reads, Shard
from emel_tools.snapshots import Kind
from emel_tools.suites.parts import parts, parts_of, tests_of

TABLE: Final = "table"
"""The shard that reads the sources."""
WITNESS: Final = "witness"
"""The shard that judges what the tests were seen to do."""
ISOLATION: Final = "isolation-"
"""How the shards begin that probe one package where only what it declares is installed."""


def _shards(root: Path) -> Sequence[Shard]:
    sources = ("**/*.py", "**/*.toml", "**/*.cfg", "**/*.ini", "**/.importlinter")
    tests = tuple(f"tests/{part.name}" for part in parts(root))
    alone = (
        Shard("boundaries", f"{ISOLATION}{each.package.name}", _probed(root, each), 180)
        for each in declared(root)
    )
    return [
        Shard("boundaries", TABLE, Reads(paths=sources), 60),
        Shard("boundaries", WITNESS, Reads(paths=sources), 60, behind=tests),
        *alone,
    ]


def _probed(root: Path, declared: Declared) -> Reads:
    """Say what the probe of a package depends on.

    It imports modules, and collects the tests; what it installs reads files of each package.
    """
    package = declared.package
    return Reads(imports=(package.name,), paths=(tests_of(root, package), *declared.files))


def _run(job: Job) -> Iterator[Outcome]:
    for name in job.shards:
        if name == TABLE:
            yield _table(job)
        elif name == WITNESS:
            yield _witness(job)
        else:
            yield _alone(job.root, name)


def _table(job: Job) -> Outcome:
    from emel_tools.boundaries import __main__ as boundaries

    found, checked = boundaries.look(job.root, job.folder / "boundaries", anew=job.full)
    return Outcome(TABLE, checked, found)


def _witness(job: Job) -> Outcome:
    from emel_tools.boundaries.witness.judged import judge
    from emel_tools.suites import record

    # In a full run each suite has run just now; one that is red leaves nothing, and says so itself.
    green = {
        part.package.name: all(
            record.is_green(p.record(job.folder)) for p in parts_of(part.package)
        )
        for part in parts(job.root)
    }
    expected = [name for name, is_green in green.items() if is_green] if job.full else []
    seen = judge(job.root, expected)
    return Outcome(WITNESS, seen.checked, seen.findings, seen.measured)


def _alone(root: Path, shard: str) -> Outcome:
    from emel_tools.boundaries.isolation import __main__ as isolation

    found, checked = isolation.look(root, shard.removeprefix(ISOLATION))
    return Outcome(shard, checked, found)


LANE = Lane(
    "boundaries",
    "each file does what the table in .importlinter lets it do, and stands by itself",
    _shards,
    _run,
    Kind(counts=False),
    varies=True,  # environments are installed again only where what they need has changed
    varies_in_full=True,
)
