"""What a whole shard was seen to do, kept in `.nox/witness/<shard>.json` between two sessions."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from emel_tools import strokes
from emel_tools.boundaries.witness import calls
from emel_tools.boundaries.witness.events import Use
from emel_tools.scope.closure import closures
from emel_tools.scope.observed import unnoted
from emel_tools.suites.parts import Part, parts_of
from emel_tools.workspace import Package, python_files, shards

_FOLDER = Path(".nox") / "witness"
_SOME = _FOLDER / "some"
"""What was seen where the gate left out tests that call nothing that has changed."""


class Witnessed(NamedTuple):
    """What the tests of one shard did, all of them, and they passed."""

    shard: str
    python: str
    """The version that they ran on, as `3.11`."""
    calls: bool
    """Whether that Python shows the calls that raise no audit event."""
    sources: str
    """A digest of what they ran."""
    uses: dict[Use, str]
    """Each with the id of a test that was running."""


def shard_of(root: Path, arguments: list[str], base: Path) -> str:
    """Name the shard whose tests pytest was asked for, all of them; empty if it was anything else.

    Parameters
    ----------
    root
        The repository.
    arguments
        The files and folders that pytest was asked for.
    base
        The folder that they are relative to.
    """
    if len(arguments) != 1:
        return ""
    asked = (base / arguments[0]).resolve()
    names = (shard.name for shard in shards(root) if (shard.folder / "tests").resolve() == asked)
    return next(names, "")


def write(
    root: Path, shard: str, uses: Mapping[Use, str], part: str = "", *, whole: bool = True
) -> None:
    """Keep what a shard did, or a part of it (`-1-of-2`), all of its tests or some."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    path = root / (_FOLDER if whole else _SOME) / f"{shard}{part}.json"
    facts = {
        "python": version,
        "calls": calls.SEEN,
        "sources": digest(root, shard, closures(root)),
        "uses": [[*use, test] for use, test in sorted(uses.items())],
    }
    strokes.write(path, (json.dumps(facts, indent=0) + "\n").encode())


def read_all(root: Path) -> list[Witnessed]:
    """Read what the shards did; one that was never run whole, or has changed since, is left out."""
    known = closures(root)
    digests = {shard.name: digest(root, shard.name, known) for shard in shards(root)}
    every = (_read(root, shard, digests[shard.name]) for shard in shards(root))
    return [each for each in every if each is not None]


def read_some(root: Path) -> dict[Use, str]:
    """Read what those tests did that were run alone, where what they ran is what is here."""
    known, found = closures(root), dict[Use, str]()
    for part in (part for shard in shards(root) for part in parts_of(shard)):
        path = root / _SOME / f"{part.name}.json"
        if path.exists():
            found |= _uses(_facts(path, digest(root, part.package.name, known)))
    return found


def _read(root: Path, shard: Package, sources: str) -> Witnessed | None:
    """Read a shard that was run in one process, or else in parts."""
    for parts in ((Part(shard),), parts_of(shard)):
        runs = [_facts(root / _FOLDER / f"{part.name}.json", sources) for part in parts]
        if all(runs):
            uses = {use: test for run in runs for use, test in _uses(run).items()}
            calls = all(run["calls"] for run in runs)
            return Witnessed(shard.name, runs[0]["python"], calls, sources, uses)
    return None


def _facts(path: Path, sources: str) -> dict[str, Any]:
    """Read one run; nothing if there is none, it was of other sources, or it can't be read."""
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return facts if facts["sources"] == sources else {}


def _uses(facts: Mapping[str, Any]) -> dict[Use, str]:
    return {Use(*use): test for *use, test in facts.get("uses", ())}


def digest(root: Path, shard: str, known: Mapping[str, frozenset[str]]) -> str:
    """Digest what the tests of a shard may run: all in its folder, and the code of its closure.

    Parameters
    ----------
    root
        The repository.
    shard
        A package, or `tools`.
    known
        For each of them, all that it may run (`emel_tools.scope.closure`).
    """
    here = {part.name: part.folder for part in shards(root)}
    folders = [here[name] / "src" for name in known[shard]] + [here[shard]]
    paths = sorted({path for folder in folders for path in python_files(folder)})
    content = hashlib.sha256()
    with unnoted():  # it is compared with what is on disk later, and no test reads it
        for path in paths:
            text = path.read_bytes()
            content.update(f"{path.relative_to(root).as_posix()} {len(text)}\n".encode())
            content.update(text)
    return content.hexdigest()
