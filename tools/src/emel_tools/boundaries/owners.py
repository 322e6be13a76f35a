"""Who the table means: how every file is named, and whether an owner is, or holds, one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

TESTS: Final = "tests:"
"""How the name of a test file begins: `tests:emel_io_mmap.test_leases`."""


def name_of(package: str, within: Sequence[str]) -> str:
    """Name a file by its place in its package; what isn't installed is there for tests.

    Parameters
    ----------
    package
        What the package is imported as.
    within
        The parts of the path from the package's folder, ending with `.py`.
    """
    parts = [*within[:-1], within[-1].removesuffix(".py")]
    if parts[0] == "src":
        return ".".join(parts[1:-1] if parts[-1] == "__init__" else parts[1:])
    return ".".join((f"{TESTS}{package}", *parts[parts[0] == "tests" :]))


@cache
def owns(entry: str, name: str) -> bool:
    """Whether an owner, as the table spells it, is or holds the file of that name.

    `a.b` is one module; `a.b.*` is it and all below it; `tests:a` is every file that tests `a`,
    `tests:a.test_b` one of them, `tests:*` every test.
    """
    if entry == f"{TESTS}*":
        return name.startswith(TESTS)
    if entry.startswith(TESTS):
        return f"{name}.".startswith(f"{entry}.")
    if entry.endswith(".*"):
        return f"{name}.".startswith(entry[:-1])
    return name == entry
