"""Plant a regression in a copy of the tree, and run the gate there, as a person would."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emel_tools.findings import Finding
from emel_tools.selftest.plants import FOLDER, Plant, UnfitError
from emel_tools.workspace import shards

_FIX = "see what the lane looks at (emel_tools/gates): a regression of this kind went through"
_REWRITE = "write it anew, so that it does the same harm to today's code, and no other"


def copy(root: Path, to: Path) -> Path:
    """Clone the repository, with what isn't committed yet as the last commit of its main branch.

    The history comes along: what is compared with recorded code finds it there.
    """
    _git(root, "clone", "-q", "--no-checkout", "--local", str(root), str(to))
    if _git(to, "for-each-ref", "--count=1"):
        _git(to, "update-ref", "refs/heads/main", "HEAD")
    _git(to, "symbolic-ref", "HEAD", "refs/heads/main")
    _git(to, "remote", "remove", "origin")
    for path in _git(root, "ls-files", "-z", "-co", "--exclude-standard").split("\0"):
        if path and (root / path).is_file():
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / path, to / path)
    _git(to, "add", "-A")
    _git(to, "commit", "-q", "--allow-empty", "-m", "as it is")
    _git(to, "checkout", "-q", "-b", "change")
    return to


def green(copied: Path, keys: Sequence[str]) -> list[Finding]:
    """Find shards that are red though nothing is planted."""
    if not keys:
        return []
    return [
        Finding(key, 0, 0, "selftest", f"{key} is red without a regression: {what}", _FIX)
        for key, what in _red(copied, keys).items()
    ]


def try_out(copied: Path, plant: Plant) -> list[Finding]:
    """Plant one regression, look whether its shard goes red and says why, and take it out again.

    Lint has to stay green where it isn't what is tried: or nobody could say what found it.

    Parameters
    ----------
    copied
        A copy of the tree, as `copy` makes it.
    plant
        The regression.
    """
    where = (FOLDER / f"{plant.name}.txt").as_posix()
    try:
        for edit in plant.edits:
            edit.apply(copied)
        red = _red(copied, [plant.shard, *plant.bystanders])
    except (UnfitError, FileNotFoundError) as error:
        return [Finding(where, 0, 0, "unfit", f"it doesn't fit the tree: {error}", _REWRITE)]
    finally:
        _git(copied, "checkout", "-q", "--", ".")
        _git(copied, "clean", "-qfd")
    if plant.shard not in red:
        return [Finding(where, 0, 0, "missed", f"{plant.shard} stayed green", _FIX)]
    if not re.search(plant.says, red[plant.shard]):
        said = red[plant.shard][:2000]
        what = f"{plant.shard} went red without saying {plant.says!r}, but: {said}"
        return [Finding(where, 0, 0, "unclear", what, _FIX)]
    return [
        Finding(where, 0, 0, "elsewhere", f"{key} goes red for it as well: {red[key]}", _REWRITE)
        for key in plant.bystanders
        if key in red
    ]


def _red(copied: Path, keys: Sequence[str]) -> dict[str, str]:
    """Run shards; what the red ones say, by key."""
    sources = [str(shard.source.parent) for shard in shards(copied)]
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_STEP_SUMMARY")},
        "PYTHONPATH": os.pathsep.join(sources),
    }
    command = (sys.executable, "-m", "emel_tools.gates", "--only", *keys)
    done = subprocess.run(
        command, cwd=copied, env=environment, capture_output=True, text=True, check=False
    )
    last = copied / ".nox" / "gate" / "report" / "gate.json"
    if not last.exists():
        raise UnfitError(f"the gate didn't run: {done.stderr[-2000:]}")
    document: dict[str, Any] = json.loads(last.read_text("utf-8"))
    last.unlink()
    return {
        result["key"]: "\n".join(finding["what"] for finding in result["findings"])
        for result in document["results"]
        if result["verdict"] == "failed"
    }


def _git(root: Path, *words: str) -> str:
    who = ("-c", "user.name=emel", "-c", "user.email=emel@localhost", "-c", "commit.gpgsign=false")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ("git", *who, *words), cwd=root, env=kept, capture_output=True, text=True, check=True
    )
    return done.stdout
