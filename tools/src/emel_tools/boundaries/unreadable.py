"""What the rules are read from and can't be: they wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from emel_tools.boundaries import table
from emel_tools.findings import Finding
from emel_tools.projects import FILE, declaration
from emel_tools.workspace import shards


def unreadable(root: Path) -> Iterator[Finding]:
    """Find a table without contracts to read, and a pyproject.toml that is none."""
    try:
        is_table = bool(table.read(root).session)
        what = f"it sets nothing in [{table.SECTION}], so nothing holds"
    except table.UNREADABLE as error:
        is_table = False
        what = f"it can't be read: {' '.join(str(error).split())}".replace(f"{root}/", "")
    if not is_table:
        yield Finding.at(table.FILE, what, "restore it, for example by git", rule="table")
    for folder in (root, *(package.folder for package in shards(root))):
        try:
            declaration(folder)
        except (ValueError, msgspec.DecodeError) as error:
            where = (folder / FILE).relative_to(root).as_posix()
            yield Finding.at(where, f"it can't be read: {error}", "correct it there", rule="table")
