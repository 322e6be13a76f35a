"""The sessions of the noxfile, read from its source."""

from __future__ import annotations

import ast
from pathlib import Path


def sessions(root: Path) -> dict[str, str]:
    """List the sessions in the order of the file, each with the first line of its docstring."""
    tree = ast.parse((root / "noxfile.py").read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(map(_is_session, node.decorator_list)):
            doc = ast.get_docstring(node) or ""
            found[node.name] = doc.partition("\n")[0].replace("|", "\\|")
    return found


def _is_session(node: ast.expr) -> bool:
    return ast.unparse(node).split("(")[0] == "nox.session"
