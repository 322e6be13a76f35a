"""How the suites are divided: one a package, the longest into parts that run side by side."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.workspace import Package, shards

TOOLS: Final = "tools"
CALLS: Final = 3
"""The part of the tools' tests that calls the packages, and looks at nothing that they say."""
_PARTS: Final[Mapping[str, int]] = {"emel": 2, TOOLS: 5}
"""Suites that would otherwise be waited for when all others have ended."""
_BY_FILES: Final[Mapping[str, int]] = {"packages/emel/": 2, "tools/": 5}
"""Those of which each file is in one part, so that none is collected twice; and how many parts."""
_FILES: Final[Mapping[str, Mapping[int, tuple[str, ...]]]] = {
    "packages/emel/tests": {  # about half of them
        1: ("test_faults", "test_hygiene", "test_parts", "test_shards", "test_strategies"),
    },
    "tools/tests": {
        1: ("test_planted",),  # the boundaries' violations
        2: (  # read the packages
            "test_boundaries_page",
            "test_corpus",
            "test_ours",
            "test_pages",
            "test_selftest",
            "test_workspace",
        ),
        CALLS: (
            "test_bench",
            "test_bench_executed",
            "test_costs",
            "test_costs_watched",
            "test_costs_workloads",
            "test_determinism",
            "test_fuzzing",
            "test_fuzzing_games",
            "test_fuzzing_judging",
            "test_parity",
        ),
        4: (  # run suites of small repositories
            "test_arcs",
            "test_reached",
            "test_reaching",
            "test_suites",
            "test_witness_plugin",
        ),
    },
}
"""What isn't in the last part, by folder. Of the tools' tests the last two try the gate itself,
which a change in a package can't affect."""
_APART: Final = {
    f"{folder}/{name}.py": number
    for folder, numbers in _FILES.items()
    for number, names in numbers.items()
    for name in names
}


class Part(NamedTuple):
    """Tests that run in one process."""

    package: Package
    number: int = 1
    of: int = 1

    @property
    def name(self) -> str:
        """What it is called: `io_mmap`, `emel-1-of-2`."""
        return f"{self.package.name}{suffix(self.number, self.of)}"

    def record(self, folder: Path) -> Path:
        """Say where its run is written down, below the gate's folder."""
        return folder / "tests" / f"{self.name}.json"

    def coverage(self, folder: Path) -> Path:
        """Say where the lines that it ran are written down, below the gate's folder."""
        return folder / "coverage" / f"{self.name}.sqlite"


def parts(root: Path) -> tuple[Part, ...]:
    """List the parts of all suites."""
    return tuple(part for package in shards(root) for part in parts_of(package))


def tests_of(root: Path, package: Package) -> str:
    """Spell where the tests of a package lie, as a glob from the root."""
    return f"{package.folder.relative_to(root).as_posix()}/tests/**"


def parts_of(package: Package) -> tuple[Part, ...]:
    """List the parts of one suite."""
    of = _PARTS.get(package.name, 1)
    return tuple(Part(package, number, of) for number in range(1, of + 1))


def suffix(number: int, of: int) -> str:
    """Spell which part of a suite it is; nothing for a whole one."""
    return f"-{number}-of-{of}" if of > 1 else ""


def number_of(node_id: str, of: int) -> int:
    """Say in which part a test runs: the same on every machine, whatever else is collected."""
    if _is_divided_by_files(node_id, of):
        return _APART.get(node_id.partition("::")[0], of)
    return zlib.crc32(node_id.encode()) % of + 1


def is_collected(path: str, number: int, of: int) -> bool:
    """Whether a part imports a file of tests: all of its suite's, but where files divide it.

    What is imported is seen to be read, and a change there would run the part.
    """
    return not _is_divided_by_files(path, of) or number_of(path, of) == number


def _is_divided_by_files(node_id: str, of: int) -> bool:
    return any(node_id.startswith(at) and of == parts for at, parts in _BY_FILES.items())
