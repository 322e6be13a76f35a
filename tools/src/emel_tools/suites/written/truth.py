"""Which expressions of a test are always true, or never, and which lines never run."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from emel_tools.suites.syntax import blocks, dotted, last, walk
from emel_tools.suites.written.values import (
    endless,
    is_cut_to_nothing,
    is_empty,
    is_least,
    is_new,
    is_something,
    is_true,
)

_JUMPS: Final = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_SEARCHES: Final = {"re.search": re.search, "re.match": re.match, "re.fullmatch": re.fullmatch}
_TURNED: Final[Mapping[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
    ast.Eq: ast.Eq,
    ast.NotEq: ast.NotEq,
}
"""What says the same from the other side."""
_ASKING: Final = (ast.Call, ast.Await, ast.Yield, ast.NamedExpr, ast.Lambda, ast.GeneratorExp)
"""What may come to something else the next time, or is something else."""
_ALIKE: Final = frozenset({"array_equal", "array_equiv", "allclose", "isclose"})
"""What says whether two things are the same, and isn't written as a comparison."""


def truth(node: ast.expr) -> bool | None:
    """Say whether an expression is always true, or always false; None if it depends."""
    match node:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return bool(elements) if not any(isinstance(e, ast.Starred) for e in elements) else None
        case ast.Dict(keys=keys):
            return bool(keys) if None not in keys else None
        case ast.Lambda() | ast.GeneratorExp():
            return True
        case ast.JoinedStr(values=values):
            return True if any(isinstance(v, ast.Constant) and v.value for v in values) else None
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            found = truth(operand)
            return None if found is None else not found
        case ast.NamedExpr(value=value):
            return truth(value)
        case ast.BoolOp(op=op, values=values):
            return _of_several([truth(value) for value in values], either=isinstance(op, ast.Or))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            chosen = truth(test)
            both = {truth(body), truth(orelse)}
            if chosen is not None:
                return truth(body if chosen else orelse)
            return both.pop() if len(both) == 1 else None
        case ast.Compare(left=left, ops=ops, comparators=others):
            pairs = zip(pairwise((left, *others)), ops, strict=True)
            found = [_of_comparison(one, op, other) for (one, other), op in pairs]
            return _of_several(found, either=False)
        case ast.Call():
            return _of_call(node)
        case ast.Subscript() if is_cut_to_nothing(node):
            return False
        case _:
            return None


def _of_call(node: ast.Call) -> bool | None:
    match node:
        case ast.Call(func=ast.Name(id="bool"), args=[value], keywords=[]):
            return truth(value)
        case ast.Call(func=ast.Name(id="all" | "any" as name), args=[each], keywords=[]):
            return _of_each(each, either=name == "any")
        case ast.Call(func=ast.Attribute(value=value, attr="all"), args=[]):
            return True if isinstance(value, ast.Compare | ast.Call) and truth(value) else None
        case ast.Call(func=ast.Attribute(attr="all"), args=[ast.Compare() as value, *_]):
            return True if truth(value) else None  # of numpy
        case ast.Call(func=ast.Name(id="isinstance"), args=[one, kind]):
            return True if _is_own_kind(one, kind) else None
        case ast.Call(
            func=ast.Attribute(attr="startswith" | "endswith"), args=[ast.Constant(value="" | b"")]
        ):
            return True
        case ast.Call(func=ast.Attribute(value=value, attr=name), args=[other]) if _is_of_none(
            value, name, other
        ):
            return True
        case ast.Call(func=function, args=[one, other, *_]) if last(function) in _ALIKE:
            return True if is_same(one, other) else None
        case ast.Call(func=function, args=[ast.Constant(value=str(pattern)), _]):
            search = _SEARCHES.get(dotted(function))
            return True if search and is_found_anywhere(pattern, search) else None
        case _:
            return False if is_empty(node) else True if is_true(node) else None


def _is_of_none(one: ast.expr, name: str, other: ast.expr) -> bool:
    """Whether a method of sets looks for nothing: `found.issuperset(())`."""
    match name:
        case "issuperset":
            return is_least(other)
        case "issubset":
            return is_empty(one)
        case "isdisjoint":
            return is_empty(one) or is_least(other)
        case _:
            return False


def _of_each(node: ast.expr, *, either: bool) -> bool | None:
    """Say what `any` or `all` answers for something."""
    match node:
        case ast.GeneratorExp(elt=part, generators=each) | ast.ListComp(elt=part, generators=each):
            never = truth(each[0].iter) is False or truth(part) is (not either)
            return not either if never else None
        case _ if is_empty(node):
            return not either
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return _of_several([truth(element) for element in elements], either=either)
        case _:
            return None


def _of_several(found: list[bool | None], *, either: bool) -> bool | None:
    if either in found:
        return either
    return None if None in found else not either


def _of_comparison(left: ast.expr, op: ast.cmpop, right: ast.expr) -> bool | None:
    match left, op, right:
        case (ast.Constant(value=one), ast.Eq() | ast.NotEq(), ast.Constant(value=other)):
            return (one == other) is isinstance(op, ast.Eq)
        case (_, ast.Is() | ast.IsNot(), ast.Constant(value=None)) if is_something(left):
            return isinstance(op, ast.IsNot)
        case (_, ast.Is() | ast.IsNot(), _) if is_new(left) or is_new(right):
            return isinstance(op, ast.IsNot)
        case (_, ast.In() | ast.NotIn(), _) if is_empty(right):
            return isinstance(op, ast.NotIn)
        case (_, ast.In(), _) if is_cut_to_nothing(left) or _is_among(left, right):
            return True
        case (_, ast.Eq(), _) if is_cut_to_nothing(left) and is_cut_to_nothing(right):
            return True
        case (_, ast.Eq() | ast.LtE() | ast.GtE(), _) if is_same(left, right):
            return True
        case (_, ast.Is(), _) if dotted(left) and is_same(left, right):
            return True
        case _ if (told := _of_least(left, op, right)) is not None:
            return told
        case (_, ast.LtE(), _) if _is_bound(left, right):
            return True
        case (_, ast.GtE(), _) if _is_bound(right, left):
            return True
        case (_, ast.Lt(), _) if _is_bound(right, left):
            return False
        case (_, ast.Gt(), _) if _is_bound(left, right):
            return False
        case _:
            return None


def _is_bound(least: ast.expr, most: ast.expr) -> bool:
    """Whether this is at most that, whatever both are: `0 <= len(x)`, `() <= x`, `x <= inf`."""
    match least, most:
        case _:
            return is_least(least) or endless(least) < 0 or endless(most) > 0


def is_same(left: ast.expr, right: ast.expr) -> bool:
    """Whether both say the same of something; what is called may answer otherwise next time."""
    one, other = _bare(left), _bare(right)
    inside = walk(one)
    asks = any(isinstance(each, _ASKING) for each in inside)
    names = any(isinstance(each, ast.Name) for each in inside)
    return names and not asks and ast.dump(one) == ast.dump(other)


def _bare(node: ast.expr) -> ast.expr:
    """Take `pytest.approx` away: what it is handed is as close to itself as can be."""
    match node:
        case ast.Call(func=function, args=[value, *_]) if last(function) == "approx":
            return value
        case _:
            return node


def _is_own_kind(node: ast.expr, kind: ast.expr) -> bool:
    """Whether something is one of what anything is, or of its own type."""
    match kind:
        case ast.Name(id="object"):
            return True
        case ast.Call(func=ast.Name(id="type"), args=[other]):
            return is_same(node, other)
        case _:
            return False


def _of_least(left: ast.expr, op: ast.cmpop, right: ast.expr) -> bool | None:
    """Compare what can't be less than some number with a number: `x.count(y) >= 0`."""
    if (number := _number(left)) is not None and type(op) in _TURNED:
        left, op = right, _TURNED[type(op)]()
    else:
        number = _number(right)
    match left:
        case (
            ast.Call(func=ast.Name(id="len" | "abs"))
            | ast.Call(func=ast.Attribute(attr="count" | "index" | "rindex"))
        ):
            least = 0
        case ast.Call(func=ast.Attribute(attr="find" | "rfind")):
            least = -1
        case _:
            return None
    if number is None:
        return None
    match op:
        case ast.GtE() | ast.Lt() if number <= least:
            return isinstance(op, ast.GtE)
        case ast.Gt() | ast.LtE() | ast.NotEq() | ast.Eq() if number < least:
            return isinstance(op, (ast.Gt, ast.NotEq))
        case _:
            return None


def _number(node: ast.expr) -> int | None:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(number))):
            return -number
        case _:
            return None


def _is_among(node: ast.expr, others: ast.expr) -> bool:
    """Whether something is looked for where it has been put: `x in (1, x)`, `x in f"{x}"`."""
    spelt = ast.dump(node)
    match others:
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return any(ast.dump(element) == spelt for element in elements)
        case ast.JoinedStr(values=values):
            shown = [each for each in values if isinstance(each, ast.FormattedValue)]
            plain = [v.value for v in shown if v.conversion == -1 and not v.format_spec]
            return any(ast.dump(value) == spelt for value in plain)
        case _:
            return is_same(node, others)


def is_found_anywhere(pattern: str, search: Callable[[str, str], object] = re.search) -> bool:
    """Whether a pattern is found in any text: it asks for nothing."""
    try:
        return all(search(pattern, text) for text in ("", "\0", "~ 7\n\u20ac"))
    except re.error:
        return False


def dead(node: ast.AST) -> Iterator[ast.stmt]:
    """Find statements that never run: behind a jump, or under what is always false."""
    for block in blocks(node):
        for before, after in pairwise(block):
            if isinstance(before, _JUMPS):
                yield after
    for inner in walk(node):
        match inner:
            case ast.If(test=test, body=body, orelse=orelse):
                known = truth(test)
                yield from body[:1] if known is False else orelse[:1] if known else ()
            case ast.While(test=test, body=body) if truth(test) is False:
                yield body[0]
            case ast.For(iter=iterated, body=body) if truth(iterated) is False:
                yield body[0]
            case _:
                pass
