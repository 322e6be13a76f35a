"""The page of the boundaries: from the imports, the table and the snapshot."""

import tomllib
from pathlib import Path

import pytest

from emel_tools.boundaries import page
from emel_tools.boundaries.witness.table import Rule
from emel_tools.boundaries.witness.verdict import Fact
from emel_tools.workspace import packages

ROOT = Path(__file__).resolve().parents[2]
TABLE = {
    "mapping": Rule("mapping", "m", ("emel_disk._platform", "tests:*"), ""),
    "pickle": Rule("pickle", "p", (), ""),
}
FACTS = {
    Fact("mapping", "emel_disk._platform", "mmap.__new__"),
    Fact("files", "emel_disk._platform", "open"),
}


@pytest.mark.behaviour("BND-30")
def test_the_house_is_drawn_as_it_is_imported():
    """Another rule holds what is declared to what is imported, so the two agree."""
    roots = {package.module: package for package in packages(ROOT)}
    declared = set()
    for module, package in roots.items():
        project = tomllib.loads((package.folder / "pyproject.toml").read_text())["project"]
        names = (text.partition("==")[0].replace("-", "_") for text in project["dependencies"])
        declared |= {(module, name) for name in names if name in roots}
    assert page.house(list(roots)) == declared
    assert declared


@pytest.mark.behaviour("BND-30")
def test_the_page_shows_arrows_owners_and_what_was_witnessed():
    text = page.draw(["emel", "emel_disk"], {("emel", "emel_disk")}, TABLE, FACTS)
    assert "    emel --> emel_disk\n" in text
    assert '    emel_disk["emel_disk<br>mapping"]\n' in text
    assert (
        "| mapping | maps memory | `emel_disk._platform` by `mmap.__new__` | `tests:*` |\n"
    ) in text
    assert "| pickle | unpickles | nobody | nobody |\n" in text


@pytest.mark.behaviour("BND-30")
def test_the_page_is_written_of_the_repository_as_it_is():
    text = page.text(ROOT)
    assert "| files | opens, reads or looks at files | `emel_io_file._platform`" in text
    assert "    emel_io_mmap --> emel_io_file\n" in text
