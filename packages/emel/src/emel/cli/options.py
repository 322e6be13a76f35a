"""Options that several commands have: how bytes get into memory, and how much of it."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from emel.budget import LEAST_LIMIT

_UNITS: Final = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}


def parse_nbytes(text: str) -> int:
    """Read a memory limit as people write it: "256MiB", "1.5 GB", "65536".

    Raises
    ------
    typer.BadParameter
        It is no number of bytes, or too few to stage anything.
    """
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([a-zA-Z]*)\s*", text, re.ASCII)
    if found is None or found[2].lower() not in _UNITS:
        raise typer.BadParameter(f"{text!r} is no number of bytes; write 256MiB, 1.5GB or 65536")
    nbytes = int(float(found[1]) * _UNITS[found[2].lower()])
    if nbytes < LEAST_LIMIT:
        raise typer.BadParameter(f"{text!r} is less than {LEAST_LIMIT} bytes")
    return nbytes


Strategy = Annotated[
    str,
    typer.Option(help="How bytes get into memory: auto, mmap, read, staged, or another's name."),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads that may read at once; by default as it fits.")
]
MemoryLimit = Annotated[
    int | None,
    typer.Option(
        parser=parse_nbytes,
        metavar="SIZE",
        help="Bytes of tensors to hold at once, such as 256MiB; staged, if the strategy is auto.",
    ),
]
Direct = Annotated[
    bool, typer.Option("--direct", help="Read around the page cache, where that is possible.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
