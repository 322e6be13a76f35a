"""Assertions that can't fail, or never run, and cases that prove nothing."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator

from emel_tools.suites.syntax import (
    FUNCTIONS,
    Block,
    Function,
    blocks,
    imported,
    last,
    spelt,
    walk,
    within,
)
from emel_tools.suites.written.checks import Source
from emel_tools.suites.written.methods import BUILTIN
from emel_tools.suites.written.swallowed import Told
from emel_tools.suites.written.truth import dead, truth


def always_true(
    source: Source, methods: Collection[str] = BUILTIN, answering: Collection[str] = ()
) -> Iterator[Told]:
    """Find assertions that can't fail, or never run.

    Parameters
    ----------
    source
        What is read.
    methods
        Members of these names are methods.
    answering
        Methods of these names answer with what is always true.
    """
    defined = {n.name for n in source.tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    for node in walk(source.tree):
        if isinstance(node, ast.Assert):
            named = isinstance(node.test, ast.Name) and node.test.id in defined
            parts = [*_conditions(node.test)]
            of_method = any(_is_method(part, methods) for part in parts)
            if truth(node.test) or named or of_method or _answers(parts, answering):
                yield node.lineno, "always true", f"`{ast.unparse(node.test)[:60]}` can't be false"
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(last(target) == "AssertionError" for target in targets):
                yield node.lineno, "swallowed", "AssertionError is made something else"
    for statement in dead(source.tree):
        yield statement.lineno, "never runs", "this line can't be reached"


def undrawn(source: Source) -> Iterator[Told]:
    """Find what would look at each of many, if anybody drew from it: `(check(y) for y in f(x))`."""
    for node in walk(source.tree):
        match node:
            case ast.Expr(value=ast.GeneratorExp() as lazy):  # a map of checks is found as one
                what = f"nobody draws from `{ast.unparse(lazy)[:60]}`, so nothing of it runs"
                yield node.lineno, "never runs", what
            case _:
                pass


def ruled_out(source: Source) -> Iterator[Told]:
    """Find rules and invariants of state machines whose precondition is never true."""
    names = imported(source.tree)
    for node in walk(source.tree):
        match node:
            case ast.Call(func=function, args=[condition]) if (
                spelt(function, names).rpartition(".")[2] == "precondition"
            ):
                if _is_never(condition, source.tree):
                    what = f"`{ast.unparse(node)[:60]}` is never true, so this never runs"
                    yield node.lineno, "never runs", what
            case _:
                pass


def _is_never(condition: ast.expr, tree: ast.Module) -> bool:
    """Whether a function never answers what is true, as far as it is written."""
    if isinstance(condition, ast.Lambda):
        return truth(condition.body) is False
    if not isinstance(condition, ast.Name):
        return False
    name = condition.id
    made = [each for each in walk(tree) if isinstance(each, FUNCTIONS) and each.name == name]
    given = [
        each.value
        for each in walk(tree)
        if isinstance(each, ast.Assign) and name in map(last, each.targets)
    ]
    if given:
        return not made and all(
            isinstance(each, ast.Lambda) and truth(each.body) is False for each in given
        )
    return bool(made) and all(map(_answers_nothing, made))


def _answers_nothing(function: Function) -> bool:
    inner = [*within(function.body)]
    answers = [each.value for each in inner if isinstance(each, ast.Return)]
    makes = any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in inner)
    return not makes and all(value is None or truth(value) is False for value in answers)


def overwritten(source: Source) -> Iterator[Told]:
    """Find values that a test remembers and never looks at, because the name gets another one.

    `before = state()` right above `assert state() == before` compares what is with what is, and
    what was remembered earlier is gone.
    """
    for function in walk(source.tree):
        if isinstance(function, FUNCTIONS):
            later = _read_later(function)
            for block in blocks(function):
                yield from _overwritten(block, later)


def _read_later(function: Function) -> set[str]:
    """Name what functions inside a function read: whenever they are called."""
    return {
        node.id
        for inner in walk(function)
        if inner is not function and isinstance(inner, (*FUNCTIONS, ast.Lambda, ast.ClassDef))
        for node in walk(inner)
        if isinstance(node, ast.Name)
    }


def _overwritten(block: Block, later: set[str]) -> Iterator[Told]:
    waiting: dict[str, int] = {}
    for statement in block:
        named = {node.id for node in walk(statement) if isinstance(node, ast.Name)}
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in later:
                used = {node.id for node in walk(value) if isinstance(node, ast.Name)}
                lets_go = isinstance(value, ast.Constant)  # `array = None`: nobody holds it now
                if name in waiting and name not in used and not lets_go:
                    what = f"`{name}` of line {waiting[name]} was never looked at, and is gone here"
                    yield statement.lineno, "overwritten", what
                waiting = {key: at for key, at in waiting.items() if key not in used}
                waiting[name] = statement.lineno
            case _:
                waiting = {key: at for key, at in waiting.items() if key not in named}


def _is_method(node: ast.expr, methods: Collection[str]) -> bool:
    """Whether this names a method, and doesn't call it."""
    return isinstance(node, ast.Attribute) and node.attr in methods


def _answers(parts: Iterable[ast.expr], names: Collection[str]) -> bool:
    """Whether one of these asks what a method of some names has answered, as such."""
    called = (part.func for part in parts if isinstance(part, ast.Call))
    return any(isinstance(each, ast.Attribute) and each.attr in names for each in called)


def _conditions(test: ast.expr) -> Iterator[ast.expr]:
    """List what has to be true so that something is: `a and b`, and each of `all(...)`."""
    match test:
        case ast.BoolOp(op=ast.And(), values=values):
            for value in values:
                yield from _conditions(value)
        case ast.Call(
            func=ast.Name(id="all" | "any"),
            args=[ast.GeneratorExp(elt=part) | ast.ListComp(elt=part)],
        ):
            yield from _conditions(part)
        case _:
            yield test


def repeated(source: Source) -> Iterator[Told]:
    """Find cases of one test that are written alike: the second proves nothing more."""
    for node in walk(source.tree):
        match node:
            case ast.Call(func=function, args=[_, cases, *_]) if last(function) == "parametrize":
                yield from _alike(cases)
            case _:
                pass


def _alike(cases: ast.expr) -> Iterator[Told]:
    if isinstance(cases, ast.BinOp) and isinstance(cases.op, ast.Mult):
        yield cases.lineno, "repeated", f"`{ast.unparse(cases)[:60]}` tries the same cases again"
    seen: set[str] = set()
    for case in cases.elts if isinstance(cases, (ast.List, ast.Tuple)) else ():
        if (spelt := ast.dump(case)) in seen:
            yield case.lineno, "repeated", f"`{ast.unparse(case)[:60]}` is a case already"
        seen.add(spelt)


def weak_settings(source: Source, least: int) -> Iterator[Told]:
    """Find properties that are tried on next to nothing."""
    for node in walk(source.tree):
        if isinstance(node, ast.Call) and last(node.func) in ("settings", "register_profile"):
            for keyword in node.keywords:
                value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                if keyword.arg == "max_examples" and isinstance(value, int) and value < least:
                    what = f"a property that is tried on {value} examples proves little"
                    yield node.lineno, "weak", what
                if keyword.arg == "phases" and "generate" not in ast.dump(keyword.value):
                    yield node.lineno, "weak", "a property that generates nothing proves nothing"
