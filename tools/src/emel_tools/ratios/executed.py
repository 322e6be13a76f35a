"""Which functions a case runs, so that one whose code is what was recorded needn't be timed.

What runs because something is imported counts as well: the code of the modules themselves makes the
tables and classes that functions work with.
"""

from __future__ import annotations

import ast
import hashlib
import sys
import threading
from collections.abc import Collection, Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

_SEPARATOR: Final = ":"
_NOWHERE: Final = ast.Pass(lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)


class Watch:
    """Note which functions of the packages below a root are called, by all threads that begin."""

    def __init__(self, root: Path) -> None:
        self._root, self._prefix = root, f"{root / 'packages'}/"
        self.seen: set[str] = set()
        """Their names: `packages/a/src/emel_a/b.py:C.d`; a module's own code is `<module>`."""

    @contextmanager
    def watching(self) -> Generator[None]:
        """Note what runs inside."""
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(self._prefix):
            path = code.co_filename.removeprefix(f"{self._root}/")
            self.seen.add(f"{path}{_SEPARATOR}{code.co_qualname}")


def is_altered(executed: Collection[str], now: Path, before: Path) -> bool:
    """Whether any of these functions isn't, instruction by instruction, what it was.

    Parameters
    ----------
    executed
        Functions as `Watch` names them; of none at all it can't be told, so they count as altered.
    now, before
        Roots of two states of the repository. Comments and docstrings make no difference.
    """
    by_path: dict[str, set[str]] = {}
    for name in executed:
        path, _, function = name.partition(_SEPARATOR)
        by_path.setdefault(path, set()).add(function)
    differ = (_differ(now / path, before / path, names) for path, names in by_path.items())
    return not executed or any(differ)


def digest(executed: Collection[str], root: Path) -> str:
    """Digest the code of functions as `Watch` names them, below a root."""
    content = hashlib.sha256()
    for name in sorted(executed):
        path, _, function = name.partition(_SEPARATOR)
        found = _functions((root / path).read_bytes()) if (root / path).exists() else {}
        content.update(f"{name} {found.get(function)}\n".encode())
    return content.hexdigest()


def _differ(now: Path, before: Path, names: set[str]) -> bool:
    if not (now.exists() and before.exists()):
        return True
    texts = now.read_bytes(), before.read_bytes()
    if texts[0] == texts[1]:
        return False
    ours, theirs = (_functions(text) for text in texts)
    return any(ours.get(name) != theirs.get(name) for name in names)


@cache
def _functions(text: bytes) -> dict[str, list[str]]:
    """Spell the code of each function of a module, and of the module itself, without lines."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):  # a class knows its first line, from 3.13 on
            ast.copy_location(node, _NOWHERE)
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.copy_location(ast.Pass(), node.body[0])]
    spelled: dict[str, list[str]] = {}
    todo = [compile(tree, "", "exec", dont_inherit=True)]
    for code in todo:  # grows while it is read
        spelled.setdefault(code.co_qualname, []).append(_spell(code))
        held: tuple[object, ...] = code.co_consts
        todo += [each for each in held if isinstance(each, CodeType)]
    return spelled


def _spell(code: CodeType) -> str:
    """Spell what a code object does itself; what it defines is spelt by itself."""
    held: tuple[object, ...] = code.co_consts
    constants = [each.co_qualname if isinstance(each, CodeType) else each for each in held]
    shape = (code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return repr((code.co_code, code.co_exceptiontable, constants, shape, names))
