"""What a file shows to those that import it, as far as its text alone says it.

Every function here states what it answers with; whoever imports one sees that, and not its body.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import msgspec

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_Owner: TypeAlias = ast.Module | ast.ClassDef
_WORDS: Final = re.compile(r"\b_\w+")
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
    own: dict[str, tuple[str, frozenset[str]]] = {}
    """Its private names, and private methods of its classes, which are nothing to those that don't
    speak of them: a digest of what each shows, and the private names that this speaks of."""
    says: frozenset[str] = frozenset()
    """What is private, here or elsewhere, and it speaks of at all."""
    shows: frozenset[str] = frozenset()
    """Of that, what it speaks of in what it shows: types of what isn't private may hang on it."""


def face(text: bytes, home: str) -> Face:
    """Read a file whose relative imports start at the package `home`; as it is, if it is broken."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return Face(digested(text))
    named = {name for node in ast.walk(tree) for name in _named(node, home)}
    says, hides = _speaks(tree), _attributes(tree)
    stated = dict(_stated(tree))
    documented = [node for node in ast.walk(tree) if isinstance(node, _DOCUMENTED)]
    hidden = [*_hidden(tree, stated)]
    for node in documented:
        _shorten(node, stated.get(node), private=True)
    own: dict[str, tuple[str, frozenset[str]]] = {}
    for owner, node, name in hidden:
        owner.body.remove(node)
        before, spoken = own.get(name, ("", frozenset[str]()))
        own[name] = digested((before + _spell(node)).encode()), spoken | _speaks(node)
    within = digested(_spell(tree).encode())
    for node in documented:
        _shorten(node, stated.get(node), private=False)
    interface = digested(_spell(tree).encode())
    parents = {
        ".".join(name.split(".")[:n]) for name in named for n in range(1, name.count(".") + 1)
    }
    imports = frozenset(named | parents)
    return Face(interface, imports, within, hides, own, says, _speaks(tree))


def _spell(node: ast.AST) -> str:
    return ast.dump(node).encode("utf-8", "backslashreplace").decode()


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
    stated: frozenset[str] | None,
    *,
    private: bool,
) -> None:
    """Leave out what no importing file's types can hang on; nothing is stated but by methods."""
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:]
    if not isinstance(node, _FUNCTIONS) or node.returns is None:
        return
    if not _is_seen(node, stated, private=private):
        node.body = [*_statements(node), ast.Return(None)]


def _speaks(tree: ast.AST) -> frozenset[str]:
    return frozenset(name for node in ast.walk(tree) for name in _spoken(node))


def _spoken(node: ast.AST) -> Iterator[str]:
    """Name what is private and spoken of in one node, were it in the text of a type."""
    names: list[str] = []
    if isinstance(node, ast.Attribute):
        names.append(node.attr)
    elif isinstance(node, ast.Name):
        names.append(node.id)
    elif isinstance(node, (*_FUNCTIONS, ast.alias)):  # another class may have one of this name
        names.append(node.name)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        names += _WORDS.findall(node.value)
    return filter(_is_private, names)


def _attributes(tree: ast.AST) -> frozenset[str]:
    """Name the private attributes that something is assigned to."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    names = (node.attr for node in nodes if isinstance(node.ctx, ast.Store))
    return frozenset(filter(_is_private, names))


def _hidden(
    tree: ast.Module, stated: Mapping[ast.AST, frozenset[str]]
) -> Iterator[tuple[_Owner, ast.stmt, str]]:
    """Yield what is private of a module, and methods of its classes: where it stands, and its name.

    A protocol's methods ask for the same of other classes, whose files needn't speak of them. A
    method that gives an attribute its type is shown to those that speak of that.
    """
    for owner in (tree, *(each for each in tree.body if isinstance(each, ast.ClassDef))):
        is_class = isinstance(owner, ast.ClassDef)
        if is_class and "Protocol" in ast.dump(ast.Tuple(owner.bases)):
            continue
        for node in owner.body:
            is_function = isinstance(node, _FUNCTIONS)
            if not _is_private(_bound(node)) or (is_class and not is_function):
                continue
            if not is_function or not _is_seen(node, stated.get(node), private=True):
                yield owner, node, _bound(node)


def _bound(node: ast.stmt) -> str:
    """Name what a statement binds, if that is one plain name."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else ""


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _is_seen(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    stated: frozenset[str] | None,
    *,
    private: bool,
) -> bool:
    """Whether a body says something to others: gives attributes or globals their types, or is none.

    A method of a protocol that does nothing is left to whoever inherits it. An attribute whose type
    isn't stated has it from what a method assigns to its own object, and not from what a function
    gives to an object that it is handed; a private one is nothing to others who don't speak of it.
    """
    return (stated is not None and all(map(_does_nothing, function.body))) or any(
        isinstance(node, ast.Global)
        or (
            stated is not None
            and isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and _is_own(node, function)
            and node.attr not in stated
            and (private or not _is_private(node.attr))
        )
        for node in ast.walk(function)
    )


def _does_nothing(statement: ast.stmt) -> bool:
    """Whether it is what stands in a method that is left to others: `...`, `pass` or `raise`."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, (ast.Pass, ast.Raise))


def digested(content: bytes) -> str:
    """Digest some bytes."""
    return hashlib.sha256(content).hexdigest()
