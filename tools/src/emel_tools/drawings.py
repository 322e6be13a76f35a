"""One Mermaid drawing a table: `packages/<name>/docs/<table>.mmd`.

Every package that has tables exports them as `TABLES`. `python -m emel_tools.drawings` writes the
drawings; with `--check` it writes nothing and fails where they differ from the tables.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from emel_machine import mermaid
from emel_tools.findings import Finding, report
from emel_tools.workspace import Package, packages

_FIX = "nox -s docs"


def drawings(package: Package) -> dict[Path, str]:
    """Draw the tables that `package` exports, by the path where each drawing belongs."""
    tables = getattr(importlib.import_module(package.module), "TABLES", ())
    return {package.folder / "docs" / f"{table.name}.mmd": mermaid(table) for table in tables}


def compare(root: Path, expected: dict[Path, str]) -> list[Finding]:
    """Find drawings that are missing, stale, or of no table."""
    findings: list[Finding] = []
    for path, text in sorted(expected.items()):
        if not path.exists():
            findings.append(Finding.at(_spell(root, path), "the drawing is missing", _FIX))
        elif path.read_text(encoding="utf-8") != text:
            findings.append(Finding.at(_spell(root, path), "the drawing is stale", _FIX))
    findings += (
        Finding.at(_spell(root, path), "no table has this name", _FIX)
        for path in _present(root)
        if path not in expected
    )
    return findings


def write(root: Path, expected: dict[Path, str]) -> None:
    """Bring the drawings up to date: write what differs, remove what no table has."""
    for finding in compare(root, expected):
        print(f"{finding.where}: {finding.what}, now it isn't")
    for path, text in expected.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    for path in _present(root):
        if path not in expected:
            path.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the drawings of the repository in the current directory."""
    parser = argparse.ArgumentParser(prog="nox -s docs --")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    check_only: bool = parser.parse_args(arguments).check
    root = Path.cwd()
    expected: dict[Path, str] = {}
    for package in packages(root):
        expected |= drawings(package)
    if not check_only:
        write(root, expected)
    return report("docs", compare(root, expected), f"{len(expected)} drawings")


def _present(root: Path) -> list[Path]:
    return sorted(root.glob("packages/*/docs/*.mmd"))


def _spell(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


if __name__ == "__main__":
    sys.exit(main())
