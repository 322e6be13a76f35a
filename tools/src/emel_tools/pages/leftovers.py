"""What merges and editors leave in the tree, and nobody means to commit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.scope.changes import listed

_CONFLICT: Final = "^(<{7}|>{7}) "
_COPIES: Final = ("*.orig", "*.rej", "*.bak", "*~")
_ON_PURPOSE: Final = (":!tools/tests", ":!tools/regressions")
"""Where such marks are spoken of."""


def leftovers(root: Path) -> Iterator[Finding]:
    """Find marks of a conflict, and copies put aside, in what git knows or would add."""
    marked = ("grep", "-lzIE", "--no-color", "--untracked", _CONFLICT, "--", *_ON_PURPOSE)
    for name in _names(root, *marked):
        text = (root / name).read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.split("\n"), 1):
            if re.match(_CONFLICT, line):
                what = f"the mark of a conflict stands there: {line.rstrip()[:80]}"
                fix = "settle the conflict, and take its marks out"
                yield Finding(name, number, 0, "leftover", what, fix)
    for name in _names(root, "ls-files", "-coz", "--exclude-standard", "--", *_COPIES):
        if (root / name).exists():
            what = "it is a copy that a merge or an editor has put aside"
            yield Finding(name, 0, 0, "leftover", what, "remove it")


def _names(root: Path, *words: str) -> list[str]:
    """Name the files that git answers with, each once; none where there is no git."""
    told = listed(root, *words)
    return sorted({name for name in told.split("\0") if name})
