"""What a shard was seen to read in the repository when it last ran, and whether it was green.

Each process of a shard notes the files of the repository that it opens and the folders that it
lists (audit events), and the modules that it has loaded. So a test that reads another package's
sources, or a page, depends on them without saying so anywhere.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from emel_tools import audits, strokes

NOTES: Final = "EMEL_GATE_NOTES"
"""The environment variable that names the folder where processes leave their notes."""
EVENTS: Final = frozenset(("open", "os.listdir", "os.scandir"))
"""What `Notes` hears of."""
_IMPORTING: Final = "<frozen importlib._bootstrap_external>"
"""What opens a source to run it; `Seen.imported` knows of those."""
_unnoted: list[None] = []
"""One entry for each `unnoted` that this process is in."""


class Seen(msgspec.Struct, frozen=True):
    """What is known of the last run of a shard."""

    green: bool
    files: frozenset[str] = frozenset()
    """Opened, from the root, with slashes."""
    imported: frozenset[str] = frozenset()
    """Run, which is less than looked at: a comment makes no difference."""
    folders: frozenset[str] = frozenset()
    """Listed."""


def read(folder: Path, key: str) -> Seen | None:
    """Read what is known of a shard; None if it never ran here, was ended, or it can't be read."""
    path = folder / f"{key}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Seen)
    except (FileNotFoundError, ValueError):
        return None


def write(folder: Path, key: str, seen: Seen) -> None:
    """Keep what is known of a shard; nothing that can be read if a name in it is no Unicode."""
    try:
        content = msgspec.json.encode(seen, order="sorted")
    except UnicodeEncodeError:
        content = b""  # so it runs again, until there is no such file
    strokes.write(folder / f"{key}.json", content)


def forget(folder: Path, key: str) -> None:
    """Know nothing of a shard any more: it is about to run."""
    (folder / f"{key}.json").unlink(missing_ok=True)


def notes_of(root: Path, lane: str, shards: Sequence[str]) -> Path:
    """Say where the processes that run these shards of a lane leave their notes."""
    name = f"{lane}/{shards[0]}" if len(shards) == 1 else lane
    return root / ".nox" / "gate" / "notes" / name


def collect(notes: Path, *, green: bool) -> Seen:
    """Put together, and remove, the notes of all processes that ran a shard.

    It isn't green, whatever is said of it, if a note can't be read: nobody knows what concerns it.
    """
    seen = so_far(notes)
    for path in notes.glob("*.json"):
        path.unlink()
    return msgspec.structs.replace(seen, green=green and seen.green)


def so_far(notes: Path) -> Seen:
    """Put together the notes of a shard's processes that have ended; green if all can be read."""
    is_whole = True
    files: set[str] = set()
    imported: set[str] = set()
    folders: set[str] = set()
    for path in notes.glob("*.json"):
        seen = read(notes, path.stem)
        if seen is None:
            is_whole = False
            continue
        files |= seen.files
        imported |= seen.imported
        folders |= seen.folders
    return Seen(
        green=is_whole,
        files=frozenset(files),
        imported=frozenset(imported),
        folders=frozenset(folders),
    )


@contextmanager
def unnoted() -> Generator[None]:
    """Let what the gate looks up for itself be no part of what a shard depends on.

    Who depends on whom is read from every package, and says nothing about any: without this, each
    shard that asks would be seen to depend on all of them.
    """
    _unnoted.append(None)
    try:
        yield
    finally:
        _unnoted.pop()


def take_notes(root: Path) -> None:
    """Note what this process reads from now on, and write it down when it ends.

    Does nothing where no folder for notes is named (`EMEL_GATE_NOTES`).
    """
    folder = os.environ.get(NOTES)
    if folder:
        notes = Notes(root)
        audits.listen(EVENTS.__contains__, notes.see)
        atexit.register(lambda: write(Path(folder), str(os.getpid()), notes.seen()))


def looks(frame: FrameType) -> bool:
    """Whether whoever opens a file looks at it: not to import it, nor for the gate itself."""
    return not _unnoted and frame.f_code.co_filename != _IMPORTING


class Notes:
    """What one process has opened and listed, as its audit events say.

    Parameters
    ----------
    root
        The repository.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._here = Path.cwd()
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def see(self, event: str, arguments: tuple[object, ...], frame: FrameType) -> None:
        """Hear of one of `EVENTS`, which code in a frame has raised."""
        if looks(frame):
            seen = self._files if event == "open" else self._folders
            seen.add(spelled(arguments[0]))

    def seen(self) -> Seen:
        """Say what was read in the repository, what was imported included."""
        loaded = [getattr(module, "__file__", None) for module in [*sys.modules.values()]]
        imported = (str(path) for path in loaded if path)
        return Seen(
            green=True,
            files=frozenset(_ours(self._root, self._here, self._files)),
            imported=frozenset(_ours(self._root, self._here, imported)),
            folders=frozenset(_ours(self._root, self._here, self._folders)),
        )


def spelled(path: object) -> str:
    """Spell what was opened or listed; nothing for a descriptor."""
    if path is None:
        return "."
    return os.fsdecode(path) if isinstance(path, (str, bytes)) else ""


def _ours(root: Path, here: Path, paths: Iterable[str]) -> Iterable[str]:
    """Spell what lies in the repository from its root, without what nobody commits."""
    for path in paths:
        if "__pycache__" in path or not path:
            continue
        full = os.path.normpath(here / path)
        if full == str(root):
            yield "."
        elif full.startswith(f"{root}{os.sep}"):
            found = full[len(str(root)) + 1 :].replace(os.sep, "/")
            # An odd name that nothing bears here was opened from another folder.
            is_here = found.isascii() or os.path.lexists(full)
            if is_here and not found.startswith((".nox/", ".git/", ".hypothesis")):
                yield found
