"""The regressions that are planted: `tools/regressions/<lane>/<name>.txt`.

Each says which shard has to go red, what its finding has to say, and what is edited:

    shard: costs/io_read
    says: preadv
    file: packages/io_read/src/emel_io_read/_calls.py
    --- old
        done = port.preadv(fd, views, offset)
    --- new
        done = port.preadv(fd, [bytearray(...)], offset)
    --- end

`old` stands in the file just once. A file that is new has no `old`, and one that is to go has
neither (`delete: path`). So a regression goes on fitting while the repository changes, and where it
no longer does, that is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path("tools") / "regressions"
_EDIT: Final = re.compile(
    r"^file: (?P<file>.+)\n(?:--- old\n(?P<old>(?s:.*?))^)?--- new\n(?P<new>(?s:.*?))^--- end$"
    r"|^delete: (?P<gone>.+)$",
    re.MULTILINE,
)


class UnfitError(Exception):
    """A regression doesn't fit the tree any more: the message says which, and why."""


class Edit(NamedTuple):
    """One file that a regression changes."""

    path: str
    old: str
    """What is replaced; empty for a file that is new, or goes."""
    new: str | None
    """What stands there instead; None if the file goes."""

    def apply(self, root: Path) -> None:
        """Make the edit.

        Raises
        ------
        UnfitError
            What is to be replaced doesn't stand there just once.
        """
        path = root / self.path
        if self.new is None:
            path.unlink()
            return
        text = path.read_text("utf-8") if path.exists() else ""
        if self.old:
            times = text.count(self.old)
            if times != 1:
                raise UnfitError(f"{self.path}: what is to be replaced stands there {times} times")
            text = text.replace(self.old, self.new)
        else:
            text = self.new
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")


class Plant(NamedTuple):
    """One regression."""

    name: str
    """Lane and name: `costs/extra-copy`."""
    shard: str
    """The shard that has to go red."""
    says: str
    """What one of its findings has to say: a regular expression."""
    edits: tuple[Edit, ...]

    @property
    def lane(self) -> str:
        """The lane that has to catch it."""
        return self.shard.partition("/")[0]

    @property
    def bystanders(self) -> tuple[str, ...]:
        """Shards that look at how the edited packages are written, and have to stay green."""
        if self.lane == "lint":
            return ()
        folders = (Path(edit.path).parts for edit in self.edits)
        return tuple(sorted({f"lint/{parts[1]}" for parts in folders if parts[0] == "packages"}))


def read_plants(root: Path) -> list[Plant]:
    """Read every regression, sorted by name.

    Raises
    ------
    UnfitError
        One isn't written as it has to be.
    """
    return [_plant(path) for path in sorted((root / FOLDER).glob("*/*.txt"))]


def _plant(path: Path) -> Plant:
    text = path.read_text("utf-8")
    name = f"{path.parent.name}/{path.stem}"
    heads = dict(re.findall(r"^(shard|says): (.+)$", text.partition("\nfile: ")[0], re.MULTILINE))
    edits = tuple(_edits(text))
    if heads.keys() != {"shard", "says"} or not edits:
        raise UnfitError(f"{name}: it needs a shard, what it says, and an edit")
    if heads["shard"].partition("/")[0] != path.parent.name:
        raise UnfitError(f"{name}: it lies in the folder of another lane")
    return Plant(name, heads["shard"], heads["says"], edits)


def _edits(text: str) -> Iterator[Edit]:
    for found in _EDIT.finditer(text):
        if found["gone"]:
            yield Edit(found["gone"], "", None)
        else:
            old, new = found["old"] or "", found["new"]
            # The line break before a mark is the mark's own, so that part of a line can be named.
            yield Edit(found["file"], old[:-1], new[:-1] if old else new)
