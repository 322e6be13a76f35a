"""Which functions of the packages each test of a part ran when all of it last did, and passed.

A test that runs nothing but code that is what it was then comes to what it came to then. So where
only code of other packages has changed, tests that none of it reaches needn't run again.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from emel_tools.scope import code
from emel_tools.scope.affected import CONFIGURATION, matches
from emel_tools.scope.altered import TESTS, Altered, altered, sources
from emel_tools.scope.observed import Seen, unnoted
from emel_tools.suites.parts import TOOLS, Part
from emel_tools.workspace import python_files


class Reached(msgspec.Struct, frozen=True):
    """What is known of all tests of a part, from one run of it that was green."""

    around: str
    """A digest of what concerns all tests: the Python, configuration, conftests, files opened."""
    seen: Seen
    """What the processes of that run opened, imported and listed."""
    sources: dict[str, str]
    """The text of all packages' sources, by path from the root."""
    loaded: list[str]
    """Those of them that were imported."""
    tests: dict[str, str]
    """Digests of the files of tests, by path from the root."""
    functions: list[str]
    """All that were called: `packages/a/src/emel_a/b.py:C.d`."""
    cases: dict[str, list[int] | None]
    """The functions that each test called, as indices; None if it can't be told."""
    read: dict[str, list[str]]
    """The sources that a test looked at itself, of those that did."""


class Watched(msgspec.Struct, frozen=True):
    """What the process that ran the tests saw."""

    modules: list[str]
    functions: list[str]
    cases: dict[str, list[int] | None]
    read: dict[str, list[str]]


class Kept(NamedTuple):
    """Tests that needn't run."""

    node_ids: frozenset[str]
    everything: bool
    """Whether that is all there are."""
    same_files: bool
    """Whether all files of tests are what they were."""


def path_of(part: Part, folder: Path) -> Path:
    """Say where it is kept, below the gate's folder."""
    return folder / "reached" / f"{part.name}.json"


def read(root: Path, part: Part, folder: Path) -> Reached | None:
    """Read what is known; None if there is nothing, or nothing that still holds."""
    try:
        known = msgspec.json.decode(path_of(part, folder).read_bytes(), type=Reached)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    with unnoted():
        return known if known.around == _around(root, part, known.seen.files) else None


def write(root: Path, part: Part, folder: Path, watched: Watched, seen: Seen, began: float) -> bool:
    """Keep what a run has seen; say whether it is.

    It isn't if a file has been written since it began, or if what was noted can't be read.

    Parameters
    ----------
    root, part, folder
        The repository, what ran, and the gate's folder.
    watched
        What each test called.
    seen
        What its processes opened, imported and listed.
    began
        When it began, in seconds since the epoch.
    """
    texts = sources(root)
    paths = {*_concerned(root, part, seen.files), *_tests(root, part), *texts}
    # By when its name was written: a copy may keep the time of the text.
    if not seen.green or any((root / path).stat().st_ctime >= began for path in paths):
        return False
    known = Reached(
        _around(root, part, seen.files),
        seen,
        {path: text.decode(errors="replace") for path, text in texts.items()},
        watched.modules,
        {path: _digest(root / path) for path in _tests(root, part)},
        watched.functions,
        watched.cases,
        watched.read,
    )
    path = path_of(part, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(known))
    return True


def kept(root: Path, part: Part, known: Reached, failed: Collection[str]) -> Kept:
    """Choose the tests that needn't run, because all that they call is what it was.

    Parameters
    ----------
    root, part
        The repository, and what is to run.
    known
        What its tests called.
    failed
        Tests that failed when they last ran: they run in any case.
    """
    with unnoted():
        now = sources(root)
        found = _altered(root, part, known, now)
        tests = {path: _digest(root / path) for path in _tests(root, part)}
    if found is None or (found.names and part.package.name == TOOLS):
        # What the tools speak of, and their tests look at by way of them, isn't followed.
        return Kept(frozenset(), everything=False, same_files=tests == known.tests)
    texts = {path for path, text in known.sources.items() if now.get(path) != text.encode()}
    texts |= now.keys() - known.sources.keys()
    looks = known.read if texts else {}
    reached = {i for i, name in enumerate(known.functions) if found.has(name)}
    same = {path for path, digest in known.tests.items() if tests.get(path) == digest}
    left = frozenset(
        node_id
        for node_id, called in known.cases.items()
        if not (reached.intersection(called) if called is not None else found.functions or looks)
        and node_id not in looks
        and not found.concerns(node_id)
        and node_id.partition("::")[0] in same
        and node_id not in failed
    )
    is_same = tests == known.tests
    return Kept(left, everything=len(left) == len(known.cases) and is_same, same_files=is_same)


def is_altered(root: Path, part: Part, known: Reached) -> bool:
    """Whether code of the package itself isn't what it was."""
    own = f"{part.package.folder.relative_to(root).as_posix()}/"
    with unnoted():
        before = {path: text for path, text in known.sources.items() if path.startswith(own)}
        now = {path: text for path, text in sources(root).items() if path.startswith(own)}
    return before.keys() != now.keys() or any(
        _does_else(text.encode(), now[path]) for path, text in before.items()
    )


def _does_else(before: bytes, now: bytes) -> bool:
    try:
        return before != now and code.read(before) != code.read(now)
    except (SyntaxError, ValueError):
        return True


def _altered(root: Path, part: Part, known: Reached, now: Mapping[str, bytes]) -> Altered | None:
    """Say what isn't as it was; None if that may be everything.

    It is if a source that has changed is read by nobody knows which test.
    """
    before = {path: text.encode() for path, text in known.sources.items()}
    unknown = known.seen.files.difference(*known.read.values())
    if any(path in unknown for path, text in before.items() if now.get(path) != text):
        return None
    beside = python_files(part.package.folder / "tests")
    around = {path.relative_to(root).as_posix(): path.read_bytes() for path in beside}
    return altered(before, now, known.loaded, around)


def _tests(root: Path, part: Part) -> list[str]:
    folder = part.package.folder / "tests"
    return [path.relative_to(root).as_posix() for path in sorted(folder.rglob(TESTS))]


def _around(root: Path, part: Part, opened: Iterable[str]) -> str:
    content = hashlib.sha256(f"{platform.python_version()}\n".encode())
    for path in _concerned(root, part, opened):
        content.update(f"{path} {_digest(root / path)}\n".encode())
    return content.hexdigest()


def _concerned(root: Path, part: Part, opened: Iterable[str]) -> list[str]:
    """List what concerns each test: what the scope calls configuration, and what was opened.

    Files of tests, which concern their own, are left out, and so is code of the packages.
    """
    beside = python_files(part.package.folder / "tests")
    names = [path.name for path in root.iterdir()]
    for top in ("packages", "tools", ".ci"):
        for folder, inside, files in os.walk(root / top):
            inside[:] = [name for name in inside if name != "__pycache__"]
            at = Path(folder).relative_to(root).as_posix()
            names += [f"{at}/{name}" for name in files]
    configuration = {name for name in names if any(matches(name, glob) for glob in CONFIGURATION)}
    configuration |= {path.relative_to(root).as_posix() for path in beside}
    found = {*configuration, *opened} - {*_tests(root, part), *sources(root)}
    return sorted(path for path in found if (root / path).is_file())


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
