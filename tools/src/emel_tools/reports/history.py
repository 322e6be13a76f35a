"""The values that the lines of snapshots had over the commits that changed them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.snapshots.lines import values_of

FOLDERS: Final = ("snapshots/bench", "snapshots/costs")
_COMMITS: Final = 200
"""That are looked at in all, the latest."""
_POINTS: Final = 40
"""Versions of one file that are looked at, the latest."""
_SECONDS: Final = 10.0
_GIT: Final = (
    *("git", "--no-pager", "-c", "core.quotepath=off", "-c", "log.showSignature=false"),
    *("-c", "color.ui=false"),
)
_LOG: Final = ("log", f"-n{_COMMITS}", "--raw", "--no-abbrev", "-M", "--no-ext-diff", "--format=%h")


class Series(NamedTuple):
    """One line of a snapshot."""

    key: str
    commits: tuple[str, ...]
    """Abbreviated, the oldest first."""
    values: tuple[str, ...]
    """As they were recorded by those commits."""


History = Mapping[str, tuple[Series, ...]]
"""The lines of each file that is there now, by its path from the root."""


class _Version(NamedTuple):
    """A file as a commit left it."""

    path: str
    commit: str
    blob: str


def history(root: Path, folders: Sequence[str] = FOLDERS) -> History:
    """Read what git knows; empty where there is no git, no repository or nothing recorded."""
    versions: dict[str, list[_Version]] = {}
    for version in _versions(_git(root, *_LOG, "--", *folders).decode(errors="replace")):
        if (root / version.path).is_file():
            versions.setdefault(version.path, []).append(version)
    latest = {path: list(reversed(them[:_POINTS])) for path, them in versions.items()}
    texts = _blobs(root, sorted({v.blob for them in latest.values() for v in them}))
    return {path: tuple(_series(them, texts)) for path, them in sorted(latest.items())}


def _versions(log: str) -> Iterator[_Version]:
    """Read a log, the latest commit first; a file that was renamed bears its latest name."""
    commit = ""
    names: dict[str, str] = {}
    for line in log.splitlines():
        if not line.startswith(":"):
            commit = line or commit
            continue
        facts, *paths = line[1:].split("\t")
        _, _, _, blob, status = facts.split(" ")
        name = names.get(paths[-1], paths[-1])
        if status.startswith("R"):
            names[paths[0]] = name
        if status != "D":
            yield _Version(name, commit, blob)


def _series(versions: Sequence[_Version], texts: Mapping[str, str]) -> Iterator[Series]:
    """Turn versions of a file, the oldest first, into lines; of those that the last one has."""
    read = [(v.commit, values_of(texts[v.blob])) for v in versions if v.blob in texts]
    for key in sorted(read[-1][1]) if read else ():
        known = [(commit, values[key]) for commit, values in read if key in values]
        yield Series(key, tuple(c for c, _ in known), tuple(value for _, value in known))


def _blobs(root: Path, names: Sequence[str]) -> dict[str, str]:
    """Read blobs, all by one process."""
    answer = _git(root, "cat-file", "--batch", given="".join(f"{name}\n" for name in names))
    found: dict[str, str] = {}
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        head = answer[at:end].split()
        if len(head) != 3:  # missing, as in a clone without it
            at = end + 1
            continue
        size = int(head[2])
        found[head[0].decode()] = answer[end + 1 : end + 1 + size].decode(errors="replace")
        at = end + 1 + size + 1
    return found


def _git(root: Path, *words: str, given: str = "") -> bytes:
    """Ask git; empty if it isn't there, has no answer, or takes too long."""
    try:
        done = subprocess.run(
            (*_GIT, *words),
            cwd=root,
            input=given.encode(),
            capture_output=True,
            check=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return b""
    return done.stdout
