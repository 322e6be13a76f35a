"""Which functions of the packages run for whoever comes first, because a decorator caches them."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from types import CodeType
from typing import Final

from emel_tools.scope.observed import unnoted

_CACHES: Final = re.compile(r"\s*@\s*[\w.]*cache")
"""A decorator with a name of this kind, whatever it is called with."""
_BEGINS: Final = re.compile(r"\s*(async\s+)?def\b")


class Cached:
    """Tells what is decorated to run once for equal arguments, or once an object.

    Sources are read when this is made, and no later: who looks what opens files would think that
    whatever runs then had opened them.

    Parameters
    ----------
    root
        The repository.
    """

    def __init__(self, root: Path) -> None:
        with unnoted():
            paths = (*root.glob("packages/*/src/**/*.py"), *root.glob("packages/*/tests/**/*.py"))
            texts = {
                str(path): path.read_text("utf-8", "replace") for path in paths if path.is_file()
            }
        self._lines = {path: text.splitlines() for path, text in texts.items() if "cache" in text}

    def __contains__(self, code: CodeType) -> bool:
        """Whether a function is one of those, by its code, which begins with its decorators."""
        lines = self._lines.get(code.co_filename, ())[code.co_firstlineno - 1 :]
        if not lines or not lines[0].lstrip().startswith("@"):
            return False
        return any(map(_CACHES.match, takewhile(lambda line: not _BEGINS.match(line), lines)))
