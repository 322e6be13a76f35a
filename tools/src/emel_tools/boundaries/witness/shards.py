"""What a whole shard was seen to do, kept in `.nox/witness/<shard>.json` between two sessions."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from emel_tools.boundaries.witness import calls
from emel_tools.boundaries.witness.events import Use
from emel_tools.workspace import packages, shards

_FOLDER = Path(".nox") / "witness"


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


def write(root: Path, shard: str, uses: Mapping[Use, str]) -> None:
    """Keep what a shard did."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    path = root / _FOLDER / f"{shard}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {
        "python": version,
        "calls": calls.SEEN,
        "sources": digest(root, shard),
        "uses": [[*use, test] for use, test in sorted(uses.items())],
    }
    path.write_text(json.dumps(facts, indent=0) + "\n", encoding="utf-8")


def read(root: Path, shard: str) -> Witnessed | None:
    """Read what a shard did; None if it was never run whole, or has changed since."""
    path = root / _FOLDER / f"{shard}.json"
    if not path.exists():
        return None
    facts = json.loads(path.read_text(encoding="utf-8"))
    if facts["sources"] != digest(root, shard):
        return None
    uses = {Use(*use): test for *use, test in facts["uses"]}
    return Witnessed(shard, facts["python"], facts["calls"], facts["sources"], uses)


def digest(root: Path, shard: str) -> str:
    """Digest what the tests of a shard run: every package, and all in its own folder."""
    folders = [package.folder / "src" for package in packages(root)]
    folders += [part.folder for part in shards(root) if part.name == shard]
    paths = sorted({path for folder in folders for path in folder.rglob("*.py")})
    content = hashlib.sha256()
    for path in paths:
        text = path.read_bytes()
        content.update(f"{path.relative_to(root).as_posix()} {len(text)}\n".encode())
        content.update(text)
    return content.hexdigest()
