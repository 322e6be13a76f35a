"""What an expression comes to, as far as it is written: nothing, no end, or something new."""

from __future__ import annotations

import ast
import math
from typing import Final

from emel_tools.suites.syntax import dotted, last

_KINDS: Final = (bool, bytes, dict, float, frozenset, int, list, set, str, tuple, type)
_MAKERS: Final = frozenset(made.__name__ for made in (*_KINDS, len, repr, sorted, sum))
"""Functions of Python that never answer None."""
_CONTAINERS: Final = frozenset({"dict", "frozenset", "list", "set", "tuple"})
_ITERATORS: Final = frozenset({"enumerate", "filter", "map", "reversed", "zip"})
"""What is true whatever it hands out; so are those of itertools."""
_TRUE: Final = _ITERATORS | {"ascii", "iter", "object", "repr", "type"}
_NEW: Final = _ITERATORS | {"bytearray", "dict", "list", "object", "set"}
_ENDLESS: Final = frozenset({"inf", "math.inf", "np.inf", "numpy.inf"})
_FLOATS: Final = frozenset({"float", "float16", "float32", "float64"})


def is_something(node: ast.expr) -> bool:
    """Whether this can't be None, whatever it is."""
    match node:
        case ast.Constant(value=value):
            return value is not None
        case ast.Call(func=ast.Name(id=name)):
            return name in _MAKERS
        case ast.Compare() | ast.UnaryOp() | ast.JoinedStr() | ast.Lambda():
            return True
        case ast.Tuple() | ast.List() | ast.Set() | ast.Dict():
            return True
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return True
        case _:
            return False


def is_cut_to_nothing(node: ast.expr) -> bool:
    """Whether this takes nothing of something: `text[:0]`."""
    match node:
        case ast.Subscript(
            slice=ast.Slice(lower=None | ast.Constant(value=0), upper=ast.Constant(value=0))
        ):
            return True
        case _:
            return False


def is_empty(node: ast.expr) -> bool:
    """Whether this is a container that holds nothing: `()`, `set()`."""
    match node:
        case ast.Tuple(elts=[]) | ast.List(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _CONTAINERS:
            return all(map(is_empty, args))
        case _:
            return False


def is_least(node: ast.expr) -> bool:
    """Whether nothing is smaller than this, among its own kind."""
    if isinstance(node, ast.Constant):
        return node.value in ("", b"")
    return is_empty(node) or is_cut_to_nothing(node)


def endless(node: ast.expr) -> int:
    """Say whether a number has no end, and on which side: 1 or -1; 0 for any other."""
    match node:
        case ast.Constant(value=float(value)):
            return int(math.isinf(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -endless(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return endless(operand)
        case ast.Call(func=kind, args=[ast.Constant(value=str(text))]) if last(kind) in _FLOATS:
            return _of_text(text)
        case ast.Call(func=kind, args=[value]) if last(kind) in _FLOATS:
            return endless(value)
        case _:
            return int(dotted(node) in _ENDLESS)


def _of_text(text: str) -> int:
    try:
        value = float(text)
    except ValueError:
        return 0
    return int(math.copysign(1, value)) if math.isinf(value) else 0


def is_new(node: ast.expr) -> bool:
    """Whether this is made as it is asked for, so that it is nothing that was there before."""
    match node:
        case ast.List() | ast.Dict() | ast.Set() | ast.Lambda():
            return True
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in _NEW
        case _:
            return False


def is_true(call: ast.Call) -> bool:
    """Whether a call of one of Python's own functions answers what is true, whatever it is."""
    is_one = isinstance(call.func, ast.Name) and call.func.id in _TRUE
    return is_one or dotted(call.func).startswith("itertools.")
