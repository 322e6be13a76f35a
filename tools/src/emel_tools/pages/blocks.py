"""Parts of hand-written Markdown files that are generated: between two comments.

<!-- generated: house -->
<!-- end -->
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from emel_tools.boundaries import table as boundaries_table
from emel_tools.pages import commands as command_page
from emel_tools.pages import console
from emel_tools.pages.markdown import read
from emel_tools.pages.sessions import sessions
from emel_tools.running.registry import lanes
from emel_tools.surface import public
from emel_tools.surface.commands import commands
from emel_tools.workspace import Package, packages, shards

MARK: Final = re.compile(r"(<!-- generated: ([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def filled(root: Path, path: Path, folder: Path) -> str | None:
    """Write a Markdown file anew, its generated parts and its console blocks brought up to date.

    Returns
    -------
    str or None
        The whole text; None if nothing of it is generated.
    """
    text = before = path.read_text(encoding="utf-8")
    found = MARK.search(text) is not None
    text = MARK.sub(lambda m: f"{m[1]}{_block(root, path, m[2])}\n{m[4]}", text)
    for fence in read(path).fences:
        if console.can_run(fence) and not fence.comment.startswith("not run:"):
            found = True
            fresh = console.printed(fence, folder)
            if not console.same(fence.text, fresh):
                text = text.replace(fence.text, fresh)
    return text if found or text != before else None


def unknown(path: Path) -> Iterator[tuple[int, str]]:
    """Name the generated parts of a file that nobody generates, or that have no end."""
    text = path.read_text(encoding="utf-8")
    closed = {m.start(): m[2] for m in MARK.finditer(text)}
    for m in re.finditer(r"^<!-- generated: (.*?) -->$", text, re.MULTILINE):
        line = text[: m.start()].count("\n") + 1
        if m.start() not in closed:
            yield line, f"<!-- generated: {m[1]} --> has no <!-- end --> below it"
        elif m[1] not in BLOCKS:
            yield line, f"nothing generates {m[1]!r}; there are {', '.join(sorted(BLOCKS))}"


def missing(root: Path) -> Iterator[tuple[str, str]]:
    """Name the files that have lost a generated part, or hold it twice, and what there is of it."""
    for name, home in HOMES.items():
        path = root / home
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        times = [m[2] for m in MARK.finditer(text)].count(name)
        if times != 1:
            yield home, f"<!-- generated: {name} --> to <!-- end --> stands there {times} times"


def _block(root: Path, path: Path, name: str) -> str:
    make = BLOCKS.get(name)
    return "" if make is None else make(root, path)


def _house(root: Path, path: Path) -> str:
    """One row a package, from the top of the house down."""
    rows = ["| package | its one job |", "|---|---|"]
    layers = [module for layer in boundaries_table.read(root).layers.values() for module in layer]
    order = [*layers[1:], layers[0]]  # the tools stand above the house, and are told of last
    by_module = {package.module: package for package in shards(root)}
    for package in filter(None, map(by_module.get, order)):  # boundaries tells of the others
        target = package.folder.relative_to(root).as_posix()
        up = "../" * (len(path.relative_to(root).parts) - 1)
        rows.append(f"| [`{package.name}`]({up}{target}) | {_project(package)['description']} |")
    return "\n".join(rows)


def _project(package: Package) -> Mapping[str, Any]:
    return tomllib.loads((package.folder / "pyproject.toml").read_text("utf-8"))["project"]


def _commands(_root: Path, _path: Path) -> str:
    return command_page.table(commands())


def _errors(root: Path, _path: Path) -> str:
    """One row an exception of the face: what else it is, and when it is raised."""
    face = next(package for package in packages(root) if package.module == "emel")
    rows = ["| raised | also | when |", "|---|---|---|"]
    for name in sorted(public(face), key=lambda each: (each.file, each.line)):
        bases = re.fullmatch(r"class\(EmelError, (\w+)\)", name.what)
        if bases and name.doc:
            when = " ".join(name.doc.split("\n\n")[0].split()).rstrip(".")
            rows.append(f"| `{name.key}` | `{bases[1]}` | {when} |")
    return "\n".join(rows)


def _sessions(root: Path, _path: Path) -> str:
    rows = ["| session | what it does |", "|---|---|"]
    return "\n".join((*rows, *(f"| `{name}` | {doc} |" for name, doc in sessions(root).items())))


def _lanes(root: Path, _path: Path) -> str:
    rows = ["| lane | what it demands |", "|---|---|"]
    return "\n".join((*rows, *(f"| `{lane.name}` | {lane.demands} |" for lane in lanes(root))))


BLOCKS: Final[Mapping[str, Callable[[Path, Path], str]]] = {
    "commands": _commands,
    "errors": _errors,
    "house": _house,
    "lanes": _lanes,
    "sessions": _sessions,
}
HOMES: Final[Mapping[str, str]] = {
    "commands": "README.md",
    "errors": "README.md",
    "house": "README.md",
    "lanes": "tools/README.md",
    "sessions": "tools/README.md",
}
"""Where each has to stand, once: without its marks a table would never be brought up to date."""
