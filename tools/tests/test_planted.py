"""Every rule has been seen to break, by every way around it that we know, and by nothing else.

`planted/violations` holds one evasion a file, and `planted/innocent` what only looks like one. Each
says where it is put: at the end of a file of the repository (`append:`) or into one of its own
(`new:`), so that it goes on fitting while the repository changes. A violation also says which
contracts it breaks, and marks the lines with `# <<`. They are laid over the tree in memory; a few
go through the real commands, over a copy.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import grimp
import pytest

from emel_tools.boundaries import table
from emel_tools.boundaries.check import contracts, tree_at
from emel_tools.boundaries.graph import graph_of

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
    before = (ROOT / where).read_text("utf-8").rstrip("\n") + "\n\n\n" if "append" in options else ""
    assert ("new" in options) != (ROOT / where).exists(), where
    marked = [line for line, text in enumerate((before + code).splitlines(), 1) if "# <<" in text]
    breaks = frozenset(options.get("breaks", "").split(", ")) - {""}
    return Plant(path.stem, breaks, where, before + code, frozenset(marked))


VIOLATIONS = [plant(path) for path in sorted((PLANTED / "violations").glob("*.txt"))]
INNOCENT = [plant(path) for path in sorted((PLANTED / "innocent").glob("*.txt"))]


@pytest.fixture(scope="module")
def tree():
    return tree_at(ROOT)


def named(plants):
    return pytest.mark.parametrize("planted", plants, ids=lambda planted: planted.name)


@pytest.mark.behaviour("BND-09")
def test_the_tree_keeps_every_contract(tree):
    assert [str(finding) for finding in contracts(tree)] == []


@pytest.mark.behaviour("BND-09", "RES-12")
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


@pytest.mark.behaviour("BND-10")
@named(INNOCENT)
def test_what_only_looks_like_a_violation_stays_green(tree, planted):
    found = contracts(tree.over({planted.path: planted.text}))
    assert [str(finding) for finding in found] == []
