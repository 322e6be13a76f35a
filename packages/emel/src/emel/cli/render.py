"""How numbers, names and values of the file look on a terminal and in JSON."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from itertools import islice
from typing import cast

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

SHOWN: int = 3
"""So many entries of a long array are shown."""
FEW: int = 500
"""A table of more rows is printed plainly."""
PIPE_WIDTH: int = 200
WIDTH: int = 72
"""A longer string is cut."""


def console() -> Console:
    """Make a console on stdout that treats the file's own text as text, and not as markup."""
    # A pipe has no width, and whoever reads it wants whole names.
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(markup=False, highlight=False, emoji=False, width=width)


def table(*columns: str, title: str | None = None) -> Table:
    """Make a plain table; columns whose name begins with ">" hold numbers, to the right."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        justify = "right" if column.startswith(">") else "left"
        made.add_column(column.removeprefix(">"), justify=justify, overflow="fold")
    return made


def print_columns(out: Console, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of any number of rows; a long one plainly, as rich takes 0.3 ms a row."""
    if len(rows) <= FEW:
        made = table(*header)
        for row in rows:
            made.add_row(*row)
        out.print(made)
        return
    names = [column.removeprefix(">") for column in header]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        cells = (
            cell.rjust(width) if column.startswith(">") else cell.ljust(width)
            for column, cell, width in zip(header, row, widths, strict=True)
        )
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def text(value: str) -> str:
    """Make a string of the file safe to print: no control characters, no lone surrogates."""
    printable = value.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() or c == " " else repr(c)[1:-1] for c in printable)


def distinct(name: str) -> str:
    """Make a name safe to print, so that no two names look the same: backslashes are doubled."""
    return text(name.replace("\\", "\\\\"))


def counted(n: int, thing: str) -> str:
    """Spell how many there are of something: `1 tensor`, `2 tensors`."""
    return f"{n} {thing}{'s' * (n != 1)}"


def size(nbytes: float) -> str:
    """Spell a number of bytes in the largest binary unit that leaves at least 1, once rounded."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        spelled = f"{nbytes:.0f}" if unit == "B" else f"{nbytes:.1f}"
        if float(spelled) < 1024:
            return f"{spelled} {unit}"
        nbytes /= 1024
    return f"{nbytes:.1f} TiB"


def shape(axes: Sequence[int]) -> str:
    """Spell a shape; a scalar has none."""
    return " x ".join(map(str, axes)) or "scalar"


def summary(value: object) -> str:
    """Say what a metadata value is on one line: arrays by length and first entries."""
    if isinstance(value, str):
        shown = text(value)
        return shown if len(shown) <= WIDTH else f"{shown[: WIDTH - 1]}… ({len(value)} characters)"
    if isinstance(value, (np.ndarray, Sequence)):
        array = cast("Sequence[object]", value)
        entries = ", ".join(summary(entry) for entry in islice(array, SHOWN))
        more = ", …" if len(array) > SHOWN else ""
        return f"[{entries}{more}] ({len(array)})"
    return str(value)


def plain(value: object) -> object:
    """Turn a metadata value into what JSON has; of long arrays, their length and first entries."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, np.generic):
        return cast("object", value.item())
    if isinstance(value, (np.ndarray, Sequence)):
        array = cast("Sequence[object]", value)
        entries = [plain(entry) for entry in islice(array, WIDTH)]
        return entries if len(array) <= WIDTH else {"length": len(array), "first": entries[:SHOWN]}
    return value


def _sane(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value)
        return {_sane(key): _sane(entry) for key, entry in entries.items()}
    if isinstance(value, (list, tuple)):
        return [_sane(entry) for entry in cast("Sequence[object]", value)]
    return value


def print_json(value: object) -> None:
    """Print one JSON document; names and paths that are not UTF-8 are spelled with backslashes.

    JSON leaves DEL, C1 and what turns the direction of text as it is; some terminals obey them.
    """
    document = msgspec.json.format(msgspec.json.encode(_sane(value)), indent=2).decode()
    sys.stdout.write(re.sub(r"[^ -~\n]", _escaped, document) + "\n")


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]
