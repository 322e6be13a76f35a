"""Texts whose lines end otherwise than elsewhere, or that begin with a byte order mark."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding

_FIX: Final = "end each line with a line feed alone, and begin with the text itself"


def endings(root: Path, files: Sequence[Path]) -> Iterator[Finding]:
    """Find them among files; what holds a zero byte is no text. Of Python files ruff tells it."""
    for path in files:
        data = path.read_bytes()
        if b"\0" in data:
            continue
        where = path.relative_to(root).as_posix()
        if data.startswith(codecs.BOM_UTF8):
            what = "it begins with a byte order mark"
            yield Finding(where, 1, 0, "byte-order-mark", what, _FIX)
        before, returned, _ = data.partition(b"\r")
        if returned:
            line, what = before.count(b"\n") + 1, "a line ends with a carriage return"
            yield Finding(where, line, 0, "line-ending", what, _FIX)
