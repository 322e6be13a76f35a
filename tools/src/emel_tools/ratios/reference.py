"""What a tree is compared with: the commit that recorded the ratios, its record and its sources."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from emel_tools.scope.changes import asked
from emel_tools.scope.closure import closures
from emel_tools.snapshots import lines
from emel_tools.workspace import python_files


class Reference(NamedTuple):
    """A commit whose record was made of its own sources."""

    commit: str
    recorded: Mapping[str, str]
    """Its snapshot of the shard."""
    root: Path
    """Where its packages lie."""
    same: bool
    """Whether the sources that the shard runs are, byte for byte, those of the commit."""
    itself: bool = False
    """Whether it is a copy of what is judged, and all of it is timed all the same."""


def find(root: Path, folder: Path, shard: str, runs: Iterable[str], base: str) -> Reference | None:
    """Find what to compare with.

    It is the last commit that changed the snapshot, so that many small losses add up until they
    are recorded; but none after `base`, because a branch might have slowed down what it recorded
    something else of. A commit that is checked out is judged by the record before it.

    Its sources are written below `folder`, in a place of the shard's own, because another one may
    be looking for its own at the same time; those of other commits are dropped there.

    Returns
    -------
    Reference or None
        None where nothing older is known: no git, no history, a snapshot that was never committed,
        or one whose only commit is checked out with nothing changed since.
    """
    path = lines.path_of(root, "bench", shard).relative_to(root).as_posix()
    touched = asked(root, "log", "--format=%H", "--", path).decode().split()
    if not touched:
        return None
    before = [commit for commit in touched if base and _is_before(root, commit, base)]
    chosen = before or touched
    head = asked(root, "rev-parse", "HEAD").decode().strip()
    commit = chosen[1] if chosen[0] == head and len(chosen) > 1 else chosen[0]
    sources = _extracted(root, folder / shard, commit)
    _drop_others(sources)
    known = closures(root)
    reached = {each for name in runs for each in known.get(name, {name})} - {"tools"}
    same = all(_contents(root, name) == _contents(sources, name) for name in reached)
    if same and commit == head:
        return None
    text = asked(root, "show", f"{commit}:{path}").decode()
    return Reference(commit, lines.values_of(text), sources, same)


def _is_before(root: Path, commit: str, base: str) -> bool:
    return asked(root, "merge-base", commit, base).decode().strip() == commit


def _extracted(root: Path, folder: Path, commit: str) -> Path:
    """Write the packages of a commit below `folder`, once."""
    place = folder / commit
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        archive = asked(root, "archive", "--format=tar", commit, "packages")
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            with tarfile.open(fileobj=io.BytesIO(archive)) as members:
                members.extractall(unfinished, filter="data")
            Path(unfinished).rename(place)
            Path(unfinished).mkdir()  # for its owner to remove
    return place


def _contents(root: Path, package: str) -> dict[str, bytes]:
    source = root / "packages" / package / "src"
    return {path.relative_to(source).as_posix(): path.read_bytes() for path in python_files(source)}


def _drop_others(sources: Path) -> None:
    """Drop the sources of commits that the shard isn't compared with any more."""
    for path in sources.parent.iterdir():
        if path != sources:
            shutil.rmtree(path)
