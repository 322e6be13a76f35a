"""Which names a file binds, in which scope, and to what: Python's rules, without running it."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import Final, NamedTuple, TypeAlias

from emel_tools.boundaries.syntax import Nodes, is_typing_only, parameters

Owner: TypeAlias = (
    ast.Module
    | ast.ClassDef
    | ast.FunctionDef
    | ast.AsyncFunctionDef
    | ast.Lambda
    | ast.ListComp
    | ast.SetComp
    | ast.DictComp
    | ast.GeneratorExp
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BINDING: Final = frozenset(
    {ast.Lambda, *_COMPREHENSIONS, ast.NamedExpr, ast.Call, ast.ExceptHandler, ast.MatchAs,
     ast.MatchStar, ast.MatchMapping}
)  # fmt: skip
"""Kinds of node, other than statements, that may bind a name."""


class Binding(NamedTuple):
    """One way in which a name gets its value."""

    how: str
    """`value`, `item` and `deep` (in a container, in one of its items), `import`, `define`,
    `annotation`, `annotations` (of the items), `narrowed`, `parameter`, `unknown`."""
    node: ast.AST | None
    scope: Scope
    """Where `node` is to be read."""
    path: str = ""
    """What an import brings."""
    typing_only: bool = False
    """Under `if TYPE_CHECKING:`."""


class Scope:
    """One scope of a file."""

    def __init__(self, owner: Owner, parent: Scope | None) -> None:
        self.owner = owner
        self.parent = parent
        self.bindings: defaultdict[str, list[Binding]] = defaultdict(list)
        self.attributes: defaultdict[str, list[Binding]] = defaultdict(list)
        """Of a class: what its methods assign to `self`."""
        self.certain: set[str] = set()
        """Names that are bound whatever happens; the others may still mean the builtin."""
        self.deleted: set[str] = set()
        self.elsewhere: dict[str, Scope] = {}
        """Names that `global` and `nonlocal` move out."""
        self.stars: list[str] = []
        self.returns: list[ast.Return] = []

    @property
    def module(self) -> Scope:
        """The outermost scope."""
        return self if self.parent is None else self.parent.module

    @property
    def is_class(self) -> bool:
        """Whether functions inside don't see its names."""
        return isinstance(self.owner, ast.ClassDef)

    def bind(self, name: str, binding: Binding) -> None:
        """Add one way in which `name` gets its value."""
        self.elsewhere.get(name, self).bindings[name].append(binding)


class Scopes:
    """All scopes of a file.

    Parameters
    ----------
    tree
        The file.
    nodes
        What it consists of.
    package
        The package that relative imports start at, as dotted parts.
    """

    def __init__(self, tree: ast.Module, nodes: Nodes, package: tuple[str, ...]) -> None:
        self.of: dict[ast.AST, Scope] = {}
        """Each node's scope."""
        self.inner: dict[ast.AST, Scope] = {}
        """What a function, lambda, class or comprehension opens."""
        self.typing_only: set[ast.AST] = set()
        self._nodes = nodes
        self._package = package
        self.module = Scope(tree, None)
        self._body(tree.body, self.module, certain=True)

    def imported(self, node: ast.ImportFrom) -> str:
        """Name the module that `from` names."""
        if not node.level:
            return node.module or ""
        base = self._package[: len(self._package) - node.level + 1]
        return ".".join((*base, *(node.module.split(".") if node.module else ())))

    def _body(self, body: list[ast.stmt], scope: Scope, *, certain: bool = False) -> None:
        for node in body:
            if isinstance(node, (ast.Global, ast.Nonlocal)):
                for name in node.names:
                    scope.elsewhere[name] = _target(scope, name, node)
        for node in body:
            self._statement(node, scope, certain=certain)

    def _statement(self, node: ast.stmt, scope: Scope, *, certain: bool) -> None:
        self.of[node] = scope
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            scope.bind(node.name, Binding("define", node, scope))
            self._sure(node.name, scope, certain=certain)
            self._definition(node, scope)
            return
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope, certain=certain)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, "value", value, scope, certain=certain)
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                self._assign(target, "annotation", annotation, scope, certain=False)
                if value is not None:
                    self._assign(target, "value", value, scope, certain=certain)
            case ast.AugAssign(target=target, value=value):
                self._assign(target, "value", value, scope, certain=False)
            case ast.For(target=target, iter=source) | ast.AsyncFor(target=target, iter=source):
                self._assign(target, "item", source, scope, certain=False)
            case ast.With(items=found) | ast.AsyncWith(items=found):
                for item in found:
                    if item.optional_vars is not None:
                        how, context = "value", item.context_expr
                        self._assign(item.optional_vars, how, context, scope, certain=False)
            case ast.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Name):
                        scope.deleted.add(target.id)
            case ast.Return():
                scope.returns.append(node)
            case _:
                pass
        self._inside(node, scope, typing_only=is_typing_only(node))

    def _inside(self, node: ast.AST, scope: Scope, *, typing_only: bool = False) -> None:
        """Go on below `node`, which binds nothing itself."""
        if typing_only and isinstance(node, ast.If):
            self.typing_only.update(node.body)
        for child in self._nodes[node]:
            if isinstance(child, ast.stmt):
                self._body([child], scope)
            else:
                self._expression(child, scope)

    def _expression(self, node: ast.AST, scope: Scope) -> None:
        self.of[node] = scope
        if type(node) not in _BINDING:
            self._inside(node, scope)
        elif isinstance(node, ast.Lambda):
            self._function(node, scope)
        elif isinstance(node, _COMPREHENSIONS):
            inner = self.inner[node] = Scope(node, scope)
            for comprehension in node.generators:
                self._assign(comprehension.target, "item", comprehension.iter, inner, certain=True)
            self._inside(node, inner)
        else:
            match node:
                case ast.NamedExpr(target=target, value=value):
                    at = scope
                    while isinstance(at.owner, _COMPREHENSIONS) and at.parent is not None:
                        at = at.parent
                    at.bind(target.id, Binding("value", value, scope))
                case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), kinds]):
                    scope.bind(name, Binding("narrowed", kinds, scope))
                case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                    scope.bind(name, Binding("unknown", None, scope))
                case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                    scope.bind(name, Binding("unknown", None, scope))
                case _:
                    pass
            self._inside(node, scope)

    def _definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, scope: Scope
    ) -> None:
        for decorator in node.decorator_list:
            self._expression(decorator, scope)
        if isinstance(node, ast.ClassDef):
            for expression in (*node.bases, *(keyword.value for keyword in node.keywords)):
                self._expression(expression, scope)
            inner = self.inner[node] = Scope(node, scope)
            self._body(node.body, inner, certain=True)
        else:
            self._function(node, scope)

    def _function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope
    ) -> None:
        inner = self.inner[node] = Scope(node, scope)
        for argument, default in parameters(node):
            inner.bind(argument.arg, Binding("parameter", argument, inner))
            inner.certain.add(argument.arg)
            if argument.annotation is not None:
                self._expression(argument.annotation, scope)
                many = argument in (node.args.vararg, node.args.kwarg)
                how = "annotations" if many else "annotation"
                inner.bind(argument.arg, Binding(how, argument.annotation, scope))
            if default is not None:
                self._expression(default, scope)
                inner.bind(argument.arg, Binding("value", default, scope))
        if isinstance(node, ast.Lambda):
            self._expression(node.body, inner)
        else:
            if node.returns is not None:
                self._expression(node.returns, scope)
            self._body(node.body, inner)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope, *, certain: bool) -> None:
        quiet = node in self.typing_only
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                module = self.imported(node)
                if alias.name == "*":
                    scope.stars.append(module)
                    continue
                name, path = alias.asname or alias.name, f"{module}.{alias.name}"
            else:
                name = alias.asname or alias.name.partition(".")[0]
                path = alias.name if alias.asname else name
            scope.bind(name, Binding("import", node, scope, path, typing_only=quiet))
            self._sure(name, scope, certain=certain and not quiet)

    def _assign(
        self, target: ast.expr, how: str, value: ast.expr, scope: Scope, *, certain: bool
    ) -> None:
        match target:
            case ast.Name(id=name):
                scope.bind(name, Binding(how, value, scope))
                self._sure(name, scope, certain=certain)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                values: list[ast.expr] | None = None
                if how == "value" and isinstance(value, (ast.Tuple, ast.List)):
                    values = value.elts if len(value.elts) == len(elements) else None
                for i, element in enumerate(elements):
                    if values is not None:
                        self._assign(element, how, values[i], scope, certain=certain)
                    else:
                        deep = "item" if how == "value" else "deep"
                        self._assign(element, deep, value, scope, certain=certain)
            case ast.Starred(value=inner):
                self._assign(inner, how, value, scope, certain=certain)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                if (owner := _class_of(scope)) is not None and name in ("self", "cls"):
                    owner.attributes[attribute].append(Binding(how, value, scope))
            case _:
                pass

    def _sure(self, name: str, scope: Scope, *, certain: bool) -> None:
        if certain or isinstance(scope.owner, (*_FUNCTIONS, *_COMPREHENSIONS)):
            scope.certain.add(name)


def _class_of(scope: Scope) -> Scope | None:
    at: Scope | None = scope
    while at is not None and not at.is_class:
        at = at.parent
    return at


def _target(scope: Scope, name: str, node: ast.Global | ast.Nonlocal) -> Scope:
    if isinstance(node, ast.Global):
        return scope.module
    at = scope.parent
    while at is not None and (at.is_class or name not in at.bindings):
        at = at.parent
    return at or scope.module
