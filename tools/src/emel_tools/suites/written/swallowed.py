"""Tests that catch their own assertions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from emel_tools.suites.syntax import (
    FUNCTIONS,
    Block,
    Function,
    assigned,
    caught,
    is_fixture,
    is_test,
    last,
    resolved,
    walk,
    within,
    within_functions,
)
from emel_tools.suites.written.called import Called
from emel_tools.suites.written.checks import Checks, Source, is_check, mentioned
from emel_tools.suites.written.truth import truth

_TOLD: Final = frozenset({"print", "debug", "info", "warning", "error", "exception", "log"})
_EXITS: Final = frozenset({"__exit__", "__aexit__"})
_STACKS: Final = frozenset({"ExitStack", "AsyncExitStack"})
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)
_CONTEXTS: Final = frozenset({"contextmanager", "asynccontextmanager"})
Told = tuple[int, str, str]
"""Line, rule, and what is wrong."""


def swallowing(source: Source, checks: Checks, called: Called) -> Iterator[Told]:
    """Find what keeps an assertion from reaching pytest, or a test from reaching its assertion."""
    known, holds = assigned(source.tree.body), partial(called.holds, source.path)
    for node, around in within_functions(source.tree):
        if not isinstance(node, (ast.Try, ast.TryStar, ast.With, ast.AsyncWith, *FUNCTIONS)):
            continue
        names = known | {k: v for scope in around for k, v in assigned(scope.body).items()}
        if isinstance(node, (ast.Try, ast.TryStar)):
            yield from _try(node, around, checks, names)
            yield from _passed_over(node, around, holds, names)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                yield from _with(node, item.context_expr, around, checks, names)
                yield from _left(node, item.context_expr, around, holds, names)
        elif node.name in _EXITS:
            yield from _exit(node)
    yield from _unheard(source, checks)


def _try(
    node: ast.Try | ast.TryStar,
    around: tuple[Function, ...],
    checks: Checks,
    names: Mapping[str, ast.expr],
) -> Iterator[Told]:
    checked = checks.checks_in(node.body, around) or _runs_a_with(node, around)
    for handler in node.handlers:
        found = caught(handler.type, names)
        if not found or _goes_on(handler):
            continue
        by_name = "AssertionError" in found
        # A function that hands out what a check says is one of tests, and no test.
        handed_out = by_name and _is_used(handler) and not _is_in_test(around)
        if (checked or by_name) and not handed_out:
            what = f"an assertion that fails in this `try` is caught here ({', '.join(found)})"
            yield handler.lineno, "swallowed", what
        elif _is_test(around) and _lets_go(handler):
            what = f"whatever the code under test raises is let go here ({', '.join(found)})"
            yield handler.lineno, "swallowed", what
    for statement in within(node.finalbody):
        if isinstance(statement, (ast.Return, ast.Break, ast.Continue)):
            what = "leaving a `finally` lets go of whatever was raised, an assertion too"
            yield statement.lineno, "swallowed", what


def _passed_over(
    node: ast.Try | ast.TryStar,
    around: tuple[Function, ...],
    holds: Callable[[Block], bool],
    names: Mapping[str, ast.expr],
) -> Iterator[Told]:
    """Find handlers of what no assertion is, by which a test gets past a check and passes.

    What emel raises is as narrow as that: a ValueError, an OSError, a BufferError.
    """
    for handler in node.handlers if _is_test(around) else ():
        if caught(handler.type, names) or _goes_on(handler):
            continue
        below = _skipped(node, handler, around[-1])
        is_kept = _is_used(handler) and not _ends(handler)
        if not is_kept and holds([*node.body, *node.orelse, *below]):
            caught_here = ast.unparse(handler).partition(":")[0]
            what = f"a check is passed over by `{caught_here}`, whatever is wrong"
            yield handler.lineno, "swallowed", what


def _skipped(node: ast.stmt, handler: ast.ExceptHandler, function: Function) -> Block:
    """List what a test leaves out, below a statement, because a handler ends it or its turn."""
    ends = _ends(handler)
    if not ends:
        return []
    loops = [n for n in within(function.body) if isinstance(n, _LOOPS) and _is_in(node, n)]
    returns = any(isinstance(each, ast.Return) for each in ends)
    left = function if returns or not loops else max(loops, key=lambda n: n.lineno)
    below = (n for n in within(left.body) if isinstance(n, ast.stmt))
    return [each for each in below if each.lineno > (node.end_lineno or node.lineno)]


def _is_in(node: ast.stmt, other: ast.stmt) -> bool:
    return other.lineno < node.lineno <= (other.end_lineno or 0)


def _left(
    node: ast.With | ast.AsyncWith,
    context: ast.expr,
    around: tuple[Function, ...],
    holds: Callable[[Block], bool],
    names: Mapping[str, ast.expr],
) -> Iterator[Told]:
    """Find checks of a test that it leaves when something else is raised, and goes on."""
    call = resolved(context, names)
    if not (isinstance(call, ast.Call) and _is_test(around) and holds(node.body)):
        return
    is_wide = any(caught(each, names) for each in call.args)
    if last(resolved(call.func, names)) == "suppress" and call.args and not is_wide:
        what = f"a check is passed over by `{ast.unparse(call)}`, whatever is wrong"
        yield context.lineno, "swallowed", what


def _runs_a_with(node: ast.Try | ast.TryStar, around: tuple[Function, ...]) -> bool:
    """Whether the body of some `with` runs in here: of whoever uses this context manager."""
    made = any(last(each) in _CONTEXTS for f in around[-1:] for each in f.decorator_list)
    return made and any(isinstance(inner, ast.Yield) for inner in within(node.body))


def _exit(node: Function) -> Iterator[Told]:
    for inner in within(node.body):
        if isinstance(inner, ast.Return) and inner.value is not None:
            other = isinstance(inner.value, ast.Call) and last(inner.value.func) in _EXITS
            if truth(inner.value) is not False and not other:
                what = f"an `{node.name}` that may answer true lets go of an assertion that failed"
                yield inner.lineno, "swallowed", what


def _unheard(source: Source, checks: Checks) -> Iterator[Told]:
    """Find assertions that fail where nobody hears of it: in a future, or behind a stack."""
    imported = {node.name for node in walk(source.tree) if isinstance(node, ast.alias)}
    has_stacks = bool(_STACKS & {*imported, *mentioned([source.tree])})
    for node, around in within_functions(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="push" | "push_async_exit")):
                if has_stacks:
                    what = "what is pushed on a stack of contexts may let go of an assertion"
                    yield node.lineno, "swallowed", what
            case ast.Call(func=ast.Attribute(attr="submit"), args=args):
                inside = {last(inner) for scope in around[:1] for inner in walk(scope)}
                if any(map(checks.checks, args)) and not inside & {"result", "exception"}:
                    what = "what fails in a future is heard by whoever asks for its result: nobody"
                    yield node.lineno, "swallowed", what
            case ast.Expr(value=ast.Call(func=function, args=args)) if last(function) == "map":
                if any(map(checks.checks, args)):
                    what = "nobody looks at what this answers, so nothing that fails in it is heard"
                    yield node.lineno, "swallowed", what
            case _:
                pass


def _is_in_test(around: tuple[Function, ...]) -> bool:
    return any(map(is_test, around))


def _is_test(around: tuple[Function, ...]) -> bool:
    """Whether this is the body of a test or of a fixture itself, and of no function in it."""
    return any(is_test(function) or is_fixture(function) for function in around[-1:])


def _lets_go(handler: ast.ExceptHandler) -> bool:
    """Whether a handler ends the test early, or does nothing, with no use of what it caught."""
    idle = all(
        isinstance(statement, ast.Pass)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        or (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Call)
            and last(statement.value.func) in _TOLD
        )
        for statement in handler.body
    )
    return (bool(_ends(handler)) or idle) and not _is_used(handler)


def _ends(handler: ast.ExceptHandler) -> list[ast.AST]:
    """List the statements by which a handler ends the test, or the turn of a loop."""
    kinds = (ast.Return, ast.Break, ast.Continue)
    return [node for node in within(handler.body) if isinstance(node, kinds)]


def _goes_on(handler: ast.ExceptHandler) -> bool:
    """Whether what is caught, or something else, is raised by the handler."""
    return any(isinstance(node, ast.Raise) or is_check(node) for node in within(handler.body))


def _is_used(handler: ast.ExceptHandler) -> bool:
    """Whether a handler does more with what it has caught than to print it."""
    printed = {
        inner
        for node in within(handler.body)
        if isinstance(node, ast.Call) and last(node.func) in _TOLD
        for inner in walk(node)
    }
    used = (node for node in within(handler.body) if node not in printed)
    return any(isinstance(node, ast.Name) and node.id == handler.name for node in used)


def _with(
    node: ast.With | ast.AsyncWith,
    context: ast.expr,
    around: tuple[Function, ...],
    checks: Checks,
    names: Mapping[str, ast.expr],
) -> Iterator[Told]:
    call = resolved(context, names)
    if not isinstance(call, ast.Call):
        return
    kind = last(resolved(call.func, names))
    kinds = [*call.args, *(k.value for k in call.keywords if k.arg == "expected_exception")]
    found = frozenset[str]().union(*(caught(each, names) for each in kinds))
    if kind == "suppress" and found:
        if "AssertionError" in found or checks.checks_in(node.body, around):
            what = f"an assertion that fails in this `with` is let go ({', '.join(found)})"
            yield context.lineno, "swallowed", what
        elif _is_test(around):
            what = f"whatever the code under test raises is let go here ({', '.join(found)})"
            yield context.lineno, "swallowed", what
    elif kind == "raises" and found:
        asserts = [inner for inner in within(node.body) if isinstance(inner, ast.Assert)]
        for inner in asserts:
            what = "an assertion of the test itself is expected to fail, so it can't"
            yield inner.lineno, "swallowed", what
