"""What is held to `snapshots/api/<package>.txt`: one line for each thing others may rely upon."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final

from emel_tools.projects import declaration
from emel_tools.surface.modules import Elsewhere, Found, Module, Modules
from emel_tools.surface.names import Name
from emel_tools.surface.signatures import defaults, value
from emel_tools.workspace import Package

_CALLED: Final = ("function", "method", "call")
_NAMED: Final = ("value", "class")
_WORD: Final = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


def facts(package: Package, names: Sequence[Name], modules: Modules) -> dict[str, str]:
    """List what can be relied upon, by key."""
    found = {name.key: _spell(name) for name in names if name.kind != "module"}
    found |= _constants(names, modules)
    found |= _declared(package)
    if package.module == "emel":
        found |= _commands()
    return found


def _spell(name: Name) -> str:
    undocumented = name.kind in ("attribute", "value") and not name.doc
    mark = " (undocumented)" if undocumented else ""
    match name.kind:
        case "function" | "method" | "property":
            return " ".join((*(f"@{each}" for each in name.decorators), name.what))
        case "elsewhere":
            return f"is {name.what.rstrip('.')}"
        case "attribute" | "value":
            return f"{name.kind} {name.what}".rstrip() + mark
        case _:
            return name.what


def _constants(names: Sequence[Name], modules: Modules) -> dict[str, str]:
    """List what facts speak of that nobody outside can name: its values are relied upon."""
    shown = {name.key.rpartition(".")[2] for name in names if name.kind in _NAMED}
    default = {each for name in names if name.kind in _CALLED for each in defaults(name.what)}
    values: dict[str, list[str]] = {}
    todo = [(name.module, word) for name in names for word in _words(name.what)]
    for module, word in todo:  # grows while it is read
        found = modules.find(module, word) if word not in shown else None
        for node in found.nodes if isinstance(found, Found) else ():
            if not isinstance(found, Found) or not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            if word in default or not _is_made_of_ours(found.module, node, modules):
                told = value(node)
                values.setdefault(word, []).append(f"value {told}")
                more = ((found.module.name, each) for each in _words(told))
                todo += [each for each in more if each not in todo]
    return {
        f"[{'default' if word in default else 'behind'} {word}]": " or ".join(sorted({*each}))
        for word, each in values.items()
    }


def _words(text: str) -> list[str]:
    """List the names in a text, those of members left out."""
    found: list[str] = _WORD.findall(text)
    return found


def _is_made_of_ours(module: Module, node: ast.Assign | ast.AnnAssign, modules: Modules) -> bool:
    """Whether a value is an object of a class of ours: a table, which has a drawing of its own."""
    match node.value:
        case ast.Call(func=ast.Name(id=name)):
            made = modules.find(module.name, name)
            is_sibling = isinstance(made, Elsewhere) and made.module.startswith("emel_")
            return isinstance(made, Found) or is_sibling
        case _:
            return False


def _declared(package: Package) -> dict[str, str]:
    """List what installing the package takes and brings: other packages, commands, its Pythons."""
    project = declaration(package.folder).project
    found = {"[python]": project.requires_python}
    found |= {f"[command {name}]": where for name, where in project.scripts.items()}
    found |= {f"[window {name}]": where for name, where in project.gui_scripts.items()}
    found |= {f"[needs {name}]": which for name, which in _needs(project.dependencies)}
    for extra, needs in project.optional_dependencies.items():
        found[f"[extra {extra}]"] = ", ".join(sorted(" ".join(need.split()) for need in needs))
    for group, points in project.entry_points.items():
        found |= {f"[{group} {name}]": where for name, where in points.items()}
    return found


def _needs(requirements: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Part requirements into what is needed, each told once, and which versions of it will do."""
    parted = [(re.split(r"[=<>~!;@ ]", text)[0], text) for text in sorted(requirements)]
    for name in dict.fromkeys(name for name, _ in parted):
        rests = (text.removeprefix(name).split() for other, text in parted if other == name)
        yield name, ", ".join(" ".join(rest) or "any" for rest in rests)


def _commands() -> dict[str, str]:
    return dict(_options())


def _options() -> Iterator[tuple[str, str]]:
    from emel_tools.surface.commands import commands  # noqa: PLC0415 - it imports the face

    for command in commands():
        arguments = [p.spelled for p in command.parameters if not p.is_option]
        yield f"$ {command.name}", " ".join(("command", *arguments))
        for parameter in command.parameters:
            if parameter.is_option:
                default = f" = {parameter.default}" if parameter.default else ""
                must = ", required" if parameter.required else ""
                takes = parameter.takes or "flag"
                yield f"$ {command.name} {parameter.spelled}", f"{takes}{default}{must}"
