"""The lane `types`: basedpyright over all but the tests, as counts by file, scope and rule."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from emel_tools import workspace
from emel_tools.findings import Finding
from emel_tools.ratchets import kept, pyright
from emel_tools.ratchets.broken import BrokenToolError
from emel_tools.ratchets.holes import holes
from emel_tools.ratchets.pyright import Checked
from emel_tools.ratchets.scopes import Source
from emel_tools.ratchets.settings import TYPES, scattered, settings, where
from emel_tools.ratchets.sources import ROOT, home, is_test, python_files
from emel_tools.ratchets.tally import Place, divided, tally
from emel_tools.running import Job, Outcome

_PRIVATE: Final = re.compile(r'^reportPrivateImportUsage .* is not exported from module "([^".]+)')


def outcomes(job: Job) -> Iterator[Outcome]:
    """Check the types of some shards in one go, and divide what was found."""
    root = job.root
    files = {
        shard: [path for path in python_files(root, shard) if not is_test(root, shard, path)]
        for shard in job.shards
    }
    owners = {path: shard for shard, paths in files.items() for path in paths}
    try:
        checked = kept.check(root, job.folder / "types", list(owners), anew=job.full, look=_look)
        places = divided(checked.places, owners.__getitem__)
    except BrokenToolError as error:
        yield from (Outcome(shard, "nothing", [error.finding()]) for shard in job.shards)
        return
    missed = list(_missed(checked.files, len(owners)))
    for shard, paths in files.items():
        yield _outcome(root, shard, paths, places.get(shard, []), missed)


def _look(root: Path, folder: Path, files: Sequence[Path]) -> Checked:
    """Check files, and look for the holes in them: both are kept for as long as either holds."""
    checked = pyright.check(root, folder, files)
    ours = {package.source.name for package in workspace.shards(root)}
    places = [place for place in checked.places if _holds_anywhere(place, ours)]
    places += [hole for path in files for hole in holes(Source(path))]
    return checked._replace(places=places)


def _holds_anywhere(place: Place, ours: Container[str]) -> bool:
    """Whether it would be found, too, if all files were checked at once.

    A module of ours that isn't checked beside counts as somebody else's installed package, and
    what that imports as its own affair.
    """
    found = _PRIVATE.search(place.message)
    return found is None or found[1] not in ours


def _outcome(
    root: Path, shard: str, files: list[Path], places: list[Place], missed: list[Finding]
) -> Outcome:
    places += _untyped(root, shard)
    found = tally(root, home(root, shard), places, cache(Source))
    elsewhere = scattered(root, shard, TYPES)
    facts = settings(root, TYPES.tables) if shard == ROOT else {}
    return Outcome(
        shard,
        f"{len(files)} files",
        [*missed, *elsewhere],
        found.measured | facts,
        places=found.places | where(facts),
    )


def _missed(looked_at: int, there: int) -> Iterator[Finding]:
    if looked_at != there:
        what = f"basedpyright looked at {looked_at} files of {there}"
        fix = "look in [tool.basedpyright] for what leaves files out"
        yield Finding("pyproject.toml", 0, 0, "left-out", what, fix)


def _untyped(root: Path, shard: str) -> Iterator[Place]:
    """Look for the marker without which nobody sees the types of an installed package."""
    for package in workspace.shards(root):
        marker = package.source / "py.typed"
        if package.name == shard and not marker.exists():
            yield Place(marker, 0, 0, "missing", "without it the package has no types for others")
