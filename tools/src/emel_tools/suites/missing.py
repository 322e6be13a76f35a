"""Which lines and branches of a package its own tests leave out."""

from __future__ import annotations

import ast
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import EllipsisType
from typing import Any, Final, NamedTuple

import msgspec
from coverage import Coverage

from emel_tools.suites.syntax import dotted
from emel_tools.workspace import python_files

_EXCLUDED: Final = (r"^\s*if (typing\.)?TYPE_CHECKING:",)
"""What never runs: imports for types. No comment hides a line."""
_NEVER: Final = r"(?!)"
MODULE: Final = "(module)"
"""The scope of what stands in no function."""


class Left(msgspec.Struct, frozen=True):
    """What a run has left out of a file, or of a function: what coverage.py reports of it."""

    missing_lines: list[int]
    missing_branches: list[tuple[int, int]]
    functions: dict[str, Left] = {}
    """Of a file, by qualified name; empty for what stands in none."""


class _Report(msgspec.Struct, frozen=True):
    files: dict[str, Left]


class Missing(NamedTuple):
    """What was left out in one function."""

    path: str
    """From the root."""
    scope: str
    """Qualified name of the function; `MODULE` for what stands in none."""
    lines: tuple[int, ...]
    """First lines of the statements that never ran."""
    branches: tuple[tuple[int, int], ...]
    """From which line to which it never went; to less than 0 for leaving the function."""

    def says_line(self) -> str:
        """Say of a line that it is missing."""
        return f"no test of the package runs this line of {self.scope}"

    def says_branch(self, end: int) -> str:
        """Say of a branch that it is missing, by where it leads."""
        where = f"line {end}" if end > 0 else "the end"
        return f"no test of the package goes from here to {where} in {self.scope}"


def missing(root: Path, source: Path, files: Mapping[str, Left]) -> tuple[list[Missing], int]:
    """List what the runs of a suite left out of the sources of its package.

    Parameters
    ----------
    root
        The repository.
    source
        The folder of the package.
    files
        What the runs leave out, as `left_out` reads it.

    Returns
    -------
    tuple
        What was left out, sorted, without functions that were run whole; and how many modules
        there are.

    Raises
    ------
    KeyError
        A module isn't among what was counted.
    """
    found: list[Missing] = []
    paths = python_files(source)
    for path in paths:
        name = path.relative_to(root).as_posix()
        found += _missing(name, files[name], Module(path).unheld)
    return sorted(found), len(paths)


def _missing(name: str, file: Left, besides: frozenset[int]) -> Iterator[Missing]:
    """List what was left out of a file, besides some lines."""
    for scope, left in file.functions.items():
        lines = tuple(line for line in left.missing_lines if line not in besides)
        branches = tuple(each for each in left.missing_branches if besides.isdisjoint(each))
        if lines or branches:
            yield Missing(name, scope or MODULE, lines, branches)


def left_out(data: Sequence[Path]) -> Mapping[str, Left]:
    """Read what the runs of a suite leave out of each file of its package, and of its tests.

    Parameters
    ----------
    data
        What the runs have written down, one file a part.

    Returns
    -------
    Mapping
        By path from the root.
    """
    with tempfile.TemporaryDirectory() as folder:
        counted = Coverage(data_file=f"{folder}/data", config_file=False, branch=True)
        counted.set_option("report:exclude_lines", list(_EXCLUDED))
        counted.set_option("report:partial_branches", [_NEVER])
        counted.combine([str(path) for path in data], keep=True)
        counted.json_report(outfile=f"{folder}/report.json")
        return msgspec.json.decode(Path(folder, "report.json").read_bytes(), type=_Report).files


class Module:
    """What the syntax of a module says of its lines."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_bytes(), str(path))

    @cached_property
    def unreachable(self) -> frozenset[int]:
        """Lines that never run here: an `if` asks `sys`, or a function has no body but `...`."""
        return _lines(each for node in ast.walk(self.tree) for each in _unreachable(node))

    @cached_property
    def unheld(self) -> frozenset[int]:
        """Those, and the lines that another version of Python never runs.

        What is left out is recorded for all versions, whichever it is that runs here.
        """
        nodes = ast.walk(self.tree)
        return self.unreachable | _lines(each for node in nodes for each in _of_versions(node))

    @cached_property
    def extents(self) -> dict[int, range]:
        """For the first line of each statement, all its lines; of a compound one, its head."""
        found: dict[int, range] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.stmt):
                body: list[ast.stmt] = getattr(node, "body", [])
                end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
                found.setdefault(node.lineno, range(node.lineno, max(end, node.lineno) + 1))
        return found

    def is_among(self, line: int, changed: Iterable[int]) -> bool:
        """Whether the statement that begins in a line has changed."""
        extent = self.extents.get(line, range(line, line + 1))
        return any(each in extent for each in changed)


def _lines(statements: Iterable[ast.stmt]) -> frozenset[int]:
    ends = ((each.lineno, each.end_lineno or each.lineno) for each in statements)
    return frozenset(line for start, end in ends for line in range(start, end + 1))


def _unreachable(node: ast.AST) -> list[ast.stmt]:
    """List what doesn't run here."""
    match node:
        case ast.If(test=test, body=body, orelse=orelse):
            holds = _holds_here(test)
            return [] if holds is None else orelse if holds else body
        case ast.FunctionDef(body=[*before, last]) | ast.AsyncFunctionDef(body=[*before, last]):
            is_empty = all(map(_is_constant, before)) and _is_constant(last, of=EllipsisType)
            return [node] if is_empty else []
        case _:
            return []


def _is_constant(statement: ast.stmt, of: type = str) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=value)):
            return isinstance(value, of)
        case _:
            return False


def _of_versions(node: ast.AST) -> list[ast.stmt]:
    """List what runs in some versions of Python alone."""
    match node:
        case ast.If(test=ast.Compare(left=left) as test, body=body, orelse=orelse):
            asks = dotted(left) == "sys.version_info" and _holds_here(test) is not None
            return [*body, *orelse] if asks else []
        case _:
            return []


def _holds_here(test: ast.expr) -> bool | None:
    match test:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            if dotted(left) == "sys.version_info":
                value: Any = sys.version_info[:]
            elif dotted(left) == "sys.platform":
                value = sys.platform
            else:
                return None
        case _:
            return None
    try:
        other = ast.literal_eval(right)
    except ValueError:
        return None
    match op:
        case ast.GtE():
            return value >= other
        case ast.Lt():
            return value < other
        case ast.Eq():
            return value == other
        case ast.NotEq():
            return value != other
        case _:
            return None


class Count(NamedTuple):
    """What is missing of one kind in one function."""

    key: str
    """As the snapshot has it."""
    value: str
    path: str
    places: tuple[tuple[int, str], ...]
    """Each with its line and what is missing."""


def counts(source: str, found: Iterable[Missing]) -> Iterator[Count]:
    """Count what is missing.

    Parameters
    ----------
    source
        The folder of the package, from the root.
    found
        What is missing.
    """
    for each in found:
        name = f"{each.path.removeprefix(f'{source}/')} {each.scope}"
        if each.lines:
            places = tuple((line, each.says_line()) for line in each.lines)
            yield Count(f"{name} lines", str(len(places)), each.path, places)
        if each.branches:
            places = tuple((start, each.says_branch(end)) for start, end in each.branches)
            yield Count(f"{name} branches", str(len(places)), each.path, places)


def untested(
    root: Path, files: Mapping[str, Left], changed: Mapping[str, frozenset[int]]
) -> Iterator[tuple[str, int, str]]:
    """List changed lines of what runs here that no test runs: path, line and what is missing."""
    for path in sorted(files.keys() & changed.keys()):
        module, lines = Module(root / path), changed[path]
        for each in _missing(path, files[path], module.unreachable):
            for line in each.lines:
                if module.is_among(line, lines):
                    yield path, line, each.says_line()
            for start, end in each.branches:
                if module.is_among(start, lines):
                    yield path, start, each.says_branch(end)
