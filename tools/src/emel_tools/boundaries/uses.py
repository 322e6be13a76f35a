"""What a file reaches for: every name of a module or of a member of one, however it is spelt."""

from __future__ import annotations

import ast
import sys
from typing import Final

from emel_tools.boundaries.calls import (
    GETATTRS,
    HARMLESS,
    IMPORTERS,
    PATCHERS,
    REPLACERS,
    SWITCHES,
)
from emel_tools.boundaries.found import Found, Use
from emel_tools.boundaries.names import Names
from emel_tools.boundaries.syntax import Nodes, is_dict_of_members, is_typing_only, named_plugins
from emel_tools.boundaries.values import (
    Atom,
    Class,
    Function,
    Getter,
    Instance,
    Made,
    Method,
    Namespace,
    Partial,
    Reference,
    Value,
    texts,
)

_PLAIN: Final = (
    ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.BinOp, ast.BitOr, ast.Tuple, ast.List,
    ast.Load, ast.Starred,
)  # fmt: skip
_REACHING: Final = frozenset(
    {ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Import, ast.ImportFrom, ast.List,
     ast.Tuple, ast.Set, ast.Dict, ast.Match, ast.Return, ast.Yield, ast.ListComp, ast.SetComp,
     ast.GeneratorExp, ast.Assign, ast.AugAssign, ast.MatchClass}
)  # fmt: skip
"""Kinds of node that may reach for something."""
_ANNOTATED: Final = (ast.arg, ast.FunctionDef, ast.AsyncFunctionDef, ast.AnnAssign)
_DUNDERS: Final = frozenset({"__builtins__", "__loader__", "__spec__"})
_TYPE_CHECKING: Final[Value] = frozenset({Reference("typing.TYPE_CHECKING")})


def uses(names: Names, nodes: Nodes, roots: frozenset[str]) -> tuple[Use, ...]:
    """List what a file reaches for, in the order of its lines."""
    walk = _Walk(names, nodes, roots)
    walk.below(next(iter(nodes)))
    return tuple(sorted(walk.found.uses))


class _Walk:
    def __init__(self, names: Names, nodes: Nodes, roots: frozenset[str]) -> None:
        self.names = names
        self.nodes = nodes
        self.roots = roots
        self.found = Found(names, roots)

    def below(self, node: ast.AST) -> None:
        """Visit all that lies below `node`."""
        if isinstance(node, ast.If) and self._is_for_typing(node):
            for child in node.orelse:
                self.visit(child)
            return
        for child in self.nodes[node]:
            self.visit(child)

    def visit(self, node: ast.AST) -> None:
        """Note what `node` reaches for, and go on below it."""
        if type(node) in _REACHING:
            self._reach(node)
        if isinstance(node, _ANNOTATED):
            self._unannotated(node)
        elif self.nodes[node]:
            self.below(node)

    def _reach(self, node: ast.AST) -> None:
        match node:
            case ast.Name(ctx=ast.Load()):
                self._name(node)
            case ast.Attribute():
                self._attribute(node)
            case ast.Call():
                self._call(node)
            case ast.Subscript(value=owner):
                self._subscript(node, owner)
            case ast.Import(names=aliases):
                for alias in aliases:
                    self.found.note(node, alias.name)
                    if alias.asname is None:  # `import a.b` binds a
                        self.found.note(node, alias.name.partition(".")[0])
            case ast.ImportFrom():
                self._import_from(node)
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                self.found.escape(parts)
            case ast.Dict(values=parts):
                self.found.escape(parts)
            case ast.Match(subject=subject):
                self.found.escape([subject])
            case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value):
                self.found.escape([value])
            case ast.ListComp(elt=part) | ast.SetComp(elt=part) | ast.GeneratorExp(elt=part):
                self.found.escape([part])
            case ast.MatchClass(cls=kind, kwd_attrs=members):
                for member in members:
                    taken = ast.Attribute(kind, member, ast.Load())
                    self._attribute(ast.copy_location(taken, node))
            case ast.Assign(targets=[ast.Name(id="pytest_plugins")], value=value):
                for part, module in named_plugins(value):
                    self.found.note(part, module)
            case ast.Assign(targets=targets, value=value):
                if any(isinstance(target, (ast.Attribute, ast.Subscript)) for target in targets):
                    self.found.escape([value])
            case ast.AugAssign(target=target):
                self.found.replaced_items(target, self.names.value(target), [])
            case _:
                pass

    def _unannotated(
        self, node: ast.arg | ast.FunctionDef | ast.AsyncFunctionDef | ast.AnnAssign
    ) -> None:
        """Go on below `node`, but for an annotation that only names types."""
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        note = node.returns if is_function else node.annotation
        plain = note is not None and all(isinstance(part, _PLAIN) for part in ast.walk(note))
        if note is not None and plain:
            self._opened(note)
        for child in self.nodes[node]:
            if child is not note or not plain:
                self.visit(child)

    def _opened(self, annotation: ast.expr) -> None:
        """Note the files that typer opens because an annotation says so."""
        for part in ast.walk(annotation):
            if isinstance(part, ast.Attribute | ast.Name):
                for atom in self.names.value(part):
                    if isinstance(atom, Reference) and atom.path.startswith("typer.File"):
                        self.found.note(part, atom.path)

    def _is_for_typing(self, node: ast.If) -> bool:
        found = self.names.value(node.test)
        return is_typing_only(node) and found == _TYPE_CHECKING

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = self.names.scopes.imported(node)
        for alias in node.names:
            if alias.name != "*":
                self.found.note_all(
                    node, self.names.attribute(frozenset({Reference(module)}), alias.name)
                )
            elif module not in self.roots:
                self.found.note(node, f"{module}.*")

    def _name(self, node: ast.Name) -> None:
        scope = self.names.scopes.of.get(node, self.names.scopes.module)
        bound = self.names.bindings(node.id, scope)
        value = self.names.value(node)
        if self.names.is_builtin(node.id, scope):
            self.found.note(node, f"builtins.{node.id}")
        elif not bound and node.id in _DUNDERS:
            self.found.note(node, f"dunder.{node.id}")
        if (not bound and scope.module.stars) or any(b.typing_only for b in bound):
            self.found.note_all(node, value)

    def _attribute(self, node: ast.Attribute) -> None:
        owner = self.names.value(node.value)
        if not owner:
            self.found.note(node, f"?.{node.attr}")
        if not isinstance(node.ctx, ast.Load):
            self.found.replaced(node, owner, [node.attr])
        for atom in owner:
            match atom:
                case Reference(path=path):
                    self.found.note_all(
                        node, self.names.attribute(frozenset({atom}), node.attr), path
                    )
                case Instance(path=path):
                    path = "numpy.ndarray" if path.startswith("numpy.") else path
                    self.found.note(node, f"{path}.{node.attr}", path)
                case Class() | Made():
                    made = atom.of if isinstance(atom, Made) else atom
                    if not self.names.owns(made, node.attr):
                        found = self.names.attribute(frozenset({atom}), node.attr)
                        self.found.note_all(node, found)
                        if not found:
                            self.found.note(node, f"?.{node.attr}")
                case Function() | Method():
                    self.found.note(node, f"?.{node.attr}")
                case _:
                    pass

    def _subscript(self, node: ast.Subscript, owner: ast.expr) -> None:
        held = self.names.value(owner)
        if not isinstance(node.ctx, ast.Load):
            self.found.replaced_items(node, held, texts(self.names.value(node.slice)))
        if not held and is_dict_of_members(owner):
            for text in texts(self.names.value(node.slice)):
                self.found.note(node, f"?.{text}")
        for atom in held:
            match atom:
                case Namespace(path=path):
                    found = self.names.value(node)
                    self.found.note_all(node, found, path)
                    if not texts(self.names.value(node.slice)):
                        self.found.whole(node, path)
                case Reference(path="sys.modules" | "builtins") | Method():
                    self.found.note_all(node, self.names.value(node))
                case _:
                    pass

    def _call(self, node: ast.Call) -> None:
        function = self.names.value(node.func)
        for atom in function:
            if isinstance(atom, Reference):
                self._known_call(node, atom.path)
            elif isinstance(atom, Getter | Partial):
                self.found.note_all(node, self.names.value(node))
            elif isinstance(atom, Method):
                self._method_call(node, atom)
        for word in node.keywords:
            if word.arg in SWITCHES and not _is_false(word.value):
                self.found.note(node, SWITCHES[word.arg])
        self._patched(node, function)
        harmless = any(isinstance(a, Reference) and a.path in HARMLESS for a in function)
        if not harmless and not _patches(node.func):
            self.found.escape([*node.args, *(word.value for word in node.keywords)])

    def _method_call(self, node: ast.Call, method: Method) -> None:
        self.found.note_all(node, self.names.value(node))
        named = [text for argument in node.args for text in texts(self.names.value(argument))]
        if method.name == "__getattribute__":
            for text in named:
                self.found.note(node, f"?.{text}")
        if isinstance(method.owner, Namespace) and not named:
            self.found.whole(node, method.owner.path)

    def _known_call(self, node: ast.Call, path: str) -> None:
        self.found.note(node, f"{path}()", path)
        first = self.names.value(node.args[0]) if node.args else frozenset[Atom]()
        second = self.names.value(node.args[1]) if len(node.args) > 1 else frozenset[Atom]()
        if path in IMPORTERS:
            self.found.note_all(node, self.names.value(node))
        elif path in GETATTRS or path.endswith(".__getattribute__"):
            self.found.note_all(node, self.names.value(node))
            named = texts(second) or (texts(first) if path not in GETATTRS else [])
            if path in REPLACERS:
                self.found.replaced(node, first, named)
            for text in named:
                if not first or text.startswith("__"):
                    self.found.note(node, f"?.{text}")
            if not named:
                self.found.wholes(node, first)
                if path not in GETATTRS:
                    self.found.whole(node, path.rpartition(".")[0])
        elif path in ("operator.attrgetter", "operator.methodcaller"):
            for argument in node.args[: None if path.endswith("attrgetter") else 1]:
                for text in texts(self.names.value(argument)):
                    for part in text.split("."):
                        self.found.note(node, f"?.{part}")
        elif path == "operator.getitem":
            self.found.note_all(node, self.names.value(node))
        elif path == "builtins.object.__new__":
            self.found.note_all(node, self.names.attribute(first, "__new__"))
        elif path == "inspect.getmodule":
            for atom in first:
                if isinstance(atom, Reference) and atom.path.partition(".")[0] in self.roots:
                    self.found.note(node, f"{atom.path.partition('.')[0]}.*")

    def _patched(self, node: ast.Call, function: Value) -> None:
        """Look at `monkeypatch.setattr("pkg._x.y", ...)` and `mock.patch.object(pkg, "_x")`."""
        if not node.args or not (
            _patches(node.func) or Reference("unittest.mock.patch") in function
        ):
            return
        first = self.names.value(node.args[0])
        for text in texts(first):
            path = text.replace(":", ".")  # mock takes a module to end at a colon, too
            known = path.partition(".")[0] in self.roots | sys.stdlib_module_names
            if known and ("." in path or path in self.roots):
                self.found.note(node, path)
        if len(node.args) > 1:
            for text in texts(self.names.value(node.args[1])):
                for atom in first:
                    if isinstance(atom, Reference):
                        found = self.names.attribute(frozenset({atom}), text)
                        self.found.note_all(node, found, atom.path)


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _patches(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr in PATCHERS
