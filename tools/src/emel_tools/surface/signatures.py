"""Signatures in one spelling, whatever the Python that reads them and however they are broken."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Final

Function = ast.FunctionDef | ast.AsyncFunctionDef
_TOLD_OTHERWISE: Final = (
    "abstractmethod",
    "cached_property",
    "classmethod",
    "overload",
    "property",
    "staticmethod",
)


def spell(node: ast.expr | None) -> str:
    """Spell an expression on one line, without what parts a fact from its key, or overloads."""
    if node is None:
        return ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return repr(node.value).replace("  ", " \\x20").replace("; ", ";\\x20")
    return " ".join(ast.unparse(node).split())


def annotation(node: ast.expr | None) -> str:
    """Spell an annotation; one that is written as a string says the same as one that isn't."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return " ".join(node.value.split())
    return spell(node)


def of_function(node: Function, *, bound: bool) -> str:
    """Spell the signature of a function; of a method, as it is called: without self or cls."""
    returns = f" -> {annotation(node.returns)}" if node.returns is not None else ""
    return f"({', '.join(_parameters(node.args, bound=bound))}){returns}"


def decorators(functions: Sequence[Function]) -> tuple[str, ...]:
    """Spell what stands above the functions of one name, but for what is told in other words."""
    spelled = (spell(each) for node in functions for each in node.decorator_list)
    return tuple(dict.fromkeys(each for each in spelled if not _is_told(each)))


def _is_told(decorator: str) -> bool:
    last = decorator.rpartition(".")[2]
    return last in (*_TOLD_OTHERWISE, "getter", "setter", "deleter")


def of_fields(fields: Iterable[tuple[str, str, str]], keywords: Sequence[str] = ()) -> str:
    """Spell the signature that a class makes of its fields: names, annotations and defaults."""
    told: list[str] = []
    for name, kind, default in fields:
        if name in keywords and "*" not in told:
            told.append("*")
        told.append(f"{name}: {kind}" + (f" = {default}" if default else ""))
    return f"({', '.join(told)})"


def overloads(functions: Sequence[Function], *, bound: bool) -> str:
    """Spell a function; one that is overloaded by its overloads."""
    told = functions if len(functions) == 1 else functions[:-1]
    words = "async " if isinstance(functions[-1], ast.AsyncFunctionDef) else ""
    return words + "; ".join(of_function(node, bound=bound) for node in told)


def taken(told: str) -> set[str]:
    """Name the parameters of what `overloads` or `of_fields` has spelled."""
    trees = (ast.parse(f"def f{each}: ...") for each in _signatures(told))
    return {node.arg for tree in trees for node in ast.walk(tree) if isinstance(node, ast.arg)}


def defaults(told: str) -> set[str]:
    """Name what stands for a default in what `overloads` or `of_fields` has spelled."""
    trees = (ast.parse(f"def f{each}: ...") for each in _signatures(told))
    arguments = (
        node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.arguments)
    )
    given = (each for every in arguments for each in (*every.defaults, *every.kw_defaults) if each)
    return {node.id for each in given for node in ast.walk(each) if isinstance(node, ast.Name)}


def _signatures(told: str) -> list[str]:
    return [each[each.index("(") :] for each in told.split("; ")]


def value(node: ast.Assign | ast.AnnAssign) -> str:
    """Spell what a name stands for: `Final = 'auto'`."""
    kind = annotation(node.annotation) if isinstance(node, ast.AnnAssign) else ""
    return f"{kind} = {spell(node.value)}".strip() if node.value is not None else kind


def after(body: list[ast.stmt], node: ast.stmt) -> str | None:
    """Read the string that stands right below an assignment, which is its docstring."""
    place = body.index(node) + 1 if node in body else len(body)
    match body[place : place + 1]:
        case [ast.Expr(value=ast.Constant(value=str(text)))]:
            return text
        case _:
            return None


def _parameters(args: ast.arguments, *, bound: bool) -> list[str]:
    positional = [*args.posonlyargs, *args.args]
    missing = len(positional) - len(args.defaults)
    told = [
        _parameter(arg, args.defaults[i - missing] if i >= missing else None)
        for i, arg in enumerate(positional)
    ]
    if args.posonlyargs:
        told.insert(len(args.posonlyargs), "/")
    if args.vararg is not None:
        told.append(f"*{_parameter(args.vararg, None)}")
    elif args.kwonlyargs:
        told.append("*")
    told += map(_parameter, args.kwonlyargs, args.kw_defaults)
    if args.kwarg is not None:
        told.append(f"**{_parameter(args.kwarg, None)}")
    if bound and positional:
        told = told[1:]
        if told[:1] == ["/"]:
            told = told[1:]
    return told


def _parameter(arg: ast.arg, default: ast.expr | None) -> str:
    kind = f": {annotation(arg.annotation)}" if arg.annotation is not None else ""
    if default is None:
        return f"{arg.arg}{kind}"
    return f"{arg.arg}{kind} = {spell(default)}" if kind else f"{arg.arg}={spell(default)}"
