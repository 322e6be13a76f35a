"""Rules over the table itself: import-linter is told everything, and only what is true."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any, Final

from importlinter.domain.contract import InvalidContractOptions

from emel_tools.boundaries import table
from emel_tools.boundaries.dependencies import (
    extras_are_imported_late,
    imports_are_declared,
    read_toml,
    requirements_are_pinned,
    siblings_are_pinned,
    siblings_come_from_here,
)
from emel_tools.boundaries.owners import TESTS, owns
from emel_tools.boundaries.powers import NAMES
from emel_tools.boundaries.tree import Tree
from emel_tools.boundaries.vocabulary import Vocabulary
from emel_tools.findings import Finding
from emel_tools.scope.ours import not_ours

TABLE: Final = "table"
_NEEDED: Final = {"layers": 1, "interface": 1, "vocabulary": 1, "capability": len(NAMES)}


def packages_have_a_layer(tree: Tree) -> Iterator[Finding]:
    """Every folder in packages/, and tools, is written into one layer: that is all it needs."""
    read = table.read(tree.root)
    placed = [package for packages in read.layers.values() for package in packages]
    for package in tree.packages:
        where = package.folder.relative_to(tree.root).as_posix()
        if package.module not in placed:
            yield Finding(
                where, 0, 0, "new-package",
                f"{package.module} stands in no layer, so nothing holds for it",
                f"write {package.module} into its layer in {table.FILE}: that one line is all",
            )  # fmt: skip
        if not (package.source / "__init__.py").is_file():
            yield Finding(
                where, 0, 0, TABLE, f"it has no src/{package.module}/__init__.py",
                f"name its module {package.module}, or remove the folder",
            )  # fmt: skip
    for name in sorted({*placed, *read.roots}):
        if name not in tree.roots:
            what = f"{name} has no folder in packages/"
            yield _at(tree, name, what, "correct the name, or remove it")
    for name in sorted(set(placed) ^ set(read.roots)):
        what = f"{name} is in root_packages and in no layer, or the other way round"
        fix = "put root_packages together from all layers, and list all layers in [layers]"
        yield _at(tree, name, what, fix)


def folders_are_packages(tree: Tree) -> Iterator[Finding]:
    """No module lies where nothing looks: in a folder without `__init__.py`, or beside src."""
    for package in tree.packages:
        for folder in sorted({path.parent for path in package.folder.glob("src/**/*.py")}):
            for owner in (folder, *folder.parents):
                if owner == package.folder / "src":
                    break
                if not (owner / "__init__.py").exists():
                    where = owner.relative_to(tree.root).as_posix()
                    what = "it holds modules and has no __init__.py, so import-linter skips them"
                    yield Finding(where, 0, 0, TABLE, what, f"touch {where}/__init__.py")
    for subject in tree.subjects:
        parts = subject.path.split("/")
        depth = 2 if parts[0] == "packages" else 1
        if parts[depth] == "src" and len(parts) == depth + 2:
            what = "a module beside the package is installed and no part of it"
            yield Finding(subject.path, 0, 0, TABLE, what, f"move it into src/{subject.package}")
        elif parts[depth] != "src" and "tests" not in parts:
            what = "a module outside src and tests belongs to nobody"
            yield Finding(subject.path, 0, 0, TABLE, what, "move it into src or tests")


def files_are_python(tree: Tree) -> Iterator[Finding]:
    """Every file can be read: what can't be parsed can't be judged."""
    for subject in tree.subjects:
        if (broken := tree.broken(subject)) is not None:
            what = f"it is no Python: {broken.what}"
            yield Finding(subject.path, broken.line, broken.column, "syntax", what, "correct it")


def names_exist(tree: Tree) -> Iterator[Finding]:
    """Every module, test and layer that a contract names exists: a misspelt one binds nobody."""
    read = table.read(tree.root)
    layers = set(read.layers)
    for entry in read.names():
        if not _exists(tree, entry.text, layers):
            whose = f"{entry.option} of {entry.contract}"
            what = f"{whose} names {entry.text}, and there is no such module"
            fix = "correct the name, or remove the entry if the module is gone"
            yield Finding(table.FILE, entry.line, 0, TABLE, what, fix)


def _exists(tree: Tree, name: str, layers: set[str]) -> bool:
    top = name.removeprefix(TESTS).partition(".")[0]
    if name in layers or name == f"{TESTS}*":
        return True
    if name.startswith(TESTS) or top in tree.roots:
        return any(owns(name, subject.name) for subject in tree.subjects)
    return top in sys.stdlib_module_names or importlib.util.find_spec(top) is not None


def words_exist(tree: Tree) -> Iterator[Finding]:
    """Every word of a vocabulary is coined by its owner."""
    read = table.read(tree.root)
    for contract in read.contracts:
        if contract.type == "vocabulary":
            options: dict[str, Any] = {
                k: list(v) for k, v in contract.options.items() if k in _WORDS
            }
            try:
                made = Vocabulary(contract.id, {}, options)
            except InvalidContractOptions:
                continue  # which is found when the contract is checked
            for word in made.unknown_words(tree):
                what = f"{contract.id} lists {word}, and no owner defines it"
                yield _at(tree, word, what, "correct the word, or remove it")


_WORDS: Final = ("words", "everyday", "owners", "speakers")


def grants_have_reasons(tree: Tree) -> Iterator[Finding]:
    """Every owner, speaker and ignored import says why, in a comment right above it."""
    seen: set[tuple[str, str, str]] = set()
    for entry in table.read(tree.root).entries:
        if entry.option in table.GRANTS:
            key = (entry.contract, entry.option, entry.text)
            if not entry.has_reason:
                what = f"{entry.option} of {entry.contract} lists {entry.text} without a reason"
                fix = "write the reason as a comment on the line above it"
                yield Finding(table.FILE, entry.line, 0, TABLE, what, fix)
            if key in seen:
                what = f"{entry.option} of {entry.contract} lists {entry.text} twice"
                yield Finding(table.FILE, entry.line, 0, TABLE, what, "remove one")
            seen.add(key)


def contracts_are_complete(tree: Tree) -> Iterator[Finding]:
    """No kind of contract has gone missing, no capability, and nothing softens one."""
    read = table.read(tree.root)
    for kind, least in _NEEDED.items():
        if sum(contract.type == kind for contract in read.contracts) < least:
            what = f"there are fewer than {least} contracts of type {kind}"
            yield Finding(table.FILE, 0, 0, TABLE, what, "restore the contract that is missing")
    owned = [n for contract in read.contracts for n in contract.entries("capability")]
    for name in NAMES:
        if owned.count(name) != 1:
            what = f"{owned.count(name)} contracts say who has the capability {name}"
            yield Finding(table.FILE, 0, 0, TABLE, what, f"write one capability-{name}")
    for contract in read.contracts:
        if not contract.entries("broken_contract_guidance"):
            what = f"{contract.id} doesn't say what to do instead"
            fix = "write its broken_contract_guidance"
            yield Finding(table.FILE, contract.line, 0, TABLE, what, fix)
        if contract.options.get("unmatched_ignore_imports_alerting", ("error",)) != ("error",):
            what = f"{contract.id} doesn't mind ignored imports that are gone"
            fix = "remove unmatched_ignore_imports_alerting"
            yield Finding(table.FILE, contract.line, 0, TABLE, what, fix)


def configuration_is_single(tree: Tree) -> Iterator[Finding]:
    """There is one table: of two configurations, import-linter silently reads one."""
    for path in _shown(tree.root):
        where = path.relative_to(tree.root).as_posix()
        if path.name == "setup.cfg":
            parser = ConfigParser(interpolation=None)
            parser.read(path, encoding="utf-8")
            second = any(section.startswith(table.SECTION) for section in parser.sections())
        elif path.name == "pyproject.toml":
            second = table.SECTION in read_toml(path).get("tool", {})
        else:
            second = path.name == table.FILE != where
        if second:
            yield _second(where)


def _shown(root: Path) -> Iterator[Path]:
    """List all files, but for those in hidden folders and what isn't ours."""
    apart = not_ours(root)
    for folder, folders, files in os.walk(root):
        seen = (name for name in folders if Path(folder, name) not in apart)
        folders[:] = sorted(name for name in seen if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files))


def _second(where: str) -> Finding:
    what = "it holds a second configuration of import-linter"
    return Finding(where, 0, 0, TABLE, what, f"move its contracts into {table.FILE}")


def members_are_packages(tree: Tree) -> Iterator[Finding]:
    """The members of the uv workspace are packages/* and tools, each listed by its path."""
    path = tree.root / "pyproject.toml"
    workspace = read_toml(path).get("tool", {}).get("uv", {}).get("workspace", {})
    members: list[str] = workspace.get("members", [])
    expected = [package.folder.relative_to(tree.root).as_posix() for package in tree.packages]
    for member in sorted(set(members) - set(expected)):
        what = f"workspace member {member!r} is no folder in packages/"
        fix = "list each member by its path, without wildcards"
        yield Finding("pyproject.toml", 0, 0, TABLE, what, fix)
    for member in sorted(set(expected) - set(members)):
        what = f"{member} is no member of the workspace"
        fix = f'add "{member}" to [tool.uv.workspace] members'
        yield Finding("pyproject.toml", 0, 0, TABLE, what, fix)


def _at(tree: Tree, word: str, what: str, fix: str) -> Finding:
    """Make a finding at the line of the table that holds a word."""
    lines = (tree.root / table.FILE).read_text("utf-8").splitlines()
    line = next((i for i, text in enumerate(lines, 1) if text.strip() == word), 0)
    return Finding(table.FILE, line, 0, TABLE, what, fix)


RULES: Final[tuple[Callable[[Tree], Iterator[Finding]], ...]] = (
    packages_have_a_layer,
    folders_are_packages,
    files_are_python,
    names_exist,
    words_exist,
    grants_have_reasons,
    contracts_are_complete,
    configuration_is_single,
    members_are_packages,
    imports_are_declared,
    extras_are_imported_late,
    siblings_are_pinned,
    siblings_come_from_here,
    requirements_are_pinned,
)
