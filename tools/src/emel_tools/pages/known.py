"""What there is to be mentioned: sessions, lanes, options, commands, modules, names and paths."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Final

from emel_tools.behaviours.catalogue import read_catalogues
from emel_tools.pages.sessions import sessions
from emel_tools.projects import Project, declaration
from emel_tools.running.registry import NAMES, lanes
from emel_tools.surface.commands import Command
from emel_tools.surface.modules import Found, Modules
from emel_tools.surface.names import public
from emel_tools.workspace import packages, python_files, shards

_SESSION: Final = re.compile(r"\bnox -s ([^;&|`)#]+)")
_FILE: Final = re.compile(r"(?:[\w.*<>+-]+/)*[\w.*<>+-]+\.(?:py|toml|md|mmd|txt|ini|cfg)(?::\d+)?")
_FOLDER: Final = re.compile(r"(?:packages|tools|docs|snapshots)(?:/[\w.*<>+-]+)*/?")
_DOTTED: Final = re.compile(r"(?<![\w./:-])(emel(?:_\w+)?(?:\.\w+)+)")
_MEMBER: Final = re.compile(r"(?<![\w./:-])([A-Z]\w+)\.([a-z]\w*)")
_EXTRA: Final = re.compile(r"\b(emel(?:-\w+)*)\[(\w+)\]")
_MARK: Final = re.compile(r"behaviour\((.*?)\)")
_ID: Final = re.compile(r"[\"'](\w+-\d+)[\"']")
_CLOSED: Final = re.compile(r"(?:@.* )?class(?:\((?:NamedTuple|Protocol|IntEnum|Enum)\))?")
"""A class that has nothing public but what it defines itself."""
_FOREIGN: Final = ("--help", "--version", "--cov", "--draft")
"""Options of every program, of pytest-cov and of towncrier."""
_LATER: Final = ("CHANGELOG.md",)
"""What a release makes."""
_HANDS_ON: Final = ("tests",)
"""Sessions that hand options on to other programs."""


class Known:
    """What there is in a repository.

    Parameters
    ----------
    root
        The repository.
    commands
        What `emel` takes.
    """

    def __init__(self, root: Path, commands: tuple[Command, ...]) -> None:
        self._root = root
        self._packages = {package.name: package for package in shards(root)}
        self._modules = {p.module: Modules(p) for p in self._packages.values()}
        self._sessions = sessions(root)
        self._keys = {shard.key for lane in lanes(root) for shard in lane.shards(root)}
        self._commands = {command.name: command for command in commands}

    def missing(self, text: str, page: Path) -> Iterator[tuple[str, str]]:
        """Say what of a piece of code there isn't, and what to do."""
        yield from self._sessions_of(text)
        yield from self._commands_of(text)
        yield from self._options_of(text)
        yield from self._names_of(text)
        yield from self._declared_of(text)
        yield from self._paths_of(text, page)

    def _sessions_of(self, text: str) -> Iterator[tuple[str, str]]:
        for found in _SESSION.finditer(text):
            names, _, rest = f"{found[1].strip()} ".partition(" -- ")
            for name in names.split():
                if not re.fullmatch(r"[\w<>-]+", name):
                    break  # the end of what is written as a command
                if name not in self._sessions and not name.startswith(("<", "-")):
                    yield f"there is no session {name!r}", f"there are {', '.join(self._sessions)}"
            if rest:
                yield from self._arguments_of(names.split()[0], rest.split())

    def _arguments_of(self, session: str, words: list[str]) -> Iterator[tuple[str, str]]:
        if session in _HANDS_ON:
            words = words[:1] if words and not words[0].startswith("-") else []
        for word in words:
            option = word.split("=")[0]
            if option.startswith("--") and option not in (*self._options, *_FOREIGN):
                yield f"session {session} takes no {option}", "correct the option"
        plain = [word for word in words if re.fullmatch(r"[a-z_]+(/\w+)?", word)]
        if session == "tests":
            for word in plain:
                if word not in self._packages:
                    yield f"there is no package {word!r}", f"there are {', '.join(self._packages)}"
        elif session in ("quality_gates", "accept"):
            for word in plain:
                if word not in {*NAMES, *self._packages, *self._keys}:
                    yield f"there is no lane or shard {word!r}", f"lanes are {', '.join(NAMES)}"

    @cached_property
    def _options(self) -> frozenset[str]:
        """Every option that a session or a tool spells."""
        files = [self._root / "noxfile.py", *python_files(self._root / "tools/src")]
        found: set[str] = set()
        for path in files:
            found |= {*re.findall(r"[\"'`](--[a-z][\w-]*)[\"'`]", path.read_text(encoding="utf-8"))}
        return frozenset(found)

    def _commands_of(self, text: str) -> Iterator[tuple[str, str]]:
        words = text.removeprefix("$ ").split()
        if len(words) < 2 or words[0] != "emel" or not re.fullmatch(r"[a-z]+", words[1]):
            return
        command = self._commands.get(f"emel {words[1]}")
        if command is None:
            there = ", ".join(f"`{name}`" for name in self._commands)
            yield f"there is no command `emel {words[1]}`", f"there are {there}"
            return
        takes = {s for p in command.parameters for s in p.spelled.split(", ")} | {*_FOREIGN}
        for word in re.findall(r"(?<![\w-])--[a-z][\w-]*", text):
            if word not in takes:
                yield f"`{command.name}` takes no {word}", "correct the option"

    def _options_of(self, text: str) -> Iterator[tuple[str, str]]:
        """Look up options that stand alone, whoever takes them, and what `--only` is given."""
        words = text.removeprefix("-- ").split()
        if not (words and words[0].startswith("--")):
            return
        if words[0] == "--only":
            yield from self._arguments_of("quality_gates", words)
        spelled = (p.spelled for each in self._commands.values() for p in each.parameters)
        taken = {option for each in spelled for option in each.split(", ")}
        for option in (word.split("=")[0] for word in words if word.startswith("--")):
            if option.strip("-") and option not in {*taken, *self._options, *_FOREIGN}:
                yield f"nothing takes {option}", "correct the option"

    def _declared_of(self, text: str) -> Iterator[tuple[str, str]]:
        """Look up extras of packages and ids of promises."""
        chosen: list[tuple[str, str]] = _EXTRA.findall(text)
        for name, extra in chosen:
            module = name.replace("-", "_")
            owner = next((each for each in self._packages.values() if each.module == module), None)
            project = declaration(owner.folder).project if owner else Project()
            if extra not in project.optional_dependencies:
                yield f"{name} has no extra {extra}", "correct its name"
        marks: list[str] = _MARK.findall(text)
        promises: list[str] = _ID.findall(" ".join(marks))
        for promise in promises:
            if promise not in self._promises:
                yield f"no catalogue promises {promise}", "correct the id"

    @cached_property
    def _promises(self) -> frozenset[str]:
        return frozenset(promise.id for promise in read_catalogues(self._root)[0])

    def _names_of(self, text: str) -> Iterator[tuple[str, str]]:
        for name in _DOTTED.findall(text):
            top = name.partition(".")[0]
            modules = self._modules.get(top)
            is_file = name.endswith((".py", ".md", ".toml", ".txt"))
            if modules is not None and not is_file and not _exists(modules, name):
                yield f"there is no {name}", "correct the name, or leave it out"
        members: list[tuple[str, str]] = _MEMBER.findall(text)
        for owner, member in members:
            if owner in self._members and member not in self._members[owner]:
                yield f"{owner} has no {member}", "correct the name, or leave it out"
        for module in re.findall(r"python -m (emel\w*(?:\.\w+)*)", text):
            modules = self._modules.get(module.partition(".")[0])
            if modules is None or modules.module(module) is None:
                yield f"there is no module {module}", "correct the name"

    @cached_property
    def _members(self) -> dict[str, frozenset[str]]:
        """What exported classes have, if none of it can be inherited from elsewhere."""
        names = [name for package in packages(self._root) for name in public(package)]
        found: dict[str, set[str]] = {}
        for name in names:
            owner, _, member = name.key.removeprefix("testing.").rpartition(".")
            found.setdefault(owner, set()).add(member)
        classes = [name for name in names if name.kind == "class"]
        keys = {name.key.rpartition(".")[2] for name in classes}
        opened = {n.key.rpartition(".")[2] for n in classes if not _CLOSED.fullmatch(n.what)}
        return {key: frozenset(found.get(key, ())) for key in keys - opened}

    def _paths_of(self, text: str, page: Path) -> Iterator[tuple[str, str]]:
        words = [text] if _FILE.fullmatch(text) or _FOLDER.fullmatch(text) else text.split()
        for word in words:
            bare = re.sub(r":\d+.*$", "", word.strip("(),;"))
            if bare.startswith("."):  # the end of a name, or what is hidden
                continue
            is_path = "/" in bare and (_FILE.fullmatch(bare) or _FOLDER.fullmatch(bare))
            is_name = word == text and _FILE.fullmatch(bare)
            if not (is_path or is_name) or bare in self._keys:
                continue
            if not self._lies(bare.rstrip("/"), page):
                yield f"there is no {bare}", "correct the path"

    def _lies(self, path: str, page: Path) -> bool:
        """Whether a path is there: from the root, from the page, or as the end of a path."""
        folder, _, last = path.rpartition("/")
        if last in _LATER or (folder and "<" in last):
            return last in _LATER or self._lies(folder, page)
        glob = re.sub(r"<[\w -]+>", "*", path)
        if any((base / glob).exists() for base in (self._root, page.parent)):
            return True
        return any(fnmatch(there, glob) or fnmatch(there, f"*/{glob}") for there in self._paths)

    @cached_property
    def _paths(self) -> frozenset[str]:
        """Every file and folder, but for those below hidden folders."""
        found: set[str] = set()
        for top in self._root.iterdir():
            hidden = top.name.startswith(".")
            found.add(top.name)
            if top.is_dir() and not hidden:
                found |= {p.relative_to(self._root).as_posix() for p in top.rglob("*")}
        return frozenset(path for path in found if "__pycache__" not in path)


def _exists(modules: Modules, name: str) -> bool:
    """Whether a dotted name leads to a module, or to what a module defines or imports."""
    parts = name.split(".")
    for stop in range(len(parts), 0, -1):
        module = modules.module(".".join(parts[:stop]))
        if module is None:
            continue
        rest = parts[stop:]
        if not rest:
            return True
        found = modules.find(".".join(parts[:stop]), rest[0])
        if not isinstance(found, Found) or len(rest) == 1:
            return found is not None
        return _has(found, rest[1])
    return False


def _has(found: Found, member: str) -> bool:
    """Whether a class has a member of its own; what it may inherit is believed."""
    node = found.nodes[0]
    if not isinstance(node, ast.ClassDef) or node.bases:
        return True
    words = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    names = {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef)}
    plain = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return member in words | names | plain
