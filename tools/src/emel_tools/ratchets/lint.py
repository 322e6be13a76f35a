"""The lane `lint`: ruff over everything, as counts by file, scope and rule."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from emel_tools.findings import Finding
from emel_tools.ratchets import comments, ruff
from emel_tools.ratchets.blind import blind
from emel_tools.ratchets.broken import BrokenToolError
from emel_tools.ratchets.endings import endings
from emel_tools.ratchets.scopes import Source
from emel_tools.ratchets.settings import LINT, scattered, settings, where
from emel_tools.ratchets.sources import ROOT, home, is_test, python_files, texts
from emel_tools.ratchets.tally import Place, divided, tally
from emel_tools.ratchets.unseen import kept_back, links, unread
from emel_tools.running import Job, Outcome


def outcomes(job: Job) -> Iterator[Outcome]:
    """Lint the files of some shards in one go, and divide what was found."""
    files = {shard: python_files(job.root, shard) for shard in job.shards}
    owners = {path: shard for shard, paths in files.items() for path in paths}
    try:
        places = divided(ruff.violations(job.root, list(owners)), owners.__getitem__)
        loose = list(ruff.unformatted(job.root, list(owners)))
    except BrokenToolError as error:
        yield from (Outcome(shard, "nothing", [error.finding()]) for shard in job.shards)
        return
    for shard, paths in files.items():
        format_ = [finding for path, finding in loose if owners[path] == shard]
        yield _outcome(job.root, shard, paths, places.get(shard, []), format_)


def _outcome(
    root: Path, shard: str, files: list[Path], places: list[Place], loose: list[Finding]
) -> Outcome:
    read = cache(Source)  # a file is read once, and not kept
    for path in files:
        places += comments.suppressing(read(path), comments.FORMAT)
        places += [] if is_test(root, shard, path) else blind(read(path))
    found = tally(root, home(root, shard), places, read)
    wrong = [*loose, *scattered(root, shard, LINT), *endings(root, texts(root, shard))]
    wrong += (*links(root, shard), *unread(root, shard), *kept_back(root, shard))
    facts = settings(root, LINT.tables) if shard == ROOT else {}
    return Outcome(
        shard,
        f"{len(files)} files",
        wrong,
        found.measured | facts,
        places=found.places | where(facts),
    )
