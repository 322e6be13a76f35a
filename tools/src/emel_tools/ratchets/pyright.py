"""What basedpyright finds, with all that the configuration allows to hide shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from emel_tools.ratchets.broken import BrokenToolError
from emel_tools.ratchets.settings import PROJECT
from emel_tools.ratchets.tally import Place

_SHOWN: Final[dict[str, Any]] = {
    # The old comments hide nothing here; pyright's own can't be turned off, and are counted.
    "enableTypeIgnoreComments": False,
    # Where types end, in whatever way: strict checking only asks that somebody has said Any.
    "reportAny": "warning",
    "reportExplicitAny": "warning",
    "reportUnreachable": "warning",
    # What is looked at is given, and it is all looked at in one way.
    "exclude": [],
    "ignore": [],
    "executionEnvironments": [],
    "baselineFile": "none.json",
}
_COMPLAINT: Final = re.compile("config|invalid|pars", re.IGNORECASE)
"""What it says of a configuration that it can't read, and goes on without."""
_SEVERITIES: Final = ("error", "warning")


class _Position(msgspec.Struct, frozen=True):
    line: int
    character: int


class _Range(msgspec.Struct, frozen=True):
    start: _Position


class _Diagnostic(msgspec.Struct, frozen=True):
    file: str
    severity: str
    message: str
    range: _Range = _Range(_Position(-1, -1))
    rule: str = "syntax"


class _Summary(msgspec.Struct, frozen=True, rename="camel"):
    files_analyzed: int


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    general_diagnostics: list[_Diagnostic]
    summary: _Summary


class Checked(NamedTuple):
    """What came of it."""

    places: list[Place]
    files: int
    """How many files were looked at."""


def check(root: Path, folder: Path, files: Sequence[Path]) -> Checked:
    """Check the types of files, with the configuration at the root, in one process.

    Parameters
    ----------
    root
        The repository.
    folder
        Where the configuration of this call is written.
    files
        What to look at, one or more, whatever the configuration includes and excludes.

    Raises
    ------
    BrokenToolError
        basedpyright can't do it, for example because its configuration is wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "pyrightconfig.json"
    extends = os.path.relpath(root / PROJECT, folder)
    include = [os.path.relpath(file, folder) for file in files]
    document = {"extends": extends, **_SHOWN, "include": include}
    configuration.write_bytes(msgspec.json.encode(document))
    words = ("-p", str(configuration), "--pythonpath", sys.executable, "--outputjson")
    done = subprocess.run(
        (sys.executable, "-m", "basedpyright", *words), cwd=root, capture_output=True, check=False
    )
    said = (done.stderr or done.stdout).decode(errors="replace").strip()
    try:
        answer = msgspec.json.decode(done.stdout, type=_Answer)
    except msgspec.DecodeError:
        raise BrokenToolError("basedpyright", done.returncode, said) from None
    if done.stderr and _COMPLAINT.search(said):
        raise BrokenToolError("basedpyright", done.returncode, said)
    shown = (each for each in answer.general_diagnostics if each.severity in _SEVERITIES)
    return Checked([_place(each) for each in shown], answer.summary.files_analyzed)


def _place(each: _Diagnostic) -> Place:
    at = each.range.start
    message = f"{each.rule} {each.message}"
    return Place(Path(each.file), at.line + 1, at.character + 1, each.rule, message)
