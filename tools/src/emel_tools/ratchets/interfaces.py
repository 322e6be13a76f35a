"""What a file shows to those that import it, and so which files a change can concern by its types.

Every function here states what it answers with; whoever imports one sees that, and not its body.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from emel_tools.workspace import shards

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOCUMENTED: Final = (ast.Module, ast.ClassDef, *_FUNCTIONS)


class Face(msgspec.Struct, frozen=True):
    """What is known of one file by its text alone."""

    interface: str
    """A digest of what it shows: its code, without the bodies of functions that nobody looks into,
    without lines, comments and docstrings."""
    imports: frozenset[str] = frozenset()
    """Dotted names that it imports, or may: each parent, and each name out of a module."""
    within: str = ""
    """A digest of what it shows to whoever speaks of its private attributes, too."""
    hides: frozenset[str] = frozenset()
    """Private attributes that its functions give their types."""
    says: frozenset[str] = frozenset()
    """Private attributes and names that it speaks of at all."""
    shows: frozenset[str] = frozenset()
    """Those that something is taken from in what it shows: types of what isn't private may hang
    on them."""


def face(text: bytes, home: str) -> Face:
    """Read a file whose relative imports start at the package `home`; as it is, if it is broken."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return Face(_digest(text))
    named = {name for node in ast.walk(tree) for name in _named(node, home)}
    says, hides = _spoken(tree), _attributes(tree, ast.Store)
    stated = dict(_stated(tree))
    shown: list[str] = []
    for private in (True, False):
        for node in ast.walk(tree):
            if isinstance(node, _DOCUMENTED):
                _shorten(node, stated.get(node, frozenset()), private=private)
        shown.append(_digest(ast.dump(tree).encode("utf-8", "surrogatepass")))
    within, interface = shown
    parents = {
        ".".join(name.split(".")[:n]) for name in named for n in range(1, name.count(".") + 1)
    }
    return Face(
        interface, frozenset(named | parents), within, hides, says, _attributes(tree, ast.Load)
    )


def digests(root: Path, read: Mapping[Path, bytes], faces: dict[str, Face]) -> dict[Path, str]:
    """Digest of each file what its types hang on: its text, and what it imports, however far.

    Parameters
    ----------
    root
        The repository.
    read
        The files, with their text.
    faces
        What is known of files by the digest of their text and home; what is missing is added, and
        what no file needs any more is dropped.
    """
    modules = {name: path for path, name in _modules(root)}
    homes = {path: _home(path, name) for name, path in modules.items()}
    known: dict[str, Face] = {}

    @cache
    def of(path: Path) -> Face:
        text = read[path] if path in read else path.read_bytes()
        key = _digest(text + b"\0" + homes.get(path, "").encode())
        known[key] = faces.get(key) or face(text, homes.get(path, ""))
        return known[key]

    @cache
    def imported(path: Path) -> frozenset[Path]:
        return frozenset(modules[name] for name in of(path).imports if name in modules)

    def digest(path: Path) -> str:
        reached, todo = {path}, [path]
        for each in todo:  # grows while it is read
            todo += imported(each) - reached
            reached |= imported(each)
        said = of(path).says.union(*(of(p).shows for p in reached))
        shown = sorted(
            f"{p.relative_to(root).as_posix()} {f.within if f.hides & said else f.interface}"
            for p in reached
            for f in (of(p),)
        )
        return _digest(read[path] + "\n".join(shown).encode())

    found = {path: digest(path) for path in read}
    faces.clear()
    faces.update(known)
    return found


def _modules(root: Path) -> Iterator[tuple[Path, str]]:
    for package in shards(root):
        for path in sorted(package.source.rglob("*.py")):
            parts = path.relative_to(package.source.parent).with_suffix("").parts
            yield path, ".".join(parts).removesuffix(".__init__")


def _home(path: Path, name: str) -> str:
    return name if path.name == "__init__.py" else name.rpartition(".")[0]


def _named(node: ast.AST, home: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = home.split(".")[: len(home.split(".")) - node.level + 1] if node.level else []
        module = ".".join([*above, *([node.module] if node.module else [])])
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)


def _stated(tree: ast.AST) -> Iterator[tuple[ast.AST, frozenset[str]]]:
    """Yield each method with the attributes whose types its class states: no body gives them."""
    for owner in ast.walk(tree):
        if isinstance(owner, ast.ClassDef):
            methods = [each for each in owner.body if isinstance(each, _FUNCTIONS)]
            own = [line for method in methods for line in _statements(method)]
            inside = {line.target.attr for line in own if isinstance(line.target, ast.Attribute)}
            above = {
                line.target.id
                for line in owner.body
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
                if _says_a_type(line.annotation)
            }
            yield from ((method, frozenset(inside | above)) for method in methods)


def _statements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.AnnAssign]:
    """List where a method states the type of an attribute of its own object."""
    return [
        ast.AnnAssign(node.target, node.annotation, None, 0)
        for node in ast.walk(function)
        if isinstance(node, ast.AnnAssign) and _is_own(node.target, function)
        if _says_a_type(node.annotation)
    ]


def _says_a_type(annotation: ast.expr) -> bool:
    """Whether it isn't left to the value, as `Final` and `ClassVar` by themselves leave it."""
    return ast.unparse(annotation).strip("\"'").rpartition(".")[2] not in ("Final", "ClassVar")


def _is_own(node: ast.AST, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is an attribute of the object that a method belongs to."""
    first = [*function.args.posonlyargs, *function.args.args][:1]
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in {each.arg for each in first}
    )


def _shorten(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
    stated: frozenset[str],
    *,
    private: bool,
) -> None:
    """Leave out what no importing file's types can hang on."""
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:]
    if not isinstance(node, _FUNCTIONS) or node.returns is None:
        return
    if not _is_seen(node, stated, private=private):
        node.body = [*_statements(node), ast.Return(None)]


def _spoken(tree: ast.AST) -> frozenset[str]:
    """Name the private attributes and names that are spoken of."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, (ast.Attribute, ast.Name)))
    names = (node.attr if isinstance(node, ast.Attribute) else node.id for node in nodes)
    return frozenset(filter(_is_private, names))


def _attributes(tree: ast.AST, context: type[ast.expr_context]) -> frozenset[str]:
    """Name the private attributes that something is assigned to, or taken from."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    names = (node.attr for node in nodes if isinstance(node.ctx, context))
    return frozenset(filter(_is_private, names))


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _is_seen(
    function: ast.FunctionDef | ast.AsyncFunctionDef, stated: frozenset[str], *, private: bool
) -> bool:
    """Whether a body says something to others: gives attributes or globals their types, or is none.

    A method of a protocol that does nothing is left to whoever inherits it. An attribute whose type
    isn't stated has it from what a method assigns to its own object; a private one is nothing to
    others who don't speak of it.
    """
    does_nothing = all(isinstance(e, (ast.Expr, ast.Pass, ast.Raise)) for e in function.body)
    return does_nothing or any(
        isinstance(node, (ast.Global, ast.Nonlocal))
        or (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and _is_own(node, function)
            and node.attr not in stated
            and (private or not _is_private(node.attr))
        )
        for node in ast.walk(function)
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
