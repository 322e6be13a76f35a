"""Tests that let warnings pass: the suites stand on each of them being an error."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from emel_tools.suites.skips import SILENCED, Silence
from emel_tools.suites.syntax import (
    FUNCTIONS,
    Function,
    imported,
    is_fixture,
    is_test,
    spelt,
    within_functions,
)
from emel_tools.suites.written.checks import Source, asked
from emel_tools.suites.written.swallowed import Told

_FILTERS: Final = frozenset({"filterwarnings", "simplefilter"})
_CATCHES: Final = "catch_warnings"
_RESETS: Final = frozenset({"resetwarnings", "errstate", "seterr"})
"""What forgets all filters, or what numpy would warn of."""
_RECORDS: Final = "recwarn"
"""The fixture that only keeps what a test is warned of."""


def silenced(source: Source, allowed: Sequence[Silence] = SILENCED) -> Iterator[Told]:
    """Find what keeps a warning from being an error, unless it is allowed with its reason."""
    names = imported(source.tree)
    for node, around in within_functions(source.tree):
        said, inside = "", around
        if isinstance(node, ast.Call):
            if _silences(node, spelt(node.func, names).rpartition(".")[2]):
                said = ast.unparse(node)[:60]
        elif isinstance(node, FUNCTIONS):
            if _is_recording(node):
                said, inside = _RECORDS, (*around, node)
        else:
            continue
        if said and not _is_allowed(source, inside, allowed):
            yield node.lineno, "silenced", f"a warning is let pass: `{said}`"


def _is_allowed(source: Source, inside: Sequence[Function], allowed: Sequence[Silence]) -> bool:
    where = "::".join((source.path, *(function.name for function in inside)))
    return any(where == each.where for each in allowed)


def _is_recording(function: Function) -> bool:
    return _RECORDS in asked(function) and (is_test(function) or is_fixture(function))


def _silences(call: ast.Call, name: str) -> bool:
    if name in _FILTERS:
        return not _is_error(_first(call, "action"))
    if name == _CATCHES:  # by itself it only puts the filters back
        given = {each.arg: each.value for each in call.keywords}
        records = given.get("record", ast.Constant(value=False))
        return not _is_error(given.get("action")) if "action" in given else not _is_false(records)
    if name == "addinivalue_line":
        return isinstance(key := _first(call, "name"), ast.Constant) and key.value in _FILTERS
    if name == "getfixturevalue":
        return isinstance(key := _first(call, "argname"), ast.Constant) and key.value == _RECORDS
    return name in _RESETS


def _first(call: ast.Call, name: str) -> ast.expr | None:
    named = [each.value for each in call.keywords if each.arg == name]
    return (*call.args, *named, None)[0]


def _is_error(action: ast.expr | None) -> bool:
    match action:
        case ast.Constant(value=str(text)):
            return text.partition(":")[0] == "error"
        case _:
            return False


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value
