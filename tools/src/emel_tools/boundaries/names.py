"""What each expression of a file stands for, however its names have been passed on."""

from __future__ import annotations

import ast
import builtins
from typing import Final

from emel_tools.boundaries import calls
from emel_tools.boundaries.annotations import annotated
from emel_tools.boundaries.expressions import evaluated
from emel_tools.boundaries.held import held
from emel_tools.boundaries.powers import CATALOGUE
from emel_tools.boundaries.received import Received, received
from emel_tools.boundaries.scopes import Binding, Scope, Scopes
from emel_tools.boundaries.syntax import Nodes
from emel_tools.boundaries.values import (
    PATHS,
    UNKNOWN,
    Atom,
    Class,
    Function,
    Instance,
    Items,
    Made,
    Method,
    Namespace,
    Partial,
    Reference,
    Value,
    instance,
    items,
    join,
)
from emel_tools.boundaries.world import Asked, World

BUILTINS: Final = frozenset(dir(builtins))


class Names:
    """One file, resolved on demand.

    Parameters
    ----------
    tree
        The file.
    nodes
        What it consists of.
    module
        Its dotted name.
    package
        Where its relative imports start.
    world
        The other files.
    """

    def __init__(
        self, tree: ast.Module, nodes: Nodes, module: str, package: str, world: World
    ) -> None:
        self.module = module
        self.world = Asked(world)
        self.scopes = Scopes(tree, nodes, tuple(package.split(".")))
        self.received: dict[ast.AST, list[Received]] = {}
        self._values: dict[ast.AST, Value] = {}
        self._looked_up: dict[tuple[int, str], Value] = {}
        self._functions: dict[ast.AST, Function | Class] = {}
        self.received = received(self)

    def value(self, node: ast.expr | None) -> Value:
        """Say what an expression may stand for."""
        if node is None:
            return UNKNOWN
        if node not in self._values:
            self._values[node] = UNKNOWN  # a value that needs itself is not known
            self._values[node] = evaluated(self, node)
        return self._values[node]

    def lookup(self, name: str, scope: Scope) -> Value:
        """Say what a name stands for, seen from `scope`."""
        key = (id(scope), name)
        if key not in self._looked_up:
            self._looked_up[key] = UNKNOWN
            self._looked_up[key] = self._find(name, scope)
        return self._looked_up[key]

    def bindings(self, name: str, scope: Scope) -> list[Binding]:
        """List what binds a name, seen from `scope`, and whether it may be unbound all the same."""
        return self._seen(name, scope)[0]

    def is_builtin(self, name: str, scope: Scope) -> bool:
        """Whether a name may mean the builtin of that name."""
        return name in BUILTINS and self._seen(name, scope)[1]

    def attribute(self, owner: Value, name: str) -> Value:
        """Say what `owner.name` stands for."""
        return join(self._attribute(atom, name) for atom in owner)

    def call(self, function: Value, arguments: list[Value], named: dict[str, Value]) -> Value:
        """Say what a call answers with."""
        return join(self._apply(atom, arguments, named) for atom in function)

    def _seen(self, name: str, scope: Scope) -> tuple[list[Binding], bool]:
        found: list[Binding] = []
        at: Scope | None = scope.elsewhere.get(name, scope)
        while at is not None:
            if name in at.bindings and (at is scope or not at.is_class):
                found += at.bindings[name]
                if name in at.certain and name not in at.deleted:
                    return found, False
            at = at.parent
        return found, True

    def _find(self, name: str, scope: Scope) -> Value:
        found, may_be_builtin = self._seen(name, scope)
        value = join(self._bound(binding) for binding in found)
        if may_be_builtin and name in BUILTINS:
            value |= {Reference(f"builtins.{name}")}
        elif may_be_builtin and name in ("__builtins__", "__loader__", "__spec__"):
            value |= {Reference("builtins" if name == "__builtins__" else f"dunder.{name}")}
        if may_be_builtin and name not in BUILTINS:
            for star in scope.module.stars:
                value |= self._starred(star, name)
        return value

    def _starred(self, module: str, name: str) -> Value:
        """Say what `name` is if `from module import *` brings it."""
        if name.startswith("_") or not self.world.offers(module, name):
            return UNKNOWN
        return self._member(module, name)

    def _bound(self, binding: Binding) -> Value:
        node = binding.node
        match binding.how:
            case "import":
                module, _, name = binding.path.rpartition(".")
                if isinstance(node, ast.ImportFrom):
                    return self._member(module, name)
                return frozenset({Reference(binding.path)})
            case "define" if isinstance(
                node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            ):
                return frozenset({self.defined(node)})
            case "annotation" if isinstance(node, ast.expr):
                return self.annotated(node)
            case "narrowed" if isinstance(node, ast.expr):
                kinds = self.value(node) | items(self.value(node))
                return frozenset(made for kind in kinds if (made := instance(kind)) is not None)
            case "annotations" if isinstance(node, ast.expr):
                return frozenset({Items(self.annotated(node))})
            case "parameter" if isinstance(node, ast.arg):
                return self._parameter(node, binding.scope)
            case "value" if isinstance(node, ast.expr):
                return self.value(node)
            case "item" if isinstance(node, ast.expr):
                return items(self.value(node))
            case "deep" if isinstance(node, ast.expr):
                found = items(self.value(node))
                return found | items(found)
            case _:
                return UNKNOWN

    def defined(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
    ) -> Function | Class:
        """Say what a definition makes: the same each time."""
        if node not in self._functions:
            inner = self.scopes.inner[node]
            made = Class(node, inner) if isinstance(node, ast.ClassDef) else Function(node, inner)
            self._functions[node] = made
        return self._functions[node]

    def _parameter(self, node: ast.arg, scope: Scope) -> Value:
        owner = scope.owner
        value = UNKNOWN
        if isinstance(owner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            arguments = [*owner.args.posonlyargs, *owner.args.args]
            at = arguments.index(node) if node in arguments else None
            within = scope.parent
            if at == 0 and within is not None and isinstance(within.owner, ast.ClassDef):
                defined = self.defined(within.owner)
                if isinstance(defined, Class):
                    value |= {Made(defined), defined}
            for slot, argument in self.received.get(owner, []):
                if slot is None:  # handed over by somebody else: any argument, or what is in it
                    value |= self.value(argument) | items(self.value(argument))
                elif slot in (at, node.arg):
                    value |= self.value(argument)
        return value

    def annotated(self, node: ast.expr) -> Value:
        """Say what a variable with this annotation holds."""
        return annotated(self, node)

    def _attribute(self, atom: Atom, name: str) -> Value:
        match atom:
            case Reference(path=path):
                if name == "__dict__":
                    return frozenset({Namespace(path)})
                if name == "__self__" and path.startswith("builtins."):
                    return frozenset({Reference("builtins")})  # print.__self__
                return self._member(path, name)
            case Instance(path=path):
                if path in PATHS and name in ("parent", "parents"):
                    return frozenset({Instance(path)})
                return frozenset({Reference(f"{path}.{name}")})
            case Class():
                return self._of_class(atom, name)
            case Made(of=made):
                inner = made.scope
                own = join(self._bound(binding) for binding in inner.attributes.get(name, []))
                return own | self._of_class(made, name)
            case Function():
                return frozenset({Method(atom, name)})
            case _:
                return frozenset({Method(atom, name)})

    def _of_class(self, made: Class, name: str) -> Value:
        if name in made.scope.bindings:
            return join(self._bound(binding) for binding in made.scope.bindings[name])
        bases = join(self.value(base) for base in made.node.bases)
        return self.attribute(bases, name)

    def owns(self, made: Class, name: str) -> bool:
        """Whether a class of this file has a member, itself or from a base in this file."""
        if name in made.scope.bindings or name in made.scope.attributes:
            return True
        bases = join(self.value(base) for base in made.node.bases)
        return any(self.owns(base, name) for base in bases if isinstance(base, Class))

    def _member(self, path: str, name: str) -> Value:
        found = self.world.member(path, name)
        if found is not None:
            return found
        dotted = f"{path}.{name}"
        module = held(path, name)
        if module and dotted not in CATALOGUE and not self.world.is_ours(path):
            return frozenset({Reference(module)})  # logging.os is os
        return frozenset({Reference(dotted)})

    def _apply(self, atom: Atom, arguments: list[Value], named: dict[str, Value]) -> Value:
        match atom:
            case Reference(path=path):
                return calls.answer(self, path, arguments, named)
            case Class():
                return frozenset({Made(atom)})
            case Function(node=node):
                return self.returned(node)
            case Partial(function=function, arguments=first):
                return self.call(function, [*first, *arguments], named)
            case Method(owner=owner, name=name):
                return calls.method(self, owner, name, arguments)
            case _:
                return calls.applied(self, atom, arguments)

    def returned(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Value:
        """Say what a function of this file answers with."""
        if isinstance(node, ast.Lambda):
            return self.value(node.body)
        found = self.annotated(node.returns) if node.returns is not None else UNKNOWN
        answers = (self.value(each.value) for each in self.scopes.inner[node].returns)
        return found.union(*answers)
