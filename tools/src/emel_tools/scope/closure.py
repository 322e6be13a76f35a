"""Which packages a package runs: what it declares, and what its files import."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from emel_tools.scope.observed import unnoted
from emel_tools.workspace import Package, python_files, shards

# Each begins with a word that is searched for as such: a line's beginning would be tried at each.
_IMPORTS = (re.compile(rb"from[ \t]+(emel\w*)"), re.compile(rb"import[ \t]+(emel\w*)"))
_NAME = re.compile(r"[\w.-]+")


def closures(root: Path) -> dict[str, frozenset[str]]:
    """For each package (and `tools`), name all that its code and its tests may run, itself too.

    Dependencies, extras and dependency groups count, and so does every import in its files, at
    whatever depth: an import that isn't declared is a finding of `boundaries`, and no reason to
    leave out a test.
    """
    with unnoted():
        here = shards(root)
        direct = {package.name: _direct(package, here) for package in here}
    return {name: _reached(name, direct) for name in direct}


def _reached(name: str, direct: Mapping[str, frozenset[str]]) -> frozenset[str]:
    found = [name]
    for each in found:  # grows while it is read
        found += sorted(direct[each] - {*found})
    return frozenset(found)


def _direct(package: Package, here: Iterable[Package]) -> frozenset[str]:
    modules = {each.module: each.name for each in here}
    distributions = {each.module.replace("_", "-"): each.name for each in here}
    found = {distributions.get(name) for name in _declared(package.folder / "pyproject.toml")}
    for path in python_files(package.folder):
        found |= {modules.get(name) for name in _imported(path.read_bytes())}
    return frozenset(name for name in found if name)


def _imported(text: bytes) -> Iterator[str]:
    for match in (match for words in _IMPORTS for match in words.finditer(text)):
        begins = text.rfind(b"\n", 0, match.start()) + 1
        if not text[begins : match.start()].strip(b" \t"):
            yield match[1].decode()


def _declared(path: Path) -> set[str]:
    if not path.exists():
        return set()
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    project = cast("dict[str, Any]", document.get("project", {}))
    groups: list[Any] = [
        project.get("dependencies", []),
        *project.get("optional-dependencies", {}).values(),
        *document.get("dependency-groups", {}).values(),
    ]
    texts = (text for group in groups for text in group if isinstance(text, str))
    names = (match.group() for text in texts if (match := _NAME.match(text)))
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}
