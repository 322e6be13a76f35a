"""Drawings are compared with the tables, and written from them."""

import pytest

from emel_io_loader import TABLES
from emel_machine import mermaid
from emel_tools import drawings
from emel_tools.workspace import Package

EXPECTED = {f"{table.name}.mmd": mermaid(table) for table in TABLES}


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "packages" / "io_loader"
    folder.mkdir(parents=True)
    return Package(folder, "emel_io_loader")


def heard(root, expected):
    return [
        (finding.where.split("/")[-1], finding.what) for finding in drawings.compare(root, expected)
    ]


@pytest.mark.behaviour("GATE-06")
def test_a_drawing_is_expected_for_every_table_a_package_exports(package):
    expected = drawings.drawings(package)
    assert {path.name: text for path, text in expected.items()} == EXPECTED
    assert all(path.parent == package.folder / "docs" for path in expected)


@pytest.mark.behaviour("GATE-06")
def test_missing_stale_and_superfluous_drawings_are_found_and_written(tmp_path, package):
    expected = drawings.drawings(package)
    assert heard(tmp_path, expected) == [("routing.mmd", "the drawing is missing")]
    drawings.write(tmp_path, expected)
    assert heard(tmp_path, expected) == []
    (package.folder / "docs" / "routing.mmd").write_text("stale", encoding="utf-8")
    (package.folder / "docs" / "gone.mmd").write_text("old", encoding="utf-8")
    assert heard(tmp_path, expected) == [
        ("routing.mmd", "the drawing is stale"),
        ("gone.mmd", "no table has this name"),
    ]
    drawings.write(tmp_path, expected)
    assert heard(tmp_path, expected) == []


@pytest.mark.behaviour("GATE-06")
def test_checking_writes_nothing_and_names_the_command_that_does(
    tmp_path, package, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert drawings.main(["--check"]) == 1
    assert "fix: nox -s docs" in capsys.readouterr().err
    assert not (package.folder / "docs").exists()
    assert drawings.main([]) == 0
    assert drawings.main(["--check"]) == 0
