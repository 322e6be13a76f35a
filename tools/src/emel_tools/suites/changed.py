"""Which lines have changed since a commit, as git says it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from emel_tools.scope.changes import listed

_HUNK: Final = re.compile(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@")


def changed(root: Path, base: str, folder: str) -> dict[str, frozenset[int]]:
    """List the changed lines of the files below a folder, untracked files included.

    Parameters
    ----------
    root
        The repository.
    base
        The commit to compare with; if it is empty nothing has changed.
    folder
        From the root, with slashes.
    """
    if not base:
        return {}
    found: dict[str, set[int]] = {}
    path = ""
    options = ("-U0", "--no-renames", "--no-ext-diff", "--no-color", "--dst-prefix=b/")
    for line in listed(root, "diff", *options, base, "--", folder).splitlines():
        if line.startswith("+++ "):
            path = line.removeprefix("+++ b/").rstrip("\t")
        elif match := _HUNK.match(line):
            start, count = int(match[1]), int(match[2] or 1)
            found.setdefault(path, set()).update(range(start, start + count))
    others = listed(root, "ls-files", "--others", "--exclude-standard", "-z", "--", folder)
    for name in others.split("\0"):
        if name.endswith(".py"):
            lines = (root / name).read_bytes().count(b"\n") + 1
            found[name] = {*range(1, lines + 1)}
    return {name: frozenset(lines) for name, lines in found.items()}
