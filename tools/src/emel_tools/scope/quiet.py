"""Changes that leave code as it is: comments, and how it is laid out."""

from __future__ import annotations

import ast
from pathlib import Path

from emel_tools.scope.changes import Changes, content


def is_quiet(root: Path, changed: Changes, path: str) -> bool:
    """Whether a changed file is Python, and means to whoever runs it what it meant at the base.

    Docstrings and annotations are code: both can be looked at while it runs. Where a line stands is
    not; a comment that gives a type, or says how the file is encoded, is read with the code.
    """
    if not path.endswith(".py") or path in changed.moved:
        return False
    return _is_same(content(root, changed.base, path), (root / path).read_bytes())


def _is_same(before: bytes, now: bytes) -> bool:
    try:
        first, second = (ast.dump(ast.parse(text, type_comments=True)) for text in (before, now))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last of deep nesting, too
        return False
    return first == second
