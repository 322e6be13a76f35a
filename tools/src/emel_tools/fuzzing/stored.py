"""Files of random bytes, for the games of whatever reads files."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple


class Stored(NamedTuple):
    """Some files, and what is in them."""

    folder: tempfile.TemporaryDirectory[str]
    """To be kept alive."""
    paths: tuple[str, ...]
    contents: tuple[bytes, ...]


@cache
def files(count: int, nbytes: int) -> Stored:
    """Write files of so many bytes, once a process."""
    folder = tempfile.TemporaryDirectory(prefix="emel-fuzz-")
    contents = tuple(Random(i).randbytes(nbytes) for i in range(count))
    paths = tuple(str(Path(folder.name) / f"{i}.bin") for i in range(count))
    for path, content in zip(paths, contents, strict=True):
        Path(path).write_bytes(content)
    return Stored(folder, paths, contents)
