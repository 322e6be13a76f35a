"""Blocks that let every exception pass: `except: pass` is ruff's, and `suppress` nobody's."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from emel_tools.ratchets.scopes import Source
from emel_tools.ratchets.tally import Place

_EVERY: Final = ("Exception", "BaseException", "*")


def blind(source: Source) -> Iterator[Place]:
    """List where all exceptions are suppressed, or whichever a tuple holds."""
    nodes = list(ast.walk(source.tree))
    imported = [each for node in nodes if isinstance(node, ast.ImportFrom) for each in node.names]
    names = {each.asname for each in imported if each.name == "suppress"} | {"suppress"}
    for node in nodes:
        if isinstance(node, ast.Call) and _last(node.func) in names:
            for caught in {_last(each) for each in node.args}.intersection(_EVERY):
                rule = f"suppress({caught})"
                why = f"{rule} lets pass what nobody thought of"
                yield Place(source.path, node.lineno, node.col_offset + 1, rule, why)


def _last(node: ast.expr) -> str | None:
    """Say what a name ends with: `suppress` of `contextlib.suppress`."""
    if isinstance(node, ast.Starred):
        return "*"
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
