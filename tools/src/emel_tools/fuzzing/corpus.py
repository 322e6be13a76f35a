"""`tools/corpus`: what was found once, with the answer that it must have.

One text file an entry, `<shard>/<name>.txt`: lines `expects: ...` and `reason: ...`, an empty line,
and the thing itself, bytes as hexadecimal or moves as JSON, one a line. What a run finds is kept in
the same form below `.nox/gate/fuzz`, so that adding it is copying it and saying why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path("tools/corpus")


class Entry(NamedTuple):
    """One thing that was found."""

    path: Path
    expects: str
    reason: str
    body: str

    @property
    def data(self) -> bytes:
        """The body as bytes."""
        return bytes.fromhex(self.body)

    @property
    def moves(self) -> list[Any]:
        """The body as moves."""
        return [json.loads(line) for line in self.body.splitlines()]


def entries(root: Path, shard: str) -> list[Entry]:
    """Read what is known of one shard."""
    return [_read(path) for path in sorted((root / FOLDER / shard).glob("*.txt"))]


def _read(path: Path) -> Entry:
    head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    words = dict(line.split(": ", 1) for line in head.splitlines())
    return Entry(path, words["expects"], words["reason"], body)


def keep(folder: Path, expects: str, body: str) -> Path:
    """Keep what was found, under a name that is its content's."""
    name = hashlib.sha256(body.encode()).hexdigest()[:12]
    path = folder / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"expects: {expects}\nreason: (say why)\n\n{body}\n", encoding="utf-8")
    return path


def hexadecimal(data: bytes) -> str:
    """Spell bytes, sixteen a line."""
    return "\n".join(data[at : at + 16].hex(" ") for at in range(0, len(data), 16))


def spelled(moves: Sequence[Any]) -> str:
    """Spell moves, one a line."""
    return "\n".join(json.dumps(move) for move in moves)
