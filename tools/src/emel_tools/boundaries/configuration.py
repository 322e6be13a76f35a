"""Rules over the configuration: import-linter is told everything, and only what is true."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from configparser import ConfigParser

from emel_tools.boundaries import contracts
from emel_tools.boundaries.facts import Facts, modules_of, read_toml
from emel_tools.findings import Finding


def roots_are_packages(facts: Facts) -> Iterator[Finding]:
    """The roots named in .importlinter are the folders in packages/."""
    here = {package.module: package for package in facts.packages}
    for package in facts.packages:
        if package.module not in facts.configuration.roots:
            yield Finding(
                f"packages/{package.name}",
                f"{package.module} is no root package, so nothing in it is linted",
                f"add {package.module} to root_packages in {contracts.FILE}",
            )
        if not package.source.is_dir():
            yield Finding(
                f"packages/{package.name}",
                f"it has no src/{package.module}",
                f"name its module {package.module}, or remove the folder",
            )
    for name in facts.configuration.roots:
        if name not in here:
            yield Finding(
                contracts.FILE,
                f"root package {name} has no folder in packages/",
                "correct the name, or remove it from root_packages",
            )


def folders_are_packages(facts: Facts) -> Iterator[Finding]:
    """No folder of modules lacks an `__init__.py`: import-linter looks into none that does."""
    for package in facts.packages:
        for folder in sorted({path.parent for path in package.folder.glob("src/**/*.py")}):
            for owner in (folder, *folder.parents):
                if owner == package.folder / "src":
                    break
                if not (owner / "__init__.py").exists():
                    where = owner.relative_to(facts.root).as_posix()
                    yield Finding(
                        where,
                        "it holds modules and has no __init__.py, so they aren't linted",
                        f"touch {where}/__init__.py",
                    )
        for stray in sorted(package.folder.glob("src/*.py")):
            yield Finding(
                stray.relative_to(facts.root).as_posix(),
                "a module beside the package is installed and not linted",
                f"move it into src/{package.module}",
            )


def names_exist(facts: Facts) -> Iterator[Finding]:
    """Every module that a contract names exists: a misspelt one forbids nothing."""
    modules = frozenset(modules_of(*facts.packages))
    roots = {package.module for package in facts.packages}
    for contract in facts.configuration.contracts:
        for name in contracts.names(contract):
            top = name.expression.partition(".")[0]
            if top in roots or "*" in top:
                known = _matches(name.expression, modules)
            else:
                known = name.optional or _is_importable(top)
            if not known:
                yield Finding(
                    f"{contracts.FILE} [{name.contract}]",
                    f"{name.option} names {name.expression}, and there is no such module",
                    "correct the name, or remove it if the module is gone",
                )


def configuration_is_single(facts: Facts) -> Iterator[Finding]:
    """There is one configuration: of two, import-linter silently reads one."""
    setup = facts.root / "setup.cfg"
    if setup.exists():
        parser = ConfigParser(interpolation=None)
        parser.read(setup, encoding="utf-8")
        if any(section.startswith("importlinter") for section in parser.sections()):
            yield _second_configuration("setup.cfg")
    for path in (facts.root / "pyproject.toml", *facts.root.glob("*/*/pyproject.toml")):
        if path.exists() and "importlinter" in read_toml(path).get("tool", {}):
            yield _second_configuration(path.relative_to(facts.root).as_posix())


def _second_configuration(where: str) -> Finding:
    return Finding(
        where,
        "it holds a second configuration of import-linter",
        f"move its contracts into {contracts.FILE}",
    )


def members_are_packages(facts: Facts) -> Iterator[Finding]:
    """The members of the uv workspace are packages/* and tools, each listed by its path."""
    path = facts.root / "pyproject.toml"
    workspace = read_toml(path).get("tool", {}).get("uv", {}).get("workspace", {})
    members: list[str] = workspace.get("members", [])
    expected = [*(f"packages/{package.name}" for package in facts.packages), "tools"]
    for member in members:
        if member not in expected:
            yield Finding(
                "pyproject.toml",
                f"workspace member {member!r} is no folder in packages/",
                "list each member by its path, without wildcards",
            )
    for member in expected:
        if member not in members:
            yield Finding(
                "pyproject.toml",
                f"{member} is no member of the workspace",
                f'add "{member}" to [tool.uv.workspace] members',
            )


def roots_are_layered(facts: Facts) -> Iterator[Finding]:
    """Every package has its place in the layers, and none that exists is optional there."""
    placed = {
        name.expression: name.optional
        for contract in facts.configuration.contracts
        if contract.type == "layers"
        for name in contracts.names(contract)
    }
    for package in facts.packages:
        if placed.get(package.module, True):
            seen = "optional" if package.module in placed else "absent"
            yield Finding(
                f"{contracts.FILE} [layers]",
                f"{package.module} is {seen} in the layers",
                f"write {package.module}, without parentheses, into its layer",
            )


def doors_are_closed(facts: Facts) -> Iterator[Finding]:
    """Every package is imported by its front door: a contract protects all its modules."""
    closed = {
        (name, contract.entries("allowed_importers"))
        for contract in facts.configuration.contracts
        if contract.type == "protected"
        for name in contract.entries("protected_modules")
    }
    for package in facts.packages:
        if (f"{package.module}.*", (package.module,)) not in closed:
            yield Finding(
                f"packages/{package.name}",
                f"others may import its private modules: nothing protects {package.module}.*",
                f"add a contract door-{package.name} to {contracts.FILE}, like the others there",
            )


def _matches(expression: str, modules: frozenset[str]) -> bool:
    """Whether `expression` names a module; `*` stands for one part and `**` for any number."""
    return any(_matches_parts(expression.split("."), module.split(".")) for module in modules)


def _matches_parts(pattern: list[str], parts: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches_parts(pattern[1:], parts[i:]) for i in range(1, len(parts) + 1))
    return bool(parts) and pattern[0] in ("*", parts[0]) and _matches_parts(pattern[1:], parts[1:])


def _is_importable(name: str) -> bool:
    return name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None
