"""Which functions of the packages run for whoever comes first, because a decorator caches them."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from types import CodeType

from emel_tools.scope.observed import unnoted


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
            texts = {str(path): path.read_text("utf-8") for path in paths}
        self._lines = {path: text.splitlines() for path, text in texts.items() if "cache" in text}

    def __contains__(self, code: CodeType) -> bool:
        """Whether a function is one of those, by the code that it has."""
        lines = self._lines.get(code.co_filename, ())[code.co_firstlineno - 1 :]
        decorators = takewhile(lambda line: line.lstrip().startswith("@"), lines)
        return any("cache" in line for line in decorators)
