"""Files that are no Python: said at once, because nearly all that runs would read them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

from emel_tools.findings import Finding
from emel_tools.running.results import writable
from emel_tools.scope.changes import known
from emel_tools.scope.choice import Scope


def torn(root: Path, scope: Scope) -> Iterator[Finding]:
    """Find the files that this Python can't compile: among what differs, or among all.

    All are looked at in the full scope, and where there is nothing to compare with; none where
    shards were asked for by name, which may read other files. Without git nobody knows which files
    are the repository's, and none is.
    """
    if scope.asked:
        return
    every = scope.full or not scope.base
    for name in sorted({*known(root)}) if every else scope.changed.files:
        path = root / name
        if path.suffix == ".py" and path.is_file():
            yield from _compiled(path, writable(name))


def _compiled(path: Path, where: str) -> Iterator[Finding]:
    try:
        with warnings.catch_warnings(action="ignore"):  # those are for lint to find
            compile(path.read_bytes(), where, "exec", dont_inherit=True)
    except SyntaxError as error:
        at, what = (error.lineno or 1, max(error.offset or 0, 0)), error.msg
    except (RecursionError, MemoryError):
        at, what = (1, 0), "it is nested too deeply"
    else:
        return
    yield Finding(
        where, *at, "syntax", f"it is no Python: {what}", "mend it, the rest waits for it"
    )
