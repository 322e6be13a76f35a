"""What ruff finds, what it would find if nothing were suppressed, and what isn't formatted."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from emel_tools.findings import Finding
from emel_tools.ratchets.broken import BrokenToolError
from emel_tools.ratchets.settings import PROJECT
from emel_tools.ratchets.tally import Place


class _Location(msgspec.Struct, frozen=True):
    row: int
    column: int


class _Violation(msgspec.Struct, frozen=True):
    filename: str
    location: _Location
    message: str
    code: str | None = None

    def place(self, more: str = "") -> Place:
        rule = self.code or "invalid-syntax"
        message = f"{rule} {self.message}{', and is suppressed' if more else ''}"
        at = self.location
        return Place(Path(self.filename), at.row, at.column, f"{rule}{more}", message)


class _Complaint(msgspec.Struct, frozen=True):
    """What ruff says of a file in whatever form: of one that it can't read without a place."""

    filename: str
    message: str
    location: _Location | None = None

    def __str__(self) -> str:
        is_named = self.filename in self.message
        return self.message if is_named else f"{self.filename}: {self.message}"


def violations(root: Path, files: Sequence[Path]) -> Iterator[Place]:
    """Lint files: yield what is wrong, and what is suppressed.

    Raises
    ------
    BrokenToolError
        ruff can't do it, for example because its configuration is wrong.
    """
    active = _ruff(root, "check", "--exit-zero", files=files)
    everything = _ruff(root, "check", "--exit-zero", "--ignore-noqa", files=files)
    yield from (each.place() for each in active)
    seen = Counter(active)
    for each in everything:
        if seen[each]:
            seen[each] -= 1
        else:
            yield each.place(" suppressed")


def unformatted(root: Path, files: Sequence[Path]) -> Iterator[tuple[Path, Finding]]:
    """Yield what ruff would format otherwise; what isn't Python is found by `violations`."""
    for each in _ruff(root, "format", "--check", files=files):
        if each.code != "invalid-syntax":
            path = Path(each.filename)
            where = path.relative_to(root).as_posix()
            at = each.location
            what = "isn't formatted as ruff does it, from here on"
            yield path, Finding(where, at.row, at.column, "format", what, "nox -s lint -- --fix")


def _ruff(root: Path, *words: str, files: Sequence[Path]) -> list[_Violation]:
    """Run ruff on all files, whatever its configuration excludes, and without its cache."""
    if not files:
        return []
    options = ("--no-cache", "--no-force-exclude", "--output-format", "json")
    command = (sys.executable, "-m", "ruff", *words, *options, "--config", str(root / PROJECT))
    done = subprocess.run(
        (*command, "--", *map(str, files)), cwd=root, capture_output=True, check=False
    )
    try:
        return msgspec.json.decode(done.stdout, type=list[_Violation])
    except msgspec.DecodeError:
        said = _complaint(done).replace(f"{root}/", "")
        raise BrokenToolError("ruff", done.returncode, said) from None


def _complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    """Quote why there is no answer; a file that is gone by now is named where answers are."""
    said = [done.stderr.decode(errors="replace").strip()]
    with suppress(msgspec.DecodeError):
        answers = msgspec.json.decode(done.stdout, type=list[_Complaint])
        said += [str(each) for each in answers if each.location is None]
    return "; ".join(filter(None, said))
