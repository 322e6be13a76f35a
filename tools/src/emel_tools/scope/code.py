"""What each function of a module does, instruction by instruction, wherever its lines stand."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Final, NamedTuple, TypeAlias

import msgspec

from emel_tools import strokes

_NOWHERE: Final = ast.Pass(lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)


_Constant: TypeAlias = (
    "CodeType | frozenset[_Constant] | tuple[_Constant, ...] | str | bytes | complex | None"
)


class Code(NamedTuple):
    """Digests of the code of a module, by qualified name; those that share a name have one."""

    functions: dict[str, str]
    """What runs when it is called: functions, lambdas, comprehensions."""
    bodies: dict[str, str]
    """What runs as it is imported: the module's own code (`<module>`) and that of its classes."""


_kept: Final[list[Path]] = []
"""The folder in which what was read is kept, if there is one."""


def keep(folder: Path) -> None:
    """Keep what is read from now on in a folder, for the next process: a small file each text."""
    _kept[:] = [folder]


@cache
def read(text: bytes) -> Code:
    """Read the code of a module; comments and docstrings make no difference.

    Raises
    ------
    SyntaxError
        It is no Python.
    """
    paths = [folder / f"{hashlib.sha256(_reader() + text).hexdigest()}.json" for folder in _kept]
    for path in paths:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Code)
        except (FileNotFoundError, msgspec.DecodeError):
            continue
    found = _read(text)
    for path in paths:
        strokes.write(path, msgspec.json.encode(found))
    return found


def _reader() -> bytes:
    """Say who reads: another Python compiles otherwise, and another state of this file spells."""
    return sys.version.encode() + Path(__file__).read_bytes()


def _read(text: bytes) -> Code:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):  # a class knows its first line, from 3.13 on
            ast.copy_location(node, _NOWHERE)
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.copy_location(ast.Pass(), node.body[0])]
    spelled: dict[str, list[str]] = {}
    bodies: set[str] = set()
    todo = [compile(tree, "", "exec", dont_inherit=True)]
    for code in todo:  # grows while it is read
        spelled.setdefault(code.co_qualname, []).append(_spell(code))
        if not code.co_flags & inspect.CO_OPTIMIZED:
            bodies.add(code.co_qualname)
        held: tuple[object, ...] = code.co_consts
        todo += [each for each in held if isinstance(each, CodeType)]
    digests = {
        name: hashlib.sha256(repr(texts).encode()).hexdigest()[:24]
        for name, texts in spelled.items()
    }
    return Code(
        {name: digest for name, digest in digests.items() if name not in bodies},
        {name: digest for name, digest in digests.items() if name in bodies},
    )


def moved(before: bytes, now: bytes) -> dict[int, int]:
    """Say where the lines stand now of all code that does what it did.

    A line less than 0 is minus the first line of such code: so coverage spells where it begins and
    ends. What stands in one line with other code, and no longer does, is left out.

    Raises
    ------
    SyntaxError
        It is no Python.
    """
    found: dict[int, set[int]] = {}
    then, here = _codes(before), _codes(now)
    for name, codes in then.items():
        others = here.get(name, [])
        if [_spell(_unplaced(each)) for each in codes] == [
            _spell(_unplaced(each)) for each in others
        ]:
            for was, does in zip(codes, others, strict=True):
                for old, new in zip(_lines(was), _lines(does), strict=True):
                    found.setdefault(old, set()).add(new)
    return {old: new.pop() for old, new in found.items() if len(new) == 1}


def _codes(text: bytes) -> dict[str, list[CodeType]]:
    found: dict[str, list[CodeType]] = {}
    todo = [compile(text, "", "exec", dont_inherit=True)]
    for each in todo:  # grows while it is read
        found.setdefault(each.co_qualname, []).append(each)
        held: tuple[object, ...] = each.co_consts
        todo += [inner for inner in held if isinstance(inner, CodeType)]
    return found


def _unplaced(code: CodeType) -> CodeType:
    """Take from a class's body what its first line is, which it knows from 3.13 on."""
    if code.co_flags & inspect.CO_OPTIMIZED:
        return code
    held: tuple[object, ...] = code.co_consts
    is_line = [type(each) is int and each == code.co_firstlineno for each in held]
    kept = zip(held, is_line, strict=True)
    return code.replace(co_consts=tuple(None if line else each for each, line in kept))


def _lines(code: CodeType) -> list[int]:
    first = code.co_firstlineno
    return [-first, *(line or -first for line, *_ in code.co_positions())]


def _spell(code: CodeType) -> str:
    """Spell what a code object does itself; what it defines is spelt by itself."""
    held: tuple[_Constant, ...] = code.co_consts
    shape = (code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return repr((code.co_code, code.co_exceptiontable, _constant(held), shape, names))


def _constant(value: _Constant) -> str:
    """Spell a constant, the same whatever order a set is in: that hangs on the process's seed."""
    if isinstance(value, CodeType):
        return value.co_qualname
    if isinstance(value, frozenset):
        return f"{{{', '.join(sorted(map(_constant, value)))}}}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_constant, value))})"
    return repr(value)
