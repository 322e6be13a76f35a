"""Every rule has been seen to break, by every way around it that we know, and by nothing else.

`planted/violations` holds one evasion a file, and `planted/innocent` what only looks like one. Each
says where it is put: into a file of its own (`new:`) or, where it matters what else is said there,
at the end of one of the repository (`append:`); so it goes on fitting while the repository changes.
A violation also says which contracts it breaks, and marks the lines with `# <<`. They are laid over
the tree in memory; a few go through the real commands, over a copy.
"""

import gc
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import grimp
import pytest

from emel_tools.boundaries import table
from emel_tools.boundaries.check import contracts, tree_at
from emel_tools.boundaries.graph import graph_of
from emel_tools.boundaries.tree import Tree
from emel_tools.scope.observed import unnoted

ROOT = Path(__file__).resolve().parents[2]
PLANTED = Path(__file__).with_name("planted")


class Plant(NamedTuple):
    name: str
    breaks: frozenset[str]
    path: str
    text: str
    lines: frozenset[int]


def plant(path):
    head, _, code = path.read_text("utf-8").partition("\n---\n")
    options = dict(line.split(": ", 1) for line in head.splitlines())
    where = options.get("append") or options["new"]
    before = ""
    if "append" in options:
        before = (ROOT / where).read_text("utf-8").rstrip("\n") + "\n\n\n"
    assert ("new" in options) != (ROOT / where).exists(), where
    marked = [line for line, text in enumerate((before + code).splitlines(), 1) if "# <<" in text]
    breaks = frozenset(options.get("breaks", "").split(", ")) - {""}
    return Plant(path.stem, breaks, where, before + code, frozenset(marked))


VIOLATIONS = [plant(path) for path in sorted((PLANTED / "violations").glob("*.txt"))]
INNOCENT = [plant(path) for path in sorted((PLANTED / "innocent").glob("*.txt"))]


# What the plants speak of, and what a copy needs beside it to be checked by itself.
STAGED = re.compile(
    r"packages/\w+/src/|tools/src/emel_tools/(?:(?:__init__|demo|findings)\.py|bench/)"
)
CHECKER = re.compile(r"tools/src/emel_tools/(?:workspace\.py|boundaries/(?!isolation|witness))")
CHOSEN = (
    "files-through-another-module",
    "interface-getattr",
    "layers-sideways",
    "residency-f-string",
)


@pytest.fixture(scope="module", autouse=True)
def dependences():
    """Say what of the packages the plants depend on, which is little of what is read here.

    It is the checker that is tried, on a stage; what stands there is judged by boundaries/table.
    A plant depends on the file that it is appended to, and on what its packages hand out.
    """
    for package in tree_at(ROOT).packages:
        (package.source / "__init__.py").read_bytes()
    with unnoted():
        yield


class Stage(Tree):
    """The repository without what no plant speaks of: tests, and most of the tools."""

    @cached_property
    def subjects(self):
        return tuple(each for each in super().subjects if STAGED.match(each.path))


@pytest.fixture(scope="module")
def tree():
    tree = Stage(ROOT)
    gc.disable()  # it stays until the end: looking it over for garbage is a quarter of the time
    list(contracts(tree))
    gc.enable()
    gc.collect()
    gc.freeze()
    yield tree
    gc.unfreeze()


def named(plants):
    return pytest.mark.parametrize("planted", plants, ids=lambda planted: planted.name)


@pytest.mark.behaviour("BND-09")
def test_the_tree_keeps_every_contract(tree):
    assert [str(finding) for finding in contracts(tree)] == []


@pytest.mark.behaviour("BND-09", "GATE-135", "GATE-138", "RES-12")
@named(VIOLATIONS)
def test_a_violation_breaks_its_contracts_and_no_other(tree, planted):
    found = list(contracts(tree.over({planted.path: planted.text})))
    assert {finding.rule for finding in found} == planted.breaks, "\n".join(map(str, found))
    assert {finding.file for finding in found} == {planted.path}
    assert {finding.line for finding in found} == planted.lines, "\n".join(map(str, found))
    for finding in found:
        assert finding.what
        assert finding.owner
        assert finding.fix


@pytest.mark.behaviour("BND-10", "GATE-135", "GATE-138")
@named(INNOCENT)
def test_what_only_looks_like_a_violation_stays_green(tree, planted):
    found = contracts(tree.over({planted.path: planted.text}))
    assert [str(finding) for finding in found] == []


@pytest.mark.behaviour("BND-10")
@named([planted for planted in VIOLATIONS if planted.name in CHOSEN])
def test_what_is_taken_back_is_no_violation_any_more(tree, planted):
    broken = tree.over({planted.path: planted.text})
    assert list(contracts(broken)) != []
    assert list(contracts(broken.over({planted.path: ""}))) == []


@pytest.mark.behaviour("BND-09")
def test_every_contract_has_three_ways_to_break_and_there_is_enough_of_each():
    ways = Counter(rule for planted in VIOLATIONS for rule in planted.breaks)
    assert {contract.id for contract in table.read(ROOT).contracts} == ways.keys()
    assert min(ways.values()) >= 3
    assert min(len(VIOLATIONS), len(INNOCENT)) >= 60


@pytest.mark.behaviour("BND-09")
def test_violations_are_planted_in_every_package_in_the_tools_and_in_tests():
    source = {planted.path.rpartition("/src/")[0] for planted in VIOLATIONS}
    tests = {planted.path.rpartition("/tests/")[0] for planted in VIOLATIONS}
    shards = {package.folder.relative_to(ROOT).as_posix() for package in tree_at(ROOT).packages}
    assert shards <= source
    assert len(shards & tests) >= 6


@pytest.mark.behaviour("BND-11")
def test_the_graph_is_the_one_that_grimp_builds():
    tree = tree_at(ROOT)
    built = grimp.build_graph(*tree.roots, include_external_packages=True, cache_dir=None)
    ours = graph_of(tree)
    assert ours.modules == built.modules
    for module in sorted(built.modules):
        assert ours.find_modules_directly_imported_by(
            module
        ) == built.find_modules_directly_imported_by(module), module


@pytest.fixture
def copy(tmp_path):
    """Copy what the gate looks at, without environments and caches: the stage and the checker.

    The other files are there by their names, as the table speaks of them, with nothing in them:
    each process would read them again.
    """
    skip = shutil.ignore_patterns(".*cache*", "__pycache__", ".nox", ".git", "planted")

    def copy(source, target):
        path = Path(source).relative_to(ROOT).as_posix()
        if path.endswith(".py") and not STAGED.match(path) and not CHECKER.match(path):
            Path(target).touch()
        else:
            shutil.copyfile(source, target)

    for name in ("packages", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=skip, copy_function=copy)
    for name in (".importlinter", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def run(copy, *words):
    """Run a command in the copy, with the packages of the copy."""
    sources = [str(package.source.parent) for package in tree_at(copy).packages]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sources), "COLUMNS": "200"}
    command = (sys.executable, *words)
    return subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.behaviour("BND-11")
def test_the_command_and_lint_imports_find_what_is_planted_in_a_copy(copy):
    chosen = [planted for planted in VIOLATIONS if planted.name in CHOSEN]
    assert len(chosen) == len(CHOSEN)
    for planted in chosen:
        (copy / planted.path).write_text(planted.text, "utf-8")
    found = run(ROOT, "-m", "emel_tools.boundaries", "--json", str(copy))
    assert found.returncode == 1
    heard = json.loads(found.stdout)["findings"]
    assert {(f["rule"], f["file"], f["line"]) for f in heard} == {
        (rule, planted.path, line)
        for planted in chosen
        for rule in (*planted.breaks, *(["dependencies"] if "layers" in planted.breaks else []))
        for line in planted.lines
    }
    lint = "import gc; gc.disable()\nfrom importlinter.cli import lint_imports_command as c; c()"
    answer = run(copy, "-c", lint, "--no-logo", "--no-cache")
    assert answer.returncode == 1
    kept = len(table.read(ROOT).contracts) - len(chosen)
    assert f"{kept} kept, {len(chosen)} broken" in answer.stdout
    for planted in chosen:
        if "layers" not in planted.breaks:
            assert all(f"{planted.path}:{line}" in answer.stdout for line in planted.lines)
