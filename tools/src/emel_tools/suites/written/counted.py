"""How many checks stand in each function of the tests: one that goes is news, as a test is."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from emel_tools.findings import Finding
from emel_tools.suites.syntax import FUNCTIONS
from emel_tools.suites.written.called import Called
from emel_tools.suites.written.checks import Source


class Counted(NamedTuple):
    """What holds checks, by file and name."""

    numbers: dict[str, str]
    """How many checks."""
    places: dict[str, list[Finding]]
    """Where it stands."""


def counted(sources: Iterable[Source], called: Called) -> Counted:
    """Count the checks in each function of some files.

    What a function defines inside counts as its own, and what stands in no function as the
    module's or the class's. A call of a function that checks is one, and so is asking for a fixture
    that does, whatever they hold.
    """
    numbers: Counter[str] = Counter()
    places: dict[str, list[Finding]] = {}
    for source in sources:
        count = partial(called.number, source.path)
        for name, line, number in _numbers(source.tree, "", 1, count):
            key = f"{source.path}::{name}"
            numbers[key] += number
            what = f"the checks in {name}"
            places[key] = [Finding(source.path, line, 0, "checks", what, "")]
    return Counted({key: str(number) for key, number in numbers.items()}, places)


def _numbers(
    scope: ast.Module | ast.ClassDef, prefix: str, line: int, count: Callable[[ast.AST], int]
) -> Iterator[tuple[str, int, int]]:
    """List what holds checks: its name, its line, and how many."""
    rest = 0
    for node in scope.body:
        if isinstance(node, ast.ClassDef):
            yield from _numbers(node, f"{prefix}{node.name}::", node.lineno, count)
            continue
        number = count(node)
        if not isinstance(node, FUNCTIONS):
            rest += number
        elif number:
            yield f"{prefix}{node.name}", node.lineno, number
    if rest:
        yield f"{prefix}<body>", line, rest
