"""What accepting would change: one file, its new text, and what differs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from emel_tools.snapshots import lines
from emel_tools.snapshots.comparison import Change, compare
from emel_tools.snapshots.kind import Kind
from emel_tools.snapshots.stale import Leftover


class Proposal(NamedTuple):
    """One file to be written, or removed."""

    key: str
    """The shard: `costs/io_mmap`."""
    path: Path
    text: str
    """Its new text; empty if the file is to be removed."""
    changes: tuple[Change, ...] = ()
    kind: Kind = Kind()
    why: str = ""
    """Why it changes, if no fact of it differs."""

    @property
    def takes_worse(self) -> bool:
        """Whether it is accepted only with `--worse`."""
        return any(change.takes_worse for change in self.changes)


def propose(
    root: Path, lane: str, shard: str, measured: Mapping[str, str], kind: Kind
) -> Proposal | None:
    """Propose to record what was measured; None if that is what the file says, to the byte.

    Raises
    ------
    ValueError
        Something that was measured can't be a line of a snapshot, or a folder lies in its place.
    """
    path = lines.path_of(root, lane, shard)
    if path.is_dir():
        where = path.relative_to(root).as_posix()
        raise ValueError(f"{where} is a folder, and no snapshot can be written there: remove it")
    text = lines.text_of(measured)
    if (path.read_bytes() if path.exists() else b"") == text.encode() and (
        text or not path.exists()
    ):
        return None
    changes = tuple(compare(lines.read(path), measured, kind))
    why = "" if changes else "the same facts, put in order"
    return Proposal(f"{lane}/{shard}", path, text, changes, kind, why)


def removal(leftover: Leftover) -> Proposal:
    """Propose to remove what nothing measures."""
    key = f"{leftover.lane}/{leftover.shard}".removeprefix("/")
    return Proposal(key, leftover.path, "", why=leftover.why)


def write(proposal: Proposal) -> None:
    """Write or remove the file in one stroke; a folder that is empty then is removed as well."""
    path = proposal.path
    if proposal.text:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            fresh.write_text(proposal.text, encoding="utf-8", newline="\n")
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    else:
        path.unlink(missing_ok=True)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
