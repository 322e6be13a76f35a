"""The results of earlier checks of types, for files that nothing has changed for since."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from emel_tools.ratchets import pyright
from emel_tools.ratchets.faces import Face
from emel_tools.ratchets.interfaces import digests
from emel_tools.ratchets.pyright import Checked
from emel_tools.ratchets.tally import Place

Look: TypeAlias = Callable[[Path, Path, Sequence[Path]], Checked]
"""Checks files: the repository, a folder to write to, the files."""
_CONFIGURATION: Final = (
    "pyproject.toml",
    "tools/constraints.txt",
    "typings/**/*",
    "packages/*/src/*/py.typed",
    "tools/src/*/py.typed",
)
_OWN: Final = Path(__file__).parent
"""Where it stands how files are checked, and what is kept."""
_STATES: Final = 3
"""How many results are kept of each file: whoever takes a change back has seen the code before."""
_Said: TypeAlias = tuple[int, int, str, str]


class _Result(msgspec.Struct, frozen=True):
    digest: str
    said: tuple[_Said, ...]


class _Kept(msgspec.Struct):
    settings: str
    results: dict[str, tuple[_Result, ...]] = {}
    """By path from the root, the latest first."""
    faces: dict[str, Face] = {}


def check(
    root: Path, folder: Path, files: Sequence[Path], *, anew: bool, look: Look = pyright.check
) -> Checked:
    """Check the types of those files whose types can be other than when they were last checked.

    Parameters
    ----------
    root, files
        The repository, and what to look at.
    folder
        Where results are kept.
    anew
        Whether to look at everything, whatever is kept.
    look
        Checks files.

    Raises
    ------
    BrokenToolError
        The checker can't do it; what was kept stays.
    """
    path = folder / "kept.json"
    kept = _read(path, _settings(root))
    names = {file: file.relative_to(root).as_posix() for file in files}
    now = digests(root, {file: file.read_bytes() for file in files}, kept.faces)
    known = {
        file: result
        for file in files
        for result in kept.results.get(names[file], ())
        if result.digest == now[file] and not anew
    }
    todo = [file for file in files if file not in known]
    looked = look(root, folder, todo) if todo else Checked([], 0)
    said: dict[Path, list[_Said]] = {file: [] for file in todo}
    for place in looked.places:
        what = (place.line, place.column, place.rule, place.message)
        said.setdefault(place.path, []).append(what)
    if looked.files == len(todo) and said.keys() == {*todo}:
        for file in files:
            found = known[file] if file in known else _Result(now[file], tuple(said[file]))
            before = (e for e in kept.results.get(names[file], ()) if e.digest != found.digest)
            kept.results[names[file]] = (found, *before)[:_STATES]
        kept.results = {n: each for n, each in kept.results.items() if (root / n).exists()}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.encode(kept))
    again = [file for file in files if file not in said]
    places = [Place(file, *each) for file in again for each in known[file].said]
    return Checked([*looked.places, *places], looked.files + len(again))


def _read(path: Path, settings: str) -> _Kept:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (FileNotFoundError, msgspec.DecodeError):
        return _Kept(settings)
    return kept if kept.settings == settings else _Kept(settings)


def _settings(root: Path) -> str:
    """Digest what the verdict on every file hangs on; the checker's version is pinned there."""
    content = hashlib.sha256(sys.version.encode())
    configuration = [path for glob in _CONFIGURATION for path in sorted(root.glob(glob))]
    for path in (*configuration, *sorted(_OWN.glob("*.py"))):
        if path.is_file():
            text = path.read_bytes()
            content.update(f"{path} {len(text)}\n".encode() + text)
    return content.hexdigest()
