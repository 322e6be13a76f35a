"""What is generated of the documents is fresh, what they show works, and links lead somewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from emel_tools.ratchets.sources import LOOSE
from emel_tools.running import Job, Lane, Outcome, Reads, Shard
from emel_tools.workspace import shards


def _shards(root: Path) -> Sequence[Shard]:
    everything = tuple(package.name for package in shards(root))
    texts = ("**/*.md", "snapshots/boundaries/witness.txt")
    runs = Reads(own=everything, runs=everything, paths=texts)
    return [
        Shard("docs", "generated", runs, 60),
        Shard("docs", "examples", runs, 30),
        # Marks of a conflict are looked for in all files, and snapshots are merged the most.
        Shard("docs", "references", Reads(own=everything, paths=(*texts, *LOOSE)), 30),
    ]


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.surface.broken import broken

    for name in job.shards:
        try:
            outcome = _outcome(job.root, name)
        except Exception as error:
            outcome = Outcome(name, "nothing", [broken(job.root, error)])
        yield outcome


def _outcome(root: Path, name: str) -> Outcome:
    # The packages are imported with it, which may fail.
    from emel_tools.pages.check import examples, generated, references

    checks = {"generated": generated, "examples": examples, "references": references}
    findings, checked = checks[name](root)
    return Outcome(name, checked, findings)


LANE = Lane(
    "docs",
    "drawings, pages and parts of READMEs are generated, examples run, references lead somewhere",
    _shards,
    _run,
    together=True,
)
