"""What the functions that fetch something by its name answer with."""

from __future__ import annotations

import ast
from itertools import product
from typing import TYPE_CHECKING, Final

from emel_tools.boundaries.values import (
    UNKNOWN,
    Atom,
    Getter,
    Instance,
    Items,
    Method,
    Namespace,
    Partial,
    Reference,
    Text,
    Value,
    instance,
    items,
    join,
    texts,
)

if TYPE_CHECKING:
    from emel_tools.boundaries.names import Names

GETATTRS: Final = frozenset(
    {"builtins.getattr", "inspect.getattr_static", "builtins.object.__getattribute__",
     "builtins.type.__getattribute__", "builtins.setattr", "builtins.delattr"}
)  # fmt: skip
"""(owner, name): fetch a member by its name, or replace it."""
REPLACERS: Final = frozenset({"builtins.setattr", "builtins.delattr"})
"""Those that replace it."""
IMPORTERS: Final = frozenset(
    {"builtins.__import__", "importlib.import_module", "importlib.__import__",
     "importlib.reload", "pkgutil.resolve_name", "importlib.util.find_spec", "pkgutil.get_loader",
     "importlib.find_loader", "runpy.run_module", "pytest.importorskip"}
)  # fmt: skip
"""Import a module by its name."""
NAMESPACES: Final = frozenset({"builtins.globals", "builtins.locals", "builtins.vars"})
FETCHERS: Final = GETATTRS | IMPORTERS | NAMESPACES
PATCHERS: Final = frozenset(
    {"setattr", "delattr", "patch", "object", "multiple", "dict", "spy", "stub", "importorskip",
     "import_module", "find_spec", "resolve_name", "run_module", "syspath_prepend", "delitem",
     "setitem"}
)  # fmt: skip
"""Methods that take the dotted name of what they look up or replace."""
HARMLESS: Final = FETCHERS | {
    "builtins.hasattr", "builtins.isinstance", "builtins.issubclass", "builtins.repr",
    "builtins.str", "builtins.id", "builtins.bool", "builtins.print", "builtins.type",
    "builtins.dir", "operator.getitem", "importlib.reload", "importlib.resources.files",
    "functools.partial", "typing.cast",
}  # fmt: skip
"""What may be handed a module: it takes nothing out of it that isn't seen here."""
SWITCHES: Final = {
    "allow_pickle": "?.load(allow_pickle)",
    "eval_str": "?.signature(eval_str)",
}
"""Arguments that let a function do what it doesn't do without them."""
_THROUGH: Final = frozenset(
    {"builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset", "builtins.iter",
     "builtins.sorted", "builtins.reversed", "builtins.dict", "itertools.chain", "itertools.cycle",
     "builtins.enumerate", "builtins.zip", "itertools.repeat", "builtins.filter", "copy.copy",
     "copy.deepcopy"}
)  # fmt: skip
_PATH_MAKERS: Final = frozenset(
    {"joinpath", "with_name", "with_suffix", "with_stem", "relative_to", "absolute", "resolve",
     "expanduser", "cwd", "home", "rename", "replace", "readlink", "with_segments", "parent"}
)  # fmt: skip
_CASES: Final = {
    "lower": str.lower,
    "upper": str.upper,
    "casefold": str.casefold,
    "strip": str.strip,
    "title": str.title,
    "capitalize": str.capitalize,
    "swapcase": str.swapcase,
}
_SAME: Final = ("typing.cast", "typing.assert_type")


def answer(names: Names, path: str, arguments: list[Value], named: dict[str, Value]) -> Value:
    """Say what the function at `path` answers with."""
    first = arguments[0] if arguments else UNKNOWN
    second = arguments[1] if len(arguments) > 1 else UNKNOWN
    if path in GETATTRS:
        found = UNKNOWN
        for name in texts(second):
            found |= names.attribute(first, name)
        return found | (arguments[2] if len(arguments) > 2 else UNKNOWN)
    if path in IMPORTERS:
        return imported(
            first or named.get("name", UNKNOWN), second or named.get("package", UNKNOWN)
        )
    if path in NAMESPACES:
        if not arguments:
            return frozenset({Namespace(names.module)})
        return frozenset(Namespace(a.path) for a in first if isinstance(a, Reference))
    if path == "functools.partial":
        return frozenset({Partial(first, tuple(arguments[1:]))})
    if path in ("operator.attrgetter", "operator.methodcaller"):
        every = arguments if path.endswith("attrgetter") else arguments[:1]
        return frozenset({Getter(tuple(name for value in every for name in texts(value)))})
    if path == "operator.getitem":
        return join(member(names, atom, second) for atom in first)
    if path in ("builtins.next", "builtins.max", "builtins.min", "random.choice"):
        return items(first) | (second if path == "builtins.next" else UNKNOWN)
    if path in _THROUGH:
        inside = join([*map(items, arguments), *named.values()])
        if path in ("builtins.zip", "builtins.enumerate"):
            inside |= {Items(inside)}
        if path in ("builtins.list", "builtins.tuple", "builtins.dict", "builtins.iter"):
            spaces = (atom for atom in first if isinstance(atom, Namespace))
            inside |= join(member(names, atom, UNKNOWN) for atom in spaces)
        return frozenset({Items(inside)}) | (first if path.startswith("copy.") else UNKNOWN)
    if path == "builtins.map":
        given = [items(value) for value in arguments[1:]]
        return frozenset({Items(names.call(first, given, {}))})
    if path in _SAME:
        target = first if path.endswith("cast") else second
        typed = join(names.annotated(ast.Constant(text)) for text in texts(target))
        named_types = frozenset(a for atom in target if (a := instance(atom)) is not None)
        return typed | named_types | (second if path.endswith("cast") else first)
    if path == "builtins.type" and len(arguments) == 1:
        return frozenset(Reference(a.path) for a in first if isinstance(a, Instance))
    if path in ("builtins.str", "os.fspath"):
        return frozenset(a for a in first if isinstance(a, Text))
    if path in ("pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath"):
        return frozenset({Instance("pathlib.Path")})
    owner, _, name = path.rpartition(".")
    if owner == "pathlib.Path" and name in _PATH_MAKERS:
        return frozenset({Instance("pathlib.Path")})
    if owner == "pathlib.Path" and name in ("iterdir", "glob", "rglob", "walk"):
        return frozenset({Items(frozenset({Instance("pathlib.Path")}))})
    if name == "__getattribute__":
        found = UNKNOWN
        for word in texts(second if len(arguments) > 1 else first):
            found |= names.attribute(frozenset({Reference(owner)}), word)
            if len(arguments) > 1:
                found |= names.attribute(first, word)
        return found
    if (found := names.world.returned(path)) is not None:
        return found or frozenset({Instance(path)})  # something of ours
    if owner.partition(".")[0] == "numpy" and name[:1].islower():
        return frozenset({Instance("numpy.ndarray")})
    if name[:1].isupper():
        return frozenset({Instance(path)})
    return UNKNOWN


def imported(name: Value, package: Value) -> Value:
    """Name the modules that are imported by their names."""
    found: set[Atom] = set()
    for text in texts(name):
        if text.startswith("."):
            depth = len(text) - len(text.lstrip("."))
            for base in texts(package):
                parts = base.split(".")
                kept = parts[: len(parts) - depth + 1]
                found.add(Reference(".".join((*kept, text.lstrip(".")))))
        else:
            found.add(Reference(text.replace(":", ".")))
    return frozenset(found)


def member(names: Names, atom: Atom, key: Value) -> Value:
    """Say what `atom[key]` is."""
    match atom:
        case Namespace(path=path):
            found = UNKNOWN
            for text in texts(key):
                found |= names.attribute(frozenset({Reference(path)}), text)
                if path == names.module:
                    found |= names.lookup(text, names.scopes.module)
            return found
        case Reference(path="sys.modules"):
            return frozenset(Reference(text) for text in texts(key))
        case Reference(path="builtins"):  # __builtins__ is the dictionary in all but one module
            return frozenset(Reference(f"builtins.{text}") for text in texts(key))
        case Items(values=values):
            return values
        case Method(name="__globals__" | "f_globals" | "__builtins__" | "f_builtins"):
            return frozenset(Reference(f"builtins.{text}") for text in texts(key))
        case _:
            return UNKNOWN


def method(names: Names, owner: Atom, name: str, arguments: list[Value]) -> Value:
    """Say what a method of a value other than a module answers with."""
    first = arguments[0] if arguments else UNKNOWN
    match owner:
        case Namespace() | Items() if name in (
            "get",
            "pop",
            "setdefault",
            "__getitem__",
            "__next__",
        ):
            default = arguments[1] if len(arguments) > 1 else UNKNOWN
            return member(names, owner, first) | default
        case Items() if name in ("values", "items", "copy", "__iter__", "popleft"):
            return frozenset({owner, Items(frozenset({owner}))})
        case Text(text=text):
            return _text(text, name, arguments)
        case _:
            return UNKNOWN


def _text(text: str, name: str, arguments: list[Value]) -> Value:
    if name in _CASES:
        return frozenset({Text(_CASES[name](text))})
    if name == "replace" and len(arguments) > 1:
        return frozenset(
            Text(text.replace(old, new))
            for old, new in product(texts(arguments[0]), texts(arguments[1]))
        )
    if name == "format":
        choices = [texts(argument) or ["{}"] for argument in arguments]
        found: set[Atom] = set()
        for words in product(*choices):
            whole = text
            for word in words:
                whole = whole.replace("{}", word, 1)
            found.add(Text(whole))
        return frozenset(found)
    return UNKNOWN


def applied(names: Names, atom: Atom, arguments: list[Value]) -> Value:
    """Say what a getter answers with."""
    found = UNKNOWN
    if isinstance(atom, Getter) and arguments:
        for dotted in atom.names:
            value = arguments[0]
            for part in dotted.split("."):
                value = names.attribute(value, part)
            found |= value
    return found
