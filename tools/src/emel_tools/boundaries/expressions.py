"""What each kind of expression stands for, by way of its parts."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from emel_tools.boundaries import calls
from emel_tools.boundaries.values import (
    UNKNOWN,
    Items,
    Text,
    Value,
    combined,
    concatenated,
    items,
    join,
)

if TYPE_CHECKING:
    from emel_tools.boundaries.names import Names


def evaluated(names: Names, node: ast.expr) -> Value:
    """Say what an expression may stand for, given what its parts do."""
    match node:
        case ast.Constant(value=str(text)):
            return frozenset({Text(text)})
        case ast.Name(id=name):
            return names.lookup(name, names.scopes.of.get(node, names.scopes.module))
        case ast.Attribute(value=owner, attr=name):
            return names.attribute(names.value(owner), name)
        case ast.Call():
            return _called(names, node)
        case ast.Subscript(value=owner, slice=key):
            return join(calls.member(names, atom, names.value(key)) for atom in names.value(owner))
        case ast.BinOp(left=left, op=op, right=right):
            return combined(names.value(left), op, names.value(right))
        case ast.JoinedStr(values=parts):
            return concatenated([names.value(part) for part in parts])
        case ast.FormattedValue(value=inner) | ast.Await(value=inner) | ast.Starred(value=inner):
            return names.value(inner)
        case ast.IfExp(body=body, orelse=other):
            return names.value(body) | names.value(other)
        case ast.BoolOp(values=parts):
            return join(map(names.value, parts))
        case ast.NamedExpr(value=inner):
            return names.value(inner)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            spread = (items(names.value(part)) for part in parts if isinstance(part, ast.Starred))
            return frozenset({Items(join(map(names.value, parts)) | join(spread))})
        case ast.Dict(values=parts, keys=keys):
            spread = (
                items(names.value(part))
                for key, part in zip(keys, parts, strict=True)
                if key is None
            )
            return frozenset({Items(join(map(names.value, parts)) | join(spread))})
        case ast.ListComp(elt=part) | ast.SetComp(elt=part) | ast.GeneratorExp(elt=part):
            return frozenset({Items(names.value(part))})
        case ast.DictComp(value=part):
            return frozenset({Items(names.value(part))})
        case ast.Lambda():
            return frozenset({names.defined(node)})
        case _:
            return UNKNOWN


def _called(names: Names, node: ast.Call) -> Value:
    arguments: list[Value] = []
    for argument in node.args:
        value = names.value(argument)
        arguments.append(items(value) if isinstance(argument, ast.Starred) else value)
    named = {word.arg or "**": names.value(word.value) for word in node.keywords}
    return names.call(names.value(node.func), arguments, named)
