"""Which functions of the packages each test of a part ran when all of it last did, and passed.

A test that runs nothing but code that is what it was then comes to what it came to then. So where
only code of other packages has changed, tests that none of it reaches needn't run again.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from emel_tools.scope import code
from emel_tools.scope.affected import CONFIGURATION, matches
from emel_tools.scope.observed import Seen, unnoted
from emel_tools.suites.parts import Part

TESTS: Final = "test_*.py"
"""Files whose tests are all that depends on them; any other file below `tests` concerns all."""


class Module(msgspec.Struct, frozen=True):
    """One file of a package, as it was."""

    digest: str
    functions: dict[str, str]
    bodies: dict[str, str]


class Reached(msgspec.Struct, frozen=True):
    """What is known of all tests of a part, from one run of it that was green."""

    around: str
    """A digest of what concerns all tests: the Python, configuration, conftests, files opened."""
    seen: Seen
    """What the processes of that run opened, imported and listed."""
    modules: dict[str, Module]
    """The sources of all packages, by path from the root."""
    loaded: list[str]
    """Those of them that were imported."""
    tests: dict[str, str]
    """Digests of the files of tests, by path from the root."""
    functions: list[str]
    """All that were called: `packages/a/src/emel_a/b.py:C.d`."""
    cases: dict[str, list[int] | None]
    """The functions that each test called, as indices; None if it can't be told."""


class Watched(msgspec.Struct, frozen=True):
    """What the process that ran the tests saw."""

    modules: list[str]
    functions: list[str]
    cases: dict[str, list[int] | None]


class Kept(NamedTuple):
    """Tests that needn't run."""

    node_ids: frozenset[str]
    everything: bool
    """Whether that is all there are."""


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


def write(root: Path, part: Part, folder: Path, watched: Watched, seen: Seen, began: float) -> None:
    """Keep what a run has seen, unless a file has been written since it began.

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
    sources = _sources(root)
    paths = {*_concerned(root, part, seen.files), *_tests(root, part), *sources}
    if any((root / path).stat().st_mtime >= began for path in paths):
        return
    known = Reached(
        _around(root, part, seen.files),
        seen,
        {path: _module((root / path).read_bytes()) for path in sources},
        watched.modules,
        {path: _digest(root / path) for path in _tests(root, part)},
        watched.functions,
        watched.cases,
    )
    path = path_of(part, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(known))


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
        altered = _altered(root, known)
        tests = {path: _digest(root / path) for path in _tests(root, part)}
    if altered is None:
        return Kept(frozenset(), everything=False)
    reached = {i for i, name in enumerate(known.functions) if name in altered}
    same = {path for path, digest in known.tests.items() if tests.get(path) == digest}
    found = frozenset(
        node_id
        for node_id, called in known.cases.items()
        if not (reached.intersection(called) if called is not None else altered)
        and node_id.partition("::")[0] in same
        and node_id not in failed
    )
    return Kept(found, everything=len(found) == len(known.cases) and tests == known.tests)


def is_altered(root: Path, part: Part, known: Reached) -> bool:
    """Whether code of the package itself, or a file of its tests, isn't what it was."""
    own = f"{part.package.folder.relative_to(root).as_posix()}/"
    modules = {path: module for path, module in known.modules.items() if path.startswith(own)}
    with unnoted():
        sources = [path for path in _sources(root) if path.startswith(own)]
        tests = {path: _digest(root / path) for path in _tests(root, part)}
        return (
            modules.keys() != {*sources}
            or tests != known.tests
            or any(
                _does_else(module, (root / path).read_bytes()) for path, module in modules.items()
            )
        )


def _does_else(module: Module, text: bytes) -> bool:
    if hashlib.sha256(text).hexdigest() == module.digest:
        return False
    try:
        read = code.read(text)
    except (SyntaxError, ValueError):
        return True
    return (read.functions, read.bodies) != (module.functions, module.bodies)


def _altered(root: Path, known: Reached) -> set[str] | None:
    """Name what isn't as it was: functions, files that came or went.

    None if an import does something else, or if a test reads the source, whoever that is.
    """
    now = {path: (root / path).read_bytes() for path in _sources(root)}
    found = {*now} ^ {*known.modules}
    for path, module in known.modules.items():
        text = now.get(path, b"")
        if hashlib.sha256(text).hexdigest() == module.digest:
            continue
        try:
            read = code.read(text, frozenset(module.functions))
        except (SyntaxError, ValueError):
            return None
        if path in known.seen.files or (path in known.loaded and read.bodies != module.bodies):
            return None
        found |= {path} if read.bodies != module.bodies else set[str]()
        found |= {
            f"{path}:{name}"
            for name, digest in module.functions.items()
            if read.functions.get(name) != digest
        }
    return found


def _sources(root: Path) -> list[str]:
    paths = sorted(root.glob("packages/*/src/**/*.py"))
    return [path.relative_to(root).as_posix() for path in paths]


def _module(text: bytes) -> Module:
    found = code.read(text)
    return Module(hashlib.sha256(text).hexdigest(), found.functions, found.bodies)


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
    folders = [root / name for name in ("packages", "tools", ".ci")]
    beside = [*part.package.folder.joinpath("tests").rglob("*.py")]
    paths = [*root.iterdir(), *(path for folder in folders for path in folder.rglob("*"))]
    names = (path.relative_to(root).as_posix() for path in paths)
    configuration = {
        name
        for name in names
        if "__pycache__" not in name and any(matches(name, glob) for glob in CONFIGURATION)
    }
    configuration |= {path.relative_to(root).as_posix() for path in beside}
    found = {*configuration, *opened} - {*_tests(root, part), *_sources(root)}
    return sorted(path for path in found if (root / path).is_file())


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
