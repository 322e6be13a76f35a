"""From which line to which each test of a part went, when all of it last ran and was noted.

Where a package itself has changed, its lines are counted. Tests that call nothing of what has
changed go now where they went then, so they needn't run again for that: what they went is added to
what the others go. Only lines of functions that do what they did can be among it, and those may
have moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import msgspec

from emel_tools.scope import code
from emel_tools.suites import reached
from emel_tools.suites.parts import Part

if TYPE_CHECKING:
    from coverage import CoverageData

Arc: TypeAlias = "tuple[int, int]"
"""From a line to a line; minus its first line stands for where a function begins, and ends."""
Arcs: TypeAlias = "dict[str, set[Arc]]"
"""By path from the root."""
NOBODY: Final = ""
"""The context of what runs between tests: as files are collected, for one."""


class Noted(msgspec.Struct, frozen=True, array_like=True):
    """Where the tests of a part went."""

    of: str
    """A digest of what they called (`reached`), which was noted in the same run."""
    arcs: list[tuple[str, int, int]]
    """Each once: the file, by path from the root, and from where to where."""
    cases: dict[str, list[int]]
    """The arcs of each test, as indices."""


def _read(path: Path) -> CoverageData:
    from coverage import CoverageData  # noqa: PLC0415 - slow to import, and most count no lines

    data = CoverageData(str(path))
    data.read()
    return data


class _Counted(NamedTuple):
    """What coverage has written down."""

    data: CoverageData
    files: dict[str, str]
    """Paths from the root of what it has measured, by how it spells them."""

    @classmethod
    def read(cls, root: Path, path: Path) -> _Counted:
        data = _read(path)
        files = {each: Path(each).relative_to(root).as_posix() for each in data.measured_files()}
        return cls(data, files)

    def arcs(self, *contexts: str) -> Arcs:
        """List the arcs of a test, or all."""
        self.data.set_query_context(*contexts) if contexts else self.data.set_query_contexts(None)
        found = {path: {*(self.data.arcs(name) or ())} for name, path in self.files.items()}
        return {path: arcs for path, arcs in found.items() if arcs}


def note(root: Path, part: Part, folder: Path) -> None:
    """Keep where each test of a part went, as the run that has just been noted was counted.

    What coverage has written down is then what it would be without a word of tests.
    """
    path = part.coverage(folder)
    counted = _Counted.read(root, path)
    arcs: dict[tuple[str, int, int], int] = {}
    cases: dict[str, list[int]] = {}
    for context in sorted(counted.data.measured_contexts() - {NOBODY}):
        went = ((file, *arc) for file, found in counted.arcs(context).items() for arc in found)
        cases[context] = sorted(arcs.setdefault(each, len(arcs)) for each in went)
    noted = Noted(_digest(part, folder), list(arcs), cases)
    _path_of(part, folder).write_bytes(msgspec.json.encode(noted))
    everything, files = counted.arcs(), counted.files
    counted.data.close()
    path.unlink()
    _write(root, path, everything, files)


def went(
    root: Path, part: Part, folder: Path, sources: Mapping[str, str], cases: Collection[str]
) -> Arcs | None:
    """Say where tests went, in lines as they are now; None if that can't be told of all.

    Parameters
    ----------
    root, part, folder
        The repository, a part of a suite, and the gate's folder.
    sources
        The text of all packages' sources when it was noted.
    cases
        Node ids of tests that call nothing that has changed since.
    """
    try:
        noted = msgspec.json.decode(_path_of(part, folder).read_bytes(), type=Noted)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    if noted.of != _digest(part, folder) or not noted.cases.keys() >= {*cases}:
        return None
    found: Arcs = {}
    for index in sorted({index for case in cases for index in noted.cases[case]}):
        file, start, end = noted.arcs[index]
        found.setdefault(file, set()).add((start, end))
    now = reached.sources(root)
    for file in [each for each in found if each in sources]:
        moved = _moved(found[file], sources[file].encode(), now.get(file, b""))
        if moved is None:
            return None
        found[file] = moved
    return found


def add(root: Path, part: Part, folder: Path, arcs: Arcs) -> None:
    """Count for a part that has run where the tests went that needn't run."""
    _write(root, part.coverage(folder), arcs, ())


def _moved(arcs: set[Arc], before: bytes, now: bytes) -> set[Arc] | None:
    if before == now:
        return arcs
    lines = code.moved(before, now)
    if not all(start in lines and end in lines for start, end in arcs):
        return None
    return {(lines[start], lines[end]) for start, end in arcs}


def _write(root: Path, path: Path, arcs: Arcs, files: Collection[str]) -> None:
    data = _read(path)
    data.add_arcs({str(root / file): found for file, found in arcs.items()})
    data.touch_files(files)  # those that nobody went through, too
    data.close()


def _digest(part: Part, folder: Path) -> str:
    return hashlib.sha256(reached.path_of(part, folder).read_bytes()).hexdigest()


def _path_of(part: Part, folder: Path) -> Path:
    return reached.path_of(part, folder).with_suffix(".arcs")
