"""RES-12: the names of the states are spelled here and nowhere else."""

import ast
from pathlib import Path

import pytest

import emel_model_tensor

PACKAGES = Path(__file__).resolve().parents[2]
OWN = {"unbound", "resident", "mmap-resident", "mmap_resident", "evicted"}
"""The words that nobody else has a use for; "bound" and "failed" mean other things elsewhere."""
SOURCES = sorted(
    path
    for path in PACKAGES.glob("*/src/**/*.py")
    if "emel_model_tensor" not in path.relative_to(PACKAGES).parts
)


def spelled(source):
    """The states that a module spells, and the private parts of the owner that it reaches for."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)) if text.lower() in OWN:
                yield text
            case ast.Name(id="MMAP_RESIDENT") | ast.Attribute(attr="MMAP_RESIDENT"):
                yield "MMAP_RESIDENT"
            case ast.ImportFrom(module=str(module)) if module.startswith("emel_model_tensor._"):
                yield module
            case ast.Import(names=names):
                yield from (n.name for n in names if n.name.startswith("emel_model_tensor._"))
            case _:
                pass


@pytest.mark.behaviour("RES-12")
@pytest.mark.skipif(not SOURCES, reason="no other package stands beside this one")
def test_no_other_package_spells_residency():
    found = {
        str(path.relative_to(PACKAGES)): words
        for path in SOURCES
        if (words := list(spelled(path.read_text("utf-8"))))
    }

    assert found == {}


@pytest.mark.behaviour("RES-12")
@pytest.mark.parametrize(
    "source",
    [
        "if state == 'mmap-resident': pass",
        "x = State.MMAP_RESIDENT",
        "from emel_model_tensor._lifecycle import State",
        "import emel_model_tensor._columns",
    ],
)
def test_the_search_finds_what_it_looks_for(source):
    assert list(spelled(source))


@pytest.mark.behaviour("RES-12")
def test_the_states_are_not_public():
    assert not {"State", "Change", "Phase"} & set(emel_model_tensor.__all__)
