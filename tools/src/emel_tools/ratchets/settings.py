"""The configuration of a tool as facts, so that softening it is news like anything else."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from emel_tools.findings import Finding
from emel_tools.ratchets import sources
from emel_tools.snapshots.lines import plain

PROJECT: Final = "pyproject.toml"
_LOOSENS: Final = ("ignore", "exclude", "omit")
"""Settings with such a word in their names are lists of what isn't looked at: each entry counts."""


class Configured(NamedTuple):
    """Tools whose settings stand in the pyproject.toml at the root, and nowhere else."""

    tables: tuple[str, ...]
    """Theirs in a pyproject.toml."""
    files: tuple[str, ...]
    """Names of files that they would read instead."""


LINT: Final = Configured(
    ("ruff", "pytest", "coverage"),
    (
        *("ruff.toml", ".ruff.toml"),
        *("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"),
        *(".coveragerc", ".coveragerc.toml", "tox.ini", "setup.cfg"),
    ),
)
"""Those of the tests stand here as well: a suite doesn't say what it was told to pass over."""
TYPES: Final = Configured(("basedpyright", "pyright"), ("pyrightconfig.json", "baseline.json"))


def settings(root: Path, tools: Collection[str]) -> dict[str, str]:
    """List the settings of tools in the pyproject.toml at the root, one fact an entry."""
    tables = _tables(root / PROJECT)
    facts = (fact for tool in tools for fact in _facts(f"tool.{tool}", tables.get(tool, {})))
    return {plain(f"{PROJECT} {key}"): value for key, value in facts}


def where(keys: Collection[str]) -> dict[str, list[Finding]]:
    """Say where settings stand, for those that are new or changed."""
    what = "the configuration is another one"
    return {key: [Finding(PROJECT, 0, 0, "setting", what, "")] for key in keys}


def scattered(root: Path, shard: str, tools: Configured) -> Iterator[Finding]:
    """Find configurations of tools outside of the pyproject.toml at the root, in a shard."""
    for path in sources.configurations(root, shard, {PROJECT, *tools.files}):
        if path.name == PROJECT:
            there = [tool for tool in tools.tables if tool in _tables(path)]
            allowed = tools.tables if path.parent == root else ()
            wrong = [f"[tool.{tool}]" for tool in there if tool not in allowed]
        else:
            wrong = [path.name]
        where = path.relative_to(root).as_posix()
        for each in wrong:
            what = f"{each} takes the place of what {PROJECT} at the root says"
            yield Finding(where, 0, 0, "second-configuration", what, f"write it into {PROJECT}")


def _tables(path: Path) -> Mapping[str, Any]:
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return cast("Mapping[str, Any]", document.get("tool", {}))


def _facts(key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in cast("dict[str, object]", value).items():
            spelled = name if name.replace("-", "").replace("_", "").isalnum() else f'"{name}"'
            yield from _facts(f"{key}.{spelled}", each)
    elif isinstance(value, list):
        loosens = any(word in key.lower() for word in _LOOSENS)
        for each in cast("list[object]", value):
            yield f"{key} {_spelled(each)}", "1" if loosens else "listed"
    else:
        yield key, _spelled(value)


def _spelled(value: object) -> str:
    return (
        plain(value) if isinstance(value, str) and value.strip() else json.dumps(value, default=str)
    )
