"""What a variable holds, going by its annotation."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from emel_tools.boundaries.values import (
    UNKNOWN,
    Instance,
    Items,
    Reference,
    Value,
    instance,
    join,
)

if TYPE_CHECKING:
    from emel_tools.boundaries.names import Names

_ANYTHING: Final = frozenset({Instance("typing.Any"), Instance("builtins.object")})
_TRANSPARENT: Final = frozenset(
    {"typing.Optional", "typing.Union", "typing.Annotated", "typing.Final", "typing.ClassVar"}
)
_CLASSES: Final = frozenset({"builtins.type", "typing.Type"})


def annotated(names: Names, node: ast.expr) -> Value:
    """Say what a variable with this annotation holds; nothing is known if it may be anything."""
    match node:
        case ast.Constant(value=str(text)):
            return _quoted(names, node, text)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return annotated(names, left) | annotated(names, right)
        case ast.Subscript(value=outer, slice=inner):
            made = {atom.path for atom in names.value(outer) if isinstance(atom, Reference)}
            if made & _CLASSES:
                return UNKNOWN
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            within = join(annotated(names, part) for part in parts)
            if made & _TRANSPARENT:
                return within
            return annotated(names, outer) | frozenset({Items(within)})
        case ast.Name() | ast.Attribute():
            found = (instance(atom) for atom in names.value(node))
            return frozenset(made for made in found if made is not None) - _ANYTHING
        case _:
            return UNKNOWN


def _quoted(names: Names, node: ast.expr, text: str) -> Value:
    try:
        parsed = ast.parse(text, mode="eval").body
    except SyntaxError:
        return UNKNOWN
    scope = names.scopes.of.get(node, names.scopes.module)
    names.scopes.of.update(dict.fromkeys(ast.walk(parsed), scope))
    return annotated(names, parsed)
