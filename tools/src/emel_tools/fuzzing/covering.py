"""Which lines of a package ran: what mutations go by, and what says that nothing is left out."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, TypeVar, cast

_T = TypeVar("_T")


class Steps:
    """Collects the steps from line to line in the modules of one folder, call by call.

    `sys.settrace` takes a third of a millisecond for a small header, and works the same on every
    version of Python; tests that run under coverage have their own tracer back afterwards.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self.seen: set[tuple[str, int, int]] = set()
        """(file, line before, line); the line before is 0 on entry."""

    def watch(self, call: Callable[..., _T], *words: object) -> tuple[_T, bool]:
        """Make a call; the answer, and whether it took a step that no call took before."""
        before, known = sys.gettrace(), len(self.seen)
        sys.settrace(cast("Any", self._enter))
        try:
            answer = call(*words)
        finally:
            sys.settrace(before)
        return answer, len(self.seen) > known

    def lines(self) -> set[tuple[str, int]]:
        """Every line that ran."""
        return {(file, line) for file, _, line in self.seen}

    def _enter(self, frame: FrameType, event: str, _: Any) -> Callable[..., object] | None:  # noqa: ARG002
        file = frame.f_code.co_filename
        if not file.startswith(self._folder):
            return None
        last, seen = 0, self.seen

        def step(frame: FrameType, event: str, _: Any) -> Callable[..., object]:
            nonlocal last
            if event == "line":
                seen.add((file, last, frame.f_lineno))
                last = frame.f_lineno
            return step

        return step


class Site(NamedTuple):
    """A place that can refuse."""

    file: Path
    first: int
    last: int
    rule: str
    is_table: bool
    """Whether it is a line of a table, which is reached by its rule, and not by its line."""


def sites(sources: Iterable[Path], calls: frozenset[str], tables: frozenset[str]) -> list[Site]:
    """List the calls of functions named `calls`, and the lines of tables made by `tables`.

    Each is given the rule as its first word; where it isn't a literal, the rule is empty. A line
    (bytes, rule, words) is one of a table, too.
    """
    found: list[Site] = []
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            rule = _rule_of(node, calls | tables)
            if rule is not None and isinstance(node, ast.Call | ast.Tuple):
                is_table = isinstance(node, ast.Tuple) or _name_of(node) in tables
                end = node.end_lineno or node.lineno
                found.append(Site(path, node.lineno, end, rule, is_table))
    return sorted(found)


def _rule_of(node: ast.AST, names: frozenset[str]) -> str | None:
    match node:
        case ast.Tuple(elts=[ast.Constant(value=bytes()), ast.Constant(value=str(rule)), *_]):
            return rule
        case ast.Call(args=[ast.Constant(value=str(rule)), *_]) if _name_of(node) in names:
            return rule
        case ast.Call(args=[_, *_]) if _name_of(node) in names:
            return ""
        case _:
            return None


def _name_of(node: ast.Call) -> str:
    return getattr(node.func, "id", getattr(node.func, "attr", ""))
